/** What the broker remembers. Plain data, small enough to be committed before every effect. */
import type { OrderIntent } from '../../proto/gen/troupe/trading/v1/trading_pb.js';
import { noTickets, type TicketMemory } from './bounded.ts';
import { magicOf } from './ids.ts';
import type { Order } from './order/order.ts';
import type { RiskLimits } from './risk/limits.ts';
import { limitsOf } from './risk/limits.ts';
import type { BookedPosition, Difference, Funds, RiskState } from './risk/state.ts';
import { emptyQuotes } from './risk/state.ts';

/** Intents that wait for reconciliation; one more is denied. */
export const MAX_WAITING = 128;
/** Terminal sessions whose late events are recognised as old. */
export const MAX_OLD_SESSIONS = 8;
/** Orders called rejected without the terminal's word; should one execute after all, that is a difference. */
export const MAX_REJECTED_UNSEEN = 100;

/** An intent without the envelope of its message. */
export type Intent = Omit<OrderIntent, '$typeName' | '$unknown' | 'account'>;

export interface Position extends BookedPosition {
  readonly magic: string;
  readonly stopLoss: number;
  readonly takeProfit: number;
  /** Market time of the last deal, UTC ms. */
  readonly timeMs: number;
}

export interface BrokerDifference extends Difference {
  /** Stays until an operator accepts it: no later snapshot can show that it is gone. */
  readonly sticky: boolean;
  /** What has to be traded, signed lots, to bring the terminal back to our record, where no snapshot can tell. */
  readonly undo?: readonly Undo[];
  /** The orders that correct it: how many have not ended, and what became of those that did not do their work. */
  readonly correcting?: { readonly id: string; readonly left: number; readonly failed: readonly string[] };
}

/** Signed lots that are missing at the terminal, and whose they are. */
export interface Undo {
  readonly strategy: string;
  readonly symbol: string;
  readonly lots: number;
  /** Position to reduce (hedging); '0' opens or nets. */
  readonly positionId: string;
}

/** What the broker does before its node leaves: cancel working orders, close everything as well, or touch nothing. */
export type SafePolicy = 'cancel' | 'flatten' | 'hold';

/** Work on the whole account: cancellations, closings, and then the terminal's word that it is done. */
export interface Operation {
  /** Intents of its orders begin with it. */
  readonly id: string;
  readonly kind: SafePolicy;
  /** Part of safe mode, not an operator's own wish. */
  readonly safe: boolean;
  readonly reason: string;
  /** Rounds of cancellations and of closings sent so far; after the first of each there is a pause. */
  readonly cancels: number;
  readonly closes: number;
  readonly pausing: boolean;
  /** A pause is over: one more round may be sent. */
  readonly again: boolean;
  /** Number of the first snapshot that can confirm it; 0 while there is still something to do. */
  readonly confirmFrom: number;
}

export interface SafeMode {
  readonly policy: SafePolicy;
  readonly reason: string;
  readonly outcome: 'securing' | 'confirmed' | 'unconfirmed';
  /** What was confirmed, or what nobody knows. */
  readonly text: string;
}

/** How far a strategy's intents have come, by their running numbers. */
export interface IntentNumbers {
  /** Of the last that was taken, ahead of its message or with it. */
  readonly taken: number;
  /** Of the last whose message has come. */
  readonly heard: number;
}

export interface Counters {
  /** Orders that intents asked for: entries and exits, not changes and cancellations. */
  readonly intended: number;
  /** By code. */
  readonly denied: Readonly<Record<string, number>>;
  readonly rejected: number;
  readonly filled: number;
  readonly cancelled: number;
  readonly expired: number;
  /** Deals of any origin. */
  readonly fills: number;
  /** Changes of stops and cancellations asked for. */
  readonly requests: number;
  readonly duplicateIntents: number;
  readonly duplicateEvents: number;
  readonly duplicateDeals: number;
  /** Reports that moved no order, because it was already further. */
  readonly ignoredMoves: number;
  readonly reconciles: number;
  readonly differences: number;
  /** Bookings that took over the terminal's word, and differences that were accepted or corrected. */
  readonly adjustments: number;
  readonly resolved: number;
}

