// Chunks of bytes into lines, LF or CR LF, the last one with or without a line end.

/** Longest line that is kept; what goes on without a line end is not text. */
export const LONGEST_LINE_BYTES = 65_536;

/** Bytes [start, end) hold the line without its end; whole is false for a line that was too long. */
export type OnLine = (bytes: Uint8Array, start: number, end: number, whole: boolean) => void;

export class LineSplitter {
  readonly #onLine: OnLine;
  #rest: Buffer = Buffer.alloc(0);
  /** True while the rest of a line that was too long is passed over. */
  #skipping = false;

  constructor(onLine: OnLine) {
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let from = this.#rest.length;
    let start = 0;
    for (;;) {
      const at = bytes.indexOf(10, from);
      if (at < 0) break;
      if (this.#skipping) this.#skipping = false;
      else this.#emit(bytes, start, at);
      start = at + 1;
      from = start;
    }
    if (this.#skipping) {
      this.#rest = Buffer.alloc(0);
    } else if (bytes.length - start > LONGEST_LINE_BYTES) {
      this.#onLine(bytes, start, start + LONGEST_LINE_BYTES, false);
      this.#skipping = true;
      this.#rest = Buffer.alloc(0);
    } else {
      // A copy: the chunk's memory may be used again.
      this.#rest = Buffer.from(bytes.subarray(start));
    }
  }

  /** Bytes of the last line that has no line end. */
  get rest(): Buffer {
    return this.#rest;
  }

  /** The end of the file: a line without line end is a line too. */
  end(): void {
    if (this.#rest.length > 0) this.#emit(this.#rest, 0, this.#rest.length);
    this.#rest = Buffer.alloc(0);
  }

  #emit(bytes: Buffer, start: number, at: number): void {
    const end = at > start && bytes[at - 1] === 13 ? at - 1 : at;
    this.#onLine(bytes, start, end, end - start <= LONGEST_LINE_BYTES);
  }
}
