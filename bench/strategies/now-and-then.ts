/** For recovery: opens and closes in turn, at every so-many-th bar of a second. */
import { defineStrategy, z } from '../../actors/strategy/index.ts';

export const nowAndThen = defineStrategy({
  name: 'now-and-then',
  params: z.object({
    lots: z.number().positive().max(100).default(0.01),
    /** Bars between its orders. */
    every: z.number().int().min(1).max(1_000_000).default(1),
  }),
  timeframes: ['1s'],
  onBar(ctx) {
    if (ctx.pending || Math.round(ctx.bar.closeTimeMs / 1000) % ctx.params.every !== 0) return;
    if (ctx.position.side === 'flat') ctx.buy(ctx.params.lots);
    else ctx.close();
  },
});
