/** Signs of life of a thread, in memory that both sides see: reading them needs nobody's turn. */
const BEATS = 0;
const DEPTH = 1;
const BYTES = 8;

export class Vitals {
  readonly memory: SharedArrayBuffer;
  private readonly cells: Int32Array;

  constructor(memory = new SharedArrayBuffer(BYTES)) {
    this.memory = memory;
    this.cells = new Int32Array(memory);
  }

  beat(): void {
    Atomics.add(this.cells, BEATS, 1);
  }

  get beats(): number {
    return Atomics.load(this.cells, BEATS);
  }

  /** Events in the actor's mailbox. */
  get depth(): number {
    return Atomics.load(this.cells, DEPTH);
  }

  set depth(events: number) {
    Atomics.store(this.cells, DEPTH, events);
  }
}
