/**
 * How long from a strategy's decision until the terminal has the command, while 100,000 ticks/s go through the company?
 *
 * The whole company: 20 symbols; on some of them a strategy that sends an order at every close of a second, all at the
 * same moment; one broker, the ledger in PostgreSQL. The latency is the product's own: from the
 * wall clock in the intent to the bridge's receipt of the command, as the broker counts it.
 */
import path from 'node:path';
import type { TapeInfo } from '../backtest/tape.ts';
import type { Fleet } from '../cli/start/fleet/fleet.ts';
import { ledgerBooks } from '../cli/start/run.ts';
import { actorKey } from '../runtime/bus/topics.ts';
import type { Config } from '../runtime/config/index.ts';
import type { LatencyHistogram } from '../runtime/telemetry/latency.ts';
import type { BareSizes, BareTrip } from './bare.ts';
import { BareTrips } from './bare.ts';
import type { BenchOptions } from './options.ts';
import type { Result } from './result.ts';
import { ms, NotVerified } from './result.ts';
import type { Stage } from './stage.ts';
import { configFor } from './stage.ts';
import { median, quantile, recordedSince } from './statistics.ts';
import { storedBars } from './stored.ts';
import { benchTape } from './tape.ts';
import { orderFaults } from './verify.ts';

const TICKS_PER_S = 100_000;
/** The node compiles its hot paths in this time; the orders of it are checked, but not timed. */
const WARM_UP_MS = 8_000;
const TRADING_WITHIN_MS = 60_000;

interface Round {
  readonly orders: number;
  readonly timed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Warming-up included. */
  readonly p99AllMs: number;
  readonly maxMs: number;
  readonly bareP50Ms: number;
  readonly bareP99Ms: number;
  readonly bareTrips: number;
  readonly bareParts: Readonly<Record<string, number>>;
  readonly sizes: BareSizes;
  readonly ratio: number;
  readonly ratioP50: number;
  readonly ticksPerS: number;
}

export async function orderPath(stage: Stage, options: BenchOptions): Promise<Result> {
  const { symbols, seconds, rounds } = options;
  const tape = await benchTape(stage, { symbols, ticks: seconds * TICKS_PER_S, ticksPerSecond: TICKS_PER_S });
  const done: Round[] = [];
  for (let round = 1; round <= rounds; round++) {
    const one = await playRound(stage, tape, options.orders, round);
    done.push(one);
    stage.say(
      `round ${round}/${rounds}  ${one.timed} orders at ${Math.round(one.ticksPerS).toLocaleString('en-US')} ticks/s: ` +
        `p50 ${ms(one.p50Ms)}, p99 ${ms(one.p99Ms)}; ` +
        `bare NATS p50 ${ms(one.bareP50Ms)}, p99 ${ms(one.bareP99Ms)}; ratio ${one.ratio.toFixed(2)}`,
    );
  }
  return {
    name: 'order-path',
    value: median(done.map(({ p99Ms }) => p99Ms)),
    unit: 'ms',
    ratio: median(done.map(({ ratio }) => ratio)),
    rounds,
    verified: true,
    details: {
      symbols,
      ordersAtOnce: options.orders,
      p50Ms: median(done.map(({ p50Ms }) => p50Ms)),
      ratioP50: median(done.map(({ ratioP50 }) => ratioP50)),
      ratioOf: 'p99 of the path to p99 of the bare chain',
      perRound: done,
    },
  };
}

/** Nothing is denied: what is measured is the path, not the gate's limits (it is asked all the same). */
function tradingConfig(stage: Stage, tape: TapeInfo, orders: number, round: number): Config {
  const use = path.join(stage.root, 'bench', 'strategies', 'each-second.ts');
  return configFor(tape.symbols, tape.digits, {
    account: {
      // The ledger keeps the books of every account: each round has its own.
      id: `bench-${Math.floor(stage.clock.nowMs() / 1000).toString(36)}-${round}`,
      balance: 10_000_000,
      leverage: 100,
      risk: { duplicate_window_ms: 0 },
    },
    strategies: tape.symbols.slice(0, orders).map((symbol) => ({ id: `each-second-${symbol}`, use, symbol })),
    terminal: { latency_ms: 1, commission_per_lot: 3.5 },
  });
}

