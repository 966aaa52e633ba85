/**
 * A spare thread plays a strategy's life through once, on a bus in memory, while nobody needs it: start, bars, commits,
 * orders, restart. What runs for the first time is compiled first and runs slowly until then; a strategy that is started
 * again finds all of it warm. No user's code runs here.
 */
import { fileURLToPath } from 'node:url';
import { getHeapSpaceStatistics } from 'node:v8';
import { strategyActor } from '../../actors/strategy/actor.ts';
import type { Strategy } from '../../actors/strategy/define.ts';
import { loadStrategy } from '../../actors/strategy/registry.ts';
import type { Bus } from '../../runtime/bus/bus.ts';
import { MemoryServer } from '../../runtime/bus/memory.ts';
import { topics } from '../../runtime/bus/topics.ts';
import type { Clock } from '../../runtime/clock.ts';
import { InputHub } from '../../runtime/hub.ts';
import { Interpreter } from '../../runtime/interpreter.ts';
import { PoisonRecord } from '../../runtime/poison.ts';
import { silentLogger } from '../../runtime/telemetry/log.ts';

const LAYOUT = { partitions: 1 };
const [ACCOUNT, SYMBOL, TIMEFRAME] = ['rehearsal', 'EURUSD', '1s'];
const EXAMPLES = ['ema-cross', 'mean-reversion'];
/** More than one: V8 compiles well only what it has seen run several times. */
const LIVES = 4;
const BARS_PER_LIFE = 60;
const BAR_MS = 1_000;
/** The moving averages cross so often. */
const TURNS_EVERY = 5;
/** 32 MB in all: more than the young objects of a thread may take. */
const [CHUNK_FIELDS, MOST_CHUNKS] = [8_192, 512];
const log = silentLogger;

/** Ends early, and leaves nothing behind, once `isOver` says so: the thread is needed. Resolves to the bars played. */
export async function rehearse(clock: Clock, isOver: () => boolean): Promise<number> {
  // By their paths, as a user's own strategy is loaded. Two: code that V8 has seen with one only it takes for that one's,
  // and throws away when the first bar of another comes.
  const definitions: Strategy[] = [];
  for (const name of EXAMPLES) {
    const example = fileURLToPath(new URL(`../../actors/strategy/examples/${name}.ts`, import.meta.url));
    definitions.push(await loadStrategy(example, '/'));
  }
  const bus = new MemoryServer({ clock }).connect();
  const snapshots = await bus.kv('snapshots');
  const hub = new InputHub({ bus, layout: LAYOUT, clock, log, onFailure: () => undefined });
  let bars = 0;
  for (let life = 0; life < LIVES && !isOver(); life++) {
    const definition = definitions[life % definitions.length]!;
    const id = definition.name;
    const actor = strategyActor({
      ...{ id, account: ACCOUNT, symbol: SYMBOL, definition, params: { timeframe: TIMEFRAME } },
      featureTimeframes: [TIMEFRAME],
    });
    const interpreter = new Interpreter({
      ...{ definition: actor, bus, snapshots, hub, clock, log, layout: LAYOUT },
      poison: new PoisonRecord({ kind: actor.kind, id, bus, clock, log, layout: LAYOUT }),
      onExit: () => undefined,
      onState: () => undefined,
    });
    await interpreter.start();
    for (let n = 0; n < BARS_PER_LIFE && !isOver(); n++) {
      await playBar(bus, ++bars);
      // One at a time, as in life, and everybody else has a turn in between.
      await clock.yield();
    }
    await interpreter.stop();
  }
  await bus.drain();
  if (!isOver()) clearAway();
  return bars;
}

/**
 * Makes V8 collect its young objects: a start makes one megabyte of them, and would stop for those of the rehearsal in
 * the middle. There is no call for that; V8 does it when their space is full. False: it did not.
 */
export function clearAway(): boolean {
  const waste: unknown[] = [];
  let before = youngBytes();
  for (let chunk = 0; chunk < MOST_CHUNKS; chunk++) {
    waste[0] = new Array(CHUNK_FIELDS).fill(chunk);
    const now = youngBytes();
    if (now < before) return true;
    before = now;
  }
  return false;
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_used_size ?? 0;
}

async function playBar(bus: Bus, n: number): Promise<void> {
  const isUp = Math.floor(n / TURNS_EVERY) % 2 === 0;
  const price = isUp ? 1.2 : 1.1;
  const closeTimeMs = n * BAR_MS;
  const ohlc = { open: price, high: price, low: price, close: price, askClose: price };
  const bar = {
    symbol: SYMBOL,
    timeframe: TIMEFRAME,
    openTimeMs: closeTimeMs - BAR_MS,
    closeTimeMs,
    ...ohlc,
    ticks: 1,
  };
  const values = isUp ? { ema_12: 1.2, ema_26: 1.1 } : { ema_12: 1.1, ema_26: 1.2 };
  const key = { symbol: SYMBOL, timeframe: TIMEFRAME };
  await bus.publish({
    subject: topics.bar.subject(key, LAYOUT),
    messageId: `bar.${n}`,
    data: topics.bar.encode(bar),
  });
  await bus.publish({
    subject: topics.features.subject(key, LAYOUT),
    messageId: `features.${n}`,
    data: topics.features.encode({ ...key, timeMs: closeTimeMs, values, warm: true }),
  });
}
