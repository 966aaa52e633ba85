/**
 * What can be said, and where: every subject family with its schema, its stream and its encoding. No other file
 * writes a subject.
 *
 * Messages of TRADING and SYSTEM are protobuf JSON, because operators read them with the stock `nats` command;
 * market data is binary, because there is a lot of it.
 */
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { create, fromBinary, fromJsonString, toBinary, toJsonString } from '@bufbuild/protobuf';
import { ExecutionEventSchema } from '../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { BarSchema, FeaturesSchema } from '../../proto/gen/troupe/market/v1/market_pb.js';
import { DeadLetterSchema, LifecycleEventSchema } from '../../proto/gen/troupe/system/v1/system_pb.js';
import {
  AccountEventSchema,
  FillEventSchema,
  OrderEventSchema,
  OrderIntentSchema,
  PositionEventSchema,
} from '../../proto/gen/troupe/trading/v1/trading_pb.js';
import { escapeToken, partitionOf } from './subjects.ts';
import type { TickColumns } from './ticks.ts';
import { decodeTicks, encodeTicks } from './ticks.ts';

/** Topics of one family come through one reader, so an actor that hears several of them hears them in one order. */
export type Family = 'ticks' | 'market' | 'trading' | 'system';

export interface Layout {
  /** Number of market partitions, config `market.partitions`. */
  readonly partitions: number;
}

/** Names that narrow a topic; what is left out matches everything. */
export interface TopicKey {
  readonly source?: string;
  readonly symbol?: string;
  readonly timeframe?: string;
  readonly account?: string;
  readonly strategy?: string;
  readonly order?: string;
  readonly kind?: string;
  readonly id?: string;
  /** Of a filter that leaves the symbol open: only symbols of this partition. */
  readonly partition?: number;
}

export interface Topic<Message, Init> {
  readonly stream: string;
  readonly family: Family;
  /** Subject of a message, or, with names left out, the filter that matches all of them. */
  subject(key: TopicKey, layout: Layout): string;
  keyOf(message: Init): TopicKey;
  encode(message: Init): Uint8Array;
  /** What a reader gets of it, without the way there: nothing is checked. */
  read(message: Init): Message;
  /** Throws on bytes that are not such a message. */
  decode(data: Uint8Array): Message;
}

const utf8 = new TextEncoder();
const text = new TextDecoder();

const token = (name: string | undefined): string => (name === undefined ? '*' : escapeToken(name));
const partition = (key: TopicKey, layout: Layout): string => {
  if (key.symbol !== undefined) return String(partitionOf(key.symbol, layout.partitions));
  return key.partition === undefined ? '*' : String(key.partition);
};

interface TopicSpec<D extends DescMessage> {
  schema: D;
  stream: string;
  family: Family;
  json: boolean;
  subject: (key: TopicKey, layout: Layout) => string;
  keyOf: (message: MessageInitShape<D>) => TopicKey;
}

function topic<D extends DescMessage>(spec: TopicSpec<D>): Topic<MessageShape<D>, MessageInitShape<D>> {
  const { schema } = spec;
  return {
    stream: spec.stream,
    family: spec.family,
    subject: spec.subject,
    keyOf: spec.keyOf,
    encode: (init) => {
      const message = create(schema, init);
      return spec.json ? utf8.encode(toJsonString(schema, message)) : toBinary(schema, message);
    },
    read: (init) => create(schema, init),
    decode: (data) => (spec.json ? fromJsonString(schema, text.decode(data)) : fromBinary(schema, data)),
  };
}

const marketKey = (m: { symbol?: string; timeframe?: string }): TopicKey => ({
  symbol: m.symbol ?? '',
  timeframe: m.timeframe ?? '',
});

const ticks: Topic<TickColumns, TickColumns> = {
  stream: 'MARKET',
  family: 'ticks',
  subject: (k, layout) => `md.${partition(k, layout)}.ticks.${token(k.source)}.${token(k.symbol)}`,
  keyOf: (m) => ({ source: m.source, symbol: m.symbol }),
  encode: encodeTicks,
  read: (columns) => columns,
  decode: decodeTicks,
};

