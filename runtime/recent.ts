/**
 * What a reader has handed out lately. Who joins it a moment after it has left, mostly because it was started again,
 * takes from here what it lacks: no second reader is made for it, and the server reads nothing twice.
 */
import type { StoredMessage } from './bus/bus.ts';
import { Fifo } from './fifo.ts';

/** Seconds of a busy market; where so much comes in a tenth of a second, a reader of its own does it. */
export const RECENT_BYTES = 8 * 2 ** 20;
/** A message weighs this much besides its data. */
const MESSAGE_BYTES = 256;
/** What is kept of a message keeps all that came in one piece with it; a small one is taken out of it. */
const SMALL_BYTES = 4_096;
export class Recent {
  private readonly mostBytes: number;
  private readonly messages = new Fifo<StoredMessage>();
  private bytes = 0;
  private since = 0;

  /** 0: nothing is kept. */
  constructor(mostBytes: number) {
    this.mostBytes = mostBytes;
  }

  /** A reader begins after `sequence`. */
  begin(sequence: number): void {
    this.messages.clear();
    this.bytes = 0;
    this.since = sequence;
  }

  add(message: StoredMessage): void {
    const { subject, sequence, data } = message;
    this.messages.push(data.length > SMALL_BYTES ? message : { subject, sequence, data: data.slice() });
    this.bytes += data.length + MESSAGE_BYTES;
    while (this.bytes > this.mostBytes) {
      const forgotten = this.messages.shift()!;
      this.bytes -= forgotten.data.length + MESSAGE_BYTES;
      this.since = forgotten.sequence;
    }
  }

  /** Whether everything that the reader has handed out after `sequence` is here. */
  reaches(sequence: number): boolean {
    return sequence >= this.since;
  }

  /** The first `most` messages after `sequence`; undefined: some of them are not here any more. */
  after(sequence: number, most: number): StoredMessage[] | undefined {
    if (!this.reaches(sequence)) return undefined;
    let [low, high] = [0, this.messages.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.messages.at(middle)!.sequence > sequence) high = middle;
      else low = middle + 1;
    }
    const end = Math.min(low + most, this.messages.length);
    return Array.from({ length: end - low }, (_, i) => this.messages.at(low + i)!);
  }
}
