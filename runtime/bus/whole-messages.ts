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

  /**
   * `data` from `from` to `to` is what has come and has not been handed out. Returns where it may be cut, and tells of
   * every message with a payload that lies before this as a whole: its line begins at `at`, the line feed is at `feed`.
   * Of none behind one that goes in parts: whoever gets the parts may have it later than what is told of, and out of place.
   */
  cut(data: Uint8Array, from: number, to: number, each?: (at: number, feed: number, end: number) => void): number {
    let at = from + this.owed;
    let inParts = this.owed > 0;
    while (at < to) {
      const feed = lineEnd(data, at, to);
      const end = feed === to ? Infinity : endOf(data, at, feed);
      const isLong = (end === Infinity ? to : end) - at > LONGEST_KEPT;
      if (end > to && !isLong) {
        this.owed = 0;
        return at;
      }
      inParts ||= end > to;
      if (each !== undefined && !inParts && end > feed + 1) each(at, feed, end);
      at = end;
    }
    this.owed = at - to;
    return to;
  }
}

/** Where the line feed of the line is that begins at `at`; `to` while it has not come. */
function lineEnd(data: Uint8Array, at: number, to: number): number {
  let feed = at;
  while (feed < to && data[feed] !== LF) feed++;
  return feed;
}

/** Where the message ends whose line goes from `at` to the line feed at `feed`. */
function endOf(data: Uint8Array, at: number, feed: number): number {
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
