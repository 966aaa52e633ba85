/** When state that changed without an effect is committed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock, VirtualClock } from '../../runtime/clock.ts';
import { definition, type Life, live, until, world } from './tally.ts';

test('many that have begun together are committed in time, and not in the same moment', async () => {
  const w = world();
  const clock = new VirtualClock(1_000_000);
  const bus = w.server.connect();
  const commitsMs = new Map<string, number>();
  const lives: Life[] = [];
  for (let n = 1; n <= 20; n++) {
    const id = `SYM${String(n).padStart(3, '0')}`;
    const onCommit = (): void => void commitsMs.set(id, clock.nowMs() - 1_000_000);
    lives.push(await live(bus, definition(w, { id }), undefined, clock, () => true, onCommit));
  }
  for (const { interpreter } of lives) interpreter.tell({ type: 'control.pause' });
  await until(() => lives.every(({ interpreter }) => interpreter.current.value === 'paused'));
  for (let ms = 0; ms < 5_000; ms += 100) {
    clock.advance(100);
    for (let turns = 0; turns < 20; turns++) await systemClock.yield();
  }
  assert.equal(commitsMs.size, 20, 'each is committed within five seconds');
  const perMoment = Map.groupBy(commitsMs.values(), (atMs) => atMs);
  const most = Math.max(...[...perMoment.values()].map((together) => together.length));
  assert.ok(most <= 4, `${most} of 20 within 100 ms`);
  for (const { interpreter } of lives) interpreter.kill();
});

test('an actor says itself for how long its state may wait for a commit', async () => {
  const w = world();
  const clock = new VirtualClock(1_000_000);
  const bus = w.server.connect();
  let commits = 0;
  const onCommit = (): void => void commits++;
  const life = await live(bus, definition(w, { idleCommitMs: 500 }), undefined, clock, () => true, onCommit);
  const before = commits;
  life.interpreter.tell({ type: 'control.pause' });
  await until(() => life.interpreter.current.value === 'paused');
  // Up to 40 % sooner, by its name.
  clock.advance(299);
  for (let turns = 0; turns < 20; turns++) await systemClock.yield();
  assert.equal(commits, before);
  clock.advance(201);
  await until(() => commits > before);
  life.interpreter.kill();
});
