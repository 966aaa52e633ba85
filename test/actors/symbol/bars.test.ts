import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  ASK_CLOSE,
  applyTicks,
  CLOSE,
  END_MS,
  emptyBars,
  flushBars,
  HIGH,
  LAST_TICK_MS,
  LOW,
  OPEN,
  PUBLISHED_TICKS,
  planBars,
  rowAt,
  SPREAD_MIN,
  START_MS,
  spreadMean,
  TICKS,
} from '../../../actors/symbol/bars.ts';
import type { DayGrid } from '../../../actors/symbol/timeframes.ts';
import { TIMEFRAMES } from '../../../actors/symbol/timeframes.ts';
import type { PlainBar, Tick } from './reference.ts';
import { frameOf, plainBars } from './reference.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const monday = Date.UTC(2024, 0, 8);

/** Feeds frames of the given sizes, collects what closes. */
class Maker {
  readonly plan;
  state: Float64Array;
  readonly bars: PlainBar[] = [];
  applied = 0;
  late = 0;
  invalid = 0;

  constructor(day: DayGrid) {
    this.plan = planBars(TIMEFRAMES, day);
    this.state = emptyBars(this.plan);
  }

  frame(ticks: Tick[], utcOffsetS = 0): void {
    const { state } = this;
    const result = applyTicks(this.plan, state, frameOf(ticks, { utcOffsetS }), 0, (index) => this.take(index, state));
    this.applied += result.applied;
    this.late += result.late;
    this.invalid += result.invalid;
  }

  flush(): void {
    this.state = flushBars(this.plan, this.state, (index, shown) => this.take(index, shown));
  }

  of(timeframe: string): PlainBar[] {
    return this.bars.filter((bar) => bar.timeframe === timeframe);
  }

  private take(index: number, state: Float64Array): void {
    const at = rowAt(index);
    if (state[at + TICKS] === state[at + PUBLISHED_TICKS]) return;
    this.bars.push({
      timeframe: this.plan.timeframes[index]!,
      openTimeMs: state[at + START_MS]!,
      closeTimeMs: state[at + END_MS]!,
      open: state[at + OPEN]!,
      high: state[at + HIGH]!,
      low: state[at + LOW]!,
      close: state[at + CLOSE]!,
      askClose: state[at + ASK_CLOSE]!,
      ticks: state[at + TICKS]!,
      spreadMin: state[at + SPREAD_MIN]!,
      spreadMean: spreadMean(state, at),
      lastTickMs: state[at + LAST_TICK_MS]!,
    });
  }
}

const at = (timeMs: number, bid = 1.1, spread = 0.0001): Tick => ({ timeMs, bid, ask: bid + spread });

/** Steps from "the same millisecond" to "over the weekend". */
const stepMs = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 0, 1, 999, 1000, 1001) },
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 400 }) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 90_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 3 * HOUR_MS }) },
  { weight: 1, arbitrary: fc.constantFrom(DAY_MS, 49 * HOUR_MS) },
);
const move = fc.record({
  stepMs,
  bid: fc.integer({ min: 109_000, max: 111_000 }).map((points) => points / 1e5),
  spread: fc.integer({ min: 0, max: 40 }).map((points) => points / 1e5),
});
const ticksFrom = (moves: { stepMs: number; bid: number; spread: number }[], startMs: number): Tick[] => {
  let timeMs = startMs;
  return moves.map((one) => {
    timeMs += one.stepMs;
    return at(timeMs, one.bid, one.spread);
  });
};
const cut = (ticks: Tick[], size: number): Tick[][] =>
  Array.from({ length: Math.ceil(ticks.length / size) }, (_, i) => ticks.slice(i * size, (i + 1) * size));

