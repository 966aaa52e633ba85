/** Wiring of the broker of one account that trades through the bridge. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { CommandReplySchema, CommandSchema, Outcome } from '../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import type { ActorDefinition, EffectContext } from '../../runtime/actor.ts';
import { commandSubject } from '../../runtime/bus/topics.ts';
import { TroupeError } from '../../runtime/errors.ts';
import type { MachineEvent, Snapshot } from '../../runtime/xstate.ts';
import type { CommandFailed, CommandParams, CommandReplied } from './commands.ts';
import type { BrokerContext, BrokerInput, SafePolicy } from './context.ts';
import type { BrokerStart } from './events.ts';
import { brokerMachine } from './machine.ts';
import { brokerMigrations } from './migrations.ts';
import type { RiskLimits } from './risk/limits.ts';
import { describeBroker } from './status.ts';

/** Longest wait for the bridge's answer; after it the outcome is unknown. */
export const COMMAND_TIMEOUT_MS = 10_000;
/** Shape of the context; raise it with every change that an older snapshot would not fit, and add the step. */
const CONTEXT_VERSION = 3;
/**
 * A lost answer raises the fence by this: claims are whole numbers, so a newer claim stands above all seals of an older
 * one, and the bridge, which refuses whatever is lower than it has seen, needs not know about them.
 */
const SEAL = 2 ** -20;
const MOST_SEALS = 2 ** 20 - 1;

export interface BrokerOptions {
  readonly account: string;
  readonly symbols: readonly string[];
  readonly limits: RiskLimits;
  /** Strategies of this account: fills of an earlier life find their owner by magic number. */
  readonly strategies?: readonly string[];
  /** What is done in safe mode; default cancel. */
  readonly safePolicy?: SafePolicy;
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
    ...(options.safePolicy === undefined ? {} : { safePolicy: options.safePolicy }),
  };
  const sender: Sender = { options, seal: 0 };
  // Intents that came before this broker ever lived have no answer yet, and somebody waits for one.
  const after = { topic: 'order' as const, key: { account } };
  return {
    kind: 'broker',
    id: account,
    machine: brokerMachine,
    input,
    version: CONTEXT_VERSION,
    migrations: brokerMigrations,
    replacesState: { except: [] },
    delivery: 'commit',
    urgent: true,
    inputs: [
      { topic: 'intent', key: { account }, from: 'now', after },
      { topic: 'execution', key: { account }, from: 'now', after },
      ...symbols.map((symbol) => ({
        ...{ topic: 'bar' as const, key: { symbol, timeframe: '1s' }, from: 'now' as const },
        // A second closes for all symbols at once, and intents come right behind.
        joins: () => true,
      })),
    ],
    foretell: (type, params) => (type === 'command' ? foretold(options, params as CommandParams) : undefined),
    ahead: { topic: 'intent', kind: 'strategy', ids: options.strategies ?? [] },
    perform: { command: (params: CommandParams, context: EffectContext) => sendCommand(sender, params, context) },
    // A command of an earlier life is never sent again: broker.start finds out what became of it.
    redeliver: (type) => type !== 'command',
    describe: (snapshot: Snapshot) => describeBroker(snapshot.context as BrokerContext),
    onStart: (restored): MachineEvent => ({ type: 'broker.start', restored, input }) satisfies BrokerStart,
    observe: (_event, snapshot) => options.onContext?.(snapshot.context as BrokerContext),
  };
}

interface Sender {
  readonly options: BrokerOptions;
  /** Highest seal that a command of this actor has carried. */
  seal: number;
}

/** The fence of a command: the claim, and above it the seals. Every question to the bridge must carry the present one. */
export function fenceOf(claim: number, seals: number): number {
  return claim + Math.min(seals, MOST_SEALS) * SEAL;
}

/** As the bridge gets it, whether it is asked or hears of the commit. */
function commandBytes(options: BrokerOptions, { commandId, body, seal }: CommandParams): Uint8Array {
  return toBinary(CommandSchema, create(CommandSchema, { commandId, fence: fenceOf(options.fence(), seal), body }));
}

/**
 * An order that is committed may be placed: the bridge need not wait until it is asked to. From then on no failure of the
 * asking proves that the order was not placed.
 */
const foretold = (options: BrokerOptions, params: CommandParams): Uint8Array | undefined =>
  params.body.case === 'place' ? commandBytes(options, params) : undefined;

/**
 * Sends one command and waits for its answer. Throws FENCED, which ends this actor: a newer owner of the account has
 * already spoken to the bridge. A refusal of a command that we have sealed off ourselves is an answer like any other.
 */
async function sendCommand(
  sender: Sender,
  params: CommandParams,
  { bus, signal }: EffectContext,
): Promise<CommandReplied | CommandFailed> {
  const { options } = sender;
  const { commandId, orderId, body, createdUs, seal } = params;
  const about = { commandId, kind: body.case, orderId };
  if (signal.aborted) return { type: 'command.failed', ...about, code: 'ACTOR_STOPPED' };
  sender.seal = Math.max(sender.seal, seal);
  try {
    const bytes = await bus.request(commandSubject(options.account), commandBytes(options, params), COMMAND_TIMEOUT_MS);
    const reply = fromBinary(CommandReplySchema, bytes);
    const fenced = reply.outcome === Outcome.REFUSED && reply.code === 'FENCED';
    if (fenced && seal === sender.seal) throw new TroupeError('FENCED', reply.message);
    if (body.case === 'place' && reply.receivedUs > 0 && createdUs > 0 && !reply.replayed) {
      options.onLatency?.((reply.receivedUs - createdUs) / 1000);
    }
    return { type: 'command.reply', ...about, reply };
  } catch (thrown) {
    if (thrown instanceof TroupeError && thrown.code === 'FENCED') throw thrown;
    const code = thrown instanceof TroupeError ? thrown.code : 'ORDER_UNKNOWN';
    return { type: 'command.failed', ...about, code };
  }
}
