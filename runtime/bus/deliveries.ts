/**
 * Messages of a stream on their way to who reads it. They are handed over as they lie in the socket's piece: of a flood
 * there are tens of thousands a second, and the client makes a message, its arguments and its texts for each, of which
 * a reader wants the subject, three numbers and the bytes. Whatever else a server sends is the client's.
 */
import type { StoredMessage } from './bus.ts';
import { nameAt } from './names.ts';
import type { Piece } from './pieces.ts';

export interface Delivery extends StoredMessage {
  /** Number among those that the consumer has sent, from 1. */
  readonly delivery: number;
  /** Matching messages that the stream still had behind this one when it was sent. */
  readonly pending: number;
}

const SPACE = 0x20;
const DOT = 0x2e;
const ZERO = 0x30;
const WITH_HEADERS = 'H'.charCodeAt(0);
/** How the reply subject of every message of a consumer begins; of those that only steer the reading it does not. */
const REPLY = new TextEncoder().encode('$JS.ACK.');

export class Deliveries {
  private readonly receivers = new Map<number, (message: Delivery) => void>();

  get isEmpty(): boolean {
    return this.receivers.size === 0;
  }

  /** What comes for the subscription of this number goes to `receiver`, which must not throw. */
  to(subscription: number, receiver: (message: Delivery) => void): void {
    this.receivers.set(subscription, receiver);
  }

  end(subscription: number): void {
    this.receivers.delete(subscription);
  }

  /**
   * `MSG <subject> <subscription> <reply> <bytes>` or `HMSG <subject> <subscription> <reply> <headers' bytes> <bytes>`
   * lies in `piece` from `at` on, its line up to the line feed at `feed`, its payload up to `end`. False: the client's.
   */
  hand(piece: Piece, at: number, feed: number, end: number): boolean {
    const data = piece.bytes;
    const hasHeaders = data[at] === WITH_HEADERS;
    const subjectAt = at + (hasHeaders ? 5 : 4);
    const subjectEnd = afterToken(data, subjectAt, feed);
    const numberEnd = afterToken(data, subjectEnd + 1, feed);
    const receiver = this.receivers.get(numberAt(data, subjectEnd + 1, numberEnd));
    if (receiver === undefined) return false;
    const replyAt = numberEnd + 1;
    for (let i = 0; i < REPLY.length; i++) if (data[replyAt + i] !== REPLY[i]) return false;
    const replyEnd = afterToken(data, replyAt, feed);
    const headers = hasHeaders ? numberAt(data, replyEnd + 1, afterToken(data, replyEnd + 1, feed)) : 0;
    const from = feed + 1 + headers;
    const { sequence, delivery, pending } = parseReply(data, replyAt, replyEnd);
    piece.lend();
    receiver({
      subject: nameAt(data, subjectAt, subjectEnd),
      sequence,
      data: new Uint8Array(data.buffer, from, end - 2 - from),
      loan: piece,
      delivery,
      pending,
    });
    return true;
  }
}

/** Where the token that begins at `at` ends. */
function afterToken(data: Uint8Array, at: number, to: number): number {
  let end = at;
  while (end < to && data[end] !== SPACE) end++;
  return end;
}

function numberAt(data: Uint8Array, at: number, to: number): number {
  let number = 0;
  for (let i = at; i < to; i++) number = number * 10 + (data[i]! - ZERO);
  return number;
}

/**
 * Tokens of a message's reply subject: $JS.ACK.<stream>.<consumer>.<tries>.<sequence>.<delivery>.<time>.<pending>, or
 * $JS.ACK.<domain>.<account>.<stream>... with a random token at the end. No name in it has a dot.
 */
export function parseReply(
  reply: Uint8Array,
  from = 0,
  to = reply.length,
): { sequence: number; delivery: number; pending: number } {
  let dots = 0;
  for (let at = from; at < to; at++) if (reply[at] === DOT) dots++;
  let sequence = 0;
  let delivery = 0;
  let pending = 0;
  let token = dots >= 10 ? -2 : 0;
  for (let at = from; at < to; at++, token++) {
    let number = 0;
    for (; at < to && reply[at] !== DOT; at++) if (token >= 5) number = number * 10 + (reply[at]! - ZERO);
    if (token === 5) sequence = number;
    else if (token === 6) delivery = number;
    else if (token === 8) pending = number;
  }
  return { sequence, delivery, pending };
}
