/** What a symbol actor is told to do, checked once and worked out into plans. */
import { TroupeError } from '../../runtime/errors.ts';
import type { BarPlan } from './bars.ts';
import { planBars } from './bars.ts';
import type { FeaturePlan } from './features.ts';
import { DEFAULT_FEATURES, planFeatures } from './features.ts';
import type { DayGrid, Timeframe } from './timeframes.ts';
import { sortTimeframes } from './timeframes.ts';

export interface SymbolSettings {
  readonly symbol: string;
  /** Whose bars are published. */
  readonly timeframes: readonly Timeframe[];
  /** Whose features are published; their bars are made, and published only when they stand in `timeframes` too. */
  readonly featureTimeframes: readonly Timeframe[];
  /** Names such as `ema_50`; default DEFAULT_FEATURES. */
  readonly features?: readonly string[];
  /** Whether the 4h and 1d bars begin with UTC's day or with the broker's. */
  readonly day: DayGrid;
  /** Without a tick for so long (up to twice that) the symbol is stale. Wall clock, at least 1. */
  readonly staleAfterMs: number;
  /** Bars of the fastest feature timeframe until the symbol is live; default: until its slowest feature is a number. */
  readonly warmupBars?: number;
}

/** The text in `SymbolRules.layout`. */
export interface Layout {
  readonly day: DayGrid;
  readonly timeframes: readonly Timeframe[];
  /** Names by row, none where the row has no features. */
  readonly features: readonly (readonly string[])[];
}

/** Plans by row: row 0 is 1s, then the longer timeframes in order. */
export interface SymbolRules {
  readonly symbol: string;
  /** What the state arrays are laid out for; state that was laid out otherwise must be moved first. */
  readonly layout: string;
  readonly staleAfterMs: number;
  readonly bars: BarPlan;
  readonly publishes: readonly Timeframe[];
  readonly isPublished: readonly boolean[];
  readonly features: readonly (FeaturePlan | undefined)[];
  /** Row whose closes count towards `warmupBars`; -1 where there are no features: then the first tick is enough. */
  readonly warmedBy: number;
  readonly warmupBars: number;
}

/** Throws CONFIG_INVALID naming the field and what it may be. */
export function makeRules(settings: SymbolSettings): SymbolRules {
  const { symbol, staleAfterMs, day, warmupBars } = settings;
  const invalid = (text: string): never => {
    throw new TroupeError('CONFIG_INVALID', `symbol ${symbol || '(empty)'}: ${text}`);
  };
  if (symbol === '') invalid('symbol: must not be empty');
  if (!(staleAfterMs >= 1 && Number.isFinite(staleAfterMs))) invalid(`staleAfterMs: ${staleAfterMs} is below 1 ms`);
  if (day !== 'utc' && day !== 'broker') invalid(`day: ${String(day)} is neither utc nor broker`);
  if (warmupBars !== undefined && !(Number.isSafeInteger(warmupBars) && warmupBars >= 0)) {
    invalid(`warmupBars: ${warmupBars} is no whole number of 0 or more`);
  }
  const publishes = sortTimeframes(settings.timeframes, 'timeframes');
  const featured = sortTimeframes(settings.featureTimeframes, 'featureTimeframes');
  const plan = planFeatures(settings.features ?? DEFAULT_FEATURES);
  const bars = planBars(sortTimeframes([...publishes, ...featured], 'timeframes'), day);
  const features = bars.timeframes.map((timeframe) => (featured.includes(timeframe) ? plan : undefined));
  const warmedBy = features.findIndex((found) => found !== undefined);
  const layout: Layout = { day, timeframes: bars.timeframes, features: features.map((found) => found?.names ?? []) };
  return {
    symbol,
    layout: JSON.stringify(layout),
    staleAfterMs,
    bars,
    publishes,
    isPublished: bars.timeframes.map((timeframe) => publishes.includes(timeframe)),
    features,
    warmedBy,
    warmupBars: warmedBy === -1 ? 0 : (warmupBars ?? plan.warmup),
  };
}
