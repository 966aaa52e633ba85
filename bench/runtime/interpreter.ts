/**
 * What running an actor costs over computing it. The same decoded frames go
 * - bare: through XState's own `transition()`, in a loop, its effects counted and dropped;
 * - step: through the `step` of runtime/xstate.ts, which keeps what `transition()` makes anew on each call;
 * - interpreter: into the mailbox of a running `Interpreter`, which stamps, steps, encodes and publishes the bars on the
 *   bus in memory, and commits.
 * One event is one step for all three: frames are not joined. The machine is the symbol's, with all its features.
 */
import { isDeepStrictEqual } from 'node:util';
import { symbolActor } from '../../actors/symbol/actor.ts';
import type { SymbolContext } from '../../actors/symbol/market.ts';
import type { ActorDefinition } from '../../runtime/actor.ts';
import { MemoryServer } from '../../runtime/bus/memory.ts';
import type { TickColumns } from '../../runtime/bus/ticks.ts';
import { decodeTicks, encodeTicks } from '../../runtime/bus/ticks.ts';
import { inspectSubject, topics } from '../../runtime/bus/topics.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Delivered } from '../../runtime/delivered.ts';
import type { InputHub, Subscriber } from '../../runtime/hub.ts';
import { Inspector } from '../../runtime/inspect/inspector.ts';
import { Interpreter } from '../../runtime/interpreter.ts';
import { PoisonRecord } from '../../runtime/poison.ts';
import { silentLogger } from '../../runtime/telemetry/log.ts';
import type { Snapshot } from '../../runtime/xstate.ts';
import { bareTransition, start, step } from '../../runtime/xstate.ts';

const LAYOUT = { partitions: 1 };
const SYMBOL = 'EURUSD';
/** Market time between two ticks: 1,000 ticks a bar of one second. */
const TICK_MS = 1;

export interface Ways {
  readonly bare: number;
  readonly step: number;
  readonly interpreter: number;
}

/** Events per second of each way, and what was found wrong. */
export interface Comparison {
  readonly perSecond: Ways;
  readonly bars: number;
  readonly faults: readonly string[];
}

/** Without `joins`, so that each frame is a step of its own. */
function definition(): ActorDefinition {
  const actor = symbolActor({
    ...{ symbol: SYMBOL, source: 'bench', timeframes: ['1s', '1m'], featureTimeframes: ['1m'] },
    ...{ day: 'utc', staleAfterMs: 60_000 },
  });
  return { ...actor, inputs: actor.inputs.map(({ topic, key, from }) => ({ topic, key, from })) };
}

/** Frames as a reader hands them out, decoded. */
export function decodedFrames(count: number, ticksPerFrame: number): Delivered[] {
  const subject = topics.ticks.subject({ source: 'bench', symbol: SYMBOL }, LAYOUT);
  return Array.from({ length: count }, (_, i): Delivered => {
    const first = i * ticksPerFrame;
    const column = (price: (n: number) => number): Float64Array =>
      Float64Array.from({ length: ticksPerFrame }, (_, n) => price(first + n));
    const bid = (n: number): number => 1.1 + 0.001 * Math.sin(n / 500) + 0.00001 * (n % 7);
    const frame: TickColumns = {
      ...{ symbol: SYMBOL, source: 'bench', session: 's', firstSequence: first + 1, count: ticksPerFrame },
      ...{ baseTimeMs: Date.UTC(2025, 0, 6) + first * TICK_MS, utcOffsetS: 0, firstSentUs: 0 },
      timeOffsetMs: Uint32Array.from({ length: ticksPerFrame }, (_, n) => n * TICK_MS),
      ...{ bid: column(bid), ask: column((n) => bid(n) + 0.0001), flags: new Uint32Array() },
    };
    const data = encodeTicks(frame);
    return { topic: 'ticks', family: 'ticks', sequence: i + 1, subject, message: decodeTicks(data), data };
  });
}

interface Run {
  readonly tookMs: number;
  readonly snapshot: Snapshot;
  readonly effects: number;
}

const eventOf = (clock: Clock, { topic, message, sequence }: Delivered) => {
  const atUs = clock.nowUs();
  return { type: topic, message, sequence, atMs: Math.floor(atUs / 1000), atUs };
};

