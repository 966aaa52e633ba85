/** What a strategy author sees: the definition to write and the `ctx` that its handlers get. */
import type { z } from 'zod';

export interface BarView {
  readonly timeframe: string;
  /** Start (inclusive) and end (exclusive) of the slot, UTC milliseconds. */
  readonly openTimeMs: number;
  readonly closeTimeMs: number;
  /** Bid prices. */
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  /** Ask at the last tick of the bar. */
  readonly askClose: number;
  readonly ticks: number;
  /** Ask minus bid, in price units. */
  readonly spreadMean: number;
  readonly lastTickMs: number;
}

export interface TickView {
  /** UTC milliseconds. */
  readonly timeMs: number;
  readonly bid: number;
  readonly ask: number;
}

export interface FillView {
  readonly side: 'buy' | 'sell';
  readonly lots: number;
  readonly price: number;
  /** Money in the account's currency: what this deal realised, and what it cost (usually negative). */
  readonly profit: number;
  readonly costs: number;
  readonly orderId: string;
  /** Why: client, expert, stop_loss, take_profit, stop_out. */
  readonly reason: string;
  readonly timeMs: number;
}

export interface PositionView {
  readonly side: 'flat' | 'long' | 'short';
  /** Never negative. */
  readonly lots: number;
  /** Average; 0 when flat. */
  readonly openPrice: number;
  /** Price units, at the last bid (long) or ask (short): what closing now would gain. */
  readonly profit: number;
}

/** Prices, not distances. Without `limit` and `stopPrice` it is a market order; with both, a stop-limit order. */
export interface OrderOptions {
  /** Stop loss. */
  readonly stop?: number;
  /** Take profit. */
  readonly target?: number;
  /** Price of a limit order, or of the limit order that a stop-limit order becomes. */
  readonly limit?: number;
  /** Trigger of a stop or stop-limit order. */
  readonly stopPrice?: number;
}

export interface Ctx<P = unknown, S = unknown> {
  readonly params: P;
  readonly symbol: string;
  /** Market time of the last tick known, UTC milliseconds. */
  readonly timeMs: number;
  /** Last quote known. */
  readonly bid: number;
  readonly ask: number;
  readonly position: PositionView;
  /** An opening or closing order of this strategy is under way: `buy` and `sell` would send nothing now. */
  readonly pending: boolean;
  /**
   * The author's own state: plain data (also NaN, bigint, Map, Float64Array, Uint32Array). Change it in place or
   * assign it; it is kept in the snapshot.
   */
  state: S;

  /**
   * Opens or adds. Returns the intent id, or undefined where nothing is sent: an opening order is under way, or a
   * closing one of an earlier call. Throws RangeError on lots or prices that are no numbers over 0.
   */
  buy(lots: number, options?: OrderOptions): string | undefined;
  sell(lots: number, options?: OrderOptions): string | undefined;
  /** Closes what is held, at the market. Undefined where there is nothing to close or closing is under way. */
  close(): string | undefined;
  /** Sets stop loss and take profit of what is held; 0 takes one away. Undefined when flat. */
  protect(levels: { readonly stop: number; readonly target: number }): string | undefined;
  /** Cancels a working order by the id that `buy` or `sell` returned. */
  cancel(intentId: string): string;
  /** `distance` (price units, over 0) on the losing side of the price a buy or sell would get now. */
  stopAt(side: 'buy' | 'sell', distance: number): number;
  /** The same on the winning side. */
  targetAt(side: 'buy' | 'sell', distance: number): number;
  /** Into the node's log. */
  log(text: string): void;

  /** The timeframe that `bar`, `features`, `feature` and `crossed` speak of; outside `onBar` the first one. */
  readonly timeframe: string;
  readonly bar: BarView | undefined;
  /** Features of that timeframe at its last close; NaN until warm. */
  readonly features: Readonly<Record<string, number>>;
  /** One of them. Throws RangeError where it is not computed for the timeframe: declare it under `features`. */
  feature(name: string, timeframe?: string): number;
  /** The same, one bar earlier; NaN where there was none. */
  previous(name: string, timeframe?: string): number;
  /** Whether feature `a` went over or under feature `b` with this bar. */
  crossed(a: string, b: string): 'above' | 'below' | undefined;
  /** Last bar of another of the strategy's timeframes. */
  barOf(timeframe: string): BarView | undefined;
}

export interface BarCtx<P = unknown, S = unknown> extends Ctx<P, S> {
  readonly bar: BarView;
}

export interface TickCtx<P = unknown, S = unknown> extends Ctx<P, S> {
  readonly tick: TickView;
}

export interface FillCtx<P = unknown, S = unknown> extends Ctx<P, S> {
  readonly fill: FillView;
}

/**
 * Handlers run inside a pure step: the same bars give the same orders. So no clock, no randomness, no input or
 * output, no promises, and no variables outside `ctx.state`. A handler that throws fails the strategy: its supervisor
 * restarts it from its snapshot.
 */
export interface StrategySpec<Schema extends z.ZodObject, S> {
  readonly name: string;
  readonly params: Schema;
  readonly timeframes: readonly string[] | ((params: z.output<Schema>) => readonly string[]);
  /** Names of the features that must be warm before `onBar` runs, such as `ema_12`; the symbol actor computes them. */
  readonly features?: (params: z.output<Schema>) => readonly string[];
  /** First `ctx.state`; null without it. */
  readonly state?: (params: z.output<Schema>) => S;
  /** Raise it when the shape of `state` changes: a stored one of another version is refused, never misread. 1..999. */
  readonly version?: number;
  /** A bar of one of the timeframes has closed, and its features are there. */
  readonly onBar: (ctx: BarCtx<z.output<Schema>, S>) => void;
  readonly onTick?: (ctx: TickCtx<z.output<Schema>, S>) => void;
  /** A deal of this strategy; `ctx.position` has it in it already. */
  readonly onFill?: (ctx: FillCtx<z.output<Schema>, S>) => void;
}
