/** Limits of the risk gate as the configuration names them, in the broker's own words. */
import type { RiskLimits } from '../actors/broker/risk/limits.ts';
import type { Config } from '../runtime/config/index.ts';

type Risk = NonNullable<Config['account']>['risk'];

/** What is absent stays absent, so that the broker's own defaults hold. */
export function riskLimits(risk: Risk): RiskLimits {
  const limits = {
    maxOrderLots: risk.max_order_lots,
    maxNotional: risk.max_notional,
    maxPositionLots: risk.max_position_lots,
    maxGrossExposure: risk.max_gross_exposure,
    maxOpenOrders: risk.max_open_orders,
    maxOrdersPerMinute: risk.max_orders_per_minute,
    dailyLossLimit: risk.daily_loss_limit,
    maxDrawdownPercent: risk.max_drawdown_percent,
    priceCollarPercent: risk.price_collar_percent,
    maxPriceAgeMs: risk.max_price_age_ms,
    maxIntentAgeMs: risk.max_intent_age_ms,
    duplicateWindowMs: risk.duplicate_window_ms,
    minFreeMargin: risk.min_free_margin,
    sessions:
      risk.sessions === undefined
        ? undefined
        : Object.fromEntries(
            Object.entries(risk.sessions).map(([symbol, windows]) => [
              symbol,
              windows.map(({ day, from_minute, to_minute }) => ({ day, fromMinute: from_minute, toMinute: to_minute })),
            ]),
          ),
  };
  const present = Object.entries(limits).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as RiskLimits;
}
