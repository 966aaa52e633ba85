// Ticks of one symbol as columns that grow by doubling.

/** Ticks in the order of their file. All arrays have the same length. */
export interface TickColumns {
  /** Broker wall clock of the tape, ms, as if it were UTC. */
  readonly timeMs: Float64Array;
  readonly bid: Float64Array;
  readonly ask: Float64Array;
  /** MT5 tick flags: 2 bid changed, 4 ask changed, 6 both. */
  readonly flags: Uint32Array;
}

export class ColumnsBuilder {
  length = 0;
  #timeMs: Float64Array;
  #bid: Float64Array;
  #ask: Float64Array;
  #flags: Uint32Array;

  constructor(capacity = 4096) {
    this.#timeMs = new Float64Array(capacity);
    this.#bid = new Float64Array(capacity);
    this.#ask = new Float64Array(capacity);
    this.#flags = new Uint32Array(capacity);
  }

  push(timeMs: number, bid: number, ask: number, flags: number): void {
    const at = this.length;
    if (at === this.#timeMs.length) this.#grow();
    this.#timeMs[at] = timeMs;
    this.#bid[at] = bid;
    this.#ask[at] = ask;
    this.#flags[at] = flags;
    this.length = at + 1;
  }

  /** Views on what was pushed; they stay valid only until the next push. */
  columns(): TickColumns {
    return {
      timeMs: this.#timeMs.subarray(0, this.length),
      bid: this.#bid.subarray(0, this.length),
      ask: this.#ask.subarray(0, this.length),
      flags: this.#flags.subarray(0, this.length),
    };
  }

  #grow(): void {
    const capacity = this.#timeMs.length * 2;
    const grown = (from: Float64Array) => {
      const to = new Float64Array(capacity);
      to.set(from);
      return to;
    };
    this.#timeMs = grown(this.#timeMs);
    this.#bid = grown(this.#bid);
    this.#ask = grown(this.#ask);
    const flags = new Uint32Array(capacity);
    flags.set(this.#flags);
    this.#flags = flags;
  }
}
