/** A person at a console: asks until it is done, puts right what differs, and in the end takes back what they asked for. */
import { seededRandom } from '../../runtime/random.ts';
import { Host } from './world/host.ts';
import type { Network } from './world/network.ts';
import { SimBus } from './world/wire.ts';

const TIMEOUT_MS = 3_000;
const AGAIN_MS = 500;
/** An answer is no commit: an actor that dies right after it may have forgotten. Who asked looks again. */
const LOOK_AGAIN_MS = 8_000;
const ATTEND_MS = 1_500;
const nothing = {};
const text = new TextDecoder();
const bytes = new TextEncoder();

/** What brings each kind of actor back to its usual work, in this order. */
const takenBackBy: Readonly<Record<string, readonly string[]>> = {
  broker: ['resume', 'activate'],
  strategy: ['resume'],
};

interface Answer {
  readonly ok?: boolean;
  readonly done?: boolean;
  readonly code?: string;
  /** Of a broker: symbols that differ, '' the balance. */
  readonly halted?: Readonly<Record<string, string>>;
}

export class Operator {
  readonly host: Host;
  private readonly bus: SimBus;
  private readonly trace: (text: string) => void;
  /** Requests made of each actor; only the newest of them is repeated. */
  private readonly asked = new Map<string, number>();
  /** What they do about a difference that they know the reason of, by symbol. */
  private readonly remedies = new Map<string, 'accept' | 'correct'>();

  constructor(network: Network, seed: string, trace: (text: string) => void) {
    this.host = new Host('operator', network.loop, seededRandom(`${seed} operator`));
    this.bus = new SimBus(network, this.host);
    this.trace = trace;
  }

  /**
   * Asks again until the actor has come where it was sent, or something else is asked of it. Of several verbs the last
   * says where that is: a broker in safe mode resumes nothing before it is activated, one that is paused is not active
   * before it resumes.
   */
  async insist(actor: string, ...verbs: readonly string[]): Promise<void> {
    const mine = this.care(actor);
    while (verbs.length > 0 && this.asked.get(actor) === mine) {
      let answer: Answer | undefined;
      for (const verb of verbs) answer = await this.ask(actor, verb);
      if (answer?.ok === true && answer.done !== false) return;
      // What its supervisor has given up only an operator brings back.
      if (answer?.code === 'CONTROL_NOT_NOW') await this.ask(actor, 'restart');
      await this.host.clock.sleep(AGAIN_MS);
    }
  }

  /** In the end this actor is to be at its usual work, whatever was asked of it, and by whom. */
  care(actor: string): number {
    const mine = (this.asked.get(actor) ?? 0) + 1;
    this.asked.set(actor, mine);
    return mine;
  }

  /** From now on a difference of this symbol ('' the balance) is put right. */
  expect(broker: string, symbol: string, remedy: 'accept' | 'correct'): void {
    const first = this.remedies.size === 0;
    this.remedies.set(symbol, remedy);
    if (first) void this.attend(broker);
  }

  /** From now on every actor that was asked for something is kept at its usual work. */
  async takeBack(): Promise<void> {
    for (;;) {
      for (const actor of [...this.asked.keys()]) {
        await this.insist(actor, ...(takenBackBy[actor.slice(0, actor.indexOf('.'))] ?? []));
      }
      await this.host.clock.sleep(LOOK_AGAIN_MS);
    }
  }

  private async attend(broker: string): Promise<void> {
    for (;;) {
      const { halted = {} } = (await this.ask(broker, 'status')) ?? {};
      for (const symbol of Object.keys(halted)) {
        const remedy = this.remedies.get(symbol);
        if (remedy !== undefined) await this.ask(broker, remedy, { symbol });
      }
      await this.host.clock.sleep(ATTEND_MS);
    }
  }

  async ask(actor: string, verb: string, payload: object = nothing): Promise<Answer | undefined> {
    const said = verb === 'status' ? () => undefined : this.trace;
    const data = payload === nothing ? new Uint8Array() : bytes.encode(JSON.stringify(payload));
    try {
      const answer = text.decode(await this.bus.request(`control.${actor}.${verb}`, data, TIMEOUT_MS));
      said(`operator: ${verb} ${actor}: ${answer}`);
      return JSON.parse(answer) as Answer;
    } catch (error) {
      said(`operator: ${verb} ${actor}: ${error instanceof Error ? error.message : error}`);
      return undefined;
    }
  }
}
