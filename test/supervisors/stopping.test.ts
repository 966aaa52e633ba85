/** Ends of all kinds, and those that come at the wrong moment: nothing is left running, nothing runs twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TroupeError } from '../../runtime/errors.ts';
import type { Strategy } from '../../supervisors/spec.ts';
import { cast, makeStage, onlyOneEach, Puppet, settle } from './stage.ts';

const half = { next: () => 0.5, nextInt: () => 0, gaussian: () => 0 };

test('stop while a child waits to be started again: it is not', async () => {
  for (const strategy of ['one_for_one', 'one_for_all', 'rest_for_one', 'pool'] satisfies Strategy[]) {
    const { supervisor, log, advance } = makeStage({ strategy, random: half });
    const { a, b, c } = await cast(supervisor, log, ['a', 'b', 'c']);
    b.crash();
    await settle();
    b.crash();
    await settle();
    assert.equal(supervisor.state, 'restarting');
    await supervisor.stop();
    await advance(60_000);
    assert.deepEqual([a.alive, b.alive, c.alive, b.starts], [0, 0, 0, 2], strategy);
    assert.equal(supervisor.state, 'stopped');
  }
});

test('stop while the others of a group are going down: they are not started again', async () => {
  const { supervisor, log, advance } = makeStage({ strategy: 'one_for_all' });
  const { a, c, b } = await cast(supervisor, log, ['a', 'b', 'c']);
  c.onStop = 'hang';
  b.crash();
  await settle();
  const stopped = supervisor.stop();
  await advance(1_000);
  await stopped;
  assert.deepEqual(log, ['kill c', 'stop a']);
  await advance(60_000);
  assert.deepEqual([a.starts, b.starts, c.starts], [1, 1, 1]);
});

test('stop while a child starts: it is waited for, stopped in order, and killed when it comes too late', async () => {
  for (const [late, wanted] of [
    [false, ['start a', 'stop a']],
    [true, ['start a', 'kill a']],
  ] as const) {
    const { supervisor, log, advance, names } = makeStage();
    const a = new Puppet('a', log);
    a.onStart = ['hang'];
    const added = supervisor.add(a);
    await settle();
    const stopped = supervisor.stop();
    if (late) await advance(1_000);
    else a.release();
    await stopped;
    await added;
    a.release();
    await settle();
    assert.deepEqual(log, wanted);
    assert.equal(a.alive, 0);
    assert.equal(names(), late ? 'killed a' : 'stopped a');
  }
});

test('a start that does not end is a hang: counted, tried again, and killed should it come up at last', async () => {
  const { supervisor, log, advance, events } = makeStage();
  const a = new Puppet('a', log);
  a.onStart = ['hang', 'up'];
  const added = supervisor.add(a);
  await advance(30_000);
  await added;
  await settle();
  assert.deepEqual(
    events.map(({ event, cause }) => `${event}: ${cause}`),
    ['failed: did not start within 30000 ms', 'restarted: did not start within 30000 ms'],
  );
  const { alive } = a;
  a.release();
  await settle();
  assert.deepEqual([alive, a.alive], [1, 1]);
  assert.equal(log.at(-1), 'kill a');
});

test('a stop that hangs, throws or crashes on its way ends that child and no other stop', async () => {
  const { supervisor, log, advance, events } = makeStage();
  const puppets = await cast(supervisor, log, ['a', 'b', 'c', 'd']);
  puppets.b.onStop = 'throw';
  puppets.c.onStop = 'crash';
  puppets.d.onStop = 'hang';
  events.length = 0;
  const stopped = supervisor.stop();
  await advance(1_000);
  await stopped;
  assert.deepEqual(
    events.map(({ event, id, cause }) => `${event} ${id}: ${cause}`),
    [
      'killed d: did not stop within 1000 ms',
      'failed c: on the way down',
      'killed b: did not stop: will not',
      'stopped a: shutdown',
    ],
  );
  assert.ok(Object.values(puppets).every(({ alive }) => alive === 0));
  assert.equal(supervisor.state, 'stopped');
});

test('a pool stops side by side, the hanging ones within one deadline', async () => {
  const { supervisor, log, advance } = makeStage({ strategy: 'pool' });
  const puppets = Object.values(
    await cast(
      supervisor,
      log,
      Array.from({ length: 64 }, (_, i) => `p${i}`),
    ),
  );
  for (const puppet of puppets) puppet.onStop = 'hang';
  let isDown = false;
  const stopped = supervisor.stop().then(() => (isDown = true));
  await advance(999);
  assert.equal(isDown, false);
  await advance(1);
  assert.equal(isDown, true);
  await stopped;
});

test('a pool starts side by side, no more at once than it is told', async () => {
  const { supervisor } = makeStage({ strategy: 'pool', concurrency: 3 });
  let now = 0;
  let most = 0;
  const open: (() => void)[] = [];
  const specs = Array.from({ length: 10 }, (_, i) => ({
    ...{ kind: 'puppet', id: `p${i}` },
    start: async () => {
      most = Math.max(most, ++now);
      await new Promise<void>((resolve) => open.push(resolve));
      now--;
      return { stop: async () => undefined, kill: () => undefined };
    },
  }));
  const added = Promise.all(specs.map((spec) => supervisor.add(spec)));
  await settle();
  assert.deepEqual([open.length, most], [3, 3]);
  for (let i = 0; i < 10; i++) {
    open[i]?.();
    await settle();
  }
  await added;
  assert.deepEqual([most, open.length, supervisor.state], [3, 10, 'running']);
});

test('kill ends all at once, tells nothing, and nothing comes back', async () => {
  const { supervisor, log, events, advance } = makeStage();
  const puppets = await cast(supervisor, log, ['a', 'b', 'c']);
  puppets.a.crash();
  await settle();
  puppets.a.crash();
  puppets.c.onStop = 'hang';
  void supervisor.remove('puppet', 'c', 'moved');
  await settle();
  events.length = 0;
  supervisor.kill();
  assert.ok(Object.values(puppets).every(({ alive }) => alive === 0));
  await advance(60_000);
  assert.deepEqual([events.length, supervisor.state], [0, 'stopped']);
  assert.ok(Object.values(puppets).every(({ alive }) => alive === 0));
});

test('an old instance that ends after it was replaced says nothing', async () => {
  const { supervisor, log, events } = makeStage();
  const { a } = await cast(supervisor, log, ['a']);
  const old = a.exit;
  a.crash();
  await settle();
  events.length = 0;
  old({ reason: 'crash', error: new Error('late') });
  await settle();
  assert.deepEqual([events.length, a.starts], [0, 2]);
});

test('a child that another owner has taken is not started again, whether it learns that running or starting', async () => {
  const { supervisor, log, removed, advance, names } = makeStage();
  for (const code of ['FENCED', 'BUS_CONFLICT'] as const) {
    const a = new Puppet(code, log);
    a.onStart = ['fail'];
    a.error = new TroupeError(code, 'taken');
    await supervisor.add(a);
    await advance(60_000);
    assert.equal(a.starts, 1);
  }
  assert.deepEqual(removed, ['puppet.FENCED fenced', 'puppet.BUS_CONFLICT fenced']);
  assert.equal(names(), 'fenced FENCED, fenced BUS_CONFLICT');
  const again = new Puppet('FENCED', log);
  await supervisor.add(again);
  assert.equal(again.alive, 1);
});

test('remove: in order, in whatever phase it is; the name is free again', async () => {
  const { supervisor, log, advance, removed, events } = makeStage({ random: half });
  const { a, b } = await cast(supervisor, log, ['a', 'b']);
  a.crash();
  await settle();
  a.crash();
  await settle();
  assert.equal(await supervisor.remove('puppet', 'a', 'moved'), true);
  b.onStop = 'hang';
  const gone = supervisor.remove('puppet', 'b', 'moved');
  await advance(1_000);
  assert.equal(await gone, true);
  assert.equal(await supervisor.remove('puppet', 'b', 'moved'), false);
  await advance(60_000);
  assert.deepEqual([a.alive, b.alive, a.starts, supervisor.children().length], [0, 0, 2, 0]);
  assert.deepEqual(removed, ['puppet.a removed', 'puppet.b removed']);
  assert.equal(events.at(-1)?.event, 'killed');
  await supervisor.add(new Puppet('a', log));
  assert.equal(supervisor.state, 'running');
});

test('an operator restarts what runs, what waits and what hangs in its start; it counts nowhere', async () => {
  const { supervisor, log, advance } = makeStage({ random: half });
  const { a } = await cast(supervisor, log, ['a']);
  for (let i = 0; i < 10; i++) assert.equal(await supervisor.restart('puppet', 'a', 'because'), true);
  assert.deepEqual([a.starts, supervisor.children()[0]?.failures], [11, 0]);
  a.crash();
  await settle();
  a.crash();
  await settle();
  assert.equal(supervisor.children()[0]?.phase, 'backoff');
  a.onStart = ['hang', 'up'];
  const begun = supervisor.restart('puppet', 'a', 'now');
  await settle();
  assert.equal(supervisor.children()[0]?.phase, 'starting');
  const other = supervisor.restart('puppet', 'a', 'still hangs');
  await advance(1_000);
  assert.deepEqual(await Promise.all([begun, other]), [true, true]);
  a.release();
  await settle();
  assert.equal(a.alive, 1);
  assert.equal(await supervisor.restart('puppet', 'nobody', ''), false);
});

test('crash: as if it had crashed, and it counts; of what does not run: false', async () => {
  const { supervisor, log, events, gaveUp } = makeStage({ random: { ...half, next: () => 0 } });
  const { a } = await cast(supervisor, log, ['a']);
  for (let i = 0; i < 6; i++) {
    assert.equal(supervisor.crash('puppet', 'a', 'chaos'), true);
    await settle();
  }
  assert.equal(supervisor.crash('puppet', 'a', 'chaos'), false);
  assert.equal(supervisor.crash('puppet', 'nobody', 'chaos'), false);
  assert.equal(events.filter(({ event, cause }) => event === 'failed' && cause === 'chaos').length, 6);
  assert.equal(gaveUp[0]?.message, 'puppet a failed 6 times: chaos');
  onlyOneEach([a]);
});

test('what is done from within an event takes its turn', async () => {
  const { base, log } = makeStage();
  const { Supervisor } = await import('../../supervisors/supervisor.ts');
  const done: string[] = [];
  const supervisor = new Supervisor({
    ...base,
    onEvent: ({ event, id }) => {
      if (event === 'failed') void supervisor.remove('puppet', id, 'never again').then(() => done.push('removed'));
      if (event === 'fenced') void supervisor.stop().then(() => done.push('stopped'));
    },
  });
  const { a, b, c } = await cast(supervisor, log, ['a', 'b', 'c']);
  a.crash();
  await settle();
  assert.deepEqual([a.alive, supervisor.children().length], [0, 2]);
  b.exit({ reason: 'fenced' });
  await settle();
  assert.deepEqual(done, ['removed', 'stopped']);
  assert.equal(c.alive, 0);
});

test('what the level above throws when it is told does not stop supervision', async () => {
  const toss = (): never => {
    throw new Error('not my day');
  };
  const { supervisor, log } = makeStage({ onEvent: toss, onState: toss, onRemoved: toss, onGiveUp: toss });
  const { a, b } = await cast(supervisor, log, ['a', 'b']);
  a.crash();
  await settle();
  assert.equal(a.alive, 1);
  await supervisor.remove('puppet', 'b', 'moved');
  await supervisor.stop();
  assert.deepEqual([a.alive, b.alive, supervisor.state], [0, 0, 'stopped']);
});
