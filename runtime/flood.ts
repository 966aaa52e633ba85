/**
 * When a market comes as a flood: history that is played as fast as it goes, which no market does while it happens. What
 * an actor's turn costs beside its inputs is then most of the work: with hundreds of actors each is ready again after one
 * or two frames. So a round of turns is not begun before so much time has passed since the last one that turns are a
 * tenth of a core's work, and what gathers meanwhile is taken in one. Pure.
 */

/** A million ticks a second and more. */
export const FLOOD_BYTES_PER_MS = 10_000;
/** From the beginning of a round of turns to that of the next, for each turn of it. A turn alone costs about 0.05 ms. */
export const ROUND_MS_PER_TURN = 0.5;

/** It is measured over at least so long: the network brings a market in pieces. */
export const MEASURED_MS = 5;

export class Flood {
  /** Bytes of the market that have come so far. */
  private readonly bytes: () => number;
  private fromBytes = 0;
  private fromMs = 0;
  private wasOn = false;

  constructor(bytes: () => number) {
    this.bytes = bytes;
  }

  /** Whether it was one until now, since this was measured last. */
  isOn(nowMs: number): boolean {
    const ms = nowMs - this.fromMs;
    if (ms < MEASURED_MS) return this.wasOn;
    const bytes = this.bytes();
    this.wasOn = bytes - this.fromBytes >= FLOOD_BYTES_PER_MS * ms;
    this.fromBytes = bytes;
    this.fromMs = nowMs;
    return this.wasOn;
  }
}
