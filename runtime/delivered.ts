/** A stored message on its way to those who hear it. */
import type { Loan, StoredMessage } from './bus/bus.ts';
import type { Family, Topic, TopicName } from './bus/topics.ts';
import { topics } from './bus/topics.ts';
import { messageOf } from './errors.ts';

export interface Delivered {
  readonly topic: TopicName;
  readonly family: Family;
  readonly sequence: number;
  readonly subject: string;
  /** Decoded once for all who hear it: never change it. Undefined where `fault` says why it cannot be read. */
  readonly message: unknown;
  readonly fault?: string | undefined;
  readonly data: Uint8Array;
  /** One more will need it. */
  hold?(): void;
  /**
   * One of those who needed it has done with it, or who made it has handed it to all. After the last one its memory may be
   * used again: `data` throws TypeError then, and what was decoded must not be looked at. Who never says so keeps it.
   */
  letGo?(): void;
}

/**
 * Decoded when somebody first asks: of a flood thousands wait in mailboxes, and what waits is looked at again and again
 * by the garbage collector, a decoded message several times as long as its bytes.
 */
class StoredDelivery implements Delivered {
  readonly topic: TopicName;
  readonly family: Family;
  readonly sequence: number;
  readonly subject: string;
  /** The bytes: a view of them would wait with it, and is longer than all the rest. */
  private readonly buffer: ArrayBufferLike;
  private readonly from: number;
  private readonly length: number;
  private readonly loan: Loan | undefined;
  /** At first who made it. */
  private holders = 1;
  private isDecoded = false;
  private decoded: unknown;
  private flaw: string | undefined;

  constructor(topic: TopicName, subject: string, { sequence, data, loan }: StoredMessage) {
    this.topic = topic;
    this.family = topics[topic].family;
    this.sequence = sequence;
    this.subject = subject;
    this.buffer = data.buffer;
    this.from = data.byteOffset;
    this.length = data.length;
    this.loan = loan;
  }

  get data(): Uint8Array {
    return new Uint8Array(this.buffer, this.from, this.length);
  }

  get message(): unknown {
    if (!this.isDecoded) this.decode();
    return this.decoded;
  }

  get fault(): string | undefined {
    if (!this.isDecoded) this.decode();
    return this.flaw;
  }

  hold(): void {
    this.holders++;
  }

  letGo(): void {
    if (--this.holders !== 0) return;
    // A dead one that the garbage collector has not come to yet would keep it.
    this.isDecoded = false;
    this.decoded = undefined;
    this.loan?.giveBack();
  }

  private decode(): void {
    this.isDecoded = true;
    try {
      this.decoded = (topics[this.topic] as unknown as Topic<unknown, never>).decode(this.data);
    } catch (thrown) {
      this.flaw = messageOf(thrown);
    }
  }
}

/**
 * What a stored message is to those who hear it; one that cannot be decoded says so. `subject`: the message's own, where
 * the caller has it as a string that is there anyway.
 */
export const deliveredOf = (topic: TopicName, message: StoredMessage, subject: string = message.subject): Delivered =>
  new StoredDelivery(topic, subject, message);
