import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace, SHORTEST_MS } from '../../node/pace.ts';
import { VirtualClock } from '../../runtime/clock.ts';

function stage() {
  const clock = new VirtualClock(0);
  const company = { ticksApplied: 0, behind: false };
  const told: [number, number][] = [];
  const pace = new Pace(clock, company, (ticks) => told.push([clock.nowMs(), ticks]));
  const apply = (ticks: number): void => {
    company.ticksApplied += ticks;
    pace.applied();
  };
  return { clock, company, told, pace, apply };
}

test('a lone tick is told at once', () => {
  const { clock, told, apply } = stage();
  apply(1);
  clock.advance(0);
  clock.advance(100);
  apply(1);
  clock.advance(0);
  assert.deepEqual(told, [
    [0, 1],
    [100, 2],
  ]);
});

test('many ticks are told once a millisecond at most, and the last always', () => {
  const { clock, told, apply } = stage();
  for (let step = 0; step < 200; step++) {
    apply(10);
    clock.advance(0.1);
  }
  clock.advance(SHORTEST_MS);
  assert.ok(told.length <= 22, `${told.length} times in 20 ms`);
  assert.equal(told.at(-1)?.[1], 2000);
});

test('nothing is told while there is a backlog, and all of it afterwards', () => {
  const { clock, company, told, apply } = stage();
  company.behind = true;
  apply(7);
  clock.advance(100);
  assert.deepEqual(told, []);
  company.behind = false;
  clock.advance(SHORTEST_MS);
  assert.equal(told.at(-1)?.[1], 7);
});

test('after stop nothing is told', () => {
  const { clock, told, pace, apply } = stage();
  apply(1);
  pace.stop();
  clock.advance(100);
  assert.deepEqual(told, []);
});
