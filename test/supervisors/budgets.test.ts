/** How often a child is started again, after which delay, and what happens when that was too often. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TroupeError } from '../../runtime/errors.ts';
import { contextOf } from '../../supervisors/machine.ts';
import { BACKOFF, CHILD_BUDGET, SUPERVISOR_BUDGET } from '../../supervisors/policy.ts';
import { CONCURRENCY, SHUTDOWN_MS, START_MS } from '../../supervisors/spec.ts';
import { Supervisor } from '../../supervisors/supervisor.ts';
import { cast, makeStage, Puppet, settle } from './stage.ts';

const draws = (value: number) => ({ next: () => value, nextInt: () => 0, gaussian: () => 0 });
const longest = draws(1 - 2 ** -30);
const none = draws(0);

test('what is not said has the defaults of the design', async () => {
  const { base, clock } = makeStage();
  const supervisor = new Supervisor(base);
  const { childBudget, budget, backoff, strategy } = contextOf(supervisor.current);
  assert.deepEqual({ childBudget, budget }, { childBudget: CHILD_BUDGET, budget: SUPERVISOR_BUDGET });
  assert.deepEqual([backoff, strategy], [BACKOFF, 'one_for_one']);
  assert.deepEqual([SHUTDOWN_MS, START_MS, CONCURRENCY], [5_000, 30_000, 64]);
  let killedMs = 0;
  let starts = 0;
  const spec = {
    ...{ kind: 'puppet', id: 'a' },
    start: async () => {
      if (++starts === 1) return new Promise<never>(() => undefined);
      return { stop: () => new Promise<void>(() => undefined), kill: () => (killedMs = clock.nowMs()) };
    },
  };
  const added = supervisor.add(spec);
  await settle();
  clock.advance(29_999);
  await settle();
  assert.equal(supervisor.children()[0]?.phase, 'starting');
  clock.advance(1);
  await added;
  await settle();
  assert.deepEqual(
    supervisor.children().map(({ restart, phase }) => [restart, phase]),
    [['permanent', 'running']],
  );
  const stopped = supervisor.stop();
  await settle();
  clock.advance(4_999);
  await settle();
  assert.equal(killedMs, 0);
  clock.advance(1);
  await stopped;
  assert.equal(killedMs, 35_000);
});

test('five failures within a minute are mended, the sixth is not', async () => {
  const { supervisor, log, events, gaveUp, states } = makeStage({ random: none });
  const { a } = await cast(supervisor, log, ['a', 'b']);
  for (let i = 1; i <= 5; i++) {
    a.crash(`boom ${i}`);
    await settle();
  }
  assert.equal(supervisor.state, 'running');
  const failed = () =>
    events.filter(({ event }) => event === 'failed').map(({ attempt, remaining }) => [attempt, remaining]);
  assert.deepEqual(failed(), [
    [1, 4],
    [2, 3],
    [3, 2],
    [4, 1],
    [5, 0],
  ]);
  a.crash('boom 6');
  await settle();
  assert.equal(a.starts, 6);
  assert.deepEqual(
    events
      .slice(-3)
      .map(({ kind, id, event, cause, attempt, remaining }) => [`${kind}.${id} ${event}`, cause, attempt, remaining]),
    [
      ['puppet.a failed', 'boom 6', 6, 0],
      ['puppet.a given_up', 'boom 6', 6, 0],
      ['supervisor.root escalated', 'puppet a failed 6 times: boom 6', 6, 0],
    ],
  );
  assert.equal(gaveUp.length, 1);
  assert.ok(gaveUp[0]?.cause instanceof Error && gaveUp[0].cause.message === 'boom 6');
  assert.equal(supervisor.state, 'given_up');
  assert.equal(supervisor.detail, 'gave up: puppet a failed 6 times: boom 6');
  assert.deepEqual(states.slice(-1), ['given_up']);
});

test('what runs goes on after giving up, but nothing is started', async () => {
  const { supervisor, log, advance, phases } = makeStage({
    random: none,
    childBudget: { restarts: 0, windowMs: 60_000 },
  });
  const { a, b } = await cast(supervisor, log, ['a', 'b', 'c']);
  a.crash();
  b.crash();
  const late = new Puppet('d', log);
  await supervisor.add(late);
  await advance(60_000);
  assert.equal(phases(), 'a failed, b idle, c running, d idle');
  assert.equal(await supervisor.restart('puppet', 'a', 'please'), false);
  assert.equal(await supervisor.remove('puppet', 'c', 'moved'), true);
  await supervisor.stop();
  assert.deepEqual([supervisor.state, late.starts, a.starts, b.starts], ['stopped', 0, 1, 1]);
});

test('a failure exactly as old as the window does not count any more, one millisecond younger it does', async () => {
  for (const [sixthMs, phase] of [
    [60_000, 'running'],
    [59_999, 'failed'],
  ] as const) {
    const { supervisor, log, advance, clock } = makeStage({ random: none });
    const { a } = await cast(supervisor, log, ['a']);
    a.crash();
    await advance(50_000);
    for (let i = 0; i < 4; i++) {
      a.crash();
      await settle();
    }
    await advance(sixthMs - clock.nowMs());
    a.crash();
    await settle();
    assert.equal(supervisor.children()[0]?.phase, phase);
  }
});

test('the delays double while the child is not healthy for a minute, whatever the budget forgets', async () => {
  const { supervisor, log, clock, advance } = makeStage({ random: longest });
  const { a } = await cast(supervisor, log, ['a']);
  const delays: number[] = [];
  const crash = async (): Promise<void> => {
    a.crash();
    await settle();
    const fromMs = clock.nowMs();
    while (a.alive === 0 && clock.nowMs() - fromMs < 20_000) await advance(100);
    delays.push(clock.nowMs() - fromMs);
  };
  for (let i = 0; i < 10; i++) {
    await crash();
    await advance(20_000);
  }
  assert.deepEqual(delays, [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  delays.length = 0;
  await advance(39_999);
  await crash();
  await advance(60_000);
  await crash();
  await crash();
  assert.deepEqual(delays, [10_000, 0, 100]);
});

test('the same seed gives the same delays', async () => {
  const history = async (): Promise<string> => {
    const { supervisor, log, clock, events, advance } = makeStage();
    const { a } = await cast(supervisor, log, ['a']);
    const told: string[] = [];
    for (let i = 0; i < 5; i++) {
      a.crash();
      for (let ms = 0; ms < 1_000 && a.alive === 0; ms++) await advance(1);
      told.push(`${clock.nowMs()} ${events.length}`);
    }
    return told.join(', ');
  };
  const first = await history();
  assert.equal(await history(), first);
  assert.notEqual(first, '0 2, 0 4, 0 6, 0 8, 0 10');
});

test('twenty failures of all children within a minute are mended, the next is not', async () => {
  const { supervisor, log, gaveUp, advance, events } = makeStage({ strategy: 'pool' });
  const ids = Array.from({ length: 21 }, (_, i) => `p${i}`);
  const puppets = Object.values(await cast(supervisor, log, ids));
  puppets[0]?.crash();
  await advance(59_999);
  for (const puppet of puppets.slice(1, 20)) puppet.crash();
  await settle();
  assert.equal(gaveUp.length, 0);
  assert.equal(events.findLast(({ event }) => event === 'failed')?.remaining, 0);
  await advance(1);
  puppets[20]?.crash();
  await settle();
  assert.equal(gaveUp.length, 0);
  puppets[20]?.crash();
  await settle();
  assert.deepEqual(
    gaveUp.map(({ code, message }) => [code, message]),
    [['ACTOR_GIVEN_UP', 'supervisor root saw 21 failures, the last of puppet p20: boom']],
  );
});

test('a child that is left down costs nobody else anything, and comes back by an operator only', async () => {
  const { supervisor, log, advance, gaveUp, names, events, phases } = makeStage({ strategy: 'pool', random: none });
  const wild = Array.from({ length: 5 }, (_, i) => new Puppet(`w${i}`, log, { onBudgetSpent: 'leave' }));
  for (const puppet of wild) await supervisor.add(puppet);
  await supervisor.add(new Puppet('good', log));
  events.length = 0;
  for (const puppet of wild) {
    for (let i = 0; i < 6; i++) {
      puppet.crash();
      await settle();
    }
  }
  assert.ok(names().endsWith('failed w4, given_up w4'));
  await advance(120_000);
  assert.equal(phases(), 'w0 failed, w1 failed, w2 failed, w3 failed, w4 failed, good running');
  assert.deepEqual([gaveUp.length, supervisor.state, supervisor.detail], [0, 'running', '1 of 6 run, 5 given up']);
  assert.equal(await supervisor.restart('puppet', 'w0', 'mended'), true);
  assert.equal(supervisor.children()[0]?.failures, 0);
  wild[0]?.crash();
  await settle();
  assert.equal(wild[0]?.alive, 1);
});

test('a child that may be left down where its machine threw stays down for that, and escalates for anything else', async () => {
  for (const [code, escalations] of [
    ['ACTOR_THREW', 0],
    ['BUS_TIMEOUT', 1],
  ] as const) {
    const { supervisor, log, gaveUp, phases } = makeStage({ strategy: 'pool', random: none });
    const a = new Puppet('a', log, { onBudgetSpent: 'leave_if_threw' });
    await supervisor.add(a);
    await supervisor.add(new Puppet('b', log));
    for (let i = 0; i < 6; i++) {
      a.exit({ reason: 'crash', error: new TroupeError(code, 'boom') });
      await settle();
    }
    assert.equal(gaveUp.length, escalations, code);
    assert.equal(phases(), 'a failed, b running');
  }
});

test('what no start can mend is not tried again, also when it happens later', async () => {
  for (const onBudgetSpent of ['escalate', 'leave'] as const) {
    const { supervisor, log, gaveUp, advance } = makeStage();
    const a = new Puppet('a', log, { onBudgetSpent });
    await supervisor.add(a);
    a.exit({ reason: 'crash', error: new TroupeError('LEDGER_SCHEMA', 'older') });
    await advance(60_000);
    assert.deepEqual([a.starts, supervisor.children()[0]?.phase], [1, 'failed']);
    assert.deepEqual(
      gaveUp.map(({ code }) => code),
      onBudgetSpent === 'leave' ? [] : ['LEDGER_SCHEMA'],
    );
  }
});

test('an unusable snapshot is one child its own: it stays down, the others go on, and an operator brings it back', async () => {
  for (const code of ['SNAPSHOT_CORRUPT', 'SNAPSHOT_VERSION'] as const) {
    const { supervisor, log, gaveUp, advance } = makeStage({ strategy: 'rest_for_one' });
    const [a, b] = [new Puppet('a', log), new Puppet('b', log)];
    await supervisor.add(a);
    await supervisor.add(b);
    a.exit({ reason: 'crash', error: new TroupeError(code, 'bad') });
    await advance(60_000);
    assert.deepEqual(
      supervisor.children().map(({ phase }) => phase),
      ['failed', 'running'],
    );
    assert.deepEqual([a.starts, b.starts, gaveUp.length, supervisor.state], [1, 1, 0, 'running']);
    assert.equal(await supervisor.restart('puppet', 'a', 'mended'), true);
    await advance(1_000);
    assert.equal(a.starts, 2);
  }
});

test('starts that all hang until their deadline spend the budget, however long that takes', async () => {
  const { supervisor, log, advance, gaveUp, events } = makeStage({ random: none, startMs: 45_000 });
  const a = new Puppet('a', log);
  a.onStart = ['hang'];
  void supervisor.add(a);
  for (let i = 0; i < 6; i++) await advance(45_000);
  assert.deepEqual(
    gaveUp.map(({ message }) => message),
    ['puppet a failed 6 times: did not start within 45000 ms'],
  );
  assert.deepEqual(
    events.filter(({ event }) => event === 'failed').map(({ attempt, remaining }) => [attempt, remaining]),
    [1, 2, 3, 4, 5, 6].map((attempt) => [attempt, Math.max(0, 5 - attempt)]),
  );
  assert.equal(a.starts, 6);
});

test('a child that has come up and runs for the window is forgiven the starts before', async () => {
  const { supervisor, log, advance, gaveUp } = makeStage({ random: none });
  const a = new Puppet('a', log);
  a.onStart = ['hang', 'hang', 'hang', 'up'];
  void supervisor.add(a);
  for (let i = 0; i < 3; i++) await advance(30_000);
  assert.equal(supervisor.children()[0]?.failures, 2, 'the first is as old as the window');
  await advance(60_000);
  for (let i = 0; i < 5; i++) {
    a.crash();
    await settle();
  }
  assert.deepEqual([gaveUp.length, supervisor.state], [0, 'running']);
});
