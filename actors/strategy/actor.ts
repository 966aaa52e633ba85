/**
 * Wiring of a strategy.
 *
 * Everything is heard from now on, never from the start of a stream: features come warm from the symbol actor, so
 * there is nothing to warm up on old bars, and a strategy that heard them would trade on yesterday's prices. Its own
 * position is in its snapshot; a restart goes on from the committed place in each stream and misses nothing.
 */
import type { ActorDefinition, Input, Performer } from '../../runtime/actor.ts';
import { foretellTopic } from '../../runtime/ahead.ts';
import type { Snapshot } from '../../runtime/xstate.ts';
import { stateName } from '../../runtime/xstate.ts';
import type { Strategy } from './define.ts';
import { requiredFeatures, requiredTimeframes } from './define.ts';
import { strategyMachine } from './machine.ts';
import type { Counters, Memory, Plan } from './memory.ts';
import { summaryOf } from './memory.ts';
import { parseParams } from './params.ts';
import { openProfit, sideOf } from './position.ts';

export interface StrategyOptions {
  readonly id: string;
  readonly account: string;
  readonly symbol: string;
  readonly definition: Strategy;
  /** As the configuration has them. */
  readonly params: unknown;
  /**
   * Timeframes whose bars the symbol actor follows by features (config `market.feature_timeframes`). Without it:
   * all of the strategy's when it declares features, none otherwise.
   */
  readonly featureTimeframes?: readonly string[];
}

/** Shape of `Memory`; together with the author's own version it makes the version of the snapshot. */
const MEMORY_VERSION = 1;
/**
 * A strategy in a new thread applies the bars since its last commit with code that V8 does not know yet: at fifty bars a
 * second, those of up to five seconds took longer than all the rest of its restart.
 */
const IDLE_COMMIT_MS = 250;

/** Throws CONFIG_INVALID on bad params, on timeframes that do not exist, or that have no features where some are needed. */
export function strategyPlan(options: StrategyOptions): Plan {
  const { id, account, symbol, definition } = options;
  const params = parseParams(definition, options.params, `strategies.${id}.params`);
  const timeframes = requiredTimeframes(definition, params);
  const features = requiredFeatures(definition, params);
  const offered = options.featureTimeframes ?? [];
  // Declared features are computed for every timeframe of the strategy, whatever the configuration offers besides.
  const withFeatures = features.length > 0 ? timeframes : timeframes.filter((name) => offered.includes(name));
  return {
    id,
    account,
    symbol,
    strategy: definition,
    params,
    timeframes,
    features,
    withFeatures: new Set(withFeatures),
  };
}

/** Throws CONFIG_INVALID, see `strategyPlan`. */
export function strategyActor(options: StrategyOptions): ActorDefinition {
  const plan = strategyPlan(options);
  const { id, account, symbol } = plan;
  const inputs: Input[] = plan.timeframes.map((timeframe) => ({
    topic: 'bar',
    key: { symbol, timeframe },
    from: 'now',
  }));
  if (plan.withFeatures.size > 0) inputs.push({ topic: 'features', key: { symbol }, from: 'now' });
  if (plan.strategy.onTick !== undefined) inputs.push({ topic: 'ticks', key: { symbol }, from: 'now' });
  const wants = ({ strategy }: { strategy?: string }): boolean => strategy === id;
  inputs.push(
    { topic: 'order', key: { account }, from: 'now', wants } as Input<'order'>,
    { topic: 'fill', key: { account }, from: 'now', wants } as Input<'fill'>,
  );
  const log: Performer = async (params: { readonly text: string }, context) => {
    context.log.info({ strategy: id }, params.text);
    return undefined;
  };
  return {
    kind: 'strategy',
    id,
    machine: strategyMachine(plan),
    input: undefined,
    version: MEMORY_VERSION * 1000 + plan.strategy.version,
    delivery: 'commit',
    // An author may have kept what `ctx.state` was once.
    replacesState: { except: ['state'] },
    idleCommitMs: IDLE_COMMIT_MS,
    urgent: true,
    inputs,
    // The broker need not wait until they stand in their stream.
    foretell: foretellTopic('intent'),
    perform: { log },
    describe: (snapshot) => describe(plan, snapshot),
    summary: (snapshot) => summaryOf(snapshot.context as Memory),
  };
}

/** What a strategy has done so far, from its snapshot: for metrics, the live view and reports. */
export function countersOf(snapshot: Snapshot): Counters {
  return (snapshot.context as Memory).counters;
}

const short = (value: number, digits: number): string => String(Number(value.toFixed(digits)));

/** One line: position, profit in price units and money, last signal. */
export function describe(plan: Plan, snapshot: Snapshot): string {
  const memory = snapshot.context as Memory;
  const { holding, quote, counters } = memory;
  const parts: string[] = [];
  const state = stateName(snapshot);
  if (state === 'failed') parts.push(memory.failure);
  if (state === 'warming') parts.push(`waits for ${missing(plan, memory)}`);
  const side = sideOf(holding);
  if (side !== 'flat') {
    const profit = openProfit(holding, quote.bid, quote.ask);
    parts.push(`${side} ${Math.abs(holding.lots)} @ ${short(holding.openPrice, 6)} (${signed(profit, 6)})`);
  }
  parts.push(`realised ${signed(counters.realisedProfit + counters.costs, 2)}`);
  if (memory.lastSignal !== '') parts.push(memory.lastSignal);
  return parts.join(', ');
}

const signed = (value: number, digits: number): string => (value > 0 ? '+' : '') + short(value, digits);

function missing(plan: Plan, memory: Memory): string {
  const cold = plan.timeframes.filter((name) => memory.frames[name]?.warm === false);
  const parts = cold.map((name) => {
    const values = memory.frames[name]?.features;
    const wanted = plan.features.filter((feature) => values === undefined || !(values[feature]! === values[feature]));
    const absent = plan.features.filter((feature) => values !== undefined && values[feature] === undefined);
    if (absent.length > 0) return `${absent.join(' ')} of ${name}, which nobody computes`;
    return wanted.length > 0 ? `${wanted.join(' ')} of ${name}` : `features of ${name}`;
  });
  return parts.join('; ');
}
