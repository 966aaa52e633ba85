/** Everything that the broker's machine may be told. */
import type { ControlEvent, InputEvent } from '../../runtime/actor.ts';
import type { CommandFailed, CommandReplied } from './commands.ts';
import type { BrokerInput } from './context.ts';

/** Right after a start or restart, with the settings of today. */
export interface BrokerStart {
  readonly type: 'broker.start';
  readonly restored: boolean;
  readonly input: BrokerInput;
}

/** The operator takes the terminal's word about a symbol; '' for the account's balance. */
export interface AcceptDifference {
  readonly type: 'control.accept';
  readonly symbol: string;
}

/** Timers, and the machine's own words to itself. */
export type BrokerInternal =
  | { readonly type: 'retry' | 'reconcile.due' }
  | { readonly type: 'order.ask'; readonly orderId: string }
  | { readonly type: 'link.up' | 'link.down' | 'snapshot.applied' | 'events.missed' }
  | { readonly type: 'mode.active' | 'mode.reducing' | 'mode.halted' };

export type BrokerEvent =
  | BrokerStart
  | AcceptDifference
  | BrokerInternal
  | ControlEvent
  | CommandReplied
  | CommandFailed
  | InputEvent<'intent'>
  | InputEvent<'execution'>
  | InputEvent<'bar'>;