function runBare(clock: Clock, frames: readonly Delivered[]): Run {
  const { machine } = definition();
  let { snapshot } = start(machine, undefined);
  let effects = 0;
  const sinceMs = clock.monotonicMs();
  for (const frame of frames) {
    const [next, actions] = bareTransition(machine, snapshot as never, eventOf(clock, frame) as never);
    snapshot = next as Snapshot;
    for (const { type } of actions as readonly { type: string }[]) if (!type.startsWith('xstate.')) effects++;
  }
  return { tookMs: clock.monotonicMs() - sinceMs, snapshot, effects };
}

function runStep(clock: Clock, frames: readonly Delivered[]): Run {
  const { machine } = definition();
  let { snapshot } = start(machine, undefined);
  let effects = 0;
  const sinceMs = clock.monotonicMs();
  for (const frame of frames) {
    const next = step(machine, snapshot, eventOf(clock, frame));
    snapshot = next.snapshot;
    effects += next.effects.length;
  }
  return { tookMs: clock.monotonicMs() - sinceMs, snapshot, effects };
}

/** Whether the actor can be watched, and is. */
export type Watching = 'none' | 'unheard' | 'watched';

export interface Interpreted extends Run {
  readonly cpuMs: number;
  readonly ticks: number;
  /** Messages that whoever watches has got. */
  readonly told: number;
}

export async function runInterpreter(
  clock: Clock,
  frames: readonly Delivered[],
  watching: Watching,
): Promise<Interpreted> {
  const server = new MemoryServer({ clock });
  const bus = server.connect();
  let told = 0;
  const listening = watching === 'watched' ? server.connect() : undefined;
  await listening?.serve(inspectSubject('symbol', SYMBOL), async () => {
    told++;
    return undefined;
  });
  const inspector = watching === 'none' ? undefined : new Inspector({ bus, clock, log: silentLogger, node: 'bench' });
  let taker: Subscriber | undefined;
  const hub = {
    subscribe: async (one: Subscriber) => {
      taker = one;
    },
    unsubscribe: async () => undefined,
  } as unknown as InputHub;
  const { kind, id, ...rest } = definition();
  const interpreter = new Interpreter({
    definition: { kind, id, ...rest },
    ...{ bus, hub, clock, log: silentLogger, layout: LAYOUT, snapshots: await bus.kv('snapshots') },
    poison: new PoisonRecord({ kind, id, bus, clock, log: silentLogger, layout: LAYOUT }),
    inspector,
    onExit: ({ reason }) => {
      throw new Error(`the actor ended: ${reason}`);
    },
  });
  await interpreter.start();
  while (watching === 'watched' && interpreter.watch === undefined) await clock.sleep(10);
  const cpu = process.cpuUsage();
  const sinceMs = clock.monotonicMs();
  for (const frame of frames) {
    const wait = taker!.deliver(frame);
    if (wait !== undefined) await wait;
  }
  while (interpreter.depth > 0 || interpreter.pendingEffects > 0) await clock.yield();
  const tookMs = clock.monotonicMs() - sinceMs;
  const { user, system } = process.cpuUsage(cpu);
  const snapshot = interpreter.current;
  await interpreter.stop();
  inspector?.stop();
  const { ticksApplied: ticks } = snapshot.context as SymbolContext;
  const effects = server.messages('MARKET').length;
  return { tookMs, cpuMs: (user + system) / 1000, snapshot, effects, ticks, told };
}

/** One round, the three ways in turn. */
export async function compare(clock: Clock, frames: readonly Delivered[]): Promise<Comparison> {
  const bare = runBare(clock, frames);
  const kept = runStep(clock, frames);
  const interpreted = await runInterpreter(clock, frames, 'none');
  const faults: string[] = [];
  for (const [name, run] of [
    ['step', kept],
    ['interpreter', interpreted],
  ] as const) {
    if (!isDeepStrictEqual(stable(run.snapshot), stable(bare.snapshot)))
      faults.push(`${name}: another state than bare`);
    if (run.effects !== bare.effects) faults.push(`${name}: ${run.effects} messages, bare ${bare.effects}`);
  }
  const rate = ({ tookMs }: Run): number => (frames.length / tookMs) * 1000;
  const perSecond = { bare: rate(bare), step: rate(kept), interpreter: rate(interpreted) };
  return { perSecond, bars: bare.effects, faults };
}

/** What depends on the frames alone, not on the wall clock. */
function stable({ value, context }: Snapshot): unknown {
  const { last, ...rest } = context as { last: unknown };
  return { value, ...rest };
}
