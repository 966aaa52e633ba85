/**
 * What a node tells about itself and the actors that it runs: one line of JSON on its standard output, twice a second,
 * less often where there are hundreds of actors.
 */

export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface SymbolStatus {
  readonly symbol: string;
  /** Decimal places of its prices. */
  readonly digits: number;
  readonly state: string;
  readonly bid: number;
  readonly ask: number;
  /** Market time of the last tick, UTC milliseconds. */
  readonly timeMs: number;
  readonly ticksApplied: number;
  /** Applied, or passed over for good: in dead letters, and while the actor stays down. 0 where nobody counts them. */
  readonly ticksDone: number;
  readonly ticksLate: number;
  readonly ticksDuplicate: number;
  readonly ticksMissing: number;
  /** Closed bars per timeframe. */
  readonly bars: Readonly<Record<string, number>>;
}

export interface StrategyStatus {
  readonly id: string;
  readonly symbol: string;
  readonly state: string;
  /** Signed: short is negative. */
  readonly lots: number;
  /** Account currency, what its fills realised less their costs. */
  readonly realised: number;
  /** Account currency, at the last bar; 0 when flat, and while the broker is not on this node: see `openUnits`. */
  readonly unrealised: number;
  /** The same in units of price times lots: times the account's `moneyPerUnit` of the symbol it is `unrealised`. */
  readonly openUnits: number;
  readonly intents: number;
  readonly fills: number;
}

export interface OrderCounts {
  readonly intended: number;
  readonly denied: number;
  readonly rejected: number;
  readonly filled: number;
  readonly cancelled: number;
  readonly expired: number;
  /** Now, not ever: orders whose fate nobody knows. */
  readonly unknown: number;
  /** Now: orders that are under way or stand in the market. */
  readonly open: number;
}

/** An actor that has been given up and stays down until an operator restarts it. */
export interface FailedActor {
  readonly kind: string;
  readonly id: string;
  readonly cause: string;
}

export interface Status {
  readonly event: 'status';
  readonly node: string;
  readonly symbols: readonly SymbolStatus[];
  readonly strategies: readonly StrategyStatus[];
  /** `id` is empty where the broker does not run on this node. */
  readonly account: {
    readonly id: string;
    readonly state: string;
    readonly currency: string;
    readonly balance: number;
    readonly equity: number;
    readonly detail: string;
    /** Account currency per lot and unit of price, for each symbol that a strategy trades; 0 where no rate is known. */
    readonly moneyPerUnit: Readonly<Record<string, number>>;
  };
  readonly orders: OrderCounts;
  readonly denials: Readonly<Record<string, number>>;
  readonly fills: number;
  readonly ledger: { readonly state: string; readonly detail: string };
  readonly latencyMs: { readonly tickToBar: Quantiles; readonly intentToTerminal: Quantiles };
  readonly failed: readonly FailedActor[];
  /** Actor restarts since the node began. */
  readonly restarts: number;
}
