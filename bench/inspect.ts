/**
 * What does it cost to be watched, and what does it cost that one could be? The symbol actor of `runtime` runs its frames
 * through the interpreter on the bus in memory: with no inspector at all, with one that nobody listens to, and with
 * somebody listening to everything it tells. CPU time of the process, so that waiting for others costs nothing.
 */
import { inspectSubject } from '../runtime/bus/topics.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Delivered } from '../runtime/delivered.ts';
import type { BenchOptions } from './options.ts';
import type { Result } from './result.ts';
import { NotVerified } from './result.ts';
import type { Interpreted, Watching } from './runtime/interpreter.ts';
import { decodedFrames, runInterpreter } from './runtime/interpreter.ts';
import type { Stage } from './stage.ts';
import { median } from './statistics.ts';

const TICKS_PER_FRAME = 16;
const WAYS: readonly Watching[] = ['none', 'unheard', 'watched'];

export async function inspect(stage: Stage, { seconds, rounds }: BenchOptions): Promise<Result> {
  const { clock } = stage;
  // A first run says how many frames fill the time: what is sampled by time must have time to be.
  const probe = decodedFrames(20_000, TICKS_PER_FRAME);
  await runInterpreter(clock, probe, 'none');
  const { tookMs } = await runInterpreter(clock, probe, 'none');
  const frames = decodedFrames(Math.min(400_000, Math.ceil((probe.length / tookMs) * seconds * 1000)), TICKS_PER_FRAME);
  const unheard: number[] = [];
  const watched: number[] = [];
  const perS: number[] = [];
  let messages = 0;
  for (let round = 1; round <= rounds; round++) {
    const { none, unheard: some, watched: full } = await inTurn(clock, frames, round);
    const faults: string[] = [];
    for (const { ticks } of [none, some, full]) {
      if (ticks !== frames.length * TICKS_PER_FRAME)
        faults.push(`${frames.length * TICKS_PER_FRAME} ticks, ${ticks} applied`);
    }
    if (full.told < 3) faults.push(`${inspectSubject('symbol', 'EURUSD')}: only ${full.told} messages while watched`);
    if (none.told + some.told > 0) faults.push('somebody was told without having asked');
    if (faults.length > 0) throw new NotVerified(round, faults);
    unheard.push(some.cpuMs / none.cpuMs);
    watched.push(full.cpuMs / none.cpuMs);
    perS.push((full.ticks / full.tookMs) * 1000);
    messages += full.told;
    stage.say(
      `round ${round}/${rounds}  watched ${percent(full.cpuMs / none.cpuMs)}, with nobody watching ` +
        `${percent(some.cpuMs / none.cpuMs)} (${full.told} messages seen)`,
    );
  }
  const ratio = median(watched);
  return {
    name: 'inspect',
    value: (ratio - 1) * 100,
    unit: '%',
    ratio,
    rounds,
    verified: true,
    details: {
      valueOf: 'CPU time more while watched at full rate',
      ratioOf: 'CPU time watched to CPU time without an inspector; lower is better',
      nobodyWatchesPercent: (median(unheard) - 1) * 100,
      ticksPerSWatched: median(perS),
      messagesPerRound: messages / rounds,
    },
  };
}

/** Each way once; another one comes first each round, because who comes later finds a warmer and fuller process. */
async function inTurn(
  clock: Clock,
  frames: readonly Delivered[],
  round: number,
): Promise<Record<Watching, Interpreted>> {
  const done: Partial<Record<Watching, Interpreted>> = {};
  for (let i = 0; i < WAYS.length; i++) {
    const way = WAYS[(round + i) % WAYS.length]!;
    done[way] = await runInterpreter(clock, frames, way);
  }
  return done as Record<Watching, Interpreted>;
}

const percent = (ratio: number): string => `${ratio >= 1 ? '+' : ''}${((ratio - 1) * 100).toFixed(1)} %`;
