import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Applied, LONGEST_MS, MS_PER_ACTOR, Pace } from '../../node/pace.ts';
import { VirtualClock } from '../../runtime/clock.ts';
import { CHILD_BUDGET } from '../../supervisors/policy.ts';
import { Rig } from './rig.ts';

const SHORTEST_MS = 1;

function stage() {
  const clock = new VirtualClock(0);
  const counts = new Map<string, number>();
  const company = { ticksDone: (symbol: string) => counts.get(symbol) ?? 0, behind: false, size: 20 };
  const told: [number, Applied][] = [];
  const pace = new Pace(clock, company, SHORTEST_MS, (symbols) => told.push([clock.nowMs(), symbols]));
  const apply = (ticks: number, symbol = 'EURUSD'): void => {
    counts.set(symbol, company.ticksDone(symbol) + ticks);
    pace.applied(symbol);
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
    [0, { EURUSD: 1 }],
    [100, { EURUSD: 2 }],
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
  assert.deepEqual(told.at(-1)?.[1], { EURUSD: 2000 });
});

test('a flood, and hundreds of symbols at once, are told less often, and the last always', () => {
  const flood = stage();
  for (let ms = 0; ms < 200; ms++) {
    flood.apply(6000);
    flood.clock.advance(1);
  }
  flood.clock.advance(LONGEST_MS);
  assert.ok(flood.told.length <= 25, `${flood.told.length} times in 200 ms`);
  assert.deepEqual(flood.told.at(-1)?.[1], { EURUSD: 1_200_000 });

  const wide = stage();
  for (let ms = 0; ms < 200; ms++) {
    for (let i = 0; i < 500; i++) wide.apply(1, `SYM${i}`);
    wide.clock.advance(1);
  }
  wide.clock.advance(LONGEST_MS);
  assert.ok(wide.told.length <= 25, `${wide.told.length} times in 200 ms`);
  assert.equal(wide.told.at(-1)?.[1].SYM499, 200);

  // When it is over, a tick is told at once again.
  wide.clock.advance(100);
  wide.apply(1);
  const before = wide.told.length;
  wide.clock.advance(0);
  assert.equal(wide.told.length, before + 1);
});

test('with thousands of actors it is told as often as it costs a small part of the time', () => {
  const { clock, company, told, apply } = stage();
  company.size = 10_000;
  for (let ms = 0; ms < 1_000; ms++) {
    apply(1, `SYM${ms}`);
    clock.advance(1);
  }
  const inMs = company.size * MS_PER_ACTOR;
  clock.advance(inMs);
  assert.ok(told.length <= 1_000 / inMs + 2, `${told.length} times in a second`);
  assert.equal(new Set(told.flatMap(([, symbols]) => Object.keys(symbols))).size, 1_000);
});

test('nothing is told while there is a backlog, and all of it afterwards', () => {
  const { clock, company, told, apply } = stage();
  company.behind = true;
  apply(7);
  clock.advance(100);
  assert.deepEqual(told, []);
  company.behind = false;
  clock.advance(SHORTEST_MS);
  assert.deepEqual(told.at(-1)?.[1], { EURUSD: 7 });
});

test('only symbols whose count has changed are told, each with all of its ticks', () => {
  const { clock, told, apply } = stage();
  apply(3, 'EURUSD');
  apply(4, 'GBPUSD');
  clock.advance(SHORTEST_MS);
  apply(1, 'GBPUSD');
  clock.advance(SHORTEST_MS);
  assert.deepEqual(
    told.map(([, symbols]) => symbols),
    [{ EURUSD: 3, GBPUSD: 4 }, { GBPUSD: 5 }],
  );
});

test('after stop nothing is told', () => {
  const { clock, told, pace, apply } = stage();
  apply(1);
  pace.stop();
  clock.advance(100);
  assert.deepEqual(told, []);
});

test('an actor that is being started again is waited for, one that stays down is not', async () => {
  const rig = new Rig();
  const run = await rig.start('a', { symbols: 1, strategies: 1 });
  const { node } = run;
  const phase = (): string =>
    node.tree
      .of('strategy', 's0')
      .children()
      .find(({ id }) => id === 's0')?.phase ?? '';
  const crash = (): boolean => node.tree.of('strategy', 's0').crash('strategy', 's0', 'boom');
  const seen = new Set<string>();
  for (let failures = 1; failures <= CHILD_BUDGET.restarts; failures++) {
    assert.equal(node.company.behind, false, `up before failure ${failures}`);
    assert.equal(crash(), true);
    while (phase() !== 'running') {
      seen.add(phase());
      assert.equal(node.company.behind, true, `${phase()} after failure ${failures}`);
      await rig.pass(1);
    }
  }
  assert.ok(seen.has('backoff'), [...seen].join());
  crash();
  assert.equal(phase(), 'failed');
  assert.equal(node.company.behind, false, 'nobody starts it again');
  rig.stop(run);
});
