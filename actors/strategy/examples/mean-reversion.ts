/** Buys what fell out of its Bollinger band while the RSI says oversold, sells the mirror, leaves at the average. */
import { defineStrategy, timeframe, z } from '../index.ts';

const params = z.object({
  timeframe: timeframe().default('1m'),
  period: z.int().min(5).max(500).default(20),
  rsi: z.int().min(2).max(200).default(14),
  oversold: z.number().min(1).max(49).default(35),
  stopAtrs: z.number().positive().max(50).default(4),
  lots: z.number().positive().max(100).default(0.1),
});

export const meanReversion = defineStrategy({
  name: 'mean-reversion',
  params,
  timeframes: (p) => [p.timeframe],
  features: (p) => [`bollinger_upper_${p.period}`, `bollinger_lower_${p.period}`, `rsi_${p.rsi}`, 'atr_14'],
  onBar(ctx) {
    const { period, rsi, oversold, stopAtrs, lots } = ctx.params;
    const upper = ctx.feature(`bollinger_upper_${period}`);
    const lower = ctx.feature(`bollinger_lower_${period}`);
    const strength = ctx.feature(`rsi_${rsi}`);
    const stop = stopAtrs * ctx.feature('atr_14');
    const { close } = ctx.bar;
    const { side } = ctx.position;
    if (side === 'long' && close >= (upper + lower) / 2) ctx.close();
    if (side === 'short' && close <= (upper + lower) / 2) ctx.close();
    if (side !== 'flat' || stop === 0) return;
    if (close < lower && strength < oversold) ctx.buy(lots, { stop: ctx.stopAt('buy', stop) });
    if (close > upper && strength > 100 - oversold) ctx.sell(lots, { stop: ctx.stopAt('sell', stop) });
  },
});