export interface BrokerContext extends RiskState {
  readonly account: string;
  readonly limits: RiskLimits;
  readonly paused: boolean;
  readonly modeReason: string;
  /** Starts of this actor so far. */
  readonly epoch: number;
  /** Failed connection attempts since the last success. */
  readonly attempts: number;
  /** Run of the terminal, the last execution event of it that is included, and earlier runs. */
  readonly session: string;
  readonly sequence: number;
  readonly oldSessions: readonly string[];
  /** The terminal has been seen whole at least once. */
  readonly reconciled: boolean;
  /** Question for a snapshot that is under way ('' for none), and how many there were. */
  readonly snapshotAsked: string;
  readonly snapshots: number;
  /** Market time of the last snapshot applied, UTC ms. */
  readonly snapshotTimeMs: number;
  /** Symbols ('' for the account) whose difference the operator accepts, or has corrected, with the next snapshot. */
  readonly accepting: readonly string[];
  readonly correcting: readonly string[];
  /** Under way, and how many there were. */
  readonly operation: Operation | null;
  readonly operations: number;
  readonly safe: SafeMode | null;
  readonly safePolicy: SafePolicy;
  /** Limits that an operator has set; they hold instead of the configured ones until they are taken back. */
  readonly liveLimits: RiskLimits | null;
  readonly configuredLimits: RiskLimits;
  /** Raised whenever an answer is lost: commands sent before that are refused by the bridge from then on. */
  readonly seals: number;
  /** Wall clock of the last event, ms: for the age of quotes only. */
  readonly atMs: number;
  /** Largest market time heard from anybody, UTC ms. */
  readonly marketNowMs: number;
  /** UTC day of market time, -1 before the first; and the last slot for which equity was told. */
  readonly day: number;
  readonly equitySlot: number;
  readonly tradeAllowed: boolean;
  readonly orders: Readonly<Record<string, Order>>;
  readonly book: Readonly<Record<string, Position>>;
  /** Signed lots by strategy and symbol, from the strategy's own fills. */
  readonly held: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Strategy by magic number. */
  readonly strategies: Readonly<Record<string, string>>;
  /** compactId of finished orders and of denied intents, by strategy. */
  readonly finished: Readonly<Record<string, Float64Array>>;
  readonly tickets: TicketMemory;
  readonly rejectedUnseen: readonly string[];
  readonly waiting: readonly Intent[];
  /** By strategy, of those whose intents are numbered. */
  readonly numbers: Readonly<Record<string, IntentNumbers>>;
  readonly differences: Readonly<Record<string, BrokerDifference>>;
  readonly counters: Counters;
}

export interface BrokerInput {
  readonly account: string;
  readonly symbols: readonly string[];
  readonly limits: RiskLimits;
  /** Known strategies, so that fills of an earlier life of the account find their owner by magic number. */
  readonly strategies?: readonly string[];
  /** Default cancel. */
  readonly safePolicy?: SafePolicy;
}

const noFunds: Funds = {
  currency: '',
  balance: 0,
  equity: 0,
  margin: 0,
  leverage: 1,
  hedging: false,
  dayStartEquity: 0,
  peakEquity: 0,
};

export function firstContext(input: BrokerInput): BrokerContext {
  return {
    account: input.account,
    symbols: input.symbols,
    limits: limitsOf(input.limits),
    mode: 'active',
    modeReason: '',
    paused: false,
    epoch: 0,
    attempts: 0,
    session: '',
    sequence: 0,
    oldSessions: [],
    reconciled: false,
    snapshotAsked: '',
    snapshots: 0,
    snapshotTimeMs: 0,
    accepting: [],
    correcting: [],
    operation: null,
    operations: 0,
    safe: null,
    safePolicy: input.safePolicy ?? 'cancel',
    liveLimits: null,
    configuredLimits: input.limits,
    seals: 0,
    atMs: 0,
    marketNowMs: 0,
    day: -1,
    equitySlot: 0,
    tradeAllowed: true,
    quotes: emptyQuotes(input.symbols.length),
    specs: {},
    funds: noFunds,
    orders: {},
    book: {},
    held: {},
    strategies: Object.fromEntries((input.strategies ?? []).map((name) => [String(magicOf(name)), name])),
    finished: {},
    tickets: noTickets,
    rejectedUnseen: [],
    recent: [],
    waiting: [],
    numbers: {},
    differences: {},
    counters: {
      intended: 0,
      denied: {},
      rejected: 0,
      filled: 0,
      cancelled: 0,
      expired: 0,
      fills: 0,
      requests: 0,
      duplicateIntents: 0,
      duplicateEvents: 0,
      duplicateDeals: 0,
      ignoredMoves: 0,
      reconciles: 0,
      differences: 0,
      adjustments: 0,
      resolved: 0,
    },
  };
}
