/**
 * The `ctx` of one handler call. It reads the memory, collects intents as data, and is closed when the handler has
 * returned: nothing of it reaches the outside.
 */

import type { OrderIntent } from '../../proto/gen/troupe/trading/v1/trading_pb.js';
import { IntentAction, OrderType, Side, TimeInForce } from '../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { BarView, Ctx, FillView, OrderOptions, PositionView, TickView } from './author.ts';
import type { Flight } from './flight.ts';
import type { Frame, Memory, Plan } from './memory.ts';
import { assertPlain } from './plain.ts';
import { openProfit, sideOf } from './position.ts';

/** The fields of an OrderIntent, without those that protobuf's own objects carry. */
type Intent = { -readonly [K in Exclude<keyof OrderIntent, '$typeName' | '$unknown'>]?: OrderIntent[K] };
type Direction = 'buy' | 'sell';

/** What the handler is called about. */
export interface Moment {
  readonly timeframe: string;
  /** Market time that stands in the intent's id: the bar's close, or the time of the tick or fill. */
  readonly timeMs: number;
  /** Wall clock, for latency only. */
  readonly atUs: number;
  readonly tick?: TickView;
  readonly fill?: FillView;
}

export interface DeskResult {
  readonly memory: Memory;
  readonly intents: readonly Intent[];
  readonly log: readonly string[];
}

function positive(what: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  throw new RangeError(`${what} is ${String(value)}, allowed: a number over 0`);
}

const optional = (what: string, value: number | undefined): number => (value === undefined ? 0 : positive(what, value));

function level(what: string, value: number): number {
  if (value === 0) return 0;
  return positive(`${what} (0 takes it away)`, value);
}

/** A price without the noise of its double. */
const shown = (price: number): string => String(Number(price.toFixed(8)));

export class Desk implements Ctx {
  readonly symbol: string;
  readonly params: unknown;
  readonly timeframe: string;
  readonly tick: TickView | undefined;
  readonly fill: FillView | undefined;
  private readonly plan: Plan;
  private readonly memory: Memory;
  private readonly moment: Moment;
  private flights: readonly Flight[];
  private made: number;
  private withheld = 0;
  private readonly intents: Intent[] = [];
  private readonly lines: string[] = [];
  private lastSignal: string;
  private draft: { value: unknown } | undefined;
  private open = true;

  constructor(plan: Plan, memory: Memory, moment: Moment) {
    this.plan = plan;
    this.memory = memory;
    this.moment = moment;
    this.symbol = plan.symbol;
    this.params = plan.params;
    this.timeframe = moment.timeframe;
    this.tick = moment.tick;
    this.fill = moment.fill;
    this.flights = memory.flights;
    this.made = memory.made;
    this.lastSignal = memory.lastSignal;
  }

  /** Ends the call: from now on nothing can be sent through this desk. */
  settle(): DeskResult {
    this.open = false;
    if (this.draft !== undefined) assertPlain(this.draft.value, 'ctx.state');
    const { counters } = this.memory;
    const memory: Memory = {
      ...this.memory,
      flights: this.flights,
      made: this.made,
      lastSignal: this.lastSignal,
      state: this.draft === undefined ? this.memory.state : this.draft.value,
      counters: {
        ...counters,
        intents: counters.intents + this.intents.length,
        withheld: counters.withheld + this.withheld,
      },
    };
    return { memory, intents: this.intents, log: this.lines };
  }

  get timeMs(): number {
    return Math.max(this.memory.quote.timeMs, this.tick?.timeMs ?? 0, this.fill?.timeMs ?? 0);
  }

  get bid(): number {
    return this.memory.quote.bid;
  }

  get ask(): number {
    return this.memory.quote.ask;
  }

  get position(): PositionView {
    const { holding } = this.memory;
    return {
      side: sideOf(holding),
      lots: Math.abs(holding.lots),
      openPrice: holding.openPrice,
      profit: openProfit(holding, this.bid, this.ask),
    };
  }

  get pending(): boolean {
    return this.flights.length > 0;
  }

  get state(): unknown {
    // A copy, made at the first look: a handler that throws half-way leaves the kept state as it was.
    this.draft ??= { value: structuredClone(this.memory.state) };
    return this.draft.value;
  }

  set state(value: unknown) {
    this.draft = { value };
  }

  buy(lots: number, options: OrderOptions = {}): string | undefined {
    return this.enter('buy', lots, options);
  }

  sell(lots: number, options: OrderOptions = {}): string | undefined {
    return this.enter('sell', lots, options);
  }

  close(): string | undefined {
    const { lots } = this.memory.holding;
    if (lots === 0) return undefined;
    if (this.flights.some(({ action }) => action === 'close')) return this.withhold();
    const direction = lots > 0 ? 'sell' : 'buy';
    const id = this.send(direction, { action: IntentAction.CLOSE, type: OrderType.MARKET, volumeLots: Math.abs(lots) });
    this.flights = [...this.flights, { intentId: id, action: 'close', orders: [] }];
    this.lastSignal = `close at ${shown(direction === 'buy' ? this.ask : this.bid)}`;
    return id;
  }

