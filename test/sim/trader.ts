/** A strategy that does everything a strategy may do, by a rule that looks random and is a function of the bar. */

import type { Strategy } from '../../actors/strategy/index.ts';
import { defineStrategy, z } from '../../actors/strategy/index.ts';
import { builtIn } from '../../actors/strategy/registry.ts';
import { fnv1a32 } from '../../runtime/bus/subjects.ts';

interface Notes {
  /** Intents that may still stand in the market. */
  standing: string[];
}

/** Opening stops at `untilMs` of market time; from then on what stands is cancelled. */
const params = z.object({ salt: z.string(), untilMs: z.number(), flat: z.boolean() });

export const simTrader: Strategy = defineStrategy({
  name: 'sim-trader',
  params,
  timeframes: ['1s'],
  state: (): Notes => ({ standing: [] }),
  onBar(ctx) {
    const { salt, untilMs, flat } = ctx.params;
    const draw = fnv1a32(`${salt}|${ctx.bar.openTimeMs}`);
    const roll = draw % 100;
    const over = ctx.bar.closeTimeMs > untilMs;
    const { standing } = ctx.state;
    if (!ctx.pending) ctx.state = { standing: [] };
    else if (standing.length > 0 && (over ? roll < 50 : roll < 15)) ctx.cancel(standing.at(-1)!);
    if (over) {
      if (flat && ctx.position.side !== 'flat' && roll < 60) ctx.close();
      return;
    }
    const lots = (1 + ((draw >>> 8) % 50)) / 100;
    const side = (draw >>> 16) % 2 === 0 ? 'buy' : 'sell';
    const near = 0.0002;
    const price = side === 'buy' ? ctx.bid - near : ctx.ask + near;
    let id: string | undefined;
    if (ctx.position.side !== 'flat' && roll < 35) ctx.close();
    else if (ctx.position.side !== 'flat' && roll < 45) {
      const { side: held } = ctx.position;
      const long = held === 'long';
      ctx.protect({ stop: long ? ctx.bid - 0.002 : ctx.ask + 0.002, target: 0 });
    } else if (roll < 65) id = ctx[side](lots);
    else if (roll < 75) id = ctx[side](lots, { limit: price });
    else if (roll < 80) id = ctx[side](lots, { stop: ctx.stopAt(side, 0.001), target: ctx.targetAt(side, 0.001) });
    if (id !== undefined) ctx.state = { standing: [id] };
  },
});

/** Where the company finds it: no file is loaded while a simulation runs, because that would be real input. */
export function registerTrader(): void {
  (builtIn as Map<string, Strategy>).set(simTrader.name, simTrader);
}
