/**
 * The actors of one node: built from the configuration, started in order under one supervisor, stopped in reverse:
 * strategies, broker, market, stores.
 */
import { brokerActor } from '../actors/broker/actor.ts';
import { recorderActor } from '../actors/recorder/actor.ts';
import { strategyActor, strategyPlan } from '../actors/strategy/actor.ts';
import { loadStrategy } from '../actors/strategy/registry.ts';
import { symbolActor } from '../actors/symbol/actor.ts';
import { DEFAULT_FEATURES } from '../actors/symbol/features.ts';
import type { SymbolContext } from '../actors/symbol/market.ts';
import type { Timeframe } from '../actors/symbol/timeframes.ts';
import type { ActorDefinition } from '../runtime/actor.ts';
import type { Config } from '../runtime/config/index.ts';
import type { TroupeError } from '../runtime/errors.ts';
import type { Random } from '../runtime/random.ts';
import type { LatencyHistogram } from '../runtime/telemetry/latency.ts';
import { Supervisor } from '../supervisors/supervisor.ts';
import type { Stage } from './child.ts';
import { ActorChild } from './child.ts';
import { riskLimits } from './risk-limits.ts';

/** Time to stop in order, per kind. Their sum along the tree stays below the node's total of 25 s. */
const SHUTDOWN_MS = { strategy: 2_000, broker: 8_000, symbol: 3_000, recorder: 6_000 } as const;

/** A few turns of the interpreter. */
const BACKLOG_EVENTS = 256;

export interface Latencies {
  readonly tickToBar: LatencyHistogram;
  readonly intentToTerminal: LatencyHistogram;
}

export interface CompanyOptions {
  readonly config: Config;
  /** Folder of the configuration: paths in it are relative to this. */
  readonly folder: string;
  readonly stage: Stage;
  readonly random: Random;
  readonly latencies: Latencies;
  /** Where the ledger is kept; without it there is no recorder. */
  readonly ledger: string | undefined;
  readonly onGiveUp: (error: TroupeError) => void;
  /** A symbol actor of this node has applied ticks. */
  readonly onTicksApplied: () => void;
}

interface PlannedStrategy {
  readonly id: string;
  readonly symbol: string;
  readonly definition: ActorDefinition;
  readonly plan: ReturnType<typeof strategyPlan>;
}

const unique = <T extends string>(names: readonly (T | string)[]): T[] => [...new Set(names)] as T[];

export interface StrategyMember {
  readonly child: ActorChild;
  readonly id: string;
  readonly symbol: string;
}

export class Company {
  readonly symbols: ActorChild[] = [];
  readonly strategies: StrategyMember[] = [];
  broker: ActorChild | undefined;
  recorder: ActorChild | undefined;
  private fence = 0;
  private readonly o: CompanyOptions;
  private readonly supervisor: Supervisor;

  constructor(options: CompanyOptions) {
    this.o = options;
    const { clock, log, levels, metrics } = options.stage;
    const { child, supervisor, backoff } = options.config.supervision;
    this.supervisor = new Supervisor({
      id: 'root',
      clock,
      log,
      random: options.random,
      childBudget: { restarts: child.restarts, windowMs: child.window_ms },
      supervisorBudget: { restarts: supervisor.restarts, windowMs: supervisor.window_ms },
      backoff: { firstMs: backoff.first_ms, longestMs: backoff.longest_ms },
      onEvent: (event) => {
        if (event.event === 'restarted') {
          this.restarts++;
          metrics.actorRestarts.inc({ kind: event.kind });
        }
        levels.edge(event);
      },
      onGiveUp: options.onGiveUp,
    });
  }

  /** Actor restarts so far. */
  restarts = 0;

  /** The broker's claim on its account, as the bridge is told it. */
  get brokerFence(): number {
    return this.fence;
  }

  async start(): Promise<void> {
    const strategies = await this.planStrategies();
    this.recorder = this.makeRecorder();
    this.broker = this.makeBroker(strategies.map(({ id }) => id));
    this.symbols.push(...this.makeSymbols(strategies));
    await this.publishMachines(strategies.map(({ definition }) => definition));
    if (this.recorder !== undefined) await this.supervisor.add(this.recorder);
    await Promise.all(this.symbols.map((symbol) => this.supervisor.add(symbol)));
    if (this.broker !== undefined) await this.supervisor.add(this.broker);
    for (const { definition, id, symbol } of strategies) {
      const child = new ActorChild(definition, this.o.stage, SHUTDOWN_MS.strategy);
      this.strategies.push({ child, id, symbol });
      await this.supervisor.add(child);
    }
  }

  /** Decimal places of a symbol's prices. */
  digitsOf(symbol: string): number {
    return this.o.config.market.symbols[symbol]?.digits ?? 0;
  }

