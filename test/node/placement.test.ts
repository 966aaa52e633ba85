/** Several nodes, one company: who runs what, through joins, leaves, deaths and freezes. On virtual time. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Bus } from '../../runtime/bus/bus.ts';
import { TroupeError } from '../../runtime/errors.ts';
import { HOLD_MS, LEASE_MS } from '../../runtime/lease.ts';
import { over, withBucket, withBuckets } from '../support/bus.ts';
import type { Run } from './rig.ts';
import { deadPlace, here, Rig } from './rig.ts';

const ALL = 8;

/** Nobody is run twice, everybody once. */
function assertShared(runs: readonly Run[], count = ALL): void {
  const all = runs.flatMap(here);
  assert.equal(new Set(all).size, all.length, `run twice: ${all.filter((key, i) => all.indexOf(key) !== i)}`);
  assert.equal(all.length, count);
}

/** The bus of a node that can be cut off from the server, as by a broken network or SIGSTOP. */
function cuttable() {
  let cut = false;
  const waiting: (() => void)[] = [];
  const gate = <T>(work: () => Promise<T>): Promise<T> => {
    if (!cut) return work();
    return new Promise((resolve, reject) => {
      waiting.push(() => work().then(resolve, reject));
    });
  };
  const wrap = (bus: Bus): Bus =>
    over(
      withBuckets(bus, (kv) => ({
        get: (key) => gate(() => kv.get(key)),
        put: (key, value) => gate(() => kv.put(key, value)),
        create: (key, value) => gate(() => kv.create(key, value)),
        update: (key, value, revision) => gate(() => kv.update(key, value, revision)),
        delete: (key, revision) => gate(() => kv.delete(key, revision)),
        watch: (filter, heard) =>
          gate(() =>
            kv.watch(filter, (entry) => {
              if (cut) waiting.push(() => heard(entry));
              else heard(entry);
            }),
          ),
      })),
      { publish: (request) => gate(() => bus.publish(request)) },
    );
  return {
    wrap,
    cut: () => {
      cut = true;
    },
    mend: () => {
      cut = false;
      for (const go of waiting.splice(0)) go();
    },
  };
}

/** A node's bus that loses the answers to claims of symbols: they are stored, and it hears of a timeout. */
function forgetful() {
  let left = 0;
  let lost = 0;
  const lose = async (write: Promise<unknown>): Promise<never> => {
    lost++;
    await write;
    throw new TroupeError('BUS_TIMEOUT', 'no answer');
  };
  const isClaim = (key: string, value: Uint8Array): boolean =>
    key.startsWith('symbol.') && new TextDecoder().decode(value).includes('"starting"');
  const losing = (key: string, value: Uint8Array, write: Promise<number>): Promise<number> =>
    isClaim(key, value) && left-- > 0 ? lose(write) : write;
  const wrap = (bus: Bus): Bus =>
    withBucket(bus, 'actors', (kv) => ({
      create: (key, value) => losing(key, value, kv.create(key, value)),
      update: (key, value, revision) => losing(key, value, kv.update(key, value, revision)),
    }));
  return {
    wrap,
    /** From now on it loses so many. */
    forget: (claims: number): void => {
      left = claims;
    },
    get lost() {
      return lost;
    },
  };
}

describe('one node', () => {
  test('runs everything, claims everything, and gives everything back when it stops', async () => {
    const rig = new Rig();
    const one = await rig.start('node-1', { strategies: 2 });
    assert.equal(here(one).length, ALL + 1 + 2);
    for (const [key, level] of await rig.levels()) assert.equal(level.node, 'node-1', key);
    assert.ok((await rig.levels()).size >= ALL + 3);
    void one.node.drain();
    await rig.until('it has ended', () => one.outcome !== undefined);
    assert.equal(one.outcome?.error, undefined);
    for (const [key, level] of await rig.levels()) assert.deepEqual([level.node, level.state], ['', 'released'], key);
    const lease = await (await one.bus.kv('leases')).get('node.node-1');
    assert.equal(lease, undefined, 'the lease is given back');
    const ofNode = rig.edges().filter(({ kind }) => kind === 'node');
    assert.deepEqual(
      ofNode.map(({ id, event }) => `${id} ${event}`),
      ['node-1 lease_acquired', 'node-1 lease_released'],
    );
    const stops = rig
      .edges()
      .filter(({ event }) => event === 'stopped')
      .map(({ kind }) => kind);
    assert.deepEqual(
      [...new Set(stops)],
      ['strategy', 'broker', 'symbol', 'supervisor'],
      'in the order that loses nothing',
    );
  });

  test('started again it takes over what its own dead run had', async () => {
    const rig = new Rig();
    const one = await rig.start('node-1');
    one.node.kill();
    const again = rig.begin('node-1');
    await rig.pass(5_000);
    assert.equal(again.started, false, 'the lease of the dead run still stands');
    await rig.until('it has started', () => again.started);
    assert.equal(here(again).length, ALL);
    rig.stop(again);
  });

  test('a dead run whose process is known to be gone is not waited for', async () => {
    const rig = new Rig();
    const one = await rig.start('node-1', {}, { place: deadPlace(() => false, 1) });
    one.node.kill();
    const sinceMs = rig.clock.nowMs();
    const again = await rig.start('node-1', {}, { place: deadPlace((pid) => pid === 1, 2) });
    assert.ok(rig.clock.nowMs() - sinceMs < 1_000, `${rig.clock.nowMs() - sinceMs} ms`);
    assert.equal(here(again).length, ALL);
    rig.stop(again);
  });

  test('a second node of the name is refused, by name, and harms nothing', async () => {
    const rig = new Rig();
    const one = await rig.start('node-1');
    const two = rig.begin('node-1');
    await rig.until('it is refused', () => two.startError !== undefined);
    assert.ok(two.startError instanceof TroupeError);
    assert.equal(two.startError.code, 'NODE_NAME_TAKEN');
    assert.match(two.startError.message, /node\.name node-1.*another name/);
    assert.equal(here(one).length, ALL);
    assert.equal(one.outcome, undefined);
    rig.stop(one, two);
  });
});

