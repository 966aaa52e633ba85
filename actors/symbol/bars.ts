/**
 * Bars out of ticks. A tick touches nothing but local numbers; when its second is over, the second is folded into the
 * longer bars. So the cost of a tick does not depend on how many timeframes there are.
 *
 * A bar closes by market time only: when a tick of a later slot arrives. A slot without ticks has no bar. Prices are
 * bids. A tick older than the newest one applied is `late`: its bars may have been published, so it is counted and
 * left out. Ticks of equal time are applied in the order in which they come.
 *
 * `flushBars` shows the open bars as if they were closed (the end of a file). It does not close them: should more ticks
 * of the same slots follow, the bars grow on and are published again, whole, at their true close. A reader that keeps
 * bars by (symbol, timeframe, open time) is right either way.
 */
import type { TickColumns } from '../../runtime/bus/ticks.ts';
import { pricesOf } from '../../runtime/bus/ticks.ts';
import type { DayGrid, Timeframe } from './timeframes.ts';
import { followsBrokerDay, slotOf, TIMEFRAME_MS } from './timeframes.ts';

/** Which bars are made: row 0 is always 1s, because the others are made of it. */
export interface BarPlan {
  readonly timeframes: readonly Timeframe[];
  readonly lengthMs: readonly number[];
  readonly byBrokerDay: readonly boolean[];
}

/** `longer`: the timeframes wanted beside 1s, shortest first. */
export function planBars(longer: readonly Timeframe[], day: DayGrid): BarPlan {
  const timeframes: Timeframe[] = ['1s', ...longer.filter((timeframe) => timeframe !== '1s')];
  return {
    timeframes,
    lengthMs: timeframes.map((timeframe) => TIMEFRAME_MS[timeframe]),
    byBrokerDay: timeframes.map((timeframe) => followsBrokerDay(timeframe, day)),
  };
}

/**
 * The state is one Float64Array: LAST_MS, BID and ASK of the newest tick, then one row per timeframe. One flat array is
 * one cheap copy per frame, and a snapshot stores it as it is.
 */
export const LAST_MS = 0;
export const BID = 1;
export const ASK = 2;
const ROWS_AT = 3;

/** Columns of a row. */
export const START_MS = 0;
export const END_MS = 1;
const SLOT = 2;
const OFFSET_MS = 3;
export const OPEN = 4;
export const HIGH = 5;
export const LOW = 6;
export const CLOSE = 7;
export const ASK_CLOSE = 8;
/** 0: there is no bar in this row. */
export const TICKS = 9;
export const SPREAD_MIN = 10;
/** Sum of the spreads as an unevaluated sum of two doubles, so that it does not matter how the ticks were grouped. */
const SPREAD_SUM = 11;
const SPREAD_REST = 12;
export const LAST_TICK_MS = 13;
/** Ticks that the bar had when it was last published; a close with no more than these has nothing new to say. */
export const PUBLISHED_TICKS = 14;
const COLUMNS = 15;

/** Where row `index` begins in the state. */
export const rowAt = (index: number): number => ROWS_AT + index * COLUMNS;

export function emptyBars(plan: BarPlan): Float64Array {
  const state = new Float64Array(ROWS_AT + plan.timeframes.length * COLUMNS);
  state[LAST_MS] = Number.NEGATIVE_INFINITY;
  state[BID] = Number.NaN;
  state[ASK] = Number.NaN;
  state[rowAt(0) + END_MS] = Number.NEGATIVE_INFINITY;
  return state;
}

/** Mean of ask minus bid over the bar's ticks, price units. */
export function spreadMean(state: Float64Array, at: number): number {
  return (state[at + SPREAD_SUM]! + state[at + SPREAD_REST]!) / state[at + TICKS]!;
}

export interface Applied {
  applied: number;
  /** Older than the newest tick applied. */
  late: number;
  /** Without a finite time, bid and ask. */
  invalid: number;
}

/** Told of a bar at its close, while its row still stands at `rowAt(index)`. Shortest timeframe first. */
export type OnClose = (index: number) => void;

