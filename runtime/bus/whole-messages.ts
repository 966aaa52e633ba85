/**
 * Where what a NATS server has sent may be cut, so that nobody gets half a message. The client's parser takes halves too,
 * but it copies each of them, a piece at a time, into memory that grows: of frames of 5 KB in pieces of 64 KiB one in
 * thirteen. Pure.
 */

const CR = 0x0d;
const LF = 0x0a;
const ZERO = 0x30;
/** Of the protocol's lines only those that begin so (MSG, HMSG, and in small letters) are followed by a payload. */
const WITH_PAYLOAD: ReadonlySet<number> = new Set([...'MmHh'].map((letter) => letter.charCodeAt(0)));
/** What is longer than this goes in parts. */
export const LONGEST_KEPT = 32 * 1024;

export class WholeMessages {
  /** Bytes still to come of a message that goes in parts; of a line without an end all that will ever come. */
  private owed = 0;

  /** `data` from `from` to `to` is what has come and has not been handed out. Returns where it may be cut. */
  cut(data: Uint8Array, from: number, to: number): number {
    let at = from + this.owed;
    while (at < to) {
      const end = endOf(data, at, to);
      const isLong = (end === Infinity ? to : end) - at > LONGEST_KEPT;
      if (end > to && !isLong) {
        this.owed = 0;
        return at;
      }
      at = end;
    }
    this.owed = at - to;
    return to;
  }
}

/** Where the message that begins at `at` ends; Infinity while its line has not come. */
function endOf(data: Uint8Array, at: number, to: number): number {
  let feed = at;
  while (feed < to && data[feed] !== LF) feed++;
  if (feed === to) return Infinity;
  if (!WITH_PAYLOAD.has(data[at]!)) return feed + 1;
  let bytes = 0;
  let digit = feed - (data[feed - 1] === CR ? 2 : 1);
  for (let worth = 1; digit > at; digit--, worth *= 10) {
    const value = data[digit]! - ZERO;
    if (value < 0 || value > 9) break;
    bytes += value * worth;
  }
  return feed + 1 + bytes + 2;
}
