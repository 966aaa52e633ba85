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
const TAPE_TICKS = 500_000;
export const ACCOUNT = 'bench-recovery';
const INLINE = 3;
const WARM_UP_MS = 6_000;
/** From one kill to the next. */
const GAP_MS = 150;
/** A spare thread is made, and rehearses, when nothing has been started for a while; the next start needs one. */
const SPARE_GAP_MS = 2_000;
/** Of one kill with its gap, generously: the market must be open until the last has gone on. */
const KILL_MS = 300;
const THREAD_KILL_MS = 2_600;
const WITHIN_MS = 20_000;
/** An actor that is asked without a pause has less time to come back. */
const LOOK_AGAIN_MS = 2;
/** A broker takes its strategies along: where one is killed there are no threads, which need a new spare each time. */
const INLINE_KINDS: readonly Kind[] = ['symbol', 'strategy', 'broker'];

export interface Kill {
  readonly kind: Kind;
  readonly id: string;
  /** Until it had gone on, and until `sys.lifecycle` told that it had failed and that it was started again. */
  readonly tookMs: number;
  readonly failedMs: number;
  readonly restartedMs: number;
}

export interface Times {
  readonly kills: readonly Kill[];
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
    params: { every: 100 },
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

/** Kills `rounds` actors of each of these kinds; those of threads in a company of their own. */
export async function actorTimes(
  stage: Stage,
  symbols: number,
  rounds: number,
  victims: readonly string[],
): Promise<Times> {
  const inline = INLINE_KINDS.filter((kind) => victims.includes(kind));
  const parts: Times[] = [];
  if (inline.length > 0) parts.push(await timesOf(stage, symbols, rounds, inline, 0));
  if (victims.includes('thread')) parts.push(await timesOf(stage, symbols, rounds, ['thread'], 1));
  return {
    kills: parts.flatMap(({ kills }) => kills),
    bareMs: parts.flatMap(({ bareMs }) => bareMs),
    ticksPerS: Math.min(...parts.map(({ ticksPerS }) => ticksPerS)),
  };
}

async function timesOf(
  stage: Stage,
  symbols: number,
  rounds: number,
  kinds: readonly Kind[],
  threads: number,
): Promise<Times> {
  const tape = await recoveryTape(stage, symbols);
  const killMs = threads > 0 ? THREAD_KILL_MS : KILL_MS;
  const tapeRounds = tapeRoundsFor(tape, WARM_UP_MS + rounds * kinds.length * killMs);
  const config = recoveryConfig(stage, tape, INLINE, threads);
  const cluster = new Cluster(stage, { config, nodes: 1, tape, tapeRounds, speed: SPEED });
  stage.watch(cluster);
  try {
    return await Promise.race([killAll(stage, cluster, config, tape, tapeRounds, rounds, kinds), cluster.failed]);
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
  kinds: readonly Kind[],
): Promise<Times> {
  const { clock } = stage;
  await cluster.start();
  const [operator, bus] = [new Operator(await cluster.connect('operator')), await cluster.connect('node')];
  const killer = new Killer(stage, operator, await cluster.connect('operator'), config);
  await killer.untilServes();
  const sinceMs = clock.monotonicMs();
  cluster.play();
  await clock.sleep(WARM_UP_MS);
  const kills: Kill[] = [];
  const bareMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const kind of kinds) {
      kills.push(await killer.kill(kind, round));
      bareMs.push(await bareRestart(stage, bus, config, tape.symbols[bareMs.length % tape.symbols.length]!));
      await clock.sleep(kind === 'thread' ? SPARE_GAP_MS : GAP_MS);
    }
    if (cluster.acknowledged >= 0)
      throw new Error(`the market had ended in round ${round + 1}: the machine is too busy`);
    if ((round + 1) % 50 === 0) stage.say(`${round + 1} of ${rounds} killed of each: ${kinds.join(', ')}`);
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
  return { kills, bareMs, ticksPerS };
}

export class Killer {
  private readonly stage: Stage;
  private readonly operator: Operator;
  private readonly config: Config;
  /** Told with what is heard of an actor. */
  private heard = (): void => undefined;
  /** Who was told as started again since the last kill. */
  private readonly restarted = new Set<string>();
  /** Monotonic, of the actor that was killed last. */
  private failedMs = 0;
  private restartedMs = 0;

  constructor(stage: Stage, operator: Operator, ears: NatsBus, config: Config) {
    this.stage = stage;
    this.operator = operator;
    this.config = config;
    const layout = { partitions: config.market.partitions };
    void ears.serve(topics.lifecycle.subject({}, layout), async (data) => {
      const { kind, id, event } = topics.lifecycle.decode(data);
      if (event === 'failed') this.failedMs = this.stage.clock.monotonicMs();
      if (event === 'restarted') {
        // Of those that it takes along nobody waits for.
        if (this.restarted.size === 0) this.restartedMs = this.stage.clock.monotonicMs();
        this.restarted.add(actorKey(kind, id));
      }
      this.heard();
      return undefined;
    });
  }

  async untilServes(): Promise<void> {
    await this.until('the broker trades', async () => {
      const status = await this.operator.status('broker', ACCOUNT);
      return status !== undefined && isUp('broker', status);
    });
  }

  /** Kills the `round`-th of the kind's actors; resolves when it has gone on. */
  async kill(kind: Kind, round: number): Promise<Kill> {
    const { clock } = this.stage;
    const id = this.victim(kind, round);
    const actor = kind === 'thread' ? 'strategy' : kind;
    const before = await this.operator.ask(actor, id, 'status');
    const sinceMs = clock.monotonicMs();
    this.restarted.clear();
    await this.operator.ask(actor, id, 'kill');
    // Nobody asks the actor anything before its supervisor has said that it was started again.
    await this.untilHeard(`${kind} ${id} was started again`, () => this.restarted.has(actorKey(actor, id)));
    const [failedMs, restartedMs] = [this.failedMs - sinceMs, this.restartedMs - sinceMs];
    await this.until(`${kind} ${id} has gone on`, async () => {
      const now = await this.operator.status(actor, id);
      return now !== undefined && hasGoneOn(kind, before, now);
    });
    const tookMs = clock.monotonicMs() - sinceMs;
    return { kind, id, tookMs, failedMs, restartedMs };
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
      await clock.sleep(LOOK_AGAIN_MS);
    }
  }

  private async untilHeard(what: string, done: () => boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const cancel = this.stage.clock.setTimer(WITHIN_MS, () => reject(new Error(`within ${WITHIN_MS} ms not: ${what}`)));
    this.heard = () => {
      if (done()) resolve();
    };
    this.heard();
    await promise.finally(() => {
      cancel();
      this.heard = () => undefined;
    });
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