  stop(): Promise<void> {
    return this.supervisor.stop();
  }

  /** Every actor of this node. */
  get everybody(): ActorChild[] {
    const children = [...this.symbols, ...this.strategies.map(({ child }) => child), this.broker, this.recorder];
    return children.filter((child) => child !== undefined);
  }

  /** An actor has more waiting than it takes in a few turns: the company does not keep up. */
  get behind(): boolean {
    return this.everybody.some(({ depth }) => depth > BACKLOG_EVENTS);
  }

  /** Closes every open bar: no more ticks will come. */
  flush(): void {
    for (const symbol of this.symbols) symbol.tell({ type: 'control.flush' });
  }

  /** Whether every actor has taken everything that the streams hold, and nothing is under way. */
  async settled(): Promise<boolean> {
    const idle = (): boolean => this.everybody.every((child) => child.idle);
    return idle() && (await this.o.stage.hub.caughtUp()) && idle();
  }

  /** KV `machines`: how each kind of actor can be drawn, for any visualizer. */
  private async publishMachines(strategies: readonly ActorDefinition[]): Promise<void> {
    const machines = await this.o.stage.bus.kv('machines');
    const own = [this.symbols[0], this.broker, this.recorder].flatMap((child) => (child ? [child.definition] : []));
    const kinds = new Map([...own, ...strategies].map(({ kind, machine }) => [kind, machine]));
    for (const [kind, machine] of kinds) {
      await machines.put(kind, new TextEncoder().encode(JSON.stringify(machine.definition)));
    }
  }

  private async planStrategies(): Promise<PlannedStrategy[]> {
    const { config, folder } = this.o;
    const { account, market } = config;
    if (account === undefined) return [];
    const planned: PlannedStrategy[] = [];
    for (const { id, use, symbol, params } of config.strategies) {
      const definition = await loadStrategy(use, folder, `strategies.${id}.use`);
      const options = {
        ...{ id, account: account.id, symbol, definition, params },
        featureTimeframes: market.feature_timeframes,
      };
      planned.push({ id, symbol, definition: strategyActor(options), plan: strategyPlan(options) });
    }
    return planned;
  }

  private makeSymbols(strategies: readonly PlannedStrategy[]): ActorChild[] {
    const { config, latencies, stage } = this.o;
    const { metrics } = stage;
    const { market } = config;
    return Object.keys(market.symbols).map((symbol) => {
      const plans = strategies.filter((strategy) => strategy.symbol === symbol).map(({ plan }) => plan);
      // What a strategy needs is computed whether the configuration asks for it or not.
      const featured = plans.filter(({ features }) => features.length > 0);
      const definition = symbolActor({
        symbol,
        source: market.source,
        timeframes: unique<Timeframe>([...market.timeframes, ...plans.flatMap(({ timeframes }) => timeframes)]),
        featureTimeframes: unique<Timeframe>([
          ...market.feature_timeframes,
          ...featured.flatMap(({ timeframes }) => timeframes),
        ]),
        features: unique([...DEFAULT_FEATURES, ...plans.flatMap(({ features }) => features)]),
        day: market.day,
        staleAfterMs: market.stale_after_ms,
        onTicksApplied: this.o.onTicksApplied,
        onBar: (latencyMs) => {
          latencies.tickToBar.record(latencyMs);
          metrics.tickToBar.observe(latencyMs);
        },
      });
      return new ActorChild(definition, stage, SHUTDOWN_MS.symbol);
    });
  }

  /**
   * Ticks applied by the symbol actors of this node. Their own count: one that was restarted reads some ticks again, and
   * they count once.
   */
  get ticksApplied(): number {
    let sum = 0;
    for (const { context } of this.symbols) sum += (context as SymbolContext | undefined)?.ticksApplied ?? 0;
    return sum;
  }

  private makeBroker(strategies: readonly string[]): ActorChild | undefined {
    const { config, stage, latencies } = this.o;
    const { metrics } = stage;
    const { account } = config;
    if (account === undefined) return undefined;
    const definition = brokerActor({
      account: account.id,
      symbols: Object.keys(config.market.symbols),
      strategies,
      limits: riskLimits(account.risk),
      fence: () => this.fence,
      onLatency: (latencyMs: number) => {
        latencies.intentToTerminal.record(latencyMs);
        metrics.intentToTerminal.observe(latencyMs);
      },
    });
    return new ActorChild(definition, stage, SHUTDOWN_MS.broker, async () => {
      this.fence = await stage.levels.claim('broker', account.id);
    });
  }

  private makeRecorder(): ActorChild | undefined {
    if (this.o.ledger === undefined) return undefined;
    const definition = recorderActor({ id: 'ledger', connectionString: this.o.ledger });
    return new ActorChild(definition, this.o.stage, SHUTDOWN_MS.recorder);
  }
}
