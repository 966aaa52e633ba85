import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { ActorDefinition, InputEvent, StoredState } from '../../runtime/actor.ts';
import { publish } from '../../runtime/actor.ts';
import type { Bus, KeyValue, PublishRequest } from '../../runtime/bus/bus.ts';
import { actorKey, topics } from '../../runtime/bus/topics.ts';
import { systemClock, VirtualClock } from '../../runtime/clock.ts';
import { takeOver } from '../../runtime/commit.ts';
import { JOINED_INPUTS } from '../../runtime/interpreter.ts';
import { POISON_ATTEMPTS, PoisonRecord } from '../../runtime/poison.ts';
import { enqueueActions, setup } from '../../runtime/xstate.ts';
import {
  definition,
  intend,
  type Life,
  layout,
  letters,
  live,
  log,
  ordersOf,
  type Tally,
  tallyOf,
  until,
  type World,
  world,
} from './tally.ts';

describe('an actor', () => {
  test('takes its inputs in order, once, and brings answers back as events', async () => {
    const w = world();
    const bus = w.server.connect();
    for (const id of ['1', '2', '3']) await intend(bus, id);
    const life = await live(bus, definition(w));
    await intend(bus, '4');
    await until(() => tallyOf(life).answers.length === 4);
    assert.deepEqual(tallyOf(life).seen, ['1', '2', '3', '4']);
    assert.deepEqual(ordersOf(w), ['1', '2', '3', '4']);
    await life.interpreter.stop();
  });

  test('killed while its last commit waits for an effect that never ends, it holds up nobody', async () => {
    const w = world();
    const bus = w.server.connect();
    let called = false;
    const call = (_params: never, { signal }: { readonly signal: AbortSignal }) => {
      called = true;
      return new Promise<undefined>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    const life = await live(bus, definition(w, { delivery: 'replay', perform: { call } }));
    await intend(bus, '1');
    await until(() => called);
    const stopped = life.interpreter.stop();
    await systemClock.yield();
    life.interpreter.kill();
    // Without a turn of the event loop in between this would never come.
    await systemClock.yield();
    await stopped;
  });

  test('goes on where it stopped', async () => {
    const w = world();
    const bus = w.server.connect();
    const first = await live(bus, definition(w));
    await intend(bus, '1');
    await until(() => tallyOf(first).answers.length === 1);
    await first.interpreter.stop();
    await intend(bus, '2');
    const second = await live(bus, definition(w));
    await until(() => tallyOf(second).answers.length === 2);
    assert.deepEqual(tallyOf(second).seen, ['1', '2']);
    assert.deepEqual(w.called, ['1', '2']);
    await second.interpreter.stop();
  });

  test('takes what it does not want without a step, and does not hear it after a restart either', async () => {
    const w = world();
    const bus = w.server.connect();
    const inputs: ActorDefinition['inputs'] = [
      {
        topic: 'intent',
        key: { account: 'a' },
        from: 'start',
        wants: (m) => !(m as { intentId: string }).intentId.startsWith('other'),
      },
    ];
    const steps: unknown[] = [];
    const choosy = definition(w, { inputs, observe: ({ type }) => steps.push(type) });
    const first = await live(bus, choosy);
    for (const id of ['other-1', '1', 'other-2', '2', 'other-3']) await intend(bus, id);
    await until(() => first.interpreter.taken('trading') >= 5 && tallyOf(first).answers.length === 2);
    assert.deepEqual(tallyOf(first).seen, ['1', '2']);
    assert.equal(steps.filter((type) => type === 'intent').length, 2);
    await first.interpreter.stop();
    const second = await live(bus, choosy);
    await intend(bus, '3');
    await until(() => tallyOf(second).answers.length === 3);
    assert.deepEqual(tallyOf(second).seen, ['1', '2', '3']);
    await second.interpreter.stop();
  });

  test('gives back the memory of every input, once, whether it wanted it or not', async () => {
    const w = world();
    const bus = w.server.connect();
    const givenBack: number[] = [];
    const lending = Object.create(bus) as typeof bus;
    lending.read = (request) =>
      bus.read({
        ...request,
        onMessage: (message) =>
          request.onMessage({ ...message, loan: { giveBack: () => givenBack.push(message.sequence) } }),
      });
    const inputs: ActorDefinition['inputs'] = [
      {
        topic: 'intent',
        key: { account: 'a' },
        from: 'start',
        wants: (m) => !(m as { intentId: string }).intentId.startsWith('other'),
      },
    ];
    const one = await live(lending, definition(w, { inputs }));
    for (const id of ['1', 'other-1', '2', 'other-2', '3']) await intend(bus, id);
    await until(() => tallyOf(one).answers.length === 3 && one.interpreter.taken('trading') >= 5);
    assert.deepEqual(givenBack.filter((sequence) => sequence <= 5).sort(), [1, 2, 3, 4, 5]);
    assert.equal(new Set(givenBack).size, givenBack.length);
    await one.interpreter.stop();
  });

  test('a delayed event survives a restart and fires once', async () => {
    const w = world();
    const clock = new VirtualClock(1_000_000);
    const bus = w.server.connect();
    const first = await live(bus, definition(w), undefined, clock);
    first.interpreter.tell({ type: 'control.pause' });
    await until(() => first.interpreter.current.value === 'paused');
    await first.interpreter.stop();
    clock.advance(59_999);
    const second = await live(bus, definition(w), undefined, clock);
    assert.equal(second.interpreter.current.value, 'paused');
    clock.advance(1);
    await until(() => second.interpreter.current.value === 'open');
    await second.interpreter.stop();
  });

  test('a second owner wins by its commit, and the first one stops without a further effect', async () => {
    const w = world();
    const [busA, busB] = [w.server.connect(), w.server.connect()];
    const first = await live(busA, definition(w));
    const second = await live(busB, definition(w));
    await intend(busA, '1');
    const exit = await Promise.race([first.exit, second.exit]);
    assert.equal(exit.reason, 'fenced');
    await until(() => ordersOf(w).length === 1 && w.called.length === 1);
    assert.deepEqual(w.called, ['1']);
    first.interpreter.kill();
    second.interpreter.kill();
  });

  test('whose last commit was taken over for it does not commit it again, and an earlier owner has lost', async () => {
    const w = world();
    const bus = w.server.connect();
    const first = await live(w.server.connect(), definition(w));
    await intend(bus, '1');
    await until(() => tallyOf(first).answers.length === 1);
    first.interpreter.kill();
    const snapshots = await bus.kv('snapshots');
    const earlier = (await snapshots.get('tally.t'))!;
    const stored = await takeOver(snapshots, 'tally.t', () => undefined);
    assert.ok(stored!.revision > earlier.revision);
    await assert.rejects(snapshots.update('tally.t', earlier.value, earlier.revision), { code: 'BUS_CONFLICT' });
    let commits = 0;
    const onCommit = (): void => void commits++;
    const second = await live(bus, definition(w), undefined, systemClock, () => true, onCommit, stored);
    assert.equal(commits, 0);
    await intend(bus, '2');
    await until(() => w.called.includes('2'));
    assert.ok(commits > 0);
    await second.interpreter.stop();
    assert.equal(ordersOf(w).length, 2);
  });

  test('an input at which it fails five times goes to the dead letters, and it goes on', async () => {
    const w = world();
    const bus = w.server.connect();
    for (const id of ['1', 'poison', '2']) await intend(bus, id);
    const poison = new PoisonRecord({ kind: 'tally', id: 't', bus, clock: systemClock, log, layout });
    for (let attempt = 1; attempt <= 5; attempt++) {
      const { exit } = await live(bus, definition(w), poison);
      assert.equal((await exit).reason, 'crash');
    }
    const life = await live(bus, definition(w), poison);
    await until(() => tallyOf(life).answers.length === 2);
    assert.deepEqual(tallyOf(life).seen, ['1', '2']);
    const [letter] = letters(w);
    assert.deepEqual([letter?.cause, letter?.attempts, letter?.sequence], ['cannot stomach this', 5, 2]);
    await life.interpreter.stop();
  });

  test('bytes that are no message go to the dead letters at once', async () => {
    const w = world();
    const bus = w.server.connect();
    const subject = topics.intent.subject({ account: 'a', strategy: 's' }, layout);
    await bus.publish({ subject, messageId: 'junk', data: new TextEncoder().encode('{"nonsense":1}') });
    await intend(bus, '1');
    const life = await live(bus, definition(w));
    await until(() => tallyOf(life).answers.length === 1);
    const [letter] = letters(w);
    assert.match(letter?.cause ?? '', /nonsense/);
    await life.interpreter.stop();
  });

  test('a snapshot that cannot be read is refused by name, with what to do', async () => {
    const w = world();
    const bus = w.server.connect();
    const kv = await bus.kv('snapshots');
    const first = await live(bus, definition(w));
    await first.interpreter.stop();
    const good = JSON.parse(new TextDecoder().decode((await kv.get('tally.t'))?.value)) as Record<string, unknown>;
    const { outbox: _outbox, ...noOutbox } = good;
    const corrupt: [string, RegExp][] = [
      ['{"half":', /JSON/],
      ['42', /not a snapshot/],
      ['null', /not a snapshot/],
      ['[]', /not a snapshot/],
      [JSON.stringify(noOutbox), /outbox: missing/],
      [JSON.stringify({ ...good, positions: null, made: -0.5 }), /positions, made: missing or of the wrong kind/],
      [JSON.stringify({ ...good, value: 'nowhere' }), /nowhere/],
      ['{"$troupe":"map","value":3}', /snapshots\/tally\.t/],
    ];
    for (const [text, why] of corrupt) {
      const before = (await kv.put('tally.t', new TextEncoder().encode(text))) as number;
      const exit = (await (await live(bus, definition(w))).exit) as { error: { code: string; message: string } };
      assert.equal(exit.error.code, 'SNAPSHOT_CORRUPT', text);
      assert.match(exit.error.message, why);
      assert.match(exit.error.message, /snapshots\/tally\.t.*nats kv del snapshots tally\.t/);
      assert.equal((await kv.get('tally.t'))?.revision, before, 'nothing was written over it');
    }
  });

  test('an older snapshot is migrated by declared steps, or refused; a newer one is refused; it never starts blank', async () => {
    const w = world();
    const bus = w.server.connect();
    const kv = await bus.kv('snapshots');
    await intend(bus, '1');
    const first = await live(bus, definition(w));
    await until(() => tallyOf(first).answers.length === 1);
    await first.interpreter.stop();
    const mark = (name: string) => (stored: StoredState) => ({
      ...stored,
      context: { ...(stored.context as Tally), seen: [...(stored.context as Tally).seen, name] },
    });
    const refusal = async (overrides: Partial<ActorDefinition>): Promise<string> => {
      const before = (await kv.get('tally.t'))?.revision;
      const exit = (await (
        await live(bus, definition(w, overrides))
      ).exit) as { error: { code: string; message: string } };
      assert.equal(exit.error.code, 'SNAPSHOT_VERSION');
      assert.equal((await kv.get('tally.t'))?.revision, before);
      return exit.error.message;
    };
    assert.match(await refusal({ version: 2 }), /tally\.t: stored as version 1, and this program, .* 2, has no step/);
    const gap = [{ from: 2, to: 3, migrate: mark('b') }];
    assert.match(await refusal({ version: 3, migrations: gap }), /no step from there/);
    const broken = [
      {
        from: 1,
        to: 2,
        migrate: () => {
          throw new Error('cannot');
        },
      },
    ];
    assert.match(await refusal({ version: 2, migrations: broken }), /from version 1 to 2 failed: cannot/);
    const steps = [{ from: 1, to: 2, migrate: mark('a') }, ...gap];
    const migrated = await live(bus, definition(w, { version: 3, migrations: steps }));
    await until(() => tallyOf(migrated).seen.length === 3);
    assert.deepEqual(tallyOf(migrated).seen, ['1', 'a', 'b']);
    await migrated.interpreter.stop();
    assert.match(await refusal({ version: 2 }), /version 3 by a newer program, this one reads up to 2/);
  });

  test('more inputs than the mailbox holds wait in the stream', async () => {
    const w = world();
    const bus = w.server.connect();
    const many = 10_000;
    for (let i = 0; i < many; i++) await intend(bus, String(i));
    const counted = setup({ types: { context: {} as { n: number } } }).createMachine({
      id: 'count',
      context: { n: 0 },
      on: { intent: { actions: enqueueActions(({ context, enqueue }) => enqueue.assign({ n: context.n + 1 })) } },
    });
    const life = await live(bus, definition(w, { machine: counted }));
    let deepest = 0;
    await until(() => {
      deepest = Math.max(deepest, life.interpreter.depth);
      return (life.interpreter.current.context as { n: number }).n === many;
    });
    assert.ok(deepest <= 4096, `the mailbox held ${deepest}`);
    await life.interpreter.stop();
  });
});

/** A bus on which the process dies at the n-th operation: before it reaches the server, or just after. */
function mortal(bus: Bus, dieAt: number, after: boolean, die: () => void): Bus {
  let operations = 0;
  let dead = false;
  const guard = async <T>(work: () => Promise<T>): Promise<T> => {
    if (dead) return new Promise<T>(() => undefined);
    const dies = ++operations === dieAt;
    if (dies && !after) {
      dead = true;
      die();
      return new Promise<T>(() => undefined);
    }
    const result = await work();
    if (dies) {
      dead = true;
      die();
      return new Promise<T>(() => undefined);
    }
    return result;
  };
  const wrap = (kv: KeyValue): KeyValue => ({
    ...kv,
    get: (key) => kv.get(key),
    create: (key, value) => guard(() => kv.create(key, value)),
    update: (key, value, revision) => guard(() => kv.update(key, value, revision)),
  });
  return {
    ...bus,
    publish: (request: PublishRequest) => guard(() => bus.publish(request)),
    read: (request) => bus.read(request),
    lastSequence: (stream) => bus.lastSequence(stream),
    kv: async (bucket) => wrap(await bus.kv(bucket)),
  } as Bus;
}

test('an actor that starts where the lease is lost meanwhile does not commit: its new owner goes on', async () => {
  const w = world();
  const bus = w.server.connect();
  const owner = await live(bus, definition(w));
  await intend(bus, 'one');
  await until(() => ordersOf(w).length === 1);
  const late = await live(bus, definition(w), undefined, systemClock, () => false);
  const exit = await late.exit;
  assert.ok(exit.reason === 'crash' && (exit.error as { code?: string }).code === 'LEASE_LOST');
  await intend(bus, 'two');
  await until(() => ordersOf(w).length === 2);
  await owner.interpreter.stop();
});

describe('exactly once', () => {
  for (const delivery of ['commit', 'replay'] as const) {
    test(`delivery ${delivery}: wherever it dies, nothing is lost and nothing is stored twice`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.boolean()), { maxLength: 6 }),
          fc.integer({ min: 1, max: 6 }),
          async (deaths, count) => {
            const w = world();
            const bus = w.server.connect();
            const ids = Array.from({ length: count }, (_, i) => String(i));
            for (const id of ids) await intend(bus, id);
            for (const [dieAt, after] of deaths) {
              let died = false;
              let life: Life | undefined;
              const dying = mortal(bus, dieAt, after, () => {
                died = true;
                life?.interpreter.kill();
              });
              // A death inside start() leaves it pending for ever, as a dead process would.
              void live(dying, definition(w, { delivery })).then((started) => {
                life = started;
                if (died) started.interpreter.kill();
              });
              await until(() => died || (life !== undefined && tallyOf(life).answers.length === count));
              life?.interpreter.kill();
            }
            const last = await live(bus, definition(w, { delivery }));
            await until(() => tallyOf(last).answers.length >= count);
            await last.interpreter.stop();
            assert.deepEqual(tallyOf(last).seen, ids);
            assert.deepEqual(ordersOf(w), ids);
            assert.deepEqual([...new Set(w.called)].sort(), ids);
          },
        ),
        { numRuns: 150 },
      );
    });
  }
});