/** A bus whose store refuses the claim of one actor, when it is told to. */
function refusing(key: string) {
  let refuse: (() => void) | undefined;
  const wrap = (bus: Bus): Bus =>
    withBucket(bus, 'actors', (kv) => ({
      create: (to, value) => {
        if (to !== key) return kv.create(to, value);
        return new Promise((_resolve, reject) => {
          refuse = () => reject(new TroupeError('BUS_TIMEOUT', `create actors ${to}: no acknowledgement`));
        });
      },
    }));
  return { wrap, isAsked: () => refuse !== undefined, refuse: () => refuse?.() };
}

describe('a node that ends while it makes its first claims', () => {
  test('comes to its end though one of them fails: it is said once, by its start', async () => {
    const rig = new Rig();
    const store = refusing('symbol.SYM3');
    const one = rig.begin('node-1', {}, { wrap: store.wrap });
    await rig.until('it makes its claims', store.isAsked);
    one.node.fail(new TroupeError('ACTOR_GIVEN_UP', 'a supervisor gave up'));
    store.refuse();
    await rig.until('it has ended', () => one.outcome !== undefined);
    assert.equal(one.outcome?.error?.code, 'ACTOR_GIVEN_UP');
    assert.equal((one.startError as TroupeError).code, 'BUS_TIMEOUT');
  });
});

