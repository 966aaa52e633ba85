/** Supervisors as children of supervisors: escalation hop by hop, and what is killed or stopped on the way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TroupeError } from '../../runtime/errors.ts';
import { Supervisor } from '../../supervisors/supervisor.ts';
import { makeStage, Puppet, settle } from './stage.ts';

/** root -> middle -> low, each with so many restarts per child. */
async function threeLevels(restarts: number) {
  const stage = makeStage({ childBudget: { restarts, windowMs: 60_000 } });
  const options = { ...stage.base, childBudget: { restarts, windowMs: 60_000 } };
  const [middle, low] = ['middle', 'low'].map((id) => new Supervisor({ ...options, id })) as [Supervisor, Supervisor];
  await stage.supervisor.add(middle.asChild());
  await middle.add(low.asChild());
  return { ...stage, root: stage.supervisor, middle, low };
}

test('a budget spent goes up hop by hop, each hop one event, until the root gives up', async () => {
  const { root, middle, low, log, events, gaveUp, advance } = await threeLevels(1);
  const [a, b] = [new Puppet('a', log), new Puppet('b', log)];
  await low.add(a);
  await low.add(b);
  events.length = 0;
  // Each level allows one restart: 2 × 2 × 2 failures of the lowest reach the root.
  const failures: number[] = [];
  for (let i = 1; i <= 8; i++) {
    a.crash(`boom ${i}`);
    await advance(200);
    if (a.alive === 1) failures.push(i);
  }
  assert.deepEqual(failures, [1, 2, 3, 4, 5, 6, 7]);
  const hops = events.filter(({ event }) => event === 'escalated').map(({ id, cause }) => `${id}: ${cause}`);
  const spent = (i: number) => `puppet a failed 2 times: boom ${i}`;
  const twice = (i: number) => `supervisor low failed 2 times: ${spent(i)}`;
  assert.deepEqual(hops, [
    `low: ${spent(2)}`,
    `low: ${spent(4)}`,
    `middle: ${twice(4)}`,
    `low: ${spent(6)}`,
    `low: ${spent(8)}`,
    `middle: ${twice(8)}`,
    `root: supervisor middle failed 2 times: ${twice(8)}`,
  ]);
  assert.deepEqual(
    gaveUp.map(({ code, message }) => [code, message]),
    [['ACTOR_GIVEN_UP', `supervisor middle failed 2 times: ${twice(8)}`]],
  );
  assert.deepEqual([root.state, middle.state, low.state], ['given_up', 'stopped', 'stopped']);
  assert.deepEqual([a.alive, b.alive], [0, 0]);
  assert.equal(b.most, 1);
});

test('the events of one hop: the child, the supervisor, its stop, its failure one level up, its restart', async () => {
  const { low, log, names, events } = await threeLevels(0);
  const stage = { a: new Puppet('a', log), b: new Puppet('b', log) };
  await low.add(stage.a);
  await low.add(stage.b);
  events.length = 0;
  stage.a.crash();
  await settle();
  assert.equal(
    names(),
    [
      ...['failed a', 'given_up a', 'escalated low', 'stopped b'],
      ...['failed low', 'given_up low', 'escalated middle'],
      ...['failed middle', 'given_up middle', 'escalated root'],
    ].join(', '),
  );
});

test('a supervisor that starts again has its children and a whole budget again, but not what was left down', async () => {
  const { root, low, log, advance } = await threeLevels(1);
  const [a, wild] = [new Puppet('a', log), new Puppet('wild', log, { onBudgetSpent: 'leave' })];
  await low.add(a);
  await low.add(wild);
  for (const puppet of [wild, a]) {
    for (let i = 0; i < 2; i++) {
      puppet.crash();
      await advance(200);
    }
  }
  const phases = low.children().map(({ id, phase, failures }) => `${id} ${phase} ${failures}`);
  assert.deepEqual(phases, ['a running 0', 'wild failed 2']);
  assert.equal(await low.restart('puppet', 'wild', 'mended'), true);
  assert.equal(root.state, 'running');
});

test('what nothing can mend goes straight up to the root with its own code', async () => {
  const { low, log, gaveUp, advance } = await threeLevels(5);
  const a = new Puppet('a', log);
  a.onStart = ['fail'];
  a.error = new TroupeError('CONFIG_INVALID', 'bad');
  await low.add(a);
  await advance(60_000);
  assert.equal(a.starts, 1);
  assert.deepEqual(
    gaveUp.map(({ code, message }) => [code, message]),
    [['CONFIG_INVALID', 'supervisor middle cannot start: supervisor low cannot start: puppet a cannot start: bad']],
  );
});

test('a supervisor that gives up while it starts has failed to start', async () => {
  const { base, supervisor, log, events, advance } = makeStage();
  const child = new Supervisor({ ...base, id: 'low', childBudget: { restarts: 0, windowMs: 60_000 } });
  const spec = child.asChild();
  const a = new Puppet('a', log);
  a.onStart = ['fail', 'up'];
  await child.add(a);
  assert.equal(child.state, 'stopped');
  await supervisor.add(spec);
  await advance(1_000);
  assert.deepEqual([a.alive, child.state, supervisor.restartsOf('supervisor', 'low')], [1, 'running', 1]);
  assert.deepEqual(
    events.map(({ id, event }) => `${event} ${id}`),
    ['failed a', 'given_up a', 'escalated low', 'failed low', 'started a', 'restarted low'],
  );
});

test('stop reaches what still starts far below, kill does too', async () => {
  for (const verb of ['stop', 'kill'] as const) {
    const { base, supervisor, log } = makeStage();
    const low = new Supervisor({ ...base, id: 'low' });
    const [a, b] = [new Puppet('a', log), new Puppet('b', log)];
    b.onStart = ['hang'];
    const spec = low.asChild();
    await low.add(a);
    await low.add(b);
    const added = supervisor.add(spec);
    await settle();
    assert.deepEqual([a.alive, low.state, supervisor.state], [1, 'starting', 'starting']);
    const stopped = supervisor[verb]();
    await settle();
    if (verb === 'stop') {
      b.release();
      await stopped;
    }
    await settle();
    assert.deepEqual([a.alive, b.alive, low.state, supervisor.state], [0, 0, 'stopped', 'stopped']);
    assert.deepEqual(log, verb === 'stop' ? ['start a', 'start b', 'stop b', 'stop a'] : ['start a', 'kill a']);
    b.release();
    await settle();
    assert.equal(b.alive, 0);
    await added;
  }
});

test('a supervisor crashed by an operator comes back with all its children', async () => {
  const { root, middle, low, log } = await threeLevels(5);
  const a = new Puppet('a', log);
  await low.add(a);
  assert.equal(root.crash('supervisor', 'middle', 'chaos'), true);
  assert.equal(a.alive, 0);
  await settle();
  assert.deepEqual([a.alive, a.starts, middle.state, low.state], [1, 2, 'running', 'running']);
});
