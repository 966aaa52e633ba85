/**
 * For chaos: at every close of a second it does something, by a rule that looks random and is a function of the bar.
 *
 * Against the rules of strategies it looks at files, because that is how a test reaches into a thread: `dies` ends the
 * thread in the way that it names, once; while `over` is there nothing is opened, and what stands is cancelled.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { defineStrategy, z } from '../../../actors/strategy/index.ts';
import { fnv1a32 } from '../../../runtime/bus/subjects.ts';

interface Notes {
  /** The order that may still stand in the market. */
  standing: string | null;
}

const NEAR = 0.0001;

export const restless = defineStrategy({
  name: 'restless',
  params: z.object({ salt: z.string(), dies: z.string(), over: z.string() }),
  timeframes: ['1s'],
  state: (): Notes => ({ standing: null }),
  onBar(ctx) {
    const { salt, dies, over } = ctx.params;
    if (existsSync(dies)) {
      const how = readFileSync(dies, 'utf8');
      // First, so that the next run of this thread lives.
      rmSync(dies);
      if (how === 'exit') process.exit(3);
      for (;;);
    }
    const draw = fnv1a32(`${salt}|${ctx.bar.openTimeMs}`);
    const roll = draw % 100;
    const isOver = existsSync(over);
    const { standing } = ctx.state;
    if (!ctx.pending) ctx.state = { standing: null };
    else if (standing !== null && (isOver || roll < 40)) ctx.cancel(standing);
    if (isOver || ctx.pending) return;
    const lots = (1 + ((draw >>> 8) % 20)) / 100;
    const side = (draw >>> 16) % 2 === 0 ? 'buy' : 'sell';
    if (ctx.position.side !== 'flat' && roll < 60) ctx.close();
    else if (roll < 85) ctx[side](lots);
    else {
      const limit = side === 'buy' ? ctx.bid - NEAR : ctx.ask + NEAR;
      ctx.state = { standing: ctx[side](lots, { limit }) ?? null };
    }
  },
});
