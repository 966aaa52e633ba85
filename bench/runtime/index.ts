/**
 * What does the runtime cost? The interpreter against bare `transition()`; 10,000 symbol actors on one node; how late the
 * event loop is at 100,000 ticks/s.
 */
import type { BenchOptions } from '../options.ts';
import type { Result } from '../result.ts';
import { ms, NotVerified } from '../result.ts';
import type { Stage } from '../stage.ts';
import { median } from '../statistics.ts';
import type { Ways } from './interpreter.ts';
import { compare, decodedFrames } from './interpreter.ts';
import { lag } from './lag.ts';
import { many } from './many.ts';

/** The fewer ticks a frame has, the more of an event is the runtime's own work: one is the worst there is. */
const FRAMES = [
  { ticksPerFrame: 1, frames: 40_000 },
  { ticksPerFrame: 256, frames: 8_000 },
] as const;
const TICKS_PER_ACTOR = 200;

const whole = (n: number): string => Math.round(n).toLocaleString('en-US');

export async function runtime(stage: Stage, { symbols, seconds, rounds }: BenchOptions): Promise<Result> {
  const sizes: Record<string, { ways: Ways; toBare: number; toStep: number }> = {};
  for (const { ticksPerFrame, frames } of FRAMES)
    sizes[ticksPerFrame] = await interpreted(stage, rounds, frames, ticksPerFrame);
  const worst = sizes[FRAMES[0].ticksPerFrame]!;
  const crowd = await many(stage, symbols, TICKS_PER_ACTOR);
  stage.say(
    `${whole(crowd.actors)} symbol actors on one node: ready after ${(crowd.startMs / 1000).toFixed(1)} s, ` +
      `${(crowd.bytesPerActor / 1024).toFixed(1)} KiB each (${(crowd.bytesPerActorAfter / 1024).toFixed(1)} after the ticks), ` +
      `${whole(crowd.ticksPerS)} ticks/s in ${whole(crowd.framesPerS)} frames/s, each tick counted once`,
  );
  const loop = await lag(stage, seconds);
  stage.say(
    `event loop at ${whole(loop.ticksPerS)} ticks/s: late by p50 ${ms(loop.p50Ms)}, p99 ${ms(loop.p99Ms)}, ` +
      `at most ${ms(loop.maxMs)}`,
  );
  return {
    name: 'runtime',
    value: worst.ways.interpreter,
    unit: 'events/s',
    ratio: worst.toBare,
    rounds,
    verified: true,
    details: {
      valueOf: 'events/s through the interpreter, one tick an event',
      ratioOf: 'to the same events through bare transition(), higher is better; at least 0.83 is at most 20 % cost',
      interpreterByTicksPerFrame: sizes,
      many: crowd,
      eventLoopLag: loop,
    },
  };
}

async function interpreted(stage: Stage, rounds: number, frames: number, ticksPerFrame: number) {
  const decoded = decodedFrames(frames, ticksPerFrame);
  // Compiled before it counts: what is compared is not the compiler.
  await compare(stage.clock, decoded);
  const done: Ways[] = [];
  for (let round = 1; round <= rounds; round++) {
    const { perSecond, faults } = await compare(stage.clock, decoded);
    if (faults.length > 0) throw new NotVerified(round, faults);
    done.push(perSecond);
  }
  const ways = {
    bare: median(done.map(({ bare }) => bare)),
    step: median(done.map(({ step }) => step)),
    interpreter: median(done.map(({ interpreter }) => interpreter)),
  };
  const toBare = median(done.map(({ interpreter, bare }) => interpreter / bare));
  const toStep = median(done.map(({ interpreter, step }) => interpreter / step));
  stage.say(
    `${ticksPerFrame} ticks an event: interpreter ${whole(ways.interpreter)} events/s, ${toBare.toFixed(2)} of bare ` +
      `transition() (${whole(ways.bare)}), ${toStep.toFixed(2)} of the kept-scope step (${whole(ways.step)})`,
  );
  return { ways, toBare, toStep };
}
