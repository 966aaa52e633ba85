/**
 * How many bytes of memory a symbol actor's step takes per tick: as many frames of one tick are taken off, so that what a
 * frame or a closed bar costs is not counted. Run as a process of its own whose young generation is so large that nothing
 * is collected meanwhile; prints one line of JSON.
 */
import { GCProfiler, getHeapStatistics } from 'node:v8';
import { symbolActor } from '../../../actors/symbol/actor.ts';
import { DEFAULT_FEATURES } from '../../../actors/symbol/features.ts';
import type { SymbolContext } from '../../../actors/symbol/market.ts';
import { TIMEFRAMES } from '../../../actors/symbol/timeframes.ts';
import type { TickColumns } from '../../../runtime/bus/ticks.ts';
import { decodeTicks, encodeTicks, MAX_TICKS_PER_FRAME, pricesOf } from '../../../runtime/bus/ticks.ts';
import { start, step } from '../../../runtime/xstate.ts';
import { frameOf } from './reference.ts';

const FRAMES = 250;
/** Before each measurement. */
const WARM_FRAMES = 250;
/** The compiler works beside us, and on a busy machine it may be late. */
const ROUNDS = 4;
const [mode = 'in-a-bar', addition = 'nothing'] = process.argv.slice(2);

/** A new second, and so a new bar, with each frame; or one and the same second for ever. */
const perFrameMs = mode === 'in-a-bar' ? 0 : 1000;
const kept: unknown[] = [];

/** What a careless author would add: one small object for each tick. */
function oneObjectPerTick(frame: TickColumns): void {
  const { bid, ask } = pricesOf(frame);
  for (let i = 0; i < frame.count; i++) kept[i & 1023] = { bid: bid[i], ask: ask[i] };
}

interface Counted {
  readonly bytes: number;
  readonly ticks: number;
  readonly bars: number;
  readonly collections: number;
}

/** Buffers outside the heap are not counted, but each has an object of some hundred bytes inside it. */
const usedBytes = (): number => getHeapStatistics().used_heap_size;

const { machine, observe } = symbolActor({
  ...{ symbol: 'EURUSD', source: 'test', day: 'utc', staleAfterMs: 60_000 },
  timeframes: TIMEFRAMES,
  featureTimeframes: TIMEFRAMES,
  features: DEFAULT_FEATURES,
});
// One actor for all rounds: a new one would make the compiler throw away what it knows.
let { snapshot } = start(machine, undefined);
let nextTick = 1;
let frames = 0;

function message(columns: TickColumns): Uint8Array {
  const data = encodeTicks({
    ...columns,
    firstSequence: nextTick,
    baseTimeMs: columns.baseTimeMs + frames * perFrameMs,
  });
  nextTick += columns.count;
  frames++;
  return data;
}

function take(data: Uint8Array): void {
  const frame = decodeTicks(data);
  const event = { type: 'ticks' as const, message: frame, atUs: 1 };
  snapshot = step(machine, snapshot, event as never).snapshot;
  observe?.(event as never, snapshot as never);
  if (addition === 'object-per-tick') oneObjectPerTick(frame);
}

/** Frames of `count` ticks each, decoded and applied as they come off the wire. */
function apply(count: number): Counted {
  const ticks = Array.from({ length: count }, (_, i) => {
    const bid = 1.1 + ((i * 7) % 100) / 1e5;
    return { timeMs: Date.UTC(2026, 4, 12), bid, ask: bid + (1 + (i % 5)) / 1e5 };
  });
  const columns = frameOf(ticks);
  const messages = Array.from({ length: WARM_FRAMES + FRAMES }, () => message(columns));
  globalThis.gc!();
  // A collection makes the compiler forget: what is measured begins when it knows again.
  for (const data of messages.splice(0, WARM_FRAMES)) take(data);
  const was = snapshot.context as SymbolContext;
  const profiler = new GCProfiler();
  profiler.start();
  const before = usedBytes();
  for (const data of messages) take(data);
  const bytes = usedBytes() - before;
  const collections = profiler.stop()!.statistics.length;
  const { ticksApplied, barCounts } = snapshot.context as SymbolContext;
  const bars = (barCounts['1s'] ?? 0) - (was.barCounts['1s'] ?? 0);
  return { bytes, ticks: ticksApplied - was.ticksApplied, bars, collections };
}

/** Of all rounds the one that took least: in code that is not compiled yet each number is an object. */
const rounds = Array.from({ length: ROUNDS }, () => {
  const [many, few] = [apply(MAX_TICKS_PER_FRAME), apply(1)];
  return {
    bytesPerTick: (many.bytes - few.bytes) / (many.ticks - few.ticks),
    bytesPerFrame: few.bytes / FRAMES,
    ticks: many.ticks,
    bars: many.bars,
    collections: many.collections + few.collections,
  };
});
const uncollected = rounds.filter(({ collections }) => collections === 0);
const [least] = (uncollected.length > 0 ? uncollected : rounds).sort(
  (a, b) => Math.abs(a.bytesPerTick) - Math.abs(b.bytesPerTick),
);
process.stdout.write(`${JSON.stringify(least)}\n`);
