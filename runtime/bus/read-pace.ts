/** When a socket is to be left alone for a moment, so that more gathers before it is read again. Pure. */

/** Reads within one window that are still taken for single messages. */
export const QUIET_READS = 2;
export const WINDOW_MS = 1;
/** How long it is left alone: with at most this much more, whatever comes is late. */
export const REST_MS = 1;

export class ReadPace {
  private windowFromMs = Number.NEGATIVE_INFINITY;
  private reads = 0;

  /** Call at each read with the time of a monotonic clock; true: rest before the next. */
  isBusy(nowMs: number): boolean {
    if (nowMs - this.windowFromMs >= WINDOW_MS) {
      this.windowFromMs = nowMs;
      this.reads = 0;
    }
    return ++this.reads > QUIET_READS;
  }
}
