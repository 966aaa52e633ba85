/** For the order path: opens and closes in turn, each at a moment of its own, spread evenly over the time. */
import { defineStrategy, z } from '../../actors/strategy/index.ts';

/** A moment counts as come until so long after it: ticks of a busy symbol are closer to each other. */
const LATE_MS = 2;

/** A number 0..1 that looks like chance and is the same for the same two numbers (Mulberry32's mixing). Pure. */
export function drawn(seed: number, slot: number): number {
  let h = Math.imul(seed, 0x9e3779b1) ^ Math.imul(slot, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15), h | 1);
  h ^= h + Math.imul(h ^ (h >>> 7), h | 61);
  return ((h ^ (h >>> 14)) >>> 0) / 2 ** 32;
}

export const atMoments = defineStrategy({
  name: 'at-moments',
  params: z.object({
    lots: z.number().positive().max(100).default(0.01),
    /** One moment lies in each slot of this length. */
    everyMs: z.number().int().min(50).max(60_000).default(500),
    seed: z.number().int().min(0).max(1_000_000),
  }),
  timeframes: ['1s'],
  onBar() {},
  onTick(ctx) {
    const { everyMs, seed, lots } = ctx.params;
    const { timeMs } = ctx.tick;
    const slot = Math.floor(timeMs / everyMs);
    const sinceMs = timeMs - (slot + drawn(seed, slot)) * everyMs;
    // Before the first bar the broker knows no price either, and denies.
    if (sinceMs < 0 || sinceMs >= LATE_MS || ctx.pending || ctx.bar === undefined) return;
    if (ctx.position.side === 'flat') ctx.buy(lots);
    else ctx.close();
  },
});
