/** Limits of one account. Every limit is optional; one that is absent does not limit. */

/** A weekly window in which a symbol may be traded, UTC. */
export interface SessionWindow {
  /** 0 Sunday .. 6 Saturday. */
  readonly day: number;
  /** Minutes after midnight: the first that is open, and the first that is closed again (at most 1440). */
  readonly fromMinute: number;
  readonly toMinute: number;
}

export interface RiskLimits {
  /** Largest order that opens, lots. */
  readonly maxOrderLots?: number;
  /** Largest value of one opening order, account currency. */
  readonly maxNotional?: number;
  /** Largest position of one symbol (netting: net; hedging: each side), with all live orders filled, lots. */
  readonly maxPositionLots?: number;
  /** Largest sum over the symbols of what is held with all live orders filled, account currency. */
  readonly maxGrossExposure?: number;
  /** Most orders that are live at once; unknown ones count. */
  readonly maxOpenOrders?: number;
  /** Most opening orders sent within any 60 s of market time. */
  readonly maxOrdersPerMinute?: number;
  /** Loss since the beginning of the UTC day at which nothing is opened any more, account currency. */
  readonly dailyLossLimit?: number;
  /** Fall of equity from its peak at which nothing is opened any more, percent. */
  readonly maxDrawdownPercent?: number;
  /** Farthest that a price may be from the quote, and the quote from the strategy's reference price, percent. */
  readonly priceCollarPercent?: number;
  /** Oldest quote that is traded on, ms: of market time, and of wall clock since it was heard. */
  readonly maxPriceAgeMs?: number;
  /** Oldest intent that opens anything, ms of market time since it was decided. */
  readonly maxIntentAgeMs?: number;
  /** A second opening order of the same strategy, symbol, side and volume within so many ms of market time is denied. */
  readonly duplicateWindowMs?: number;
  /** Free margin that must be left over, account currency. */
  readonly minFreeMargin?: number;
  /** Hours by symbol; `*` is for those without an entry of their own. A symbol with neither is always open. */
  readonly sessions?: Readonly<Record<string, readonly SessionWindow[]>>;
}

/** What holds where the configuration says nothing: protection against stale and mistyped prices, no size limits. */
export const defaultLimits = {
  priceCollarPercent: 2,
  maxPriceAgeMs: 60_000,
  maxIntentAgeMs: 60_000,
  duplicateWindowMs: 1_000,
  minFreeMargin: 0,
} as const satisfies RiskLimits;

/** The defaults with what is configured on top. */
export function limitsOf(configured: RiskLimits): RiskLimits {
  return { ...defaultLimits, ...configured };
}
