/** Wiring of the broker of one account that trades through the bridge. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { CommandReplySchema, CommandSchema, Outcome } from '../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import type { ActorDefinition, EffectContext } from '../../runtime/actor.ts';
import { commandSubject } from '../../runtime/bus/topics.ts';
import { TroupeError } from '../../runtime/errors.ts';
import type { MachineEvent, Snapshot } from '../../runtime/xstate.ts';
import type { CommandFailed, CommandParams, CommandReplied } from './commands.ts';
import type { BrokerContext, BrokerInput } from './context.ts';
import type { BrokerStart } from './events.ts';
import { brokerMachine } from './machine.ts';
import type { RiskLimits } from './risk/limits.ts';
import { describeBroker } from './status.ts';

/** Longest wait for the bridge's answer; after it the outcome is unknown. */
export const COMMAND_TIMEOUT_MS = 10_000;
/** Shape of the context; raise it with every change that an older snapshot would not fit. */
const CONTEXT_VERSION = 1;

export interface BrokerOptions {
  readonly account: string;
  readonly symbols: readonly string[];
  readonly limits: RiskLimits;
  /** Strategies of this account: fills of an earlier life find their owner by magic number. */
  readonly strategies?: readonly string[];
  /** Revision of this actor's claim; the bridge refuses commands with a lower one than it has seen. */
  readonly fence: () => number;
  /** Decision of the strategy to the terminal's receipt, ms, for each order that the terminal received. */
  readonly onLatency?: (intentToTerminalMs: number) => void;
  /** Called after each step with the broker's context; must not throw or keep it. */
  readonly onContext?: (context: BrokerContext) => void;
}

export function brokerActor(options: BrokerOptions): ActorDefinition {
  const { account, symbols } = options;
  const input: BrokerInput = {
    account,
    symbols,
    limits: options.limits,
    ...(options.strategies === undefined ? {} : { strategies: options.strategies }),
  };
  return {
    kind: 'broker',
    id: account,
    machine: brokerMachine,
    input,
    version: CONTEXT_VERSION,
    delivery: 'commit',
    inputs: [
      { topic: 'intent', key: { account }, from: 'now' },
      { topic: 'execution', key: { account }, from: 'now' },
      ...symbols.map((symbol) => ({ topic: 'bar' as const, key: { symbol, timeframe: '1s' }, from: 'now' as const })),
    ],
    perform: { command: (params: CommandParams, context: EffectContext) => sendCommand(options, params, context) },
    // A command of an earlier life is never sent again: broker.start finds out what became of it.
    redeliver: (type) => type !== 'command',
    describe: (snapshot: Snapshot) => describeBroker(snapshot.context as BrokerContext),
    onStart: (restored): MachineEvent => ({ type: 'broker.start', restored, input }) satisfies BrokerStart,
    observe: (_event, snapshot) => options.onContext?.(snapshot.context as BrokerContext),
  };
}

/**
 * Sends one command and waits for its answer. Throws FENCED, which ends this actor: a newer owner of the account has
 * already spoken to the bridge.
 */
async function sendCommand(
  options: BrokerOptions,
  params: CommandParams,
  { bus, signal }: EffectContext,
): Promise<CommandReplied | CommandFailed> {
  const { commandId, orderId, body, createdUs } = params;
  const about = { commandId, kind: body.case, orderId };
  // Nothing has been handed to the bus yet.
  if (signal.aborted) return { type: 'command.failed', ...about, code: 'ACTOR_STOPPED', sent: false };
  const command = create(CommandSchema, { commandId, fence: options.fence(), body });
  try {
    const bytes = await bus.request(
      commandSubject(options.account),
      toBinary(CommandSchema, command),
      COMMAND_TIMEOUT_MS,
    );
    const reply = fromBinary(CommandReplySchema, bytes);
    if (reply.outcome === Outcome.REFUSED && reply.code === 'FENCED') throw new TroupeError('FENCED', reply.message);
    if (body.case === 'place' && reply.receivedUs > 0 && createdUs > 0 && !reply.replayed) {
      options.onLatency?.((reply.receivedUs - createdUs) / 1000);
    }
    return { type: 'command.reply', ...about, reply };
  } catch (thrown) {
    if (thrown instanceof TroupeError && thrown.code === 'FENCED') throw thrown;
    const code = thrown instanceof TroupeError ? thrown.code : 'ORDER_UNKNOWN';
    // Only "no responders" proves that nobody got it: the server said so, about this very message.
    return { type: 'command.failed', ...about, code, sent: code !== 'BUS_NO_RESPONDER' };
  }
}
