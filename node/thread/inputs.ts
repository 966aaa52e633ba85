/** The thread's half of its inputs: what the main side hands over, one message after the other, to the one actor here. */
import { deliveredOf } from '../../runtime/delivered.ts';
import type { Inputs, Subscriber } from '../../runtime/hub.ts';
import { familiesOf } from '../../runtime/hub.ts';
import type { FromThread, Handed, ToThread } from './protocol.ts';
import { errorOf } from './protocol.ts';

/**
 * The main side hears this often how many have been taken, and when it asks: each word wakes it, and it only needs to know
 * whether thousands are under way.
 */
const TOLD_EVERY = 64;

export class PortInputs implements Inputs {
  private readonly say: (message: FromThread) => void;
  private readonly onFailure: (error: unknown) => void;
  private isAnnounced = false;
  private subscriber: Subscriber | undefined;
  private joined: PromiseWithResolvers<void> | undefined;
  private queue: Handed[] = [];
  private working = false;
  private taken = 0;

  constructor(say: (message: FromThread) => void, onFailure: (error: unknown) => void) {
    this.say = say;
    this.onFailure = onFailure;
  }

  /** The main side begins at once: what it hands over waits here until the actor takes it. */
  announce(subscriber: Subscriber): void {
    this.isAnnounced = true;
    this.joined = Promise.withResolvers<void>();
    // Nobody may ever subscribe to hear of it.
    this.joined.promise.catch(() => undefined);
    const inputs = subscriber.inputs.map(({ topic, key }) => ({ topic, key }));
    const taken = familiesOf(subscriber).map((family) => [family, subscriber.taken(family)] as const);
    this.say({ type: 'subscribe', inputs, taken });
  }

  subscribe(subscriber: Subscriber): Promise<void> {
    if (!this.isAnnounced) this.announce(subscriber);
    this.isAnnounced = false;
    this.subscriber = subscriber;
    this.takeUp();
    return this.joined!.promise;
  }

  async unsubscribe(): Promise<void> {
    if (this.subscriber === undefined && !this.isAnnounced) return;
    this.subscriber = undefined;
    this.isAnnounced = false;
    this.queue = [];
    this.say({ type: 'unsubscribe' });
  }

  /** Nothing that was handed over waits here. */
  get idle(): boolean {
    return !this.working && this.queue.length === 0;
  }

  subscribed(message: Extract<ToThread, { type: 'subscribed' }>): void {
    if (message.error === undefined) this.joined?.resolve();
    else this.joined?.reject(errorOf(message.error));
  }

  handed({ inputs }: Extract<ToThread, { type: 'inputs' }>): void {
    this.queue.push(...inputs);
    this.takeUp();
  }

  private takeUp(): void {
    if (this.isAnnounced || this.working || this.queue.length === 0) return;
    this.work().catch(this.onFailure);
  }

  private async work(): Promise<void> {
    this.working = true;
    try {
      for (let at = 0; at < this.queue.length; at++) {
        const { topic, ...stored } = this.queue[at]!;
        const wait = this.subscriber?.deliver(deliveredOf(topic, stored));
        if (wait !== undefined) await wait;
        if (++this.taken >= TOLD_EVERY) this.tell();
      }
    } finally {
      this.queue = [];
      this.working = false;
    }
  }

  /** Says how many have been taken since it was said last. */
  tell(): void {
    if (this.taken > 0) this.say({ type: 'took', count: this.taken });
    this.taken = 0;
  }
}
