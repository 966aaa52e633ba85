/** Commands to the bridge as effects, and what comes back as events. The seat of any other broker (paper) is here. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { CommandReply, CommandSchema } from '../../proto/gen/troupe/bridge/v1/bridge_pb.js';

export type CommandBody = Extract<NonNullable<MessageInitShape<typeof CommandSchema>['body']>, { case: string }>;
export type CommandKind = CommandBody['case'];

/** A close that found nothing left to close: what was asked for is so, and nothing was traded. */
export const POSITION_CLOSED = 'POSITION_CLOSED';

export interface CommandParams {
  readonly commandId: string;
  /** Order that the command is about; '' for a snapshot. */
  readonly orderId: string;
  readonly body: CommandBody;
  /** Wall clock of the intent, µs, for the latency of a place command; 0 where there is none. */
  readonly createdUs: number;
  /** The context's `seals` when the command was made: a part of its fence. */
  readonly seal: number;
}

export interface CommandEffect {
  readonly type: 'command';
  readonly params: CommandParams;
}

export interface CommandReplied {
  readonly type: 'command.reply';
  readonly commandId: string;
  readonly kind: CommandKind;
  readonly orderId: string;
  readonly reply: CommandReply;
}

export interface CommandFailed {
  readonly type: 'command.failed';
  readonly commandId: string;
  readonly kind: CommandKind;
  readonly orderId: string;
  readonly code: string;
}
