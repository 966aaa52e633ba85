/** What each message does to a strategy's memory, and when it calls the author's handlers. Pure. */

import { IntentAction, OrderState, Side } from '../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { InputEvent } from '../../runtime/actor.ts';
import { publish } from '../../runtime/actor.ts';
import type { TopicMessage } from '../../runtime/bus/topics.ts';
import { messageOf } from '../../runtime/errors.ts';
import type { Effect } from '../../runtime/xstate.ts';
import type { BarCtx, BarView, FillCtx, FillView, TickCtx } from './author.ts';
import type { Moment } from './desk.ts';
import { Desk } from './desk.ts';
import type { OrderNews, Outcome } from './flight.ts';
import { isKnown, isNews, remember, stillFlying, withNews } from './flight.ts';
import type { FeatureValues, Frame, Memory, Plan } from './memory.ts';
import { isWarm, withFrame, withQuote } from './memory.ts';
import { applyExecution, flat } from './position.ts';

export interface Heard {
  readonly memory: Memory;
  readonly effects: readonly Effect[];
}

export interface LogEffect extends Effect {
  readonly type: 'log';
  readonly params: { readonly text: string };
}

const quiet = (memory: Memory): Heard => ({ memory, effects: [] });

/** `awake` is false while paused or failed: everything is remembered, no handler is called. */
export function hearBar(plan: Plan, memory: Memory, event: InputEvent<'bar'>, awake: boolean): Heard {
  const bar = toBarView(event.message);
  const frame = memory.frames[bar.timeframe];
  if (frame === undefined || event.message.symbol !== plan.symbol) return quiet(memory);
  if (bar.closeTimeMs <= frame.lastCloseMs) return quiet(memory);
  const seen = withQuote(memory, bar.close, bar.askClose, bar.lastTickMs);
  const next: Frame = { ...frame, lastCloseMs: bar.closeTimeMs };
  if (!plan.withFeatures.has(bar.timeframe)) return complete(plan, seen, next, bar, undefined, event.atUs, awake);
  const { early, ...waiting } = { ...next, waiting: bar };
  if (early?.timeMs !== bar.closeTimeMs) return quiet(withFrame(seen, bar.timeframe, waiting));
  return complete(plan, seen, { ...next, warm: early.warm }, bar, early.values, event.atUs, awake);
}

export function hearFeatures(plan: Plan, memory: Memory, event: InputEvent<'features'>, awake: boolean): Heard {
  const { symbol, timeframe, timeMs } = event.message;
  const frame = memory.frames[timeframe];
  if (frame === undefined || symbol !== plan.symbol || !plan.withFeatures.has(timeframe)) return quiet(memory);
  const values: FeatureValues = { ...event.message.values };
  const warm =
    plan.features.length === 0
      ? event.message.warm
      : plan.features.every((name) => values[name] !== undefined && !Number.isNaN(values[name]));
  const bar = frame.waiting;
  if (bar?.closeTimeMs === timeMs) return complete(plan, memory, { ...frame, warm }, bar, values, event.atUs, awake);
  if (timeMs <= frame.lastCloseMs) return quiet(memory);
  return quiet(withFrame(memory, timeframe, { ...frame, early: { timeMs, values, warm } }));
}

/** Bar and features of one close are both there. */
function complete(
  plan: Plan,
  memory: Memory,
  frame: Frame,
  bar: BarView,
  features: FeatureValues | undefined,
  atUs: number,
  awake: boolean,
): Heard {
  const done: Frame = {
    lastCloseMs: frame.lastCloseMs,
    warm: frame.warm,
    bar,
    ...(features === undefined ? {} : { features }),
    ...(frame.features === undefined ? {} : { before: frame.features }),
  };
  const { counters } = memory;
  const seen = { ...withFrame(memory, bar.timeframe, done), counters: { ...counters, bars: counters.bars + 1 } };
  if (!awake || !isWarm(seen)) return quiet(seen);
  const moment: Moment = { timeframe: bar.timeframe, timeMs: bar.closeTimeMs, atUs };
  return call(plan, seen, moment, 'onBar', (desk) => plan.strategy.onBar(desk as unknown as BarCtx));
}

export function hearTicks(plan: Plan, memory: Memory, event: InputEvent<'ticks'>, awake: boolean): Heard {
  const { onTick } = plan.strategy;
  const frame = event.message;
  if (onTick === undefined || frame.symbol !== plan.symbol) return quiet(memory);
  let now = memory;
  const effects: Effect[] = [];
  const { timeOffsetMs, bid: bids, ask: asks } = frame;
  for (let i = 0; i < frame.count; i++) {
    const timeMs = frame.baseTimeMs + (timeOffsetMs[i] ?? 0);
    if (timeMs < now.quote.timeMs) continue;
    // A side that a tick does not carry is 0 there: the last known one stands.
    const bid = bids[i] || now.quote.bid;
    const ask = asks[i] || now.quote.ask;
    now = withQuote(now, bid, ask, timeMs);
    if (!awake || !isWarm(now)) continue;
    const moment: Moment = { timeframe: plan.timeframes[0]!, timeMs, atUs: event.atUs, tick: { timeMs, bid, ask } };
    const heard = call(plan, now, moment, 'onTick', (desk) => onTick(desk as unknown as TickCtx));
    now = heard.memory;
    effects.push(...heard.effects);
  }
  return { memory: now, effects };
}

