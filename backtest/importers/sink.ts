// Where parsed lines end: a good tick goes into the columns, everything else into the count of its reason. Every data
// line ends in exactly one of the two, so for tick files lines = ticks + sum of unusable.

import { ColumnsBuilder } from './columns.ts';
import { shownText } from './errors.ts';

/** Why a line gave no tick. */
export const UNUSABLE_REASONS = {
  malformed_line: 'the line does not have the columns, numbers or date of its format',
  time_backwards: 'the time is before that of the last usable line (a bar: not after the last usable bar)',
  bid_above_ask: 'the bid is above the ask',
  bad_price: 'a price is zero, negative or not finite',
  no_other_side: 'only one of bid and ask is known so far',
  other_symbol: 'the line is of another symbol than the first line of the file',
  broken_bar: 'the high is not the highest or the low is not the lowest price of the bar',
  cut_short: 'the file ends within the line',
} as const;

export type UnusableReason = keyof typeof UNUSABLE_REASONS;

export interface ImportProblem {
  readonly reason: UnusableReason;
  readonly file: string;
  /** From 1, counting every line of the (unpacked) file. */
  readonly line: number;
  /** The line, cut at 80 characters. */
  readonly text: string;
}

/** How many lines of each reason are reported with their text. */
export const PROBLEMS_PER_REASON = 5;

export class TickSink {
  readonly builder = new ColumnsBuilder();
  readonly unusable: Record<UnusableReason, number> = Object.fromEntries(
    Object.keys(UNUSABLE_REASONS).map((reason) => [reason, 0]),
  ) as Record<UnusableReason, number>;
  readonly problems: ImportProblem[] = [];
  /** Number of the current line; the reader sets these four before it hands the line to a parser. */
  line = 0;
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  readonly #file: string;
  readonly #shiftMs: number;
  #lastMs = Number.NEGATIVE_INFINITY;

  /** shiftMs is added to each time: from the clock of the file to the clock of the tape. */
  constructor(file: string, shiftMs: number) {
    this.#file = file;
    this.#shiftMs = shiftMs;
  }

  /** One quote on the file's clock. Both prices must be numbers or Infinity, not NaN (that is a malformed line). */
  tick(timeMs: number, bid: number, ask: number, flags: number): void {
    if (timeMs < this.#lastMs) this.reject('time_backwards');
    else if (!isPrice(bid) || !isPrice(ask)) this.reject('bad_price');
    else if (bid > ask) this.reject('bid_above_ask');
    else {
      this.#lastMs = timeMs;
      this.builder.push(timeMs + this.#shiftMs, bid, ask, flags);
    }
  }

  /** Time on the file's clock of the last tick that was used. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** Counts the current line as unusable. */
  reject(reason: UnusableReason): void {
    if (++this.unusable[reason] > PROBLEMS_PER_REASON) return;
    const text = shownText(this.bytes, this.start, this.end);
    this.problems.push({ reason, file: this.#file, line: this.line, text });
  }
}

export function isPrice(value: number): boolean {
  return value > 0 && value < Number.POSITIVE_INFINITY;
}