/** Applies the ticks of `frame` from index `from` on. Writes into `state`: give it a copy of what must stay. */
export function applyTicks(
  plan: BarPlan,
  state: Float64Array,
  frame: TickColumns,
  from: number,
  onClose: OnClose,
): Applied {
  const { baseTimeMs, count } = frame;
  if (!Number.isFinite(baseTimeMs)) return { applied: 0, late: 0, invalid: count - from };
  const at = rowAt(0);
  const { timeOffsetMs, bid, ask } = pricesOf(frame);
  let late = 0;
  let invalid = 0;
  // The open second, in local numbers: nothing of it lives in memory until it ends or the frame does.
  let lastMs = state[LAST_MS]!;
  let lastBid = state[BID]!;
  let lastAsk = state[ASK]!;
  let endMs = state[at + END_MS]!;
  let open = state[at + OPEN]!;
  let high = state[at + HIGH]!;
  let low = state[at + LOW]!;
  let ticks = state[at + TICKS]!;
  let spreadMin = state[at + SPREAD_MIN]!;
  let sum = state[at + SPREAD_SUM]!;
  let rest = state[at + SPREAD_REST]!;
  const before = ticks;
  let closedTicks = 0;

  for (let i = from; i < count; i++) {
    const timeMs = baseTimeMs + timeOffsetMs[i]!;
    const b = bid[i]!;
    const a = ask[i]!;
    const spread = a - b;
    // Zero for every finite pair, NaN otherwise: one comparison instead of two calls.
    if (spread - spread !== 0) {
      invalid++;
      continue;
    }
    if (timeMs < lastMs) {
      late++;
      continue;
    }
    if (timeMs >= endMs) {
      if (ticks > 0) {
        state[at + OPEN] = open;
        state[at + HIGH] = high;
        state[at + LOW] = low;
        state[at + CLOSE] = lastBid;
        state[at + ASK_CLOSE] = lastAsk;
        state[at + TICKS] = ticks;
        state[at + SPREAD_MIN] = spreadMin;
        state[at + SPREAD_SUM] = sum;
        state[at + SPREAD_REST] = rest;
        state[at + LAST_TICK_MS] = lastMs;
        closedTicks += ticks;
        closeSecond(plan, state, timeMs, frame.utcOffsetS * 1000, onClose);
      }
      endMs = openSecond(state, timeMs, frame.utcOffsetS * 1000);
      open = b;
      high = b;
      low = b;
      ticks = 0;
      spreadMin = spread;
      sum = 0;
      rest = 0;
    }
    if (b > high) high = b;
    if (b < low) low = b;
    if (spread < spreadMin) spreadMin = spread;
    // Knuth's TwoSum (The Art of Computer Programming, volume 2, 4.2.2): `rest` keeps what rounding drops from `sum`.
    const next = sum + spread;
    const part = next - sum;
    rest += sum - (next - part) + (spread - part);
    sum = next;
    ticks++;
    lastMs = timeMs;
    lastBid = b;
    lastAsk = a;
  }

  state[LAST_MS] = lastMs;
  state[BID] = lastBid;
  state[ASK] = lastAsk;
  if (ticks > 0) {
    state[at + OPEN] = open;
    state[at + HIGH] = high;
    state[at + LOW] = low;
    state[at + CLOSE] = lastBid;
    state[at + ASK_CLOSE] = lastAsk;
    state[at + TICKS] = ticks;
    state[at + SPREAD_MIN] = spreadMin;
    state[at + SPREAD_SUM] = sum;
    state[at + SPREAD_REST] = rest;
    state[at + LAST_TICK_MS] = lastMs;
  }
  return { applied: closedTicks + ticks - before, late, invalid };
}

/**
 * Calls `onFlush` for every open bar that has grown since it was last published. `state` then holds the bars as they
 * would stand if closed now; returns what the state is afterwards: the same open bars, marked as published.
 */
