/** A person at a console: asks until it is done, and in the end takes back what they asked for. */
import { seededRandom } from '../../runtime/random.ts';
import { Host } from './world/host.ts';
import type { Network } from './world/network.ts';
import { SimBus } from './world/wire.ts';

const TIMEOUT_MS = 3_000;
const AGAIN_MS = 500;
/** An answer is no commit: an actor that dies right after it may have forgotten. Who asked looks again. */
const LOOK_AGAIN_MS = 8_000;
const nothing = new Uint8Array();
const text = new TextDecoder();

/** What brings each kind of actor back to its usual work, in this order. */
const takenBackBy: Readonly<Record<string, readonly string[]>> = {
  broker: ['resume', 'activate'],
  strategy: ['resume'],
};

export class Operator {
  readonly host: Host;
  private readonly bus: SimBus;
  private readonly trace: (text: string) => void;
  /** Requests made of each actor; only the newest of them is repeated. */
  private readonly asked = new Map<string, number>();

  constructor(network: Network, seed: string, trace: (text: string) => void) {
    this.host = new Host('operator', network.loop, seededRandom(`${seed} operator`));
    this.bus = new SimBus(network, this.host);
    this.trace = trace;
  }

  /** Asks again until the actor has come where it was sent, or something else is asked of it. */
  async insist(actor: string, verb: string): Promise<void> {
    const mine = (this.asked.get(actor) ?? 0) + 1;
    this.asked.set(actor, mine);
    while (this.asked.get(actor) === mine) {
      if (await this.ask(actor, verb)) return;
      await this.host.clock.sleep(AGAIN_MS);
    }
  }

  /** From now on every actor that was asked for something is kept at its usual work. */
  async takeBack(): Promise<void> {
    for (;;) {
      for (const actor of [...this.asked.keys()]) {
        for (const verb of takenBackBy[actor.slice(0, actor.indexOf('.'))] ?? []) await this.insist(actor, verb);
      }
      await this.host.clock.sleep(LOOK_AGAIN_MS);
    }
  }

  private async ask(actor: string, verb: string): Promise<boolean> {
    let answer: { ok?: boolean; done?: boolean; state?: string };
    try {
      answer = JSON.parse(text.decode(await this.bus.request(`control.${actor}.${verb}`, nothing, TIMEOUT_MS)));
    } catch (error) {
      this.trace(`operator: ${verb} ${actor}: ${error instanceof Error ? error.message : error}`);
      return false;
    }
    this.trace(`operator: ${verb} ${actor}: ${JSON.stringify(answer)}`);
    return answer.ok === true && answer.done !== false;
  }
}
