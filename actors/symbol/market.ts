/** What a symbol actor computes: frames in, bars and features out. Pure; `machine.ts` says in which state it does so. */
import type { PublishEffect } from '../../runtime/actor.ts';
import { publish } from '../../runtime/actor.ts';
import type { TickColumns } from '../../runtime/bus/ticks.ts';
import {
  ASK,
  ASK_CLOSE,
  applyTicks,
  BID,
  CLOSE,
  END_MS,
  emptyBars,
  flushBars,
  HIGH,
  LAST_MS,
  LAST_TICK_MS,
  LOW,
  OPEN,
  PUBLISHED_TICKS,
  rowAt,
  SPREAD_MIN,
  START_MS,
  spreadMean,
  TICKS,
} from './bars.ts';
import { emptyFeatures, readFeatures, updateFeatures } from './features.ts';
import type { BarInput } from './indicators/kernel.ts';
import type { Numbering } from './numbering.ts';
import { place, unbegun } from './numbering.ts';
import type { Layout, SymbolRules } from './rules.ts';
import type { Timeframe } from './timeframes.ts';
import { followsBrokerDay } from './timeframes.ts';

/** What the last event did, for metrics. */
export interface StepFigures {
  readonly applied: number;
  readonly bars: number;
  /** From the terminal's sending of the oldest frame to this step, milliseconds; NaN where no frame says. */
  readonly latencyMs: number;
}

export interface SymbolContext {
  /** What the state arrays are laid out for. */
  readonly layout: string;
  /** Open bars and newest tick; see bars.ts. */
  readonly bars: Float64Array;
  /** One block per timeframe of the plan, empty where it has no features; see features.ts. */
  readonly features: readonly Float64Array[];
  readonly numbering: Numbering;
  readonly ticksApplied: number;
  /** Older than the newest tick applied: counted and left out. */
  readonly ticksLate: number;
  /** Numbers that had been applied before. */
  readonly ticksDuplicate: number;
  /** Numbers that were passed over. */
  readonly ticksMissing: number;
  /** Without a finite time, bid and ask, of another symbol, or without a number. */
  readonly ticksInvalid: number;
  /** Bars published, each slot once. */
  readonly barCounts: Readonly<Partial<Record<Timeframe, number>>>;
  /** Bars of the fastest feature timeframe until the slowest of its features is a number. */
  readonly barsToWarm: number;
  /** Bid and ask of the newest tick, NaN before the first; its time, UTC milliseconds, -Infinity before the first. */
  readonly bid: number;
  readonly ask: number;
  readonly lastTickMs: number;
  /** When the newest frame left the terminal, wall clock, microseconds. */
  readonly sentUs: number;
  /** `ticksApplied` when staleness was last looked at. */
  readonly ticksAtCheck: number;
  readonly last: StepFigures;
}

export interface Outcome {
  readonly context: SymbolContext;
  readonly effects: readonly PublishEffect[];
}

const idle: StepFigures = { applied: 0, bars: 0, latencyMs: Number.NaN };

export function emptyMarket(rules: SymbolRules): SymbolContext {
  return {
    layout: rules.layout,
    bars: emptyBars(rules.bars),
    features: rules.features.map((plan) => (plan ? emptyFeatures(plan) : new Float64Array(0))),
    numbering: unbegun,
    ticksApplied: 0,
    ticksLate: 0,
    ticksDuplicate: 0,
    ticksMissing: 0,
    ticksInvalid: 0,
    barCounts: Object.fromEntries(rules.publishes.map((timeframe) => [timeframe, 0])),
    barsToWarm: rules.warmupBars,
    bid: Number.NaN,
    ask: Number.NaN,
    lastTickMs: Number.NEGATIVE_INFINITY,
    sentUs: 0,
    ticksAtCheck: 0,
    last: idle,
  };
}

