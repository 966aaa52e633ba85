/**
 * Every actor of the company, as the configuration has it: all nodes make the same plan, and each runs its part of it.
 */
import { brokerActor } from '../actors/broker/actor.ts';
import { recorderActor } from '../actors/recorder/actor.ts';
import type { OpenLedger } from '../actors/recorder/store.ts';
import { strategyActor, strategyPlan } from '../actors/strategy/actor.ts';
import type { Strategy } from '../actors/strategy/index.ts';
import { defineStrategy, z } from '../actors/strategy/index.ts';
import { isStrategyFile, loadStrategy } from '../actors/strategy/registry.ts';
import { symbolActor } from '../actors/symbol/actor.ts';
import { DEFAULT_FEATURES } from '../actors/symbol/features.ts';
import type { Timeframe } from '../actors/symbol/timeframes.ts';
import type { ActorDefinition } from '../runtime/actor.ts';
import { partitionOf } from '../runtime/bus/subjects.ts';
import type { Config } from '../runtime/config/index.ts';
import type { LatencyHistogram } from '../runtime/telemetry/latency.ts';
import type { Metrics } from '../runtime/telemetry/metrics.ts';
import { riskLimits } from './risk-limits.ts';
import type { Assignment, Needs } from './thread/protocol.ts';
import type { Threads } from './thread/threads.ts';

/** Branch of the tree, in the order of start; shutdown is the reverse. */
export type Branch = 'stores' | 'market' | 'trading';

export interface Planned {
  readonly kind: string;
  readonly id: string;
  /** What is placed on a node as one: a partition of symbols, everything else by itself. */
  readonly unit: string;
  readonly branch: Branch;
  /** Time to stop in order. */
  readonly shutdownMs: number;
  /** The symbol of a symbol or strategy actor, empty for the others. */
  readonly symbol: string;
  /** Its claim is made anew before each start: what an earlier start still has under way is refused by the bridge. */
  readonly fenced: boolean;
  /** Where it runs in a thread of its own: what is to run there. */
  readonly thread?: Assignment;
  /** Throws CONFIG_INVALID. */
  definition(): ActorDefinition;
}

export interface Latencies {
  readonly tickToBar: LatencyHistogram;
  readonly intentToTerminal: LatencyHistogram;
}

export interface PlanOptions {
  readonly config: Config;
  /** Folder of the configuration: paths in it are relative to this. */
  readonly folder: string;
  readonly metrics: Metrics;
  /** Users' files are loaded there; without it in this thread. */
  readonly threads?: Threads | undefined;
  readonly latencies: Latencies;
  /** Where the ledger is kept; without it there is no recorder. */
  readonly ledger: string | OpenLedger | undefined;
  /** Revision of this node's claim on the broker. */
  readonly fence: () => number;
  /** A symbol actor of this node has applied ticks. Called for every frame. */
  readonly onTicksApplied: (symbol: string) => void;
}

/** Time to stop in order, per kind. Their sum along the tree stays below the node's total of 25 s. */
const SHUTDOWN_MS = { strategy: 2_000, broker: 8_000, symbol: 3_000, recorder: 6_000 } as const;

interface PlannedStrategy extends Planned {
  readonly plan: ReturnType<typeof strategyPlan>;
}

const unique = <T extends string>(names: readonly (T | string)[]): T[] => [...new Set(names)] as T[];

/** In the order of start: stores, market, broker, strategies. Throws CONFIG_INVALID. */
export async function planCompany(options: PlanOptions): Promise<Planned[]> {
  const strategies = await planStrategies(options);
  return [
    ...planRecorder(options),
    ...planSymbols(options, strategies),
    ...planBroker(
      options,
      strategies.map(({ id }) => id),
    ),
    ...strategies,
  ];
}

/**
 * Stands here for a strategy whose file is loaded in its thread only: a loop or an exit while it is loaded, or in what
 * it says of itself, must not be the node's. It is drawn like every other one, and never run.
 */
function standIn({ timeframes, features }: Needs): Strategy {
  const onBar = (): never => {
    throw new Error('this strategy runs in a thread');
  };
  return defineStrategy({ name: 'in-a-thread', params: z.object({}), timeframes, features: () => features, onBar });
}

