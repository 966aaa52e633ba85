/**
 * The main side's half of a thread's inputs: the node's own readers hand their messages through it to the thread, so that
 * a strategy in a thread costs the server no reader of its own (each would look through every frame for its one bar).
 *
 * A thread that does not take what it is handed must not hold up the readers that everybody shares: it is left behind,
 * and reads again from its own place once it has worked off what it has.
 */
import type { Family, TopicKey, TopicName } from '../../runtime/bus/topics.ts';
import type { Delivered } from '../../runtime/delivered.ts';
import type { Inputs, Subscriber } from '../../runtime/hub.ts';
import type { Handed, ToThread } from './protocol.ts';

/** Messages that a thread may have without having taken them; as many as a mailbox holds. */
export const MOST_IN_FLIGHT = 4_096;
/** One that was left behind is handed more when it has so few left. */
export const FEW_IN_FLIGHT = 256;
/** Of so many messages that it does not want it is shown one, so that its place in the stream moves on. */
const SHOWN_UNWANTED = 1_024;

export interface FeedOptions {
  readonly hub: Inputs;
  readonly inputs: readonly { readonly topic: TopicName; readonly key: TopicKey }[];
  /** Sequence of the last message taken, per family. */
  readonly taken: readonly (readonly [Family, number])[];
  /** What the thread would drop at once stays here. Pure and cheap. */
  readonly wants: (delivered: Delivered) => boolean;
  readonly post: (message: ToThread, transfer: readonly ArrayBuffer[]) => void;
  /** The readers cannot be joined. */
  readonly onFailure: (error: unknown) => void;
}

export class Feed implements Subscriber {
  readonly inputs: FeedOptions['inputs'];
  private readonly o: FeedOptions;
  private readonly last: Map<Family, number>;
  private inFlight = 0;
  private unwanted = 0;
  /** Not handed over yet. */
  private together: Handed[] = [];
  private state: 'open' | 'behind' | 'ended' = 'open';

  constructor(options: FeedOptions) {
    this.o = options;
    this.inputs = options.inputs;
    this.last = new Map(options.taken);
  }

  begin(): Promise<void> {
    return this.o.hub.subscribe(this);
  }

  end(): void {
    if (this.state === 'ended') return;
    this.handOver();
    this.state = 'ended';
    void this.o.hub.unsubscribe(this);
  }

  /** Whether the thread has taken everything that it was handed, and is handed what comes. */
  get idle(): boolean {
    return this.state === 'open' && this.inFlight === 0;
  }

  taken(family: Family): number {
    return this.last.get(family) ?? 0;
  }

  deliver(delivered: Delivered): void {
    this.take(delivered);
    delivered.letGo?.();
  }

  private take(delivered: Delivered): void {
    if (this.state !== 'open') return;
    const { family, sequence } = delivered;
    const isShown = delivered.fault !== undefined || this.o.wants(delivered) || ++this.unwanted % SHOWN_UNWANTED === 0;
    if (isShown && this.inFlight >= MOST_IN_FLIGHT) {
      this.state = 'behind';
      void this.o.hub.unsubscribe(this);
      return;
    }
    this.last.set(family, sequence);
    if (isShown) this.pack(delivered);
  }

  private pack({ topic, family, sequence, subject, data: shared }: Delivered): void {
    this.inFlight++;
    // A buffer of its own: the message is a part of a larger one, which would travel whole.
    const data = new Uint8Array(shared);
    this.together.push({ topic, family, sequence, subject, data });
    // What the network brings in one piece is handed out on one stack.
    if (this.together.length === 1) queueMicrotask(() => this.handOver());
  }

  private handOver(): void {
    const inputs = this.together;
    if (inputs.length === 0) return;
    this.together = [];
    const buffers = inputs.map(({ data }) => data.buffer as ArrayBuffer);
    this.o.post({ type: 'inputs', inputs }, buffers);
  }

  /** The thread has taken so many more. */
  took(count: number): void {
    this.inFlight -= count;
    if (this.state !== 'behind' || this.inFlight > FEW_IN_FLIGHT) return;
    this.state = 'open';
    this.o.hub.subscribe(this).catch((thrown: unknown) => this.o.onFailure(thrown));
  }
}
