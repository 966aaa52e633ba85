/** A stored message on its way to those who hear it. */
import type { StoredMessage } from './bus/bus.ts';
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
  /** What was decoded is not needed any more; who asks again has it decoded anew. */
  forget?(): void;
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
  readonly data: Uint8Array;
  private isDecoded = false;
  private decoded: unknown;
  private flaw: string | undefined;

  constructor(topic: TopicName, subject: string, { sequence, data }: StoredMessage) {
    this.topic = topic;
    this.family = topics[topic].family;
    this.sequence = sequence;
    this.subject = subject;
    this.data = data;
  }

  get message(): unknown {
    if (!this.isDecoded) this.decode();
    return this.decoded;
  }

  get fault(): string | undefined {
    if (!this.isDecoded) this.decode();
    return this.flaw;
  }

  forget(): void {
    this.isDecoded = false;
    this.decoded = undefined;
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
