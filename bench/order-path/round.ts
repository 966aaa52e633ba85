/**
 * One round: the whole company plays a market as fast as in life, and on some of its symbols strategies trade; one broker,
 * the ledger in PostgreSQL. The latency is the product's own: from the wall clock in the intent to the terminal's receipt of
 * the command, as the broker counts it.
 *
 * After the warming-up comes the stretch whose orders are timed, then the bare trips: both under the same load, and
 * neither is a load of the other's.
 */
import path from 'node:path';
import type { TapeInfo } from '../../backtest/tape.ts';
import type { Fleet } from '../../cli/start/fleet/fleet.ts';
import { ledgerBooks } from '../../cli/start/run.ts';
import { actorKey } from '../../runtime/bus/topics.ts';
import type { Config } from '../../runtime/config/index.ts';
import type { LatencyHistogram } from '../../runtime/telemetry/latency.ts';
import { NotVerified } from '../result.ts';
import type { Stage } from '../stage.ts';
import { configFor } from '../stage.ts';
import { recordedSince } from '../statistics.ts';
import { storedBars } from '../stored.ts';
import { orderFaults } from '../verify.ts';
import type { BareSizes, BareTrip } from './bare.ts';
import { BareTrips } from './bare.ts';
import type { Scenario } from './scenario.ts';
import { strategyOf } from './scenario.ts';

/** The node compiles its hot paths in this time; the orders of it are checked, but not timed. */
const WARM_UP_MS = 8_000;
/** The bare trips have the end of the tape, so long or this share of it. */
const BARE_MS = 10_000;
const BARE_SHARE = 0.2;
const TRADING_WITHIN_MS = 60_000;

export interface RoundOptions {
  readonly tape: TapeInfo;
  readonly scenario: Scenario;
  /** Strategies. */
  readonly orders: number;
  readonly seconds: number;
  readonly round: number;
}

export interface Round extends Timing {
  /** All that were intended and filled. */
  readonly orders: number;
  /** Warming-up and the stretch of the bare trips included. */
  readonly p99AllMs: number;
  readonly ticksPerS: number;
}

interface Timing {
  readonly latency: LatencyHistogram;
  readonly trips: readonly BareTrip[];
  readonly sizes: BareSizes;
  readonly seconds: number;
}

/** Nothing is denied: what is measured is the path, not the gate's limits (it is asked all the same). */
function tradingConfig(stage: Stage, { tape, scenario, orders, round }: RoundOptions): Config {
  const strategies = tape.symbols.slice(0, orders).map((symbol, n) => {
    const { file, params } = strategyOf(scenario, n);
    const use = path.join(stage.root, 'bench', 'strategies', file);
    return { id: `${scenario}-${symbol}`, use, symbol, params };
  });
  return configFor(tape.symbols, tape.digits, {
    account: {
      // The ledger keeps the books of every account: each round has its own.
      id: `bench-${Math.floor(stage.clock.nowMs() / 1000).toString(36)}-${round}`,
      balance: 10_000_000,
      leverage: 100,
      risk: { duplicate_window_ms: 0 },
    },
    strategies,
    terminal: { latency_ms: 1, commission_per_lot: 3.5 },
  });
}

/** Throws NotVerified where a tick, an order or a cent is missing. */
export async function playRound(stage: Stage, options: RoundOptions): Promise<Round> {
  const { tape, round, scenario, seconds } = options;
  const config = tradingConfig(stage, options);
  let sent = 0;
  let acknowledged = 0;
  let state = '';
  const { fleet, failed } = stage.company({
    ...{ round: `${round}-${scenario}`, config, tape, tapeRounds: 1, speed: 1, ledger: true },
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
    const timing = await time(stage, fleet, config, seconds);
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
    const { orders, latencyMs } = status;
    const ticksPerS = tape.ticks / timing.seconds;
    return { ...timing, orders: orders.filled, p99AllMs: latencyMs.intentToTerminal.p99, ticksPerS };
  };
  try {
    return await Promise.race([measured(), failed]);
  } finally {
    await stage.stop(fleet);
  }
}

async function time(stage: Stage, fleet: Fleet, config: Config, seconds: number): Promise<Timing> {
  const { clock } = stage;
  const bareMs = Math.min(BARE_MS, seconds * 1000 * BARE_SHARE);
  const sinceMs = clock.monotonicMs();
  fleet.play();
  await clock.sleep(WARM_UP_MS);
  const before = await fleet.intentToTerminal();
  await clock.sleep(seconds * 1000 - WARM_UP_MS - bareMs);
  const after = await fleet.intentToTerminal();
  const sizes = await snapshotSizes(stage, fleet, config);
  const bare = await BareTrips.start(stage, fleet.natsLogin!, sizes);
  stage.watch(bare);
  try {
    await fleet.played();
  } finally {
    await stage.stop(bare);
  }
  const tookS = (clock.monotonicMs() - sinceMs) / 1000;
  return { latency: recordedSince(before, after), trips: bare.trips, sizes, seconds: tookS };
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

async function tradingBegins({ clock }: Stage, state: () => string): Promise<void> {
  const untilMs = clock.monotonicMs() + TRADING_WITHIN_MS;
  while (!state().startsWith('trading')) {
    if (clock.monotonicMs() > untilMs) throw new Error(`the broker is still ${state() || 'silent'}`);
    await clock.sleep(20);
  }
}
