/** For the order path: at the close of each second it opens, at the next it closes again. */
import { defineStrategy, z } from '../../actors/strategy/index.ts';

export const eachSecond = defineStrategy({
  name: 'each-second',
  params: z.object({ lots: z.number().positive().max(100).default(0.01) }),
  timeframes: ['1s'],
  onBar(ctx) {
    if (ctx.pending) return;
    if (ctx.position.side === 'flat') ctx.buy(ctx.params.lots);
    else ctx.close();
  },
});
