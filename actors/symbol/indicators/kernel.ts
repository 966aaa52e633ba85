/**
 * What an indicator is made of. A kernel keeps its numbers in a stretch of somebody's Float64Array, so that all the
 * indicators of a timeframe are one array: one cheap copy per bar, stored in a snapshot as it is. Fresh memory is zeros.
 */
export interface Kernel {
  /** Doubles that it needs. */
  readonly size: number;
  /** Values that must be pushed until it gives a number; before that it gives NaN. */
  readonly warmup: number;
  /** Takes the next value, gives the new reading. O(1). `at` is where its stretch begins. */
  push(state: Float64Array, at: number, x: number): number;
}

/** The part of a closed bar that indicators read. */
export interface BarInput {
  high: number;
  low: number;
  close: number;
  spreadMean: number;
  spreadMin: number;
}

/** An indicator over bars. Its readings are the first `outputs` doubles of its stretch, NaN until warm. */
export interface Indicator {
  readonly size: number;
  readonly outputs: number;
  /** Bars until output i is a number. */
  readonly warmup: readonly number[];
  update(state: Float64Array, at: number, bar: Readonly<BarInput>): void;
}
