// One line cut into cells, without making strings.

export class Cells {
  /** Cells of the last line that was split. */
  count = 0;
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly #most: number;

  /** most: cells that a line may have; further ones are not kept. */
  constructor(most: number) {
    this.#most = most;
    this.start = new Int32Array(most);
    this.end = new Int32Array(most);
  }

  /** Splits bytes [start, end). False if there are more cells than expected and those are not all empty. */
  split(bytes: Uint8Array, start: number, end: number, separator: number): boolean {
    let cell = 0;
    this.start[0] = start;
    for (let i = start; i < end; i++) {
      if (bytes[i] !== separator) continue;
      this.end[cell] = i;
      if (++cell === this.#most) {
        this.count = cell;
        for (let rest = i; rest < end; rest++) if (bytes[rest] !== separator) return false;
        return true;
      }
      this.start[cell] = i + 1;
    }
    this.end[cell] = end;
    this.count = cell + 1;
    return true;
  }

  /** Whether the line has that cell and it is not empty. */
  filled(cell: number): boolean {
    return cell >= 0 && cell < this.count && this.end[cell]! > this.start[cell]!;
  }
}
