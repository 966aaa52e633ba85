/** What a strategy remembers: the context of its machine, all plain data. */
import type { BarView } from './author.ts';
import type { Strategy } from './define.ts';
import type { Deal, Flight, Outcome } from './flight.ts';
import type { Holding } from './position.ts';
import { flat } from './position.ts';

/** What one strategy instance is; fixed while it lives, so it is no part of the snapshot. */
export interface Plan {
  readonly id: string;
  readonly account: string;
  readonly symbol: string;
  readonly strategy: Strategy;
  /** Parsed. */
  readonly params: unknown;
  readonly timeframes: readonly string[];
  /** Timeframes whose bars come with features: a bar waits for them. */
  readonly withFeatures: ReadonlySet<string>;
  /** Features that the author declared. */
  readonly features: readonly string[];
}

export type FeatureValues = Readonly<Record<string, number>>;

/** One timeframe. */
export interface Frame {
  /** Close of the last bar taken; a bar that is not newer is an old one told again. */
  readonly lastCloseMs: number;
  /** Last bar with its features, and the features of the one before. */
  readonly bar?: BarView;
  readonly features?: FeatureValues;
  readonly before?: FeatureValues;
  /** A bar whose features have not come yet, or features whose bar has not. */
  readonly waiting?: BarView;
  readonly early?: { readonly timeMs: number; readonly values: FeatureValues; readonly warm: boolean };
  readonly warm: boolean;
}

export interface Counters {
  readonly bars: number;
  readonly intents: number;
  /** Calls of buy, sell or close that sent nothing because an order was under way. */
  readonly withheld: number;
  readonly fills: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** Money in the account's currency, without and with the sign of costs: net is their sum. */
  readonly realisedProfit: number;
  readonly costs: number;
}

export interface Memory {
  readonly frames: Readonly<Record<string, Frame>>;
  readonly quote: { readonly bid: number; readonly ask: number; readonly timeMs: number };
  readonly holding: Holding;
  readonly flights: readonly Flight[];
  readonly deals: readonly Deal[];
  /** Number of the last intent; makes the next one's id its own. */
  readonly made: number;
  readonly counters: Counters;
  /** The author's own. */
  readonly state: unknown;
  readonly lastSignal: string;
  /** Why it is in state `failed`. */
  readonly failure: string;
}

/** What status and reports need of it. */
export type StrategySummary = Pick<Memory, 'holding' | 'counters' | 'quote'>;

export function summaryOf({ holding, counters, quote }: Memory): StrategySummary {
  return { holding, counters, quote };
}

export function firstMemory(plan: Plan): Memory {
  const frames = plan.timeframes.map((name): [string, Frame] => [
    name,
    { lastCloseMs: Number.NEGATIVE_INFINITY, warm: !plan.withFeatures.has(name) },
  ]);
  return {
    frames: Object.fromEntries(frames),
    quote: { bid: 0, ask: 0, timeMs: 0 },
    holding: flat,
    flights: [],
    deals: [],
    made: 0,
    counters: {
      bars: 0,
      intents: 0,
      withheld: 0,
      fills: 0,
      outcomes: { denied: 0, filled: 0, cancelled: 0, rejected: 0, expired: 0 },
      realisedProfit: 0,
      costs: 0,
    },
    state: plan.strategy.state(plan.params),
    lastSignal: '',
    failure: '',
  };
}

/** Every timeframe has its features: handlers run from here on. */
export function isWarm(memory: Memory): boolean {
  return Object.values(memory.frames).every(({ warm }) => warm);
}

export function withFrame(memory: Memory, name: string, frame: Frame): Memory {
  return { ...memory, frames: { ...memory.frames, [name]: frame } };
}

/** The newest quote wins: bars of several timeframes and ticks may tell of the same moment. */
export function withQuote(memory: Memory, bid: number, ask: number, timeMs: number): Memory {
  return timeMs < memory.quote.timeMs ? memory : { ...memory, quote: { bid, ask, timeMs } };
}
