/** Everything that the broker's machine may be told. */
import type { AheadEvent, ControlEvent, InputEvent } from '../../runtime/actor.ts';
import type { CommandFailed, CommandReplied } from './commands.ts';
import type { BrokerInput, SafePolicy } from './context.ts';
import type { RiskLimits } from './risk/limits.ts';

/** Right after a start or restart, with the settings of today. */
export interface BrokerStart {
  readonly type: 'broker.start';
  readonly restored: boolean;
  readonly input: BrokerInput;
}

/** What an operator or a supervisor may tell the broker, besides what every actor may be told. */
export type BrokerControl =
  /** The terminal's word about a symbol ('' for the balance) becomes ours, as an adjustment. */
  | { readonly type: 'control.accept'; readonly symbol: string }
  /** Orders are sent that bring the terminal to our record of a symbol. */
  | { readonly type: 'control.correct'; readonly symbol: string }
  /** Every order is cancelled and every position closed, then trading is halted until `control.activate`. */
  | { readonly type: 'control.flatten'; readonly reason: string }
  /** The account's policy (or the one named) is carried out; state `safe` says that it is done, or what is not known. */
  | { readonly type: 'control.safe_mode'; readonly reason: string; readonly policy?: SafePolicy }
  /** Whole new limits, validated by the sender; null: the configured ones again. */
  | { readonly type: 'control.limits'; readonly limits: RiskLimits | null };

/** Timers, and the machine's own words to itself. */
export type BrokerInternal =
  | { readonly type: 'retry' | 'reconcile.due' }
  | { readonly type: 'order.ask'; readonly orderId: string }
  | { readonly type: 'link.up' | 'link.down' | 'snapshot.applied' | 'events.missed' }
  | { readonly type: 'mode.active' | 'mode.reducing' | 'mode.halted' }
  | { readonly type: 'operation.step' | 'operation.retry' | 'safe.begin' | 'safe.due' };

export type BrokerEvent =
  | BrokerStart
  | BrokerControl
  | BrokerInternal
  | ControlEvent
  | CommandReplied
  | CommandFailed
  | InputEvent<'intent'>
  | AheadEvent<'intent'>
  | InputEvent<'execution'>
  | InputEvent<'bar'>;