export function hearFill(plan: Plan, memory: Memory, event: InputEvent<'fill'>, awake: boolean): Heard {
  const { message } = event;
  const ours = message.account === plan.account && message.strategy === plan.id && message.symbol === plan.symbol;
  if (!ours || isKnown(memory.deals, message.dealTicket)) return quiet(memory);
  const fill = toFillView(message);
  const deals = remember(memory.deals, { ticket: message.dealTicket, orderId: fill.orderId, lots: fill.lots });
  const { counters } = memory;
  const counted: Memory = {
    ...memory,
    holding: applyExecution(memory.holding, fill),
    deals,
    flights: stillFlying(memory.flights, deals),
    counters: {
      ...counters,
      fills: counters.fills + 1,
      realisedProfit: counters.realisedProfit + fill.profit,
      costs: counters.costs + fill.costs,
    },
  };
  const { onFill } = plan.strategy;
  if (onFill === undefined || !awake || !isWarm(counted)) return quiet(counted);
  const moment: Moment = { timeframe: plan.timeframes[0]!, timeMs: fill.timeMs, atUs: event.atUs, fill };
  return call(plan, counted, moment, 'onFill', (desk) => onFill(desk as unknown as FillCtx));
}

const outcomes: Readonly<Partial<Record<OrderState, Outcome>>> = {
  [OrderState.DENIED]: 'denied',
  [OrderState.FILLED]: 'filled',
  [OrderState.CANCELLED]: 'cancelled',
  [OrderState.REJECTED]: 'rejected',
  [OrderState.EXPIRED]: 'expired',
};

export function hearOrder(plan: Plan, memory: Memory, event: InputEvent<'order'>): Heard {
  const { message } = event;
  if (message.account !== plan.account || message.strategy !== plan.id) return quiet(memory);
  const outcome = outcomes[message.state];
  const { intentId, orderId, revision, filledLots } = message;
  const news: OrderNews = { intentId, orderId, revision, final: outcome !== undefined, filledLots };
  if (!isNews(memory.flights, news)) return quiet(memory);
  const flights = stillFlying(withNews(memory.flights, news), memory.deals);
  if (outcome === undefined) return quiet({ ...memory, flights });
  const { counters } = memory;
  const count = counters.outcomes[outcome] + 1;
  const told: Memory = {
    ...memory,
    flights,
    counters: { ...counters, outcomes: { ...counters.outcomes, [outcome]: count } },
  };
  if (outcome !== 'denied' && outcome !== 'rejected') return quiet(told);
  const said = log(`order ${orderId} ${outcome}: ${message.code} ${message.reason}`.trimEnd());
  const gone = message.action === IntentAction.CLOSE && message.code === NOTHING_HELD && memory.holding.lots !== 0;
  if (!gone) return { memory: told, effects: [said] };
  // On a netting account the stop of one strategy may close what another holds, and its fill names only one of them.
  // Closing is done one at a time and all fills before this were heard, so the broker's word is newer than ours.
  const { lots } = memory.holding;
  return { memory: { ...told, holding: flat }, effects: [said, log(`${lots} lots are gone without a fill of ours`)] };
}

/** Denial of a close when the strategy holds nothing; with RISK_CLOSING_ALREADY it still does (docs/errors.md). */
const NOTHING_HELD = 'RISK_NOTHING_TO_CLOSE';

const log = (text: string): LogEffect => ({ type: 'log', params: { text } });

function call(plan: Plan, memory: Memory, moment: Moment, name: string, run: (desk: Desk) => unknown): Heard {
  const desk = new Desk(plan, memory, moment);
  try {
    const result = run(desk);
    if (typeof (result as { then?: unknown } | undefined)?.then === 'function') {
      throw new TypeError('returned a promise; handlers must not be async');
    }
    const settled = desk.settle();
    const effects: Effect[] = settled.intents.map((intent) => publish('intent', intent));
    for (const text of settled.log) effects.push(log(text));
    return { memory: settled.memory, effects };
  } catch (thrown) {
    throw new Error(`strategy ${plan.id} (${plan.strategy.name}): ${name}: ${messageOf(thrown)}`, { cause: thrown });
  }
}

function toBarView(bar: TopicMessage<'bar'>): BarView {
  const { timeframe, openTimeMs, closeTimeMs, open, high, low, close, askClose, ticks, spreadMean, lastTickMs } = bar;
  return { timeframe, openTimeMs, closeTimeMs, open, high, low, close, askClose, ticks, spreadMean, lastTickMs };
}

/** Throws RangeError on a fill that no market can have made: it must not change the position silently. */
function toFillView(fill: TopicMessage<'fill'>): FillView {
  const { volumeLots, price } = fill;
  const side = fill.side === Side.BUY ? 'buy' : fill.side === Side.SELL ? 'sell' : undefined;
  if (side === undefined) throw new RangeError(`fill ${fill.dealTicket}: side is ${fill.side}, allowed: buy, sell`);
  if (!(volumeLots > 0 && Number.isFinite(volumeLots))) {
    throw new RangeError(`fill ${fill.dealTicket}: volume_lots is ${volumeLots}, allowed: over 0`);
  }
  if (!Number.isFinite(price)) throw new RangeError(`fill ${fill.dealTicket}: price is ${price}`);
  return {
    side,
    lots: volumeLots,
    price,
    profit: fill.profit,
    costs: fill.commission + fill.swap + fill.fee,
    orderId: fill.orderId,
    reason: fill.reason,
    timeMs: fill.timeMs,
  };
}
