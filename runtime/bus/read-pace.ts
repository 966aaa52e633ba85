/** When a socket is to be left alone, so that more gathers before it is read again, or others have a turn. Pure. */

/** Reads within one window that are still taken for single messages. */
export const QUIET_READS = 2;
export const WINDOW_MS = 1;
/** How long it is left alone: with at most this much more, whatever comes is late. */
export const REST_MS = 1;
/** Of a flood so much is read before everybody else has a turn of the event loop. */
export const TURN_BYTES = 256 * 1024;

/** What to do after a read: read on, in the event loop's next turn, or when it has rested. */
export type Next = 'on' | 'turn' | 'rest';

export class ReadPace {
  private windowFromMs = Number.NEGATIVE_INFINITY;
  private reads = 0;
  private flooded = 0;

  /**
   * Call at each read with the time of a monotonic clock. `isFull`: it filled the room that there was, so more waits
   * already, and nothing is gained by letting it gather.
   */
  next(nowMs: number, bytes: number, isFull: boolean): Next {
    if (isFull) {
      this.flooded += bytes;
      if (this.flooded < TURN_BYTES) return 'on';
      this.flooded = 0;
      return 'turn';
    }
    this.flooded = 0;
    if (nowMs - this.windowFromMs >= WINDOW_MS) {
      this.windowFromMs = nowMs;
      this.reads = 0;
    }
    return ++this.reads > QUIET_READS ? 'rest' : 'on';
  }
}