export function flushBars(
  plan: BarPlan,
  state: Float64Array,
  onFlush: (index: number, shown: Float64Array) => void,
): Float64Array {
  const after = state.slice();
  const shown = state.slice();
  if (shown[rowAt(0) + TICKS]! > 0) {
    for (let index = 1; index < plan.timeframes.length; index++) foldSecond(plan, shown, index);
  }
  for (let index = 0; index < plan.timeframes.length; index++) {
    const at = rowAt(index);
    const ticks = shown[at + TICKS]!;
    if (ticks > shown[at + PUBLISHED_TICKS]!) {
      onFlush(index, shown);
      after[at + PUBLISHED_TICKS] = ticks;
    }
  }
  return after;
}

/** The second in row 0 is over, because a tick at `nextMs` has come: fold it, and close what ends with it. */
function closeSecond(plan: BarPlan, state: Float64Array, nextMs: number, nextOffsetMs: number, onClose: OnClose): void {
  onClose(0);
  for (let index = 1; index < plan.timeframes.length; index++) {
    foldSecond(plan, state, index);
    const at = rowAt(index);
    // By slot number, not by time: when the broker's clock is put back, its day has 25 hours and goes on.
    const offsetMs = plan.byBrokerDay[index] ? nextOffsetMs : 0;
    if (slotOf(nextMs, plan.lengthMs[index]!, offsetMs) > state[at + SLOT]!) {
      onClose(index);
      state[at + TICKS] = 0;
      state[at + PUBLISHED_TICKS] = 0;
    }
  }
  state[rowAt(0) + TICKS] = 0;
  state[rowAt(0) + PUBLISHED_TICKS] = 0;
}

/** Returns the end of the second. */
function openSecond(state: Float64Array, timeMs: number, offsetMs: number): number {
  const at = rowAt(0);
  const startMs = slotOf(timeMs, 1000, 0) * 1000;
  state[at + START_MS] = startMs;
  state[at + END_MS] = startMs + 1000;
  state[at + OFFSET_MS] = offsetMs;
  return startMs + 1000;
}

/** Adds the second in row 0 to the bar in row `index`, opening it where there is none. */
function foldSecond(plan: BarPlan, state: Float64Array, index: number): void {
  const second = rowAt(0);
  const at = rowAt(index);
  const lengthMs = plan.lengthMs[index]!;
  const offsetMs = plan.byBrokerDay[index] ? state[second + OFFSET_MS]! : 0;
  if (state[at + TICKS] === 0) {
    const slot = slotOf(state[second + START_MS]!, lengthMs, offsetMs);
    state[at + SLOT] = slot;
    state[at + START_MS] = slot * lengthMs - offsetMs;
    state[at + END_MS] = (slot + 1) * lengthMs - offsetMs;
    for (let column = OPEN; column < PUBLISHED_TICKS; column++) state[at + column] = state[second + column]!;
    return;
  }
  state[at + END_MS] = (state[at + SLOT]! + 1) * lengthMs - offsetMs;
  state[at + HIGH] = Math.max(state[at + HIGH]!, state[second + HIGH]!);
  state[at + LOW] = Math.min(state[at + LOW]!, state[second + LOW]!);
  state[at + CLOSE] = state[second + CLOSE]!;
  state[at + ASK_CLOSE] = state[second + ASK_CLOSE]!;
  state[at + TICKS] = state[at + TICKS]! + state[second + TICKS]!;
  state[at + SPREAD_MIN] = Math.min(state[at + SPREAD_MIN]!, state[second + SPREAD_MIN]!);
  state[at + LAST_TICK_MS] = state[second + LAST_TICK_MS]!;
  const sum = state[at + SPREAD_SUM]!;
  const more = state[second + SPREAD_SUM]!;
  const next = sum + more;
  const part = next - sum;
  state[at + SPREAD_REST] =
    state[at + SPREAD_REST]! + (sum - (next - part) + (more - part)) + state[second + SPREAD_REST]!;
  state[at + SPREAD_SUM] = next;
}