  protect(levels: { readonly stop: number; readonly target: number }): string | undefined {
    const stopLoss = level('protect: stop', levels.stop);
    const takeProfit = level('protect: target', levels.target);
    const { lots } = this.memory.holding;
    if (lots === 0) return undefined;
    const volumeLots = Math.abs(lots);
    return this.send(lots > 0 ? 'buy' : 'sell', { action: IntentAction.PROTECT, volumeLots, stopLoss, takeProfit });
  }

  cancel(intentId: string): string {
    if (typeof intentId !== 'string' || intentId === '') throw new RangeError('cancel: no intent id');
    return this.send(undefined, { action: IntentAction.CANCEL, targetIntentId: intentId });
  }

  stopAt(side: Direction, distance: number): number {
    positive('stopAt: distance', distance);
    return side === 'buy' ? this.ask - distance : this.bid + distance;
  }

  targetAt(side: Direction, distance: number): number {
    positive('targetAt: distance', distance);
    return side === 'buy' ? this.ask + distance : this.bid - distance;
  }

  log(text: string): void {
    this.lines.push(String(text));
  }

  get bar(): BarView {
    // Handlers of ticks and fills see it typed as possibly undefined; onBar is only called with one.
    return this.frame(this.timeframe).bar as BarView;
  }

  get features(): Readonly<Record<string, number>> {
    return this.frame(this.timeframe).features ?? {};
  }

  feature(name: string, timeframe = this.timeframe): number {
    return this.valueOf(name, timeframe, this.frame(timeframe).features);
  }

  previous(name: string, timeframe = this.timeframe): number {
    return this.valueOf(name, timeframe, this.frame(timeframe).before);
  }

  crossed(a: string, b: string): 'above' | 'below' | undefined {
    const before = this.previous(a) - this.previous(b);
    const now = this.feature(a) - this.feature(b);
    if (before <= 0 && now > 0) return 'above';
    if (before >= 0 && now < 0) return 'below';
    return undefined;
  }

  barOf(timeframe: string): BarView | undefined {
    return this.frame(timeframe).bar;
  }

  private frame(timeframe: string): Frame {
    const frame = this.memory.frames[timeframe];
    if (frame !== undefined) return frame;
    const known = this.plan.timeframes.join(', ');
    throw new RangeError(`timeframe ${String(timeframe)} is not among those of this strategy: ${known}`);
  }

  private valueOf(name: string, timeframe: string, values: Readonly<Record<string, number>> | undefined): number {
    const value = values?.[name];
    if (value !== undefined) return value;
    if (this.plan.features.includes(name)) return Number.NaN;
    if (values === undefined && this.plan.withFeatures.has(timeframe)) return Number.NaN;
    throw new RangeError(`feature ${name} is not computed for ${timeframe}; declare it: features: () => ['${name}']`);
  }

  private enter(direction: Direction, lots: number, options: OrderOptions): string | undefined {
    const limit = optional(`${direction}: limit`, options.limit);
    const trigger = optional(`${direction}: stopPrice`, options.stopPrice);
    const order = {
      action: IntentAction.OPEN,
      volumeLots: positive(`${direction}: lots`, lots),
      stopLoss: optional(`${direction}: stop`, options.stop),
      takeProfit: optional(`${direction}: target`, options.target),
    };
    // A close of this same call may be followed by an open: that is how a position is turned round.
    const blocked = this.flights.some(({ action }) => action === 'open') || this.memory.flights.length > 0;
    if (blocked) return this.withhold();
    const id = this.send(direction, { ...order, ...priced(limit, trigger) });
    this.flights = [...this.flights, { intentId: id, action: 'open', orders: [] }];
    this.lastSignal = `${direction} ${lots} at ${shown(trigger || limit || (direction === 'buy' ? this.ask : this.bid))}`;
    return id;
  }

  private withhold(): undefined {
    this.withheld++;
  }

  private send(direction: Direction | undefined, intent: Intent): string {
    if (!this.open) throw new Error('ctx was used after its handler had returned: handlers must not be async');
    const { plan, moment } = this;
    const n = ++this.made;
    const intentId = `${plan.id}-${Math.round(moment.timeMs).toString(36)}-${n}`;
    this.intents.push({
      ...intent,
      intentId,
      account: plan.account,
      strategy: plan.id,
      symbol: plan.symbol,
      side: direction === undefined ? Side.UNSPECIFIED : direction === 'buy' ? Side.BUY : Side.SELL,
      timeInForce: TimeInForce.GTC,
      referencePrice: direction === undefined ? 0 : direction === 'buy' ? this.ask : this.bid,
      decidedAtMs: this.timeMs,
      createdUs: moment.atUs,
      number: n,
    });
    return intentId;
  }
}

function priced(limit: number, trigger: number): Pick<Intent, 'type' | 'price' | 'stopLimitPrice'> {
  if (limit > 0 && trigger > 0) return { type: OrderType.STOP_LIMIT, price: trigger, stopLimitPrice: limit };
  if (limit > 0) return { type: OrderType.LIMIT, price: limit };
  if (trigger > 0) return { type: OrderType.STOP, price: trigger };
  return { type: OrderType.MARKET };
}
