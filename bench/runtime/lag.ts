/** How late a node's event loop comes to what is due, while 100,000 ticks/s go through the company at wall-clock speed. */
import { Cluster } from '../cluster.ts';
import { NotVerified } from '../result.ts';
import { metricOf, scrape } from '../scrape.ts';
import type { Stage } from '../stage.ts';
import { configFor } from '../stage.ts';
import { benchTape } from '../tape.ts';
import { appliedFaults } from '../verify.ts';

const SYMBOLS = 20;
const TICKS_PER_S = 100_000;
/** The node compiles its hot paths in this time; also more than the metric's own window. */
const WARM_UP_MS = 11_000;

export interface Lag {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly ticksPerS: number;
}

export async function lag(stage: Stage, seconds: number): Promise<Lag> {
  const { clock } = stage;
  const ticks = Math.round((seconds + WARM_UP_MS / 1000 + 1) * TICKS_PER_S);
  const tape = await benchTape(stage, { symbols: SYMBOLS, ticks, ticksPerSecond: TICKS_PER_S });
  const config = configFor(tape.symbols, tape.digits);
  const cluster = new Cluster(stage, { config, nodes: 1, tape, tapeRounds: 1, speed: 1 });
  stage.watch(cluster);
  const measured = async (): Promise<Lag> => {
    await cluster.start();
    const [node] = [...cluster.nodes.values()];
    const sinceMs = clock.monotonicMs();
    cluster.play();
    await clock.sleep(WARM_UP_MS);
    // Asking ends the window: what is told next is of the time from here on.
    await scrape(node!.metricsUrl);
    const before = cluster.ticksApplied;
    const beforeMs = clock.monotonicMs();
    await clock.sleep(seconds * 1000 - 500);
    const told = await scrape(node!.metricsUrl);
    const ticksPerS = (cluster.ticksApplied - before) / ((clock.monotonicMs() - beforeMs) / 1000);
    await cluster.played();
    if (clock.monotonicMs() - sinceMs > (ticks / TICKS_PER_S) * 1000 + 2_000) {
      throw new NotVerified(1, ['the company did not keep up with the market']);
    }
    const [status] = await cluster.settle();
    const faults = appliedFaults({
      expected: new Map(tape.symbols.map((name, i) => [name, tape.perSymbol[i]!])),
      ...{ sent: cluster.sent, acknowledged: cluster.acknowledged, status: status! },
    });
    if (faults.length > 0) throw new NotVerified(1, faults);
    const late = (quantile: string): number =>
      metricOf(told, 'troupe_event_loop_lag_ms', `quantile="${quantile}"`) ?? Number.NaN;
    return { p50Ms: late('0.5'), p99Ms: late('0.99'), maxMs: late('1'), ticksPerS };
  };
  try {
    return await Promise.race([measured(), cluster.failed]);
  } finally {
    await stage.stop(cluster);
  }
}
