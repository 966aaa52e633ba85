/**
 * What the witness is shown: everything that happened, as plain data, gathered outside of the company. The simulation
 * fills all of it; who watches real processes leaves out what nobody can see from outside.
 */
import type { IntentAction, OrderState, Side } from '../../proto/gen/troupe/trading/v1/trading_pb.js';

export interface Violation {
  /** Stable name of what was broken. */
  readonly invariant: string;
  readonly detail: string;
}

export interface IntentSeen {
  readonly intentId: string;
  readonly strategy: string;
}

export interface OrderSeen {
  readonly orderId: string;
  readonly intentId: string;
  readonly action: IntentAction;
  readonly state: OrderState;
  readonly revision: number;
  readonly volumeLots: number;
  readonly filledLots: number;
}

/** One execution, from any side. */
export interface DealSeen {
  readonly ticket: string;
  readonly orderId: string;
  readonly strategy: string;
  readonly symbol: string;
  readonly side: Side;
  readonly lots: number;
}

export interface TerminalTruth {
  /** How often each client order id was carried out. */
  readonly placed: ReadonlyMap<string, number>;
  readonly deals: readonly DealSeen[];
  /** Net signed lots; symbols that are flat are left out. */
  readonly positions: ReadonlyMap<string, number>;
  readonly balance: number;
  /** Signed lots by symbol that came or went without a deal. */
  readonly hidden?: ReadonlyMap<string, number>;
}

export interface BrokerSeen {
  readonly positions: ReadonlyMap<string, number>;
  readonly balance: number;
  readonly live: number;
  readonly unknown: number;
  readonly waiting: number;
  /** Symbol ('' the account) to reason. */
  readonly halted: Readonly<Record<string, string>>;
}

export interface StrategySeen {
  readonly id: string;
  readonly symbol: string;
  readonly lots: number;
  /** Intents that its memory says it has made. */
  readonly intents: number;
  readonly pending: boolean;
}

export interface LedgerSeen {
  readonly fills: readonly DealSeen[];
  /** Last state of each order, in the ledger's words. */
  readonly orders: ReadonlyMap<string, string>;
  /** Cash flows plus what every fill realised and cost. */
  readonly balance: number;
}

/** A command as the bridge heard it. */
export interface CommandSeen {
  readonly fence: number;
  readonly kind: string;
  readonly orderId: string;
  readonly obeyed: boolean;
}

/** A write that the store took: into `actors` a claim or level, into `snapshots` a commit. In the order of storing. */
export interface WriteSeen {
  readonly bucket: string;
  readonly key: string;
  /** One run of one process. */
  readonly by: string;
}

export interface FrameSeen {
  readonly symbol: string;
  readonly session: string;
  readonly firstSequence: number;
  /** UTC ms, one per tick. */
  readonly timesMs: readonly number[];
}

export interface BarSeen {
  readonly symbol: string;
  readonly timeframe: string;
  readonly openTimeMs: number;
  readonly ticks: number;
}

export interface ActorSeen {
  readonly name: string;
  readonly state: string;
  /** Runs of nodes on which it runs now. */
  readonly runsOn: readonly string[];
  readonly depth: number;
}

/** One word about the account or an entry, in the order of storing, repeated ones once. */
export type AccountWord = { readonly atMs: number } & (
  | { readonly kind: 'mode'; readonly mode: string }
  /** An order that opens was decided. */
  | { readonly kind: 'opens'; readonly orderId: string; readonly intentId: string }
  /** The broker's own event on `sys.lifecycle`. */
  | { readonly kind: 'event'; readonly event: string; readonly cause: string }
);

export interface AccountSeen {
  readonly words: readonly AccountWord[];
  /** What operators asked of the broker, and when they sent it. */
  readonly asked: readonly { readonly atMs: number; readonly verb: string }[];
  /** Snapshots of the terminal: open positions and live orders in each. */
  readonly shown: readonly { readonly atMs: number; readonly positions: number; readonly orders: number }[];
}

/** Parts that are absent were not observed; what needs them is not judged. */
export interface History {
  /** A message id that comes again long after its first is stored again: then only distinct ids count. */
  readonly repeatsAllowed: boolean;
  readonly intents: readonly IntentSeen[];
  readonly orders: readonly OrderSeen[];
  readonly fills: readonly DealSeen[];
  readonly terminal: TerminalTruth;
  readonly broker?: BrokerSeen | undefined;
  readonly strategies?: readonly StrategySeen[];
  /** Stops closed positions of a netting account: what one strategy holds is then not the sum of its own fills. */
  readonly stopsNetted?: boolean;
  readonly ledger?: LedgerSeen;
  readonly account?: AccountSeen;
  readonly commands?: readonly CommandSeen[];
  /** Orders that a later life of the broker sent than the one that decided them: it has to ask for them instead. */
  readonly sentLate?: readonly string[];
  readonly writes?: readonly WriteSeen[];
  readonly frames?: readonly FrameSeen[];
  /** Ticks per symbol that the source sent, where nothing between it and the stream was killed. */
  readonly sentTicks?: ReadonlyMap<string, number> | undefined;
  readonly bars?: readonly BarSeen[];
  readonly actors?: readonly ActorSeen[];
  /** Nodes that say that they hand over what they have. */
  readonly draining?: readonly string[];
  /** Dead letters: inputs at which an actor failed. */
  readonly deadLetters?: readonly string[];
}

export const violation = (invariant: string, detail: string): Violation => ({ invariant, detail });