export const topics = {
  ticks,
  bar: topic({
    schema: BarSchema,
    stream: 'MARKET',
    family: 'market',
    json: false,
    subject: (k, layout) => `md.${partition(k, layout)}.bars.${token(k.symbol)}.${token(k.timeframe)}`,
    keyOf: marketKey,
  }),
  features: topic({
    schema: FeaturesSchema,
    stream: 'MARKET',
    family: 'market',
    json: false,
    // The timeframe stands in the message: a reader of one symbol's features wants all of them.
    subject: (k, layout) => `md.${partition(k, layout)}.features.${token(k.symbol)}`,
    keyOf: marketKey,
  }),
  intent: topic({
    schema: OrderIntentSchema,
    stream: 'TRADING',
    family: 'trading',
    json: true,
    subject: (k) => `trade.intent.${token(k.account)}.${token(k.strategy)}`,
    keyOf: (m) => ({ account: m.account ?? '', strategy: m.strategy ?? '' }),
  }),
  order: topic({
    schema: OrderEventSchema,
    stream: 'TRADING',
    family: 'trading',
    json: true,
    subject: (k) => `trade.order.${token(k.account)}.${token(k.order)}`,
    keyOf: (m) => ({ account: m.account ?? '', order: m.orderId ?? '' }),
  }),
  fill: topic({
    schema: FillEventSchema,
    stream: 'TRADING',
    family: 'trading',
    json: true,
    subject: (k) => `trade.fill.${token(k.account)}.${token(k.order)}`,
    keyOf: (m) => ({ account: m.account ?? '', order: m.orderId ?? '' }),
  }),
  position: topic({
    schema: PositionEventSchema,
    stream: 'TRADING',
    family: 'trading',
    json: true,
    subject: (k) => `trade.position.${token(k.account)}.${token(k.symbol)}`,
    keyOf: (m) => ({ account: m.account ?? '', symbol: m.symbol ?? '' }),
  }),
  account: topic({
    schema: AccountEventSchema,
    stream: 'TRADING',
    family: 'trading',
    json: true,
    subject: (k) => `trade.account.${token(k.account)}`,
    keyOf: (m) => ({ account: m.account ?? '' }),
  }),
  execution: topic({
    schema: ExecutionEventSchema,
    stream: 'TRADING',
    family: 'trading',
    json: true,
    subject: (k) => `trade.execution.${token(k.account)}`,
    keyOf: (m) => ({ account: m.account ?? '' }),
  }),
  lifecycle: topic({
    schema: LifecycleEventSchema,
    stream: 'SYSTEM',
    family: 'system',
    json: true,
    subject: (k) => `sys.lifecycle.${token(k.kind)}.${token(k.id)}`,
    keyOf: (m) => ({ kind: m.kind ?? '', id: m.id ?? '' }),
  }),
  deadLetter: topic({
    schema: DeadLetterSchema,
    stream: 'SYSTEM',
    family: 'system',
    json: true,
    subject: (k) => `sys.dlq.${token(k.kind)}.${token(k.id)}`,
    keyOf: (m) => ({ kind: m.kind ?? '', id: m.id ?? '' }),
  }),
} as const;

export type TopicName = keyof typeof topics;
type MessageOf<T> = T extends Topic<infer Message, never> ? Message : never;
type InitOf<T> = T extends Topic<unknown, infer Init> ? Init : never;
/** What a reader of the topic gets. */
export type TopicMessage<N extends TopicName> = MessageOf<(typeof topics)[N]>;
/** What a writer of the topic gives. */
export type TopicInit<N extends TopicName> = InitOf<(typeof topics)[N]>;

/** Subjects that are no stream: commands and watching. */
export const commandSubject = (account: string): string => `bridge.${escapeToken(account)}.command`;
/** What a commit of this key foretells; `broker.<account>` is what the bridge listens to. */
export const aheadSubject = (key: string): string => `ahead.${key}`;
/** Of a NATS service that operates one actor. */
export const controlSubject = (kind: string, id: string, verb: string): string =>
  `control.${escapeToken(kind)}.${escapeToken(id)}.${verb}`;
/** Whoever serves it says what it is. */
export const serviceInfoSubject = (service: string): string => `$SRV.INFO.${service}`;
export const inspectSubject = (kind: string, id: string): string => `inspect.${escapeToken(kind)}.${escapeToken(id)}`;
/** Key of an actor in the KV buckets. */
export const actorKey = (kind: string, id: string): string => `${escapeToken(kind)}.${escapeToken(id)}`;