/** Collects what closes during one event. Copies a state when it is first written, so the old context stays whole. */
class Closing {
  readonly effects: PublishEffect[] = [];
  published = 0;
  features: readonly Float64Array[];
  barCounts: SymbolContext['barCounts'];
  barsToWarm: number;
  private readonly input: BarInput = { high: 0, low: 0, close: 0, spreadMean: 0, spreadMin: 0 };
  private readonly copied: boolean[] = [];
  private ownCounts: Partial<Record<Timeframe, number>> | undefined;
  private readonly rules: SymbolRules;
  private readonly madeUs: number;
  private sentUs = 0;
  private of = 0;

  constructor(rules: SymbolRules, context: SymbolContext, madeUs: number) {
    this.rules = rules;
    this.features = context.features;
    this.barCounts = context.barCounts;
    this.barsToWarm = context.barsToWarm;
    this.madeUs = madeUs;
  }

  /** What closes from now on is closed by the `of`th frame of the step, which left the terminal at `sentUs`. */
  by(sentUs: number, of: number): void {
    this.sentUs = sentUs;
    this.of = of;
  }

  close(index: number, bars: Float64Array): void {
    const at = rowAt(index);
    const plan = this.rules.features[index];
    const isNews = bars[at + TICKS]! > bars[at + PUBLISHED_TICKS]!;
    if (isNews && this.rules.isPublished[index]) this.publishBar(index, bars, at);
    if (plan === undefined) return;
    const { input } = this;
    input.high = bars[at + HIGH]!;
    input.low = bars[at + LOW]!;
    input.close = bars[at + CLOSE]!;
    input.spreadMean = spreadMean(bars, at);
    input.spreadMin = bars[at + SPREAD_MIN]!;
    const state = this.writable(index);
    updateFeatures(plan, state, input);
    if (index === this.rules.warmedBy && this.barsToWarm > 0) this.barsToWarm--;
    if (!isNews) return;
    const { values, warm } = readFeatures(plan, state);
    const timeframe = this.rules.bars.timeframes[index]!;
    this.effects.push(
      publish('features', { symbol: this.rules.symbol, timeframe, timeMs: bars[at + END_MS]!, values, warm }, this.of),
    );
  }

  private publishBar(index: number, bars: Float64Array, at: number): void {
    const timeframe = this.rules.bars.timeframes[index]!;
    this.published++;
    if (bars[at + PUBLISHED_TICKS] === 0) this.count(timeframe);
    const bar = {
      symbol: this.rules.symbol,
      timeframe,
      openTimeMs: bars[at + START_MS]!,
      closeTimeMs: bars[at + END_MS]!,
      open: bars[at + OPEN]!,
      high: bars[at + HIGH]!,
      low: bars[at + LOW]!,
      close: bars[at + CLOSE]!,
      askClose: bars[at + ASK_CLOSE]!,
      ticks: bars[at + TICKS]!,
      spreadMin: bars[at + SPREAD_MIN]!,
      spreadMean: spreadMean(bars, at),
      lastTickMs: bars[at + LAST_TICK_MS]!,
      sentUs: this.sentUs,
      madeUs: this.madeUs,
    };
    this.effects.push(publish('bar', bar, this.of));
  }

  private count(timeframe: Timeframe): void {
    this.ownCounts ??= { ...this.barCounts };
    this.ownCounts[timeframe] = (this.ownCounts[timeframe] ?? 0) + 1;
    this.barCounts = this.ownCounts;
  }

  private writable(index: number): Float64Array {
    if (this.copied[index]) return this.features[index]!;
    this.copied[index] = true;
    const copy = this.features[index]!.slice();
    this.features = this.features.with(index, copy);
    return copy;
  }
}

/** Whether the frame is of this symbol and numbered as a source numbers: whole, from 1 on. */
export function isUsable(rules: SymbolRules, frame: TickColumns): boolean {
  return frame.symbol === rules.symbol && Number.isSafeInteger(frame.firstSequence) && frame.firstSequence >= 1;
}

/**
 * One step: frames in the order in which they came. `madeUs`: wall clock now, microseconds; it stands in the outputs and
 * decides nothing.
 */