async function planStrategies({ config, folder, threads }: PlanOptions): Promise<PlannedStrategy[]> {
  const { account, market } = config;
  if (account === undefined) return [];
  const planned: PlannedStrategy[] = [];
  const featureTimeframes = market.feature_timeframes;
  const assignmentOf = (strategy: (typeof config.strategies)[number]): Assignment => ({
    ...{ id: strategy.id, use: strategy.use, symbol: strategy.symbol, account: account.id, featureTimeframes, folder },
    // Live settings change them: each start takes those that hold then.
    get params() {
      return strategy.params;
    },
  });
  const runs = config.strategies
    .filter(({ isolation, use }) => threads !== undefined && isolation === 'thread' && isStrategyFile(use))
    .map(assignmentOf);
  const told = (await threads?.plan(runs)) ?? [];
  const needs = new Map(runs.map(({ id }, i) => [id, told[i]!]));
  for (const strategy of config.strategies) {
    const { id, use, symbol, params, isolation } = strategy;
    const thread = assignmentOf(strategy);
    const elsewhere = needs.get(id);
    const options = {
      ...{ id, account: account.id, symbol, featureTimeframes },
      ...(elsewhere === undefined
        ? { params, definition: await loadStrategy(use, folder, `strategies.${id}.use`) }
        : { params: {}, definition: standIn(elsewhere) }),
    };
    planned.push({
      ...(isolation === 'thread' ? { thread } : {}),
      ...{ kind: 'strategy', id, unit: `strategy.${id}`, branch: 'trading', symbol, fenced: false },
      shutdownMs: SHUTDOWN_MS.strategy,
      plan: strategyPlan(options),
      definition: () => strategyActor(elsewhere === undefined ? { ...options, params: strategy.params } : options),
    });
  }
  return planned;
}

function planSymbols(options: PlanOptions, strategies: readonly PlannedStrategy[]): Planned[] {
  const { latencies, metrics } = options;
  const { market } = options.config;
  const onBar = (latencyMs: number): void => {
    latencies.tickToBar.record(latencyMs);
    metrics.tickToBar.observe(latencyMs);
  };
  return Object.keys(market.symbols).map((symbol) => ({
    ...{ kind: 'symbol', id: symbol, unit: `partition.${partitionOf(symbol, market.partitions)}` },
    ...{ branch: 'market', symbol, fenced: false },
    shutdownMs: SHUTDOWN_MS.symbol,
    definition: () => {
      const plans = strategies.filter((strategy) => strategy.symbol === symbol).map(({ plan }) => plan);
      // What a strategy needs is computed whether the configuration asks for it or not.
      const featured = plans.filter(({ features }) => features.length > 0);
      return symbolActor({
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
        onTicksApplied: () => options.onTicksApplied(symbol),
        onBar,
      });
    },
  }));
}

function planBroker(options: PlanOptions, strategies: readonly string[]): Planned[] {
  const { config, latencies, metrics, fence } = options;
  const { account } = config;
  if (account === undefined) return [];
  return [
    {
      ...{ kind: 'broker', id: account.id, unit: `broker.${account.id}`, branch: 'trading', symbol: '', fenced: true },
      shutdownMs: SHUTDOWN_MS.broker,
      definition: () =>
        brokerActor({
          account: account.id,
          symbols: Object.keys(config.market.symbols),
          strategies,
          limits: riskLimits(account.risk),
          safePolicy: account.safe_mode,
          fence,
          onLatency: (latencyMs: number) => {
            latencies.intentToTerminal.record(latencyMs);
            metrics.intentToTerminal.observe(latencyMs);
          },
        }),
    },
  ];
}

function planRecorder({ ledger }: PlanOptions): Planned[] {
  if (ledger === undefined) return [];
  // Made here, so that a bad URL is told before anything runs.
  const where = typeof ledger === 'string' ? { connectionString: ledger } : { openLedger: ledger };
  const definition = recorderActor({ id: 'ledger', ...where });
  return [
    {
      ...{ kind: 'recorder', id: 'ledger', unit: 'recorder.ledger', branch: 'stores', symbol: '', fenced: false },
      shutdownMs: SHUTDOWN_MS.recorder,
      definition: () => definition,
    },
  ];
}
