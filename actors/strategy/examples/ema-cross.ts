/** Turns round whenever the fast moving average crosses the slow one. */
import { defineStrategy, timeframe, z } from '../index.ts';

const params = z.object({
  timeframe: timeframe().default('1m'),
  fast: z.int().min(2).max(200).default(12),
  slow: z.int().min(3).max(500).default(26),
  lots: z.number().positive().max(100).default(0.1),
});

export const emaCross = defineStrategy({
  name: 'ema-cross',
  params: params.refine((p) => p.fast < p.slow, { path: ['slow'], error: 'must be over fast' }),
  timeframes: (p) => [p.timeframe],
  features: (p) => [`ema_${p.fast}`, `ema_${p.slow}`],
  onBar(ctx) {
    const cross = ctx.crossed(`ema_${ctx.params.fast}`, `ema_${ctx.params.slow}`);
    if (cross === undefined) return;
    ctx.close();
    if (cross === 'above') ctx.buy(ctx.params.lots);
    else ctx.sell(ctx.params.lots);
  },
});