describe('several nodes', () => {
  // Seed 107420: its claim stood, and whoever the actor belonged to by then waited for it for ever.
  test('an actor that was fenced just before it was to be given up runs where it belongs', async () => {
    const rig = new Rig();
    const one = await rig.start('node-1');
    const two = rig.begin('node-2');
    const isKnown = (): boolean => rig.edges().some(({ event, id }) => event === 'node_joined' && id === 'node-2');
    await rig.until('node-1 knows of node-2', isKnown);
    for (const { member } of one.node.company.all) member.fence(new TroupeError('FENCED', 'an older commit came late'));
    assert.deepEqual(here(one), []);
    await rig.until('all of them run', () => here(one).length + here(two).length === ALL);
    assertShared([one, two]);
    assert.ok(here(two).length > 0);
    rig.stop(one, two);
  });

  for (const [what, claims] of [
    ['all of them were lost', ALL],
    ['one of them was, and the other claims were never acted upon', 1],
  ] as const) {
    test(`claims whose answers were lost, of actors that belong to somebody else by now: ${what}`, async () => {
      const rig = new Rig();
      const store = forgetful();
      const one = await rig.start('node-1');
      const two = await rig.start('node-2', {}, { wrap: store.wrap });
      await rig.until(
        'both have their share',
        () => here(two).length > 0 && here(one).length + here(two).length === ALL,
      );
      const kept = here(two).length;
      store.forget(claims);
      one.node.kill();
      await rig.until('node-2 claims what node-1 had', () => store.lost > 0);
      assert.equal(here(two).length, kept);
      // Before node-2 tries again.
      const others = [rig.begin('node-3'), rig.begin('node-4')];
      await rig.pass(15_000);
      assertShared([two, ...others]);
      assert.ok(others.some((run) => here(run).length > 0));
      for (const [key, level] of await rig.levels()) {
        const owner = [two, ...others].find((run) => here(run).includes(key));
        assert.equal(level.node, owner?.node.name, key);
      }
      rig.stop(two, ...others);
    });
  }

  test('a claim that the store does not take back at once is given back when it does', async () => {
    const rig = new Rig();
    let away = false;
    const wrap = (bus: Bus): Bus =>
      withBucket(bus, 'actors', (kv) => ({
        update: (key, value, revision) =>
          away
            ? Promise.reject(new TroupeError('BUS_TIMEOUT', `update actors ${key}: no acknowledgement`))
            : kv.update(key, value, revision),
      }));
    const one = await rig.start('node-1', {}, { wrap });
    away = true;
    const two = rig.begin('node-2');
    await rig.until('node-1 has stopped what is not its', () => here(one).length < ALL);
    await rig.pass(5_000);
    away = false;
    await rig.until('all of them run', () => here(one).length + here(two).length === ALL);
    assertShared([one, two]);
    rig.stop(one, two);
  });

  test('a node that joins gets its share and no actor runs twice on the way', async () => {
    const rig = new Rig();
    const one = await rig.start('node-1');
    const before = here(one);
    const two = await rig.start('node-2');
    const three = await rig.start('node-3');
    const runs = [one, two, three];
    await rig.until('all is placed', () => runs.every(({ node }) => node.settled));
    assertShared(runs);
    assert.ok(here(two).length > 0 && here(three).length > 0);
    for (const key of here(one)) assert.ok(before.includes(key));
    const levels = await rig.levels();
    for (const run of runs) for (const key of here(run)) assert.equal(levels.get(key)?.node, run.node.name);
    const moved = rig.edges().filter(({ event }) => event === 'moved');
    assert.ok(moved.length >= here(two).length + here(three).length);
    assert.match(moved[0]!.cause, /gave it up/);
    rig.stop(...runs);
  });

  test('capacity weighs', async () => {
    const rig = new Rig();
    const small = await rig.start('small', { symbols: 200, partitions: 200, capacity: 1 });
    const large = await rig.start('large', { symbols: 200, partitions: 200, capacity: 3 });
    await rig.until('all is placed', () => small.node.settled && large.node.settled);
    assertShared([small, large], 200);
    const share = here(large).length / 200;
    assert.ok(share > 0.6 && share < 0.9, `${share}`);
    rig.stop(small, large);
  });

  test('killed: its actors come back elsewhere within 15 s, each once', async () => {
    const rig = new Rig();
    const [one, two] = [await rig.start('node-1', { strategies: 3 }), await rig.start('node-2', { strategies: 3 })];
    await rig.until('all is placed', () => one.node.settled && two.node.settled);
    assertShared([one, two], ALL + 4);
    one.node.kill();
    const sinceMs = rig.clock.nowMs();
    await rig.until('node-2 has all', () => here(two).length === ALL + 4, 15_000);
    assert.ok(rig.clock.nowMs() - sinceMs >= LEASE_MS - 3_000, 'not before its lease can have ended');
    const dead = rig.edges().filter(({ event }) => event === 'moved' && /node-1 is dead/.test(event) === false);
    assert.ok(dead.some(({ cause }) => cause === 'node-1 is dead'));
    assert.ok(rig.edges().some(({ kind, id, event }) => kind === 'node' && id === 'node-1' && event === 'node_left'));
    rig.stop(two);
  });

  test('drained: every actor runs elsewhere before it ends', async () => {
    const rig = new Rig();
    const [one, two] = [await rig.start('node-1', { strategies: 3 }), await rig.start('node-2', { strategies: 3 })];
    await rig.until('all is placed', () => one.node.settled && two.node.settled);
    void one.node.drain();
    await rig.until('node-1 has ended', () => one.outcome !== undefined);
    assert.equal(here(two).length, ALL + 4);
    for (const [key, level] of await rig.levels()) {
      assert.equal(level.node, 'node-2', key);
      assert.notEqual(level.state, 'starting', key);
    }
    rig.stop(two);
  });

  test('drained while nobody can see who takes over: it gives everything back and ends', async () => {
    const rig = new Rig();
    let blind = false;
    const wrap = (bus: Bus): Bus =>
      withBuckets(bus, (kv) => ({
        watch: (filter, heard) =>
          blind ? Promise.reject(new TroupeError('BUS_TIMEOUT', 'watch actors: timeout')) : kv.watch(filter, heard),
      }));
    const one = await rig.start('node-1', {}, { wrap });
    const two = await rig.start('node-2');
    await rig.until('all is placed', () => one.node.settled && two.node.settled);
    blind = true;
    void one.node.drain();
    await rig.until('node-1 has ended', () => one.outcome !== undefined);
    assert.equal(one.outcome?.error, undefined);
    await rig.until('node-2 has everything', () => here(two).length === ALL);
    rig.stop(two);
  });

  test('all drain at once: each ends, and nobody waits for the others to take over', async () => {
    const rig = new Rig();
    const runs = [await rig.start('node-1'), await rig.start('node-2'), await rig.start('node-3')];
    await rig.until('all is placed', () => runs.every(({ node }) => node.settled));
    const sinceMs = rig.clock.nowMs();
    for (const { node } of runs) void node.drain();
    await rig.until('all have ended', () => runs.every(({ outcome }) => outcome !== undefined));
    assert.ok(rig.clock.nowMs() - sinceMs < 3_000, `${rig.clock.nowMs() - sinceMs} ms`);
  });

  test('the company ends: each stops and gives back what it has, and nothing moves', async () => {
    const rig = new Rig();
    const spec = { strategies: 3 };
    const runs = [await rig.start('node-1', spec), await rig.start('node-2', spec), await rig.start('node-3', spec)];
    await rig.until('all is placed', () => runs.every(({ node }) => node.settled));
    const sinceMs = rig.clock.nowMs();
    const before = rig.edges().filter(({ event }) => event === 'moved').length;
    for (const { node } of runs) void node.stop();
    await rig.until('all have ended', () => runs.every(({ outcome }) => outcome !== undefined));
    assert.ok(rig.clock.nowMs() - sinceMs < 1_000, `${rig.clock.nowMs() - sinceMs} ms`);
    assert.equal(rig.edges().filter(({ event }) => event === 'moved').length, before);
    for (const [key, level] of await rig.levels()) assert.equal(level.node, '', key);
  });

  test('the company ends while a node drains to one that does not take: it waits no longer', async () => {
    const rig = new Rig();
    const one = await rig.start('node-1');
    const leases = await rig.server.connect().kv('leases');
    const lease = { node: 'node-2', instance: 'other', capacity: 1e-9, draining: false, startedMs: 0 };
    await leases.put('node.node-2', new TextEncoder().encode(JSON.stringify({ ...lease, host: '', pid: 0, boot: '' })));
    await rig.pass(200);
    void one.node.drain();
    await rig.pass(3_000);
    assert.equal(one.outcome, undefined);
    void one.node.stop();
    const sinceMs = rig.clock.nowMs();
    await rig.until('it has ended', () => one.outcome !== undefined);
    assert.ok(rig.clock.nowMs() - sinceMs < 1_000, `${rig.clock.nowMs() - sinceMs} ms`);
  });

  test('cut off from the store: it ends itself before the others take over', async () => {
    const rig = new Rig();
    const line = cuttable();
    const one = await rig.start('node-1', {}, { wrap: line.wrap });
    const two = await rig.start('node-2');
    await rig.until('all is placed', () => one.node.settled && two.node.settled);
    line.cut();
    const sinceMs = rig.clock.nowMs();
    await rig.until('node-1 has ended', () => one.outcome !== undefined);
    assert.ok(rig.clock.nowMs() - sinceMs <= HOLD_MS + 1_000, `${rig.clock.nowMs() - sinceMs} ms`);
    assert.equal(one.outcome?.error?.code, 'LEASE_LOST');
    assert.ok(here(two).length < ALL, 'nobody has taken over yet');
    await rig.until('node-2 has all', () => here(two).length === ALL, 15_000);
    rig.stop(two);
  });

  test('the owner of a claim finds it taken: the actor stops at once and is not started again here', async () => {
    const rig = new Rig();
    const one = await rig.start('node-1');
    const kv = await (await rig.server.connect()).kv('actors');
    const entry = (await kv.get('symbol.SYM0'))!;
    const other = { ...JSON.parse(new TextDecoder().decode(entry.value)), node: 'node-2', instance: 'other' };
    const leases = await rig.server.connect().kv('leases');
    const renew = async () => {
      const lease = { node: 'node-2', instance: 'other', capacity: 1e-9, draining: true, startedMs: 0 };
      await leases.put('node.node-2', new TextEncoder().encode(JSON.stringify(lease)));
    };
    await renew();
    await kv.update('symbol.SYM0', new TextEncoder().encode(JSON.stringify(other)), entry.revision);
    one.node.company.get('symbol', 'SYM0'); // still there until its next word
    (one.node as unknown as { levels: { state(...args: string[]): void } }).levels.state('symbol', 'SYM0', 'live', 'x');
    await rig.until('it is fenced', () => !here(one).includes('symbol.SYM0'), 5_000);
    assert.ok(rig.edges().some(({ id, event }) => id === 'SYM0' && event === 'fenced'));
    for (let i = 0; i < 4; i++) {
      await renew();
      await rig.pass(2_000);
    }
    assert.ok(!here(one).includes('symbol.SYM0'), 'it is another’s while that one lives');
    await rig.until('the other is dead', () => here(one).includes('symbol.SYM0'), 20_000);
    rig.stop(one);
  });
});