interface Together {
  readonly steps: readonly (readonly string[])[];
}

/** Says one order per intent, and remembers which of them came in one step. */
const together = setup({
  types: { context: {} as Together, events: {} as InputEvent<'intent'> },
  actions: { publish: (_, _params: unknown) => undefined },
}).createMachine({
  id: 'together',
  context: { steps: [] },
  on: {
    intent: {
      actions: enqueueActions(({ context, event, enqueue }) => {
        const ids = [event.message, ...(event.more ?? [])].map(({ intentId }) => intentId);
        if (ids.includes('poison')) throw new Error('cannot stomach this');
        enqueue.assign({ steps: [...context.steps, ids] });
        ids.forEach((intentId, of) => {
          for (const orderId of ['a', 'b']) {
            enqueue(publish('order', { account: 'a', orderId, intentId }, of) as never);
          }
        });
      }),
    },
  },
});

describe('inputs that may be joined', () => {
  const joining = (w: World, joins?: (previous: never, next: never) => boolean): ActorDefinition => ({
    ...definition(w, { machine: together, delivery: 'replay' }),
    inputs: [{ topic: 'intent', key: { account: 'a' }, from: 'start', ...(joins === undefined ? {} : { joins }) }],
  });
  const stepsOf = (life: Life): readonly (readonly string[])[] => (life.interpreter.current.context as Together).steps;
  const idsOf = (w: World): string[] =>
    w.server.messages('TRADING').flatMap(({ subject, data }) => {
      if (!subject.startsWith('trade.order.')) return [];
      const { intentId, orderId } = topics.order.decode(data);
      return [`${intentId}${orderId}`];
    });
  const many = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `i${from + i}`);

  test('come in one step, at most so many, and a restart that cuts them elsewhere says nothing twice', async () => {
    const w = world();
    const bus = w.server.connect();
    for (const id of many(0, 80)) await intend(bus, id);
    // Alone: every output has the id that its own input gives it.
    const alone = await live(bus, { ...joining(w), id: 't' });
    await until(() => stepsOf(alone).flat().length === 80 && alone.interpreter.pendingEffects === 0);
    assert.ok(stepsOf(alone).every((ids) => ids.length === 1));
    alone.interpreter.kill();
    const said = idsOf(w);
    assert.equal(said.length, 160);
    // It is to take all of them again.
    await (await bus.kv('snapshots')).delete(actorKey(alone.interpreter.kind, alone.interpreter.id));
    const both = joining(w, () => true);
    const joined = await live(bus, both);
    await until(() => stepsOf(joined).flat().length === 80 && joined.interpreter.pendingEffects === 0);
    assert.ok(stepsOf(joined).some((ids) => ids.length > 1));
    assert.ok(stepsOf(joined).every((ids) => ids.length <= JOINED_INPUTS));
    assert.deepEqual(stepsOf(joined).flat(), many(0, 80));
    assert.deepEqual(idsOf(w), said, 'published twice with the same ids: stored once');
    await joined.interpreter.stop();
  });

  test('only where the input says so', async () => {
    const w = world();
    const bus = w.server.connect();
    for (const id of many(0, 20)) await intend(bus, id);
    const even = ({ intentId }: { intentId: string }): boolean => Number(intentId.slice(1)) % 2 === 0;
    const life = await live(
      bus,
      joining(w, (previous) => even(previous)),
    );
    await until(() => stepsOf(life).flat().length === 20);
    for (const ids of stepsOf(life)) assert.ok(ids.length === 1 || (ids.length === 2 && even({ intentId: ids[0]! })));
    await life.interpreter.stop();
  });

  test('one of them is poisoned: the others are taken, it alone is buried', async () => {
    const w = world();
    const bus = w.server.connect();
    for (const id of [...many(0, 5), 'poison', ...many(5, 10)]) await intend(bus, id);
    const def = joining(w, () => true);
    const poison = new PoisonRecord({ kind: def.kind, id: def.id, bus, clock: systemClock, log, layout });
    for (let attempt = 1; attempt <= POISON_ATTEMPTS; attempt++) {
      const life = await live(bus, def, poison);
      assert.equal((await life.exit).reason, 'crash');
    }
    const last = await live(bus, def, poison);
    await until(() => stepsOf(last).flat().at(-1) === 'i9' && last.interpreter.pendingEffects === 0);
    await last.interpreter.stop();
    assert.deepEqual(
      [...new Set(idsOf(w))].sort(),
      many(0, 10).flatMap((id) => [`${id}a`, `${id}b`]),
    );
    assert.equal(letters(w).length, 1);
  });
});
