/** Children that depend on each other: what else may happen while some of them are started again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cast, makeStage, onlyOneEach, Puppet, settle } from './stage.ts';

/** Draws the longest delay. */
const slow = { next: () => 1 - 2 ** -30, nextInt: () => 0, gaussian: () => 0 };

test('rest_for_one: another child fails to restart: from it on, not from the first', async () => {
  const { supervisor, log, names, events } = makeStage({ strategy: 'rest_for_one' });
  const puppets = await cast(supervisor, log, ['a', 'b', 'c', 'd']);
  events.length = 0;
  puppets.c.onStart = ['fail', 'up'];
  puppets.b.crash();
  await settle();
  assert.deepEqual(log, ['stop d', 'stop c', 'start b', 'fail c', 'start c', 'start d']);
  assert.equal(names(), 'failed b, stopped d, stopped c, restarted b, failed c, restarted c, restarted d');
  const remaining = events.filter(({ event }) => event === 'failed').map(({ id, remaining }) => [id, remaining]);
  assert.deepEqual(remaining, [
    ['b', 4],
    ['c', 4],
  ]);
});

test('one_for_all: another child fails to restart: all go down and up once more', async () => {
  const { supervisor, log } = makeStage({ strategy: 'one_for_all' });
  const puppets = await cast(supervisor, log, ['a', 'b', 'c']);
  puppets.c.onStart = ['fail', 'up'];
  puppets.b.crash();
  await settle();
  assert.deepEqual(log, [
    ...['stop c', 'stop a', 'start a', 'start b', 'fail c'],
    ...['stop b', 'stop a', 'start a', 'start b', 'start c'],
  ]);
});

test('a child that never restarts spends its budget, also when others began it', async () => {
  const { supervisor, log, advance, gaveUp } = makeStage({ strategy: 'one_for_all' });
  const puppets = await cast(supervisor, log, ['a', 'b']);
  puppets.b.onStart = ['fail'];
  puppets.a.crash();
  for (let i = 0; i < 10; i++) await advance(1_000);
  assert.deepEqual(
    gaveUp.map(({ message }) => message),
    ['puppet b failed 6 times: does not start'],
  );
  assert.equal(puppets.b.starts, 7);
});

test('the others are down during the delay, and whoever comes after one that waits, waits with it', async () => {
  const { supervisor, log, advance, phases } = makeStage({ strategy: 'rest_for_one', random: slow });
  const { b } = await cast(supervisor, log, ['a', 'b', 'c']);
  b.crash();
  await settle();
  b.crash();
  await settle();
  assert.equal(phases(), 'a running, b backoff, c waiting');
  assert.equal(supervisor.state, 'restarting');
  const late = new Puppet('d', log);
  const added = supervisor.add(late);
  await advance(99);
  assert.equal(phases(), 'a running, b backoff, c waiting, d waiting');
  await advance(1);
  await added;
  assert.equal(phases(), 'a running, b running, c running, d running');
});

test('a second failure nearer to the beginning, while a group is going down, takes all after it along', async () => {
  const { supervisor, log, advance, phases } = makeStage({ strategy: 'rest_for_one' });
  const { a, b, d, ...others } = await cast(supervisor, log, ['a', 'b', 'c', 'd']);
  d.onStop = 'hang';
  b.crash();
  await settle();
  assert.equal(phases(), 'a running, b waiting, c running, d stopping');
  a.crash();
  await settle();
  d.onStop = 'down';
  await advance(1_000);
  assert.deepEqual(log, ['kill d', 'stop c', 'start a', 'start b', 'start c', 'start d']);
  onlyOneEach([a, b, d, ...Object.values(others)]);
});

test('a temporary child that goes down with the others is forgotten, a transient one that had ended comes back', async () => {
  const { supervisor, log, removed, phases } = makeStage({ strategy: 'one_for_all' });
  const [a, t, e] = [
    new Puppet('a', log),
    new Puppet('t', log, { restart: 'temporary' }),
    new Puppet('e', log, { restart: 'transient' }),
  ] as const;
  for (const puppet of [a, t, e]) await supervisor.add(puppet);
  e.exit({ reason: 'normal' });
  await settle();
  assert.equal(phases(), 'a running, t running, e ended');
  a.crash();
  await settle();
  assert.equal(phases(), 'a running, e running');
  assert.deepEqual(removed, ['puppet.t ended']);
});

test("an operator's restart takes those along that depend on the child; removing it does not", async () => {
  const { supervisor, log, events } = makeStage({ strategy: 'rest_for_one' });
  await cast(supervisor, log, ['a', 'b', 'c']);
  events.length = 0;
  assert.equal(await supervisor.restart('puppet', 'b', 'because'), true);
  await settle();
  assert.deepEqual(log, ['stop c', 'stop b', 'start b', 'start c']);
  assert.deepEqual(
    events.map(({ event, id, cause, remaining }) => `${event} ${id} ${remaining}: ${cause}`),
    [
      'stopped c 5: puppet b restarted: because',
      'stopped b 5: because',
      'restarted b 5: because',
      'restarted c 5: puppet b restarted: because',
    ],
  );
  log.length = 0;
  assert.equal(await supervisor.remove('puppet', 'a', 'moved'), true);
  assert.deepEqual(log, ['stop a']);
});

test('nobody of a group starts while one of it is still going down', async () => {
  for (const strategy of ['one_for_all', 'rest_for_one'] as const) {
    const { supervisor, log, advance, phases } = makeStage({ strategy });
    const { a, b } = await cast(supervisor, log, ['a', 'b']);
    b.onStop = 'hang';
    const removed = supervisor.remove('puppet', 'b', 'moved');
    await settle();
    a.crash();
    await advance(999);
    assert.equal(phases(), 'a waiting, b stopping', strategy);
    await advance(1);
    await removed;
    assert.deepEqual(log, ['kill b', 'start a'], strategy);
    assert.equal(phases(), 'a running');
  }
});

test('who is added, or would be started again, while all go down is not started', async () => {
  for (const strategy of ['one_for_one', 'one_for_all', 'rest_for_one', 'pool'] as const) {
    const { supervisor, log, advance, phases } = makeStage({ strategy });
    const { a, b } = await cast(supervisor, log, ['a', 'b']);
    b.onStop = 'hang';
    // The restart of b is under way: it would start when it is down, were it not for the stop.
    const restarted = supervisor.restart('puppet', 'b', 'because');
    await settle();
    const stopped = supervisor.stop();
    const late = new Puppet('late', log);
    const added = supervisor.add(late);
    await advance(1_000);
    await Promise.all([stopped, restarted]);
    await advance(60_000);
    assert.deepEqual([a.alive, b.alive, late.starts, b.starts], [0, 0, 0, 1], strategy);
    assert.equal(phases(), 'a idle, b idle, late idle', strategy);
    void added;
  }
});
