/** What an actor that can be replayed would have to do again after a restart before it serves; with much of it, it commits. */

/** So much work of its turns. */
const MOST_MS = 10;
/**
 * And so many effects, because it says all of them again, and waits for their acknowledgements where they are more than
 * may be in flight.
 */
const MOST_EFFECTS = 32;

export class Redo {
  private workMs = 0;
  private made = 0;

  worked(ms: number): void {
    this.workMs += ms;
  }

  /** A commit that holds all of it; `made`: effects in the actor's life so far. */
  committed(made: number): void {
    this.workMs = 0;
    this.made = made;
  }

  isMuch(made: number): boolean {
    return this.workMs >= MOST_MS || made - this.made >= MOST_EFFECTS;
  }
}
