/**
 * How long an actor is away that is killed while it works: from the request to kill it until its status says that it runs
 * again and has applied an input that it had not applied before. One node, a market that does not stand still.
 */
import path from 'node:path';
import type { TapeInfo } from '../../backtest/tape.ts';
import type { NatsBus } from '../../runtime/bus/nats.ts';
import { actorKey, topics } from '../../runtime/bus/topics.ts';
import type { Config } from '../../runtime/config/index.ts';
import { Cluster } from '../cluster.ts';
import type { ActorStatus } from '../operator.ts';
import { Operator } from '../operator.ts';
import { NotVerified } from '../result.ts';
import type { Stage } from '../stage.ts';
import { configFor } from '../stage.ts';
import { storedBars } from '../stored.ts';
import { benchTape } from '../tape.ts';
import { recoveryFaults } from '../verify.ts';
import type { Kind } from './watch.ts';
import { hasGoneOn, isUp } from './watch.ts';

/** Market time runs this much faster, so that a bar of a second closes every 20 ms: a strategy hears nothing else. */
export const SPEED = 50;
const MARKET_TICKS_PER_S = 1_000;
const TAPE_TICKS = 2_000_000;
export const ACCOUNT = 'bench-recovery';
const INLINE = 3;
const WARM_UP_MS = 6_000;
/** From one kill to the next. */
const GAP_MS = 400;
/** The broker takes its strategies along, and with them the spare thread: the next one needs some time. */
const AFTER_BROKER_MS = 2_500;
/** One of each kind, generously: the market must be open until the last has gone on. */
const ROUND_MS = 6_000;
const WITHIN_MS = 20_000;
const KINDS: readonly Kind[] = ['symbol', 'strategy', 'thread', 'broker'];

export interface Times {
  readonly byKind: Readonly<Record<Kind, readonly number[]>>;
  /** What a restart asks of NATS, asked by itself right after each: the snapshot, a reader, its first message. */
  readonly bareMs: readonly number[];
  readonly ticksPerS: number;
}

export const recoveryTape = (stage: Stage, symbols: number): Promise<TapeInfo> =>
  benchTape(stage, { symbols, ticks: TAPE_TICKS, ticksPerSecond: MARKET_TICKS_PER_S });

/** How often the tape is played so that the market is open for so long. */
export function tapeRoundsFor(tape: TapeInfo, wallMs: number): number {
  return Math.ceil((wallMs * MARKET_TICKS_PER_S * SPEED) / 1000 / tape.ticks);
}

/** Restarts come as often as the rounds want: what is measured is the first one after a failure, which does not wait. */
export function recoveryConfig(stage: Stage, tape: TapeInfo, inline: number, threads: number): Config {
  const use = path.join(stage.root, 'bench', 'strategies', 'now-and-then.ts');
  const strategies = Array.from({ length: inline + threads }, (_, i) => ({
    id: i < inline ? `inline-${i + 1}` : `thread-${i - inline + 1}`,
    ...{ use, symbol: tape.symbols[i % tape.symbols.length]! },
    isolation: i < inline ? 'inline' : 'thread',
    // The thread's summary comes four times a second: it is its orders that tell that it has gone on.
    params: { every: i === inline ? 1 : 100 },
  }));
  return configFor(tape.symbols, tape.digits, {
    account: { id: ACCOUNT, balance: 10_000_000, leverage: 100, risk: { duplicate_window_ms: 0 } },
    strategies,
    terminal: { latency_ms: 1 },
    supervision: {
      child: { restarts: 1_000 },
      supervisor: { restarts: 1_000 },
      backoff: { first_ms: 1, longest_ms: 1 },
    },
  });
}

export async function actorTimes(stage: Stage, symbols: number, rounds: number): Promise<Times> {
  const tape = await recoveryTape(stage, symbols);
  const tapeRounds = tapeRoundsFor(tape, WARM_UP_MS + rounds * ROUND_MS);
  const config = recoveryConfig(stage, tape, INLINE, 1);
  const cluster = new Cluster(stage, { config, nodes: 1, tape, tapeRounds, speed: SPEED });
  stage.watch(cluster);
  try {
    return await Promise.race([killAll(stage, cluster, config, tape, tapeRounds, rounds), cluster.failed]);
  } finally {
    await stage.stop(cluster);
  }
}