describe('bars', () => {
  test('all timeframes equal a plain computation from the ticks, however they are cut into frames', () => {
    const anything = fc.record({
      moves: fc.array(move, { minLength: 1, maxLength: 400, size: 'max' }),
      startMs: fc.integer({ min: monday - DAY_MS, max: monday + DAY_MS }),
      size: fc.integer({ min: 1, max: 64 }),
      offsetS: fc.constantFrom(0, 7200, 10_800, -18_000, 19_800),
      day: fc.constantFrom<DayGrid>('utc', 'broker'),
    });
    fc.assert(
      fc.property(anything, ({ moves, startMs, size, offsetS, day }) => {
        const ticks = ticksFrom(moves, startMs);
        const maker = new Maker(day);
        for (const part of cut(ticks, size)) maker.frame(part, offsetS);
        assert.equal(maker.applied, ticks.length);
        for (const timeframe of TIMEFRAMES) {
          const offsetMs = day === 'broker' && (timeframe === '4h' || timeframe === '1d') ? offsetS * 1000 : 0;
          const all = plainBars(ticks, timeframe, offsetMs);
          assert.deepEqual(maker.of(timeframe), all.slice(0, -1), `${timeframe} before the flush`);
        }
        maker.flush();
        for (const timeframe of TIMEFRAMES) {
          const offsetMs = day === 'broker' && (timeframe === '4h' || timeframe === '1d') ? offsetS * 1000 : 0;
          assert.deepEqual(maker.of(timeframe), plainBars(ticks, timeframe, offsetMs), timeframe);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('a flush in the middle changes no bar: what was shown early is replaced by the whole one', () => {
    const anything = fc.record({ moves: fc.array(move, { minLength: 2, maxLength: 200, size: 'max' }), at: fc.nat() });
    fc.assert(
      fc.property(anything, ({ moves, at: where }) => {
        const ticks = ticksFrom(moves, monday);
        const middle = 1 + (where % (ticks.length - 1));
        const maker = new Maker('utc');
        maker.frame(ticks.slice(0, middle));
        maker.flush();
        const shown = maker.bars.length;
        maker.flush();
        assert.equal(maker.bars.length, shown, 'a second flush has nothing new');
        maker.frame(ticks.slice(middle));
        maker.flush();
        for (const timeframe of TIMEFRAMES) {
          const latest = new Map(maker.of(timeframe).map((bar) => [bar.openTimeMs, bar]));
          assert.deepEqual([...latest.values()], plainBars(ticks, timeframe, 0));
        }
      }),
      { numRuns: 200 },
    );
  });

  test('a tick at the very end of a slot belongs to the next one', () => {
    const maker = new Maker('utc');
    maker.frame([at(monday + 59_999, 1.1), at(monday + 60_000, 1.2)]);
    assert.deepEqual(
      maker.bars.map(({ timeframe, close }) => [timeframe, close]),
      [
        ['1s', 1.1],
        ['1m', 1.1],
      ],
    );
  });

  test('midnight closes every timeframe, shortest first', () => {
    const maker = new Maker('utc');
    maker.frame([at(monday - 1), at(monday)]);
    assert.deepEqual(
      maker.bars.map(({ timeframe }) => timeframe),
      [...TIMEFRAMES],
    );
    assert.equal(maker.of('1d')[0]!.openTimeMs, monday - DAY_MS);
  });

  test("the broker's day ends at the broker's midnight, shorter bars stay on UTC", () => {
    const maker = new Maker('broker');
    const brokerMidnight = monday - 2 * HOUR_MS;
    maker.frame([at(brokerMidnight - 1), at(brokerMidnight), at(monday)], 7200);
    assert.deepEqual(
      maker.of('1d').map(({ openTimeMs, closeTimeMs }) => [openTimeMs, closeTimeMs]),
      [[brokerMidnight - DAY_MS, brokerMidnight]],
    );
    assert.deepEqual(
      maker.of('4h').map(({ closeTimeMs }) => closeTimeMs),
      [brokerMidnight],
    );
    assert.deepEqual(
      maker.of('1h').map(({ openTimeMs }) => openTimeMs),
      [brokerMidnight - HOUR_MS, brokerMidnight],
    );
  });

  test("the broker's clock put back makes one day of 25 hours; put forward, one of 23", () => {
    const midnight = (days: number, offsetH: number): number => monday + days * DAY_MS - offsetH * HOUR_MS;
    const back = new Maker('broker');
    back.frame([at(midnight(0, 3))], 3 * 3600);
    back.frame([at(midnight(1, 3) + 1000), at(midnight(1, 2))], 2 * 3600);
    assert.deepEqual(
      back.of('1d').map((bar) => [bar.closeTimeMs - bar.openTimeMs, bar.ticks]),
      [[25 * HOUR_MS, 2]],
    );
    const forward = new Maker('broker');
    forward.frame([at(midnight(0, 2))], 2 * 3600);
    forward.frame([at(midnight(1, 3) - 1), at(midnight(1, 3))], 3 * 3600);
    assert.deepEqual(
      forward.of('1d').map((bar) => [bar.closeTimeMs - bar.openTimeMs, bar.ticks]),
      [[23 * HOUR_MS, 2]],
    );
  });

  test('a weekend leaves no bar behind', () => {
    const maker = new Maker('utc');
    const friday = monday - 2 * DAY_MS - 1;
    maker.frame([at(friday), at(monday)]);
    maker.flush();
    assert.deepEqual(
      maker.of('1h').map(({ openTimeMs }) => openTimeMs),
      [friday + 1 - HOUR_MS, monday],
    );
  });

  test('ticks of one time are applied in their order', () => {
    const maker = new Maker('utc');
    maker.frame([at(monday, 1.3), at(monday, 1.1), at(monday, 1.2)]);
    maker.flush();
    const { open, high, low, close, ticks } = maker.of('1s')[0]!;
    assert.deepEqual({ open, high, low, close, ticks }, { open: 1.3, high: 1.3, low: 1.1, close: 1.2, ticks: 3 });
  });

  test('a tick older than the newest one is counted and left out', () => {
    const maker = new Maker('utc');
    maker.frame([at(monday + 5000, 1.1)]);
    maker.frame([at(monday + 4999, 9), at(monday + 5000, 1.2)]);
    maker.flush();
    assert.deepEqual([maker.applied, maker.late], [2, 1]);
    assert.deepEqual(
      maker.of('1s').map(({ openTimeMs, high, ticks }) => [openTimeMs, high, ticks]),
      [[monday + 5000, 1.2, 2]],
    );
  });

  test('a tick without finite prices is counted and left out', () => {
    const maker = new Maker('utc');
    const bad = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    maker.frame([
      at(monday, 1.1),
      ...bad.map((bid) => at(monday + 1, bid)),
      { timeMs: monday, bid: 1, ask: Number.NaN },
    ]);
    maker.frame([{ timeMs: monday + 2, bid: 1, ask: Number.POSITIVE_INFINITY }]);
    maker.flush();
    assert.deepEqual([maker.applied, maker.invalid], [1, 5]);
    assert.equal(maker.of('1d')[0]!.close, 1.1);
  });

  test('a mean spread is rounded once, however the ticks fall into seconds and frames', () => {
    // A bid of zero makes the spread any double at all, so that a plain running sum would round at almost every tick.
    const one = fc.record({
      stepMs: fc.integer({ min: 0, max: 700 }),
      spread: fc.double({ min: 1e-6, max: 1000, noNaN: true }),
    });
    const many = fc.array(one, { minLength: 100, maxLength: 400, size: 'max' });
    fc.assert(
      fc.property(many, fc.integer({ min: 1, max: 64 }), (moves, size) => {
        const ticks = ticksFrom(
          moves.map((each) => ({ ...each, bid: 0 })),
          monday,
        );
        const maker = new Maker('utc');
        for (const part of cut(ticks, size)) maker.frame(part);
        maker.flush();
        for (const timeframe of TIMEFRAMES) assert.deepEqual(maker.of(timeframe), plainBars(ticks, timeframe, 0));
      }),
      { numRuns: 30 },
    );
  });
});
