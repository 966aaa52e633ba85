/**
 * One actor that joins a running reader from further back, mostly because it was started again: it reads what it lacks by
 * itself, and joins when it has got as far as the others. Without this every actor of the node would wait while all of
 * their messages of the last seconds came again for the one that needs some.
 */
import type { Bus, StoredMessage, StreamReader } from './bus/bus.ts';

export interface LateComerOptions {
  readonly bus: Bus;
  readonly stream: string;
  /** Of this subscriber alone. */
  readonly filters: readonly string[];
  readonly taken: () => number;
  readonly deliver: (message: StoredMessage) => void | Promise<void>;
  /** It has taken everything that the others have been offered; from the next message on it is one of them. */
  readonly onLevel: () => void;
  readonly onError: (error: Error) => void;
}

export class LateComer {
  private readonly o: LateComerOptions;
  /** Last message for it that the stream held when it came, or that went past it since. */
  private last = 0;
  private reader: StreamReader | undefined;
  private ended = false;

  constructor(options: LateComerOptions) {
    this.o = options;
  }

  /** Resolves when its reader stands, or when it needs none. Throws what the bus throws. */
  async start(): Promise<void> {
    const { bus, stream, filters, taken } = this.o;
    const lasts = await Promise.all(filters.map((filter) => bus.lastSequence(stream, filter)));
    this.last = Math.max(this.last, ...lasts);
    if (this.joins()) return;
    const reader = await bus.read({
      ...{ stream, filters, fromSequence: taken() + 1 },
      onMessage: (message) => this.take(message),
      onError: (error) => {
        if (!this.ended) this.o.onError(error);
      },
    });
    this.reader = reader;
    if (this.ended) await reader.stop();
  }

  /** The others' reader has a message for it and hands it to nobody: its own reader will. */
  pass(sequence: number): void {
    this.last = Math.max(this.last, sequence);
  }

  /** Nothing more is delivered by it. */
  end(): void {
    this.ended = true;
    // Not waited for: whoever hears its last messages hears that it has ended.
    this.reader?.stop().catch(this.o.onError);
  }

  private take(message: StoredMessage): void | Promise<void> {
    if (this.ended) return;
    const { taken, deliver } = this.o;
    const wait = message.sequence > taken() ? deliver(message) : undefined;
    if (wait === undefined) {
      this.joins();
      return;
    }
    return wait.then(() => void this.joins());
  }

  private joins(): boolean {
    if (this.ended || this.o.taken() < this.last) return this.ended;
    this.end();
    this.o.onLevel();
    return true;
  }
}
