// Writes a tape under a temporary name and gives it its own name only when it is whole: a reader never sees half of one.

import { type FileHandle, mkdir, open, rename, rm, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CHUNK_TICKS, headerBytes, RECORD_BYTES, TapeChunk, TapeError } from './tape-file.ts';

/** What a tape holds. */
export interface TapeInfo {
  readonly path: string;
  readonly symbols: readonly string[];
  /** Seconds that the tape's clock (the broker's wall clock) is ahead of UTC. */
  readonly utcOffsetS: number;
  readonly ticks: number;
  /** Ticks of each symbol, in the order of symbols. */
  readonly perSymbol: readonly number[];
  /** Decimals of each symbol's prices, in the order of symbols; 0 without ticks. */
  readonly digits: readonly number[];
  /** Broker wall clock of the first and last tick, ms; NaN without ticks. */
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface TapeWriterOptions {
  readonly path: string;
  readonly symbols: readonly string[];
  readonly utcOffsetS: number;
  /** Exactly as many ticks must be added. */
  readonly ticks: number;
  /** Decimals per symbol. */
  readonly digits: readonly number[];
  readonly onProgress?: (writtenTicks: number, totalTicks: number) => void;
  readonly signal?: AbortSignal;
}

export class TapeWriter {
  readonly #options: TapeWriterOptions;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  readonly #chunk = new TapeChunk();
  readonly #perSymbol: number[];
  #filled = 0;
  #written = 0;
  #firstMs = Number.NaN;
  #lastMs = Number.NEGATIVE_INFINITY;

  private constructor(options: TapeWriterOptions, temporary: string, handle: FileHandle) {
    this.#options = options;
    this.#temporary = temporary;
    this.#handle = handle;
    this.#perSymbol = options.symbols.map(() => 0);
  }

  /**
   * Writes a whole tape: fill adds the ticks in order of time and awaits flush whenever add returns true.
   * On any failure, abort included, the temporary file is removed and what stood at path before stays.
   * Throws TapeError TAPE_INPUT, TAPE_DISK_FULL or TAPE_NOT_WRITTEN.
   */
  static async write(options: TapeWriterOptions, fill: (writer: TapeWriter) => Promise<void>): Promise<TapeInfo> {
    const { path } = options;
    const header = headerBytes(options.symbols, options.utcOffsetS, options.ticks);
    const temporary = `${path}.${process.pid}.part`;
    let handle: FileHandle | undefined;
    try {
      await mkdir(dirname(path), { recursive: true });
      await checkSpace(path, header.length + options.ticks * RECORD_BYTES);
      handle = await open(temporary, 'w');
      await writeAll(handle, header);
      const writer = new TapeWriter(options, temporary, handle);
      await fill(writer);
      return await writer.#finish();
    } catch (error) {
      await handle?.close().catch(() => undefined);
      await rm(temporary, { force: true }).catch(() => undefined);
      throw explainWriteError(path, error);
    }
  }

  /** Adds one tick; true when flush must be awaited before the next. Throws TapeError TAPE_INPUT if time falls. */
  add(timeMs: number, bid: number, ask: number, symbol: number, flags: number): boolean {
    if (!(timeMs >= this.#lastMs)) {
      const at = this.#written + this.#filled;
      throw new TapeError('TAPE_INPUT', '', `tick ${at} of the tape is at ${timeMs} ms, before ${this.#lastMs} ms`);
    }
    if (this.#lastMs === Number.NEGATIVE_INFINITY) this.#firstMs = timeMs;
    this.#lastMs = timeMs;
    this.#perSymbol[symbol]!++;
    this.#chunk.set(this.#filled, timeMs, bid, ask, symbol, flags);
    return ++this.#filled === CHUNK_TICKS;
  }

  async flush(): Promise<void> {
    if (this.#filled === 0) return;
    this.#options.signal?.throwIfAborted();
    await writeAll(this.#handle, this.#chunk.bytes.subarray(0, this.#filled * RECORD_BYTES));
    this.#written += this.#filled;
    this.#filled = 0;
    this.#options.onProgress?.(this.#written, this.#options.ticks);
  }

  async #finish(): Promise<TapeInfo> {
    await this.flush();
    const { path, symbols, utcOffsetS, ticks, digits } = this.#options;
    if (this.#written !== ticks) {
      throw new TapeError('TAPE_INPUT', path, `${this.#written} ticks were added, ${ticks} were announced`);
    }
    // Now, and not by the kernel half a minute later: orders would wait while it writes hundreds of megabytes.
    await this.#handle.datasync();
    await this.#handle.close();
    await rename(this.#temporary, path);
    const lastMs = ticks === 0 ? Number.NaN : this.#lastMs;
    return { path, symbols, utcOffsetS, ticks, perSymbol: this.#perSymbol, digits, firstMs: this.#firstMs, lastMs };
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, null);
    at += bytesWritten;
  }
}

/** Better to say at once that a tape cannot fit than after minutes of writing. */
async function checkSpace(path: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  const freeBytes = bavail * bsize;
  if (neededBytes <= freeBytes) return;
  throw new TapeError(
    'TAPE_DISK_FULL',
    path,
    `needs ${mebibytes(neededBytes)}, the disk has ${mebibytes(freeBytes)} left`,
  );
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}

/** What a failed write means, with the tape's name. Errors that already say it pass through. */
export function explainWriteError(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof TapeError) return error;
  const { code, errno, message } = error as NodeJS.ErrnoException;
  if (typeof errno !== 'number') return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new TapeError('TAPE_DISK_FULL', path, 'the disk became full while the tape was written', { cause: error });
  }
  return new TapeError('TAPE_NOT_WRITTEN', path, `cannot be written: ${message}`, { cause: error });
}
