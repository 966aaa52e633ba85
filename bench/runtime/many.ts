/** 10,000 symbol actors on one node: how long they take to start, what each costs in memory, how fast they are together. */
import { Cluster } from '../cluster.ts';
import { NotVerified } from '../result.ts';
import { metricOf, scrape } from '../scrape.ts';
import type { Stage } from '../stage.ts';
import { configFor } from '../stage.ts';
import { storedFrames } from '../stored.ts';
import { benchTape } from '../tape.ts';
import { appliedFaults } from '../verify.ts';

/** A node with hardly any actors: what it weighs itself. */
const FEW = 10;
/** Ticks of all symbols together per second of market time. */
const MARKET_TICKS_PER_S = 100_000;

export interface Many {
  readonly actors: number;
  /** From the start of the node's process until all its actors ran, on an empty store. */
  readonly startMs: number;
  readonly startMsOfFew: number;
  /** Resident memory per actor, bytes, against a node of few actors: right after the start, and after the ticks. */
  readonly bytesPerActor: number;
  readonly bytesPerActorAfter: number;
  readonly residentMb: number;
  readonly ticks: number;
  readonly ticksPerS: number;
  readonly framesPerS: number;
}

interface Load {
  readonly startMs: number;
  readonly residentBytes: number;
  readonly residentBytesAfter: number;
  readonly ticks: number;
  readonly seconds: number;
  readonly frames: number;
}

export async function many(stage: Stage, actors: number, ticksPerActor: number): Promise<Many> {
  const few = await load(stage, FEW, ticksPerActor * 100);
  const all = await load(stage, actors, ticksPerActor);
  const perActor = (a: number, b: number): number => (a - b) / (actors - FEW);
  return {
    actors,
    ...{ startMs: all.startMs, startMsOfFew: few.startMs },
    bytesPerActor: perActor(all.residentBytes, few.residentBytes),
    bytesPerActorAfter: perActor(all.residentBytesAfter, few.residentBytesAfter),
    residentMb: all.residentBytesAfter / 2 ** 20,
    ticks: all.ticks,
    ticksPerS: all.ticks / all.seconds,
    framesPerS: all.frames / all.seconds,
  };
}

async function load(stage: Stage, symbols: number, ticksPerSymbol: number): Promise<Load> {
  const { clock } = stage;
  const ticks = symbols * ticksPerSymbol;
  const tape = await benchTape(stage, { symbols, ticks, ticksPerSecond: MARKET_TICKS_PER_S });
  // The expert takes 512 symbols at most.
  const config = configFor(tape.symbols, tape.digits, { terminal: { program: 'native' } });
  const cluster = new Cluster(stage, { config, nodes: 1, tape, tapeRounds: 1, speed: 0 });
  stage.watch(cluster);
  const measured = async (): Promise<Load> => {
    await cluster.start();
    const [node] = [...cluster.nodes.values()];
    const resident = async (): Promise<number> =>
      metricOf(await scrape(node!.metricsUrl), 'troupe_process_resident_memory_bytes') ?? Number.NaN;
    const residentBytes = await resident();
    const sinceMs = clock.monotonicMs();
    cluster.play();
    await cluster.played();
    const seconds = (clock.monotonicMs() - sinceMs) / 1000;
    const residentBytesAfter = await resident();
    const [status] = await cluster.settle();
    const frames = await storedFrames(await cluster.connect('node'), { partitions: config.market.partitions });
    const faults = appliedFaults({
      expected: new Map(tape.symbols.map((name, i) => [name, tape.perSymbol[i]!])),
      ...{ sent: cluster.sent, acknowledged: cluster.acknowledged, status: status! },
    });
    if (faults.length > 0) throw new NotVerified(1, faults.slice(0, 20));
    return { startMs: node!.readyMs, residentBytes, residentBytesAfter, ticks: tape.ticks, seconds, frames };
  };
  try {
    return await Promise.race([measured(), cluster.failed]);
  } finally {
    await stage.stop(cluster);
  }
}