async function playRound(stage: Stage, tape: TapeInfo, orders: number, round: number): Promise<Round> {
  const config = tradingConfig(stage, tape, orders, round);
  let sent = 0;
  let acknowledged = 0;
  let state = '';
  const { fleet, failed } = stage.company({
    ...{ round, config, tape, tapeRounds: 1, speed: 1, ledger: true },
    onMessage: (from, message) => {
      if (message.event === 'status') state = (message as { account?: { state?: string } }).account?.state ?? '';
      if (message.event !== 'tape_end') return;
      if (from === 'terminal') sent = Number(message.ticks);
      if (from === 'bridge') acknowledged = Number(message.ticks);
    },
  });
  const measured = async (): Promise<Round> => {
    await fleet.start();
    await tradingBegins(stage, () => state);
    const timing = await time(stage, fleet, config);
    const status = await fleet.settle();
    const all = await fleet.intentToTerminal();
    const [terminal, ledger] = await Promise.all([fleet.terminalBooks(), ledgerBooks(fleet, config.account!.id)]);
    const bus = await stage.connect(fleet.natsLogin!, 'bench');
    const { ticks: barTicks } = await storedBars(bus, { partitions: config.market.partitions });
    await bus.drain();
    const faults = orderFaults({
      expected: new Map(tape.symbols.map((name, i) => [name, tape.perSymbol[i]!])),
      ...{ sent, acknowledged, status, barTicks, timed: all.count },
      balance: { terminal: terminal.balance, ledger: ledger.balance },
      positions: { terminal: terminal.positions, ledger: ledger.positions },
    });
    if (faults.length > 0) throw new NotVerified(round, faults);
    return figures(timing, status.orders.filled, status.latencyMs.intentToTerminal.p99, tape.ticks);
  };
  try {
    return await Promise.race([measured(), failed]);
  } finally {
    await stage.stop(fleet);
  }
}

interface Timing {
  readonly latency: LatencyHistogram;
  readonly trips: readonly BareTrip[];
  readonly sizes: BareSizes;
  readonly seconds: number;
}

async function time(stage: Stage, fleet: Fleet, config: Config): Promise<Timing> {
  const { clock } = stage;
  const sinceMs = clock.monotonicMs();
  fleet.play();
  await clock.sleep(WARM_UP_MS);
  const before = await fleet.intentToTerminal();
  const sizes = await snapshotSizes(stage, fleet, config);
  const bare = await BareTrips.start(stage, fleet.natsLogin!, sizes);
  stage.watch(bare);
  try {
    await fleet.played();
  } finally {
    await stage.stop(bare);
  }
  const seconds = (clock.monotonicMs() - sinceMs) / 1000;
  const after = await fleet.intentToTerminal();
  return { latency: recordedSince(before, after), trips: bare.trips, sizes, seconds };
}

/** What the bare trips carry: as many bytes as the actors' own commits, an intent and a command as they are. */
async function snapshotSizes(stage: Stage, fleet: Fleet, config: Config): Promise<BareSizes> {
  const bus = await stage.connect(fleet.natsLogin!, 'bench');
  const kv = await bus.kv('snapshots');
  const strategy = await kv.get(actorKey('strategy', config.strategies[0]!.id));
  const broker = await kv.get(actorKey('broker', config.account!.id));
  await bus.drain();
  return {
    strategySnapshot: strategy?.value.length ?? 1,
    brokerSnapshot: broker?.value.length ?? 1,
    intent: 400,
    command: 200,
  };
}

function figures({ latency, trips, sizes, seconds }: Timing, orders: number, p99AllMs: number, ticks: number): Round {
  const totals = trips.map(({ totalMs }) => totalMs);
  const part = (key: keyof BareTrip): number => median(trips.map((trip) => trip[key]));
  const [p50Ms, p99Ms] = [latency.quantile(0.5), latency.quantile(0.99)];
  const [bareP50Ms, bareP99Ms] = [quantile(totals, 0.5), quantile(totals, 0.99)];
  return {
    ...{ orders, timed: latency.count, p50Ms, p99Ms, p99AllMs, maxMs: latency.max },
    ...{ bareP50Ms, bareP99Ms, bareTrips: trips.length, sizes },
    bareParts: {
      strategyCommitP50Ms: part('strategyCommitMs'),
      intentP50Ms: part('intentMs'),
      brokerCommitP50Ms: part('brokerCommitMs'),
      commandP50Ms: part('commandMs'),
    },
    ratio: p99Ms / bareP99Ms,
    ratioP50: p50Ms / bareP50Ms,
    ticksPerS: ticks / seconds,
  };
}

async function tradingBegins({ clock }: Stage, state: () => string): Promise<void> {
  const untilMs = clock.monotonicMs() + TRADING_WITHIN_MS;
  while (!state().startsWith('trading')) {
    if (clock.monotonicMs() > untilMs) throw new Error(`the broker is still ${state() || 'silent'}`);
    await clock.sleep(20);
  }
}
