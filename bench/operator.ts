/** What a person does with the stock `nats` command, from a program: asks actors, and kills them. */
import type { Bus } from '../runtime/bus/bus.ts';
import { actorKey } from '../runtime/bus/topics.ts';

const TIMEOUT_MS = 5_000;
const text = new TextDecoder();
const nothing = new Uint8Array();

/** What every actor answers to `status`; the rest depends on its kind. */
export interface ActorStatus {
  readonly node: string;
  readonly state: string;
  readonly restarts: number;
  readonly [figure: string]: unknown;
}

export class Operator {
  private readonly bus: Bus;

  constructor(bus: Bus) {
    this.bus = bus;
  }

  /** Throws an Error with the answer's own words where the request was refused. */
  async ask(kind: string, id: string, verb: string): Promise<ActorStatus> {
    const answer = await this.bus.request(`control.${actorKey(kind, id)}.${verb}`, nothing, TIMEOUT_MS);
    const said = JSON.parse(text.decode(answer)) as ActorStatus & { ok?: boolean; code?: string; message?: string };
    if (said.ok !== true) throw new Error(`${verb} ${kind} ${id}: ${said.code} ${said.message}`);
    return said;
  }

  /** Undefined while nobody can say: the actor is between two nodes. */
  async status(kind: string, id: string): Promise<ActorStatus | undefined> {
    try {
      return await this.ask(kind, id, 'status');
    } catch {
      return undefined;
    }
  }
}
