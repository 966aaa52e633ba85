/**
 * What a reader has handed out lately. Who joins it a moment after it has left, mostly because it was started again,
 * takes from here what it lacks: no second reader is made for it, and the server reads nothing twice.
 *
 * Kept are bytes, in a ring that grows to what it may hold, and nothing of the messages themselves: an object for each would live
 * for a tenth of a second to some seconds, which is long enough to be copied by the garbage collector twice and to end in
 * its old space, with the piece of 64 KiB that it came in.
 */
import type { StoredMessage } from './bus/bus.ts';

/** Seconds of a busy market; where so much comes in a tenth of a second, a reader of its own does it. */
export const RECENT_BYTES = 8 * 2 ** 20;
/** A message weighs this much besides its data. */
export const MESSAGE_BYTES = 256;
const FIRST_ROOM_BYTES = 64 * 1024;
/** A power of two. */
const FIRST_ENTRIES = 256;

/** Of some messages that were looked through those that were wanted, as copies. */
export interface Found {
  readonly messages: readonly StoredMessage[];
  readonly looked: number;
  /** Sequence of the last one that was looked at; where there was none, what was asked for. */
  readonly last: number;
}

export class Recent {
  private readonly mostBytes: number;
  private since = 0;
  private weight = 0;
  /** The data. What is in it lies from the first one's start to `end`, or to the end of the room and on from its beginning. */
  private room = new Uint8Array(0);
  private end = 0;
  /** The messages, oldest first from `first` on, each at its number modulo the length. */
  private first = 0;
  private count = 0;
  private sequences = new Float64Array(FIRST_ENTRIES);
  private starts = new Uint32Array(FIRST_ENTRIES);
  private lengths = new Uint32Array(FIRST_ENTRIES);
  private subjects: string[] = new Array(FIRST_ENTRIES).fill('');

  /** 0: nothing is kept. */
  constructor(mostBytes: number) {
    this.mostBytes = mostBytes;
  }

  /** A reader begins after `sequence`. */
  begin(sequence: number): void {
    this.clear();
    this.since = sequence;
  }

  add({ subject, sequence, data }: StoredMessage): void {
    const weight = data.length + MESSAGE_BYTES;
    if (weight > this.mostBytes) {
      this.clear();
      this.since = sequence;
      return;
    }
    while (this.weight + weight > this.mostBytes) this.drop();
    const start = this.place(data.length);
    this.room.set(data, start);
    this.end = start + data.length;
    if (this.count === this.sequences.length) this.growEntries();
    const at = this.indexOf(this.count);
    this.sequences[at] = sequence;
    this.starts[at] = start;
    this.lengths[at] = data.length;
    this.subjects[at] = subject;
    this.count++;
    this.weight += weight;
  }

  /** Whether everything that the reader has handed out after `sequence` is here. */
  reaches(sequence: number): boolean {
    return sequence >= this.since;
  }

  /** Of the first `most` messages after `sequence` those that are wanted; undefined: some of them are not here any more. */
  after(sequence: number, most: number, wants: (subject: string) => boolean): Found | undefined {
    if (!this.reaches(sequence)) return undefined;
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.sequences[this.indexOf(middle)]! > sequence) high = middle;
      else low = middle + 1;
    }
    const end = Math.min(low + most, this.count);
    const messages: StoredMessage[] = [];
    for (let i = low; i < end; i++) {
      const at = this.indexOf(i);
      const subject = this.subjects[at]!;
      if (!wants(subject)) continue;
      const start = this.starts[at]!;
      messages.push({
        subject,
        sequence: this.sequences[at]!,
        data: this.room.slice(start, start + this.lengths[at]!),
      });
    }
    return { messages, looked: end - low, last: end === low ? sequence : this.sequences[this.indexOf(end - 1)]! };
  }

  private indexOf(number: number): number {
    return (this.first + number) & (this.sequences.length - 1);
  }

  private clear(): void {
    this.first = 0;
    this.count = 0;
    this.end = 0;
    this.weight = 0;
  }

  private drop(): void {
    this.since = this.sequences[this.first]!;
    this.weight -= this.lengths[this.first]! + MESSAGE_BYTES;
    this.first = this.indexOf(1);
    this.count--;
    if (this.count === 0) this.clear();
  }

  /** Where so many bytes lie in one piece, behind the newest; the room grows for them, or the oldest go. */
  private place(bytes: number): number {
    for (;;) {
      if (this.count === 0) {
        if (bytes <= this.room.length) return 0;
      } else {
        const begin = this.starts[this.first]!;
        if (this.end >= begin) {
          if (bytes <= this.room.length - this.end) return this.end;
          // Never up to the first one: an end that meets it would mean that there is nothing between them.
          if (bytes < begin) return 0;
        } else if (bytes < begin - this.end) return this.end;
      }
      if (this.room.length < this.mostBytes) this.growRoom(bytes);
      else this.drop();
    }
  }

  private growRoom(bytes: number): void {
    const wanted = Math.max(FIRST_ROOM_BYTES, 2 * this.room.length, this.room.length + bytes);
    const room = new Uint8Array(Math.min(wanted, this.mostBytes));
    let end = 0;
    for (let i = 0; i < this.count; i++) {
      const at = this.indexOf(i);
      const start = this.starts[at]!;
      room.set(this.room.subarray(start, start + this.lengths[at]!), end);
      this.starts[at] = end;
      end += this.lengths[at]!;
    }
    this.room = room;
    this.end = end;
  }

  private growEntries(): void {
    const { sequences, starts, lengths, subjects, first, count } = this;
    const length = 2 * sequences.length;
    const at = (i: number): number => (first + i) & (sequences.length - 1);
    this.sequences = new Float64Array(length);
    this.starts = new Uint32Array(length);
    this.lengths = new Uint32Array(length);
    this.subjects = new Array(length).fill('');
    for (let i = 0; i < count; i++) {
      this.sequences[i] = sequences[at(i)]!;
      this.starts[i] = starts[at(i)]!;
      this.lengths[i] = lengths[at(i)]!;
      this.subjects[i] = subjects[at(i)]!;
    }
    this.first = 0;
  }
}
