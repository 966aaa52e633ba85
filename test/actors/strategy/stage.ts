/** A stage for one strategy: tells it bars, features and a broker's answers, and collects what it says. */
import assert from 'node:assert/strict';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import type { StrategyOptions } from '../../../actors/strategy/actor.ts';
import { strategyActor, strategyPlan } from '../../../actors/strategy/actor.ts';
import { strategyMachine } from '../../../actors/strategy/machine.ts';
import type { Memory } from '../../../actors/strategy/memory.ts';
import type { Bar } from '../../../proto/gen/troupe/market/v1/market_pb.js';
import { BarSchema, FeaturesSchema } from '../../../proto/gen/troupe/market/v1/market_pb.js';
import type { OrderIntent } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import {
  FillEventSchema,
  IntentAction,
  OrderEventSchema,
  OrderState,
  Side,
} from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { decodeSnapshot, encodeSnapshot, SnapshotWriter } from '../../../runtime/codec.ts';
import type { Effect, Machine, MachineEvent, Snapshot } from '../../../runtime/xstate.ts';
import { restore, start, stateName, step } from '../../../runtime/xstate.ts';

export const MINUTE_MS = 60_000;
export const SPREAD = 0.0001;

export type BarFields = Partial<Omit<Bar, '$typeName' | '$unknown'>>;
export type FillInit = MessageInitShape<typeof FillEventSchema>;

export class Stage {
  readonly machine: Machine;
  readonly options: StrategyOptions;
  snapshot: Snapshot;
  readonly intents: OrderIntent[] = [];
  readonly lines: string[] = [];
  private sequence = 0;
  private deals = 0;

  constructor(options: Omit<StrategyOptions, 'id' | 'account' | 'symbol'> & { id?: string }) {
    this.options = { id: 's1', account: 'demo', symbol: 'EURUSD', ...options };
    this.machine = strategyMachine(strategyPlan(this.options));
    this.snapshot = start(this.machine, undefined).snapshot;
  }

  get state(): string {
    return stateName(this.snapshot);
  }

  get memory(): Memory {
    return this.snapshot.context as Memory;
  }

  /** Every event goes through the codec first, as after a restart: nothing may hang on identity. */
  tell(event: MachineEvent): OrderIntent[] {
    const { value, context } = decodeSnapshot(
      encodeSnapshot({ value: this.snapshot.value, context: this.snapshot.context }),
    ) as { value: unknown; context: unknown };
    const before = JSON.stringify(context);
    const from = restore(this.machine, { value, context });
    const { replacesState } = strategyActor(this.options);
    const writer = new SnapshotWriter(replacesState!.except);
    writer.encode({ context });
    const next = step(this.machine, from, { sequence: ++this.sequence, atMs: 5, atUs: 5000, ...event });
    if (JSON.stringify(from.context) !== before) throw new Error('the machine changed its last snapshot');
    const after = { context: next.snapshot.context as unknown };
    // What the step has not replaced is written as it was before.
    assert.deepStrictEqual(decodeSnapshot(writer.encode(after)), decodeSnapshot(encodeSnapshot(after)));
    this.snapshot = next.snapshot;
    return this.take(next.effects);
  }

  private take(effects: readonly Effect[]): OrderIntent[] {
    const said: OrderIntent[] = [];
    for (const { type, params } of effects) {
      if (type === 'publish') said.push((params as { message: OrderIntent }).message);
      else if (type === 'log') this.lines.push((params as { text: string }).text);
      else throw new Error(`unexpected effect ${type}`);
    }
    this.intents.push(...said);
    return said;
  }

  bar(minute: number, close: number, extra: BarFields = {}): OrderIntent[] {
    return this.tell({ type: 'bar', message: barMessage(minute, close, extra) });
  }

  features(minute: number, values: Record<string, number>, timeframe = '1m'): OrderIntent[] {
    const timeMs = (minute + 1) * MINUTE_MS;
    const warm = Object.values(values).every((value) => !Number.isNaN(value));
    const message = create(FeaturesSchema, { symbol: this.options.symbol, timeframe, timeMs, values, warm });
    return this.tell({ type: 'features', message });
  }

  order(
    intent: { intentId: string; action?: IntentAction },
    state: OrderState,
    revision: number,
    filledLots = 0,
    code = '',
  ): void {
    const orderId = `o-${intent.intentId}`;
    const message = create(OrderEventSchema, {
      account: 'demo',
      strategy: this.options.id,
      symbol: 'EURUSD',
      orderId,
      intentId: intent.intentId,
      state,
      revision,
      filledLots,
      code,
      ...(intent.action === undefined ? {} : { action: intent.action }),
    });
    this.tell({ type: 'order', message });
  }

  fill(init: FillInit): OrderIntent[] {
    const message = create(FillEventSchema, {
      account: 'demo',
      strategy: this.options.id,
      symbol: 'EURUSD',
      dealTicket: String(++this.deals),
      ...init,
    });
    return this.tell({ type: 'fill', message });
  }

  /** A market that fills at once at the reference price. */
  execute(intent: OrderIntent): OrderIntent[] {
    this.order(intent, OrderState.SUBMITTING, 1);
    this.order(intent, OrderState.FILLED, 2, intent.volumeLots);
    return this.fill({
      orderId: `o-${intent.intentId}`,
      side: intent.side,
      volumeLots: intent.volumeLots,
      price: intent.referencePrice,
    });
  }
}

export function barMessage(minute: number, close: number, extra: BarFields = {}) {
  return create(BarSchema, {
    symbol: 'EURUSD',
    timeframe: '1m',
    openTimeMs: minute * MINUTE_MS,
    closeTimeMs: (minute + 1) * MINUTE_MS,
    open: close,
    high: close,
    low: close,
    close,
    askClose: close + SPREAD,
    ticks: 10,
    spreadMean: SPREAD,
    lastTickMs: (minute + 1) * MINUTE_MS - 7,
    ...extra,
  });
}

export const signedLots = (fills: readonly FillInit[]): number =>
  fills.reduce((sum, { side, volumeLots }) => sum + (side === Side.BUY ? 1 : -1) * (volumeLots ?? 0), 0);

export const isOpen = (intent: OrderIntent): boolean => intent.action === IntentAction.OPEN;
