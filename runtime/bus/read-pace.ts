/** When a socket is to be left alone, so that more gathers before it is read again, or others have a turn. Pure. */

/** Reads within one window that are still taken for single messages. */
export const QUIET_READS = 2;
export const WINDOW_MS = 1;
/** How long it is left alone: with at most this much more, whatever comes is late. */
export const REST_MS = 1;
/**
 * A flood is read for so long before everybody else has a turn of the event loop. Longer than actors then run in one go
 * (run-queue.ts), so that more than one message of each gathers, which it takes in one step.
 */
export const TURN_MS = 2;

/** What to do after a read: read on, in the event loop's next turn, or when it has rested. */
export type Next = 'on' | 'turn' | 'rest';

export class ReadPace {
  private windowFromMs = Number.NEGATIVE_INFINITY;
  private reads = 0;
  /** When the flood began that is being read, or when others last had their turn in it. */
  private floodFromMs: number | undefined;

  /**
   * Call at each read with the time of a monotonic clock. `isFull`: it filled the room that there was, so more waits
   * already, and nothing is gained by letting it gather.
   */
  next(nowMs: number, isFull: boolean): Next {
    if (isFull) {
      this.floodFromMs ??= nowMs;
      if (nowMs - this.floodFromMs < TURN_MS) return 'on';
      this.floodFromMs = undefined;
      return 'turn';
    }
    this.floodFromMs = undefined;
    if (nowMs - this.windowFromMs >= WINDOW_MS) {
      this.windowFromMs = nowMs;
      this.reads = 0;
    }
    return ++this.reads > QUIET_READS ? 'rest' : 'on';
  }
}