async function killAll(
  stage: Stage,
  cluster: Cluster,
  config: Config,
  tape: TapeInfo,
  tapeRounds: number,
  rounds: number,
): Promise<Times> {
  const { clock } = stage;
  await cluster.start();
  const [operator, bus] = [new Operator(await cluster.connect('operator')), await cluster.connect('node')];
  const killer = new Killer(stage, operator, await cluster.connect('operator'), config);
  await killer.untilServes();
  const sinceMs = clock.monotonicMs();
  cluster.play();
  await clock.sleep(WARM_UP_MS);
  const byKind: Record<Kind, number[]> = { symbol: [], strategy: [], thread: [], broker: [] };
  const bareMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const kind of KINDS) {
      byKind[kind].push(await killer.kill(kind, round));
      bareMs.push(await bareRestart(stage, bus, config, tape.symbols[round % tape.symbols.length]!));
      await clock.sleep(kind === 'broker' ? AFTER_BROKER_MS : GAP_MS);
    }
    if (cluster.acknowledged >= 0)
      throw new Error(`the market had ended in round ${round + 1}: the machine is too busy`);
    if ((round + 1) % 5 === 0) stage.say(`killed each kind ${round + 1} of ${rounds} times`);
  }
  await cluster.played();
  const ticksPerS = cluster.tapeTicks / ((clock.monotonicMs() - sinceMs) / 1000);
  const statuses = await cluster.settle();
  const { ticks: barTicks } = await storedBars(bus, { partitions: config.market.partitions });
  const faults = recoveryFaults({
    expected: new Map(tape.symbols.map((name, i) => [name, tape.perSymbol[i]! * tapeRounds])),
    ...{ sent: cluster.sent, acknowledged: cluster.acknowledged, statuses, barTicks },
    strategies: config.strategies.map(({ id }) => id),
  });
  if (faults.length > 0) throw new NotVerified(1, faults);
  return { byKind, bareMs, ticksPerS };
}

export class Killer {
  private readonly stage: Stage;
  private readonly operator: Operator;
  private readonly config: Config;
  /** Wall clock of each strategy's last decision that was heard, microseconds. */
  private readonly decidedUs = new Map<string, number>();

  constructor(stage: Stage, operator: Operator, ears: NatsBus, config: Config) {
    this.stage = stage;
    this.operator = operator;
    this.config = config;
    const intents = topics.intent.subject({ account: ACCOUNT }, { partitions: config.market.partitions });
    void ears.serve(intents, async (data) => {
      const { strategy, createdUs } = topics.intent.decode(data);
      this.decidedUs.set(strategy, createdUs);
      return undefined;
    });
  }

  async untilServes(): Promise<void> {
    await this.until('the broker trades', async () => {
      const status = await this.operator.status('broker', ACCOUNT);
      return status !== undefined && isUp('broker', status);
    });
  }

  /** Kills the `round`-th of the kind's actors; resolves to the milliseconds until it has gone on. */
  async kill(kind: Kind, round: number): Promise<number> {
    const { clock } = this.stage;
    const id = this.victim(kind, round);
    const actor = kind === 'thread' ? 'strategy' : kind;
    const before = await this.operator.ask(actor, id, 'status');
    const killedUs = clock.nowUs();
    const sinceMs = clock.monotonicMs();
    await this.operator.ask(actor, id, 'kill');
    const goneOn = (now: ActorStatus): boolean =>
      kind === 'thread'
        ? now.restarts > before.restarts && isUp(kind, now) && (this.decidedUs.get(id) ?? 0) > killedUs
        : hasGoneOn(kind, before, now);
    await this.until(`${kind} ${id} has gone on`, async () => {
      const now = await this.operator.status(actor, id);
      return now !== undefined && goneOn(now);
    });
    return clock.monotonicMs() - sinceMs;
  }

  private victim(kind: Kind, round: number): string {
    const { market, strategies } = this.config;
    if (kind === 'broker') return ACCOUNT;
    const ids =
      kind === 'symbol'
        ? Object.keys(market.symbols)
        : strategies.filter(({ isolation }) => (isolation === 'thread') === (kind === 'thread')).map(({ id }) => id);
    return ids[round % ids.length]!;
  }

  private async until(what: string, done: () => Promise<boolean>): Promise<void> {
    const { clock } = this.stage;
    const untilMs = clock.monotonicMs() + WITHIN_MS;
    while (!(await done())) {
      if (clock.monotonicMs() > untilMs) throw new Error(`within ${WITHIN_MS} ms not: ${what}`);
    }
  }
}

async function bareRestart(stage: Stage, bus: NatsBus, config: Config, symbol: string): Promise<number> {
  const { clock } = stage;
  const { source, partitions } = config.market;
  const filter = topics.ticks.subject({ source, symbol }, { partitions });
  const last = await bus.lastSequence('MARKET', filter);
  const kv = await bus.kv('snapshots');
  const sinceMs = clock.monotonicMs();
  await kv.get(actorKey('symbol', symbol));
  let first = (): void => undefined;
  const heard = new Promise<void>((resolve) => {
    first = resolve;
  });
  const reader = await bus.read({
    ...{ stream: 'MARKET', filters: [filter], fromSequence: last },
    onMessage: () => first(),
    onError: () => first(),
  });
  await heard;
  const tookMs = clock.monotonicMs() - sinceMs;
  await reader.stop();
  return tookMs;
}