export function applyFrames(
  rules: SymbolRules,
  stored: SymbolContext,
  frames: readonly TickColumns[],
  madeUs: number,
): Outcome {
  const context = laidOut(rules, stored);
  const bars = context.bars.slice();
  const closing = new Closing(rules, context, madeUs);
  let { numbering, ticksApplied, ticksLate, ticksDuplicate, ticksMissing, ticksInvalid, sentUs } = context;
  const onClose = (index: number): void => closing.close(index, bars);
  for (let i = 0; i < frames.length; i++) {
    const frame = frames[i]!;
    if (!isUsable(rules, frame)) {
      ticksInvalid += frame.count;
      continue;
    }
    const placed = place(numbering, frame);
    numbering = placed.numbering;
    closing.by(frame.firstSentUs, i);
    const { applied, late, invalid } = applyTicks(rules.bars, bars, frame, placed.from, onClose);
    ticksApplied += applied;
    ticksLate += late;
    ticksDuplicate += placed.from;
    ticksMissing += placed.missing;
    ticksInvalid += invalid;
    if (applied > 0) sentUs = frame.firstSentUs;
  }
  const applied = ticksApplied - context.ticksApplied;
  return {
    context: {
      layout: rules.layout,
      bars,
      features: closing.features,
      numbering,
      ticksApplied,
      ticksLate,
      ticksDuplicate,
      ticksMissing,
      ticksInvalid,
      barCounts: closing.barCounts,
      barsToWarm: closing.barsToWarm,
      bid: bars[BID]!,
      ask: bars[ASK]!,
      lastTickMs: bars[LAST_MS]!,
      sentUs,
      ticksAtCheck: context.ticksAtCheck,
      last: { applied, bars: closing.published, latencyMs: latencyMs(frames[0]!.firstSentUs, madeUs) },
    },
    effects: closing.effects,
  };
}

/** The end of the data: every open bar is published as it stands, with its features. See bars.ts. */
export function flushMarket(rules: SymbolRules, stored: SymbolContext, madeUs: number): Outcome {
  const context = laidOut(rules, stored);
  const closing = new Closing(rules, context, madeUs);
  closing.by(context.sentUs, 0);
  const bars = flushBars(rules.bars, context.bars, (index, shown) => closing.close(index, shown));
  // Indicators and warmth stay as they were: the bars are only shown, and their true close is still to come.
  const last = { applied: 0, bars: closing.published, latencyMs: Number.NaN };
  return { context: { ...context, bars, barCounts: closing.barCounts, last }, effects: closing.effects };
}

/**
 * The context in the layout of `rules`. A snapshot may come from another configuration: a timeframe that both have keeps
 * its open bar (on an unchanged day grid), and its indicators where the same features are asked for; the rest begins anew.
 */
function laidOut(rules: SymbolRules, context: SymbolContext): SymbolContext {
  if (context.layout === rules.layout) return context;
  const old = JSON.parse(context.layout) as Layout;
  const now = JSON.parse(rules.layout) as Layout;
  const fresh = emptyMarket(rules);
  const bars = fresh.bars;
  bars.set(context.bars.subarray(0, rowAt(0)));
  const features = [...fresh.features];
  let { barsToWarm } = fresh;
  now.timeframes.forEach((timeframe, row) => {
    const from = old.timeframes.indexOf(timeframe);
    if (from === -1) return;
    const sameGrid = old.day === now.day || !followsBrokerDay(timeframe, 'broker');
    if (sameGrid) bars.set(context.bars.subarray(rowAt(from), rowAt(from + 1)), rowAt(row));
    if (sameGrid && JSON.stringify(old.features[from]) === JSON.stringify(now.features[row])) {
      features[row] = context.features[from]!;
      if (row === rules.warmedBy) barsToWarm = Math.min(barsToWarm, context.barsToWarm);
    }
  });
  const barCounts = { ...fresh.barCounts, ...context.barCounts };
  return { ...context, layout: rules.layout, bars, features, barsToWarm, barCounts };
}

function latencyMs(sentUs: number, madeUs: number): number {
  return sentUs > 0 && madeUs > 0 ? (madeUs - sentUs) / 1000 : Number.NaN;
}
