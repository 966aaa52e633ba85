/** What is seen of the company over NATS while faults strike: lifecycle, fills, and every command with its answer. */
import { fromBinary } from '@bufbuild/protobuf';
import { CommandReplySchema, CommandSchema, Outcome } from '../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import type { NatsBus } from '../../runtime/bus/nats.ts';
import { connectNats } from '../../runtime/bus/nats.ts';
import type { TopicMessage } from '../../runtime/bus/topics.ts';
import { commandSubject, topics } from '../../runtime/bus/topics.ts';
import { systemClock as clock } from '../../runtime/clock.ts';
import { messageOf } from '../../runtime/errors.ts';
import { silentLogger } from '../../runtime/telemetry/log.ts';
import type { CommandSeen } from '../witness/history.ts';
import type { ChaosCompany } from './company.ts';

export type Lifecycle = TopicMessage<'lifecycle'>;

const REQUEST_MS = 3_000;
const EMPTY = new Uint8Array();

type Seen = { -readonly [K in keyof CommandSeen]: CommandSeen[K] };

export class Watch {
  readonly lifecycle: Lifecycle[] = [];
  readonly commands: Seen[] = [];
  fills = 0;
  /** Monotonic ms of the last fill. */
  filledMs = 0;
  /** Of a node's user: reads everything. */
  readonly bus: NatsBus;
  private readonly operator: NatsBus;
  private readonly unanswered = new Map<string, Seen>();
  private stops: (() => Promise<unknown>)[] = [];

  private constructor(bus: NatsBus, operator: NatsBus) {
    this.bus = bus;
    this.operator = operator;
  }

  static async begin({ fleet, account, config }: ChaosCompany): Promise<Watch> {
    const connect = (login: object, name: string): Promise<NatsBus> =>
      connectNats({ ...(login as { url: string }), name, clock, log: silentLogger });
    const watch = new Watch(
      await connect(fleet.natsLogin!, 'chaos'),
      await connect(fleet.operatorLogin!, 'chaos as operator'),
    );
    const layout = { partitions: config.market.partitions };
    await watch.read('SYSTEM', topics.lifecycle.subject({}, layout), (data) => {
      watch.lifecycle.push(topics.lifecycle.decode(data));
    });
    await watch.read('TRADING', topics.fill.subject({ account }, layout), () => {
      watch.fills++;
      watch.filledMs = clock.monotonicMs();
    });
    await watch.tap(account);
    return watch;
  }

  /** What a kind's actor did at or after this time of the wall clock. */
  edges(actor: string, sinceMs: number): Lifecycle[] {
    return this.lifecycle.filter(({ kind, id, timeMs }) => timeMs >= sinceMs && `${kind}.${id}` === actor);
  }

  /** As an operator with the stock `nats` command would ask. Throws TroupeError where nobody answers, or Error where refused. */
  async ask(actor: string, verb: string): Promise<Record<string, unknown>> {
    const bytes = await this.operator.request(`control.${actor}.${verb}`, EMPTY, REQUEST_MS);
    const answer = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    if (answer.ok !== true) throw new Error(`${verb} ${actor}: ${JSON.stringify(answer)}`);
    return answer;
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.stops.map((stop) => stop()));
    await Promise.allSettled([this.bus, this.operator].map(({ connection }) => connection.close()));
  }

  private async read(stream: string, filter: string, hear: (data: Uint8Array) => void): Promise<void> {
    const reader = await this.bus.read({
      ...{ stream, filters: [filter], fromSequence: 1 },
      onMessage: ({ data }) => hear(data),
      onError: (error) => {
        throw new Error(`${stream} cannot be watched any more: ${messageOf(error)}`);
      },
    });
    this.stops.push(() => reader.stop());
  }

  /** In the order in which the server passes them on; what passes while the server is down is not seen. */
  private async tap(account: string): Promise<void> {
    const command = async (data: Uint8Array): Promise<undefined> => {
      const { fence, body, commandId } = fromBinary(CommandSchema, data);
      const orderId = body.case === 'place' || body.case === 'find' ? body.value.orderId : '';
      const seen = { fence, kind: body.case ?? '', orderId, obeyed: false };
      this.commands.push(seen);
      this.unanswered.set(commandId, seen);
      return undefined;
    };
    const answer = async (data: Uint8Array): Promise<undefined> => {
      if (this.unanswered.size === 0) return undefined;
      try {
        const { commandId, outcome } = fromBinary(CommandReplySchema, data);
        const seen = this.unanswered.get(commandId);
        if (seen !== undefined) seen.obeyed = outcome !== Outcome.REFUSED && outcome !== Outcome.UNSPECIFIED;
        this.unanswered.delete(commandId);
      } catch {
        // Another answer: inboxes are everybody's.
      }
      return undefined;
    };
    this.stops.push(await this.operator.serve(commandSubject(account), command));
    this.stops.push(await this.operator.serve('_INBOX.>', answer));
  }
}
