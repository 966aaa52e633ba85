// Tapes: many symbols' ticks merged by time into the one file that the simulated terminal plays.

import { open } from 'node:fs/promises';
import type { TickColumns } from './importers/index.ts';
import {
  CHUNK_TICKS,
  NAME_BYTES,
  parseHeader,
  RECORD_BYTES,
  TapeChunk,
  TapeError,
  type TapeTick,
} from './tape-file.ts';
import { type TapeInfo, TapeWriter } from './tape-writer.ts';

export { TapeError, type TapeErrorCode, type TapeTick } from './tape-file.ts';
export type { TapeInfo } from './tape-writer.ts';

/** One file's ticks. Several series may be of the same symbol (a file per month). */
export interface TapeSeries {
  readonly symbol: string;
  readonly columns: TickColumns;
  /** Decimals of the price. */
  readonly digits: number;
}

export interface TapeInput {
  readonly series: readonly TapeSeries[];
  /** Seconds that the times of the series (all on one broker clock) are ahead of UTC. */
  readonly utcOffsetS: number;
  readonly onProgress?: (writtenTicks: number, totalTicks: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Merges the series by time and writes the tape; ticks of equal time stay in the order of the series.
 * Symbols are numbered in the order in which the series first name them.
 * Throws TapeError: TAPE_INPUT (a series whose time falls, a bad name), TAPE_DISK_FULL, TAPE_NOT_WRITTEN.
 */
export async function writeTape(path: string, input: TapeInput): Promise<TapeInfo> {
  const { series, utcOffsetS } = input;
  const symbols = [...new Set(series.map(({ symbol }) => symbol))];
  const symbolOf = series.map(({ symbol }) => symbols.indexOf(symbol));
  const digits = symbols.map((name) => Math.max(...series.filter((s) => s.symbol === name).map((s) => s.digits)));
  const ticks = series.reduce((sum, { columns }) => sum + columns.timeMs.length, 0);
  for (const { symbol, columns } of series) checkOrder(symbol, columns.timeMs);

  const { onProgress, signal } = input;
  const options = {
    ...{ path, symbols, utcOffsetS, ticks, digits },
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  };
  return TapeWriter.write(options, async (writer) => {
    const next = series.map(() => 0);
    const heap = new SeriesHeap(series.map(({ columns }) => columns.timeMs));
    for (let from = heap.first; from >= 0; from = heap.first) {
      const { timeMs, bid, ask, flags } = series[from]!.columns;
      // One series usually leads for several ticks, so the heap is only asked again when the second one is due.
      const until = heap.secondMs;
      const before = from < heap.second;
      let at = next[from]!;
      do {
        const full = writer.add(timeMs[at]!, bid[at]!, ask[at]!, symbolOf[from]!, flags[at]!);
        at++;
        if (full) await writer.flush();
      } while (at < timeMs.length && (timeMs[at]! < until || (before && timeMs[at] === until)));
      next[from] = at;
      heap.advance(at < timeMs.length ? timeMs[at]! : Number.POSITIVE_INFINITY);
    }
  });
}

/** Also keeps the merge right: a heap of series is in order only if each series is. */
function checkOrder(symbol: string, timeMs: Float64Array): void {
  for (let i = 0; i < timeMs.length; i++) {
    if (!Number.isSafeInteger(timeMs[i]) || (i > 0 && timeMs[i]! < timeMs[i - 1]!)) {
      const fault = `${symbol}: tick ${i} is at ${timeMs[i]} ms, after ${timeMs[i - 1]} ms; times must be whole, never falling`;
      throw new TapeError('TAPE_INPUT', '', fault);
    }
  }
}

/** A binary heap of series by (time of their next tick, number of the series). */
class SeriesHeap {
  readonly #order: Int32Array;
  readonly #timeMs: Float64Array;
  #count = 0;

  constructor(series: readonly Float64Array[]) {
    this.#order = new Int32Array(series.length);
    this.#timeMs = new Float64Array(series.length);
    for (const [i, times] of series.entries()) {
      if (times.length === 0) continue;
      this.#timeMs[i] = times[0]!;
      this.#order[this.#count++] = i;
    }
    for (let at = (this.#count >> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  /** Series with the earliest next tick, -1 when none is left. */
  get first(): number {
    return this.#count === 0 ? -1 : this.#order[0]!;
  }

  /** Series that comes after the first; a number above all series when there is none. */
  get second(): number {
    const at = this.#secondAt();
    return at < 0 ? this.#timeMs.length : this.#order[at]!;
  }

  get secondMs(): number {
    const at = this.#secondAt();
    return at < 0 ? Number.POSITIVE_INFINITY : this.#timeMs[this.#order[at]!]!;
  }

  /** Sets the time of the first series' next tick; infinity takes the series out. */
  advance(timeMs: number): void {
    this.#timeMs[this.#order[0]!] = timeMs;
    if (timeMs === Number.POSITIVE_INFINITY) this.#order[0] = this.#order[--this.#count]!;
    this.#sink(0);
  }

  #secondAt(): number {
    if (this.#count < 2) return -1;
    return this.#count > 2 && this.#before(2, 1) ? 2 : 1;
  }

  #before(a: number, b: number): boolean {
    const x = this.#order[a]!;
    const y = this.#order[b]!;
    const difference = this.#timeMs[x]! - this.#timeMs[y]!;
    return difference < 0 || (difference === 0 && x < y);
  }

  #sink(from: number): void {
    for (let at = from; ; ) {
      let least = at;
      const left = 2 * at + 1;
      if (left < this.#count && this.#before(left, least)) least = left;
      if (left + 1 < this.#count && this.#before(left + 1, least)) least = left + 1;
      if (least === at) return;
      const moved = this.#order[at]!;
      this.#order[at] = this.#order[least]!;
      this.#order[least] = moved;
      at = least;
    }
  }
}

/**
 * Goes through a tape from the first tick to the last, checking it; onTick gets the same object each time. Returns what
 * the tape holds. Throws TapeError TAPE_NOT_FOUND or TAPE_INVALID, naming the number of the record.
 */
export async function readTape(path: string, onTick?: (tick: Readonly<TapeTick>) => void): Promise<TapeInfo> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'there is no such tape' : `cannot be opened: ${error.message}`;
    throw new TapeError(error.code === 'ENOENT' ? 'TAPE_NOT_FOUND' : 'TAPE_INVALID', path, why, { cause: error });
  });
  try {
    const { size } = await handle.stat();
    const fixed = Buffer.alloc(32);
    const { bytesRead } = await handle.read(fixed, 0, 32, 0);
    const names = bytesRead < 32 ? 0 : Math.min(fixed.readUInt32LE(8) * NAME_BYTES, Math.max(0, size - 32));
    const head = Buffer.concat([fixed.subarray(0, bytesRead), Buffer.alloc(names)]);
    if (names > 0) await handle.read(head, 32, names, 32);
    const { symbols, utcOffsetS, ticks, dataOffset } = parseHeader(path, head, size);

    const chunk = new TapeChunk();
    const tick: TapeTick = { timeMs: 0, bid: 0, ask: 0, symbol: 0, flags: 0 };
    const perSymbol = symbols.map(() => 0);
    const digits = symbols.map(() => 0);
    let firstMs = Number.NaN;
    let lastMs = Number.NEGATIVE_INFINITY;
    for (let done = 0; done < ticks; ) {
      const count = Math.min(CHUNK_TICKS, ticks - done);
      await readAll(path, handle, chunk.bytes.subarray(0, count * RECORD_BYTES), dataOffset + done * RECORD_BYTES);
      for (let i = 0; i < count; i++) {
        chunk.get(i, tick);
        const fault = faultOf(tick, lastMs, symbols.length);
        if (fault !== undefined) throw new TapeError('TAPE_INVALID', path, `record ${done + i}: ${fault}`);
        if (done + i === 0) firstMs = tick.timeMs;
        lastMs = tick.timeMs;
        perSymbol[tick.symbol]!++;
        digits[tick.symbol] = priceDigits(tick.ask, priceDigits(tick.bid, digits[tick.symbol]!));
        onTick?.(tick);
      }
      done += count;
    }
    if (ticks === 0) lastMs = Number.NaN;
    return { path, symbols, utcOffsetS, ticks, perSymbol, digits, firstMs, lastMs };
  } finally {
    await handle.close();
  }
}

async function readAll(
  path: string,
  handle: Awaited<ReturnType<typeof open>>,
  into: Uint8Array,
  position: number,
): Promise<void> {
  for (let at = 0; at < into.length; ) {
    const { bytesRead } = await handle.read(into, at, into.length - at, position + at);
    if (bytesRead === 0) throw new TapeError('TAPE_INVALID', path, 'became shorter while it was read');
    at += bytesRead;
  }
}

function faultOf(tick: TapeTick, lastMs: number, symbols: number): string | undefined {
  if (tick.timeMs < lastMs) return `time ${tick.timeMs} ms is before the one before it, ${lastMs} ms`;
  if (tick.symbol >= symbols) return `symbol ${tick.symbol} is not among the ${symbols} names`;
  if (!(tick.bid > 0 && tick.bid <= tick.ask && tick.ask < Number.POSITIVE_INFINITY)) {
    return `bid ${tick.bid} and ask ${tick.ask} are no quote`;
  }
  return undefined;
}

/** Most decimals that are looked for. */
const MOST_DIGITS = 10;

/** The least number of decimals, from atLeast on, that write the price exactly. */
export function priceDigits(price: number, atLeast = 0): number {
  for (let digits = atLeast; digits < MOST_DIGITS; digits++) {
    const scale = 10 ** digits;
    if (Math.round(price * scale) / scale === price) return digits;
  }
  return MOST_DIGITS;
}
