// The tape file that the simulated terminal maps into memory. Little-endian:
//    0  char[8] "TRPTAPE1"     8  u32 symbol_count   12  i32 utc_offset_s
//   16  u64 tick_count        24  u64 data_offset (multiple of 32)
//   32  symbol_count x char[32] names, zero padded
//   data_offset: tick_count x {i64 time_ms, f64 bid, f64 ask, u32 symbol, u32 flags}, times never falling.
// The C++ side (native/mt5-bridge) reads the same layout; change both or neither.

import { endianness } from 'node:os';
import type { ErrorCode } from '../runtime/errors.ts';

export const TAPE_MAGIC = 'TRPTAPE1';
export const RECORD_BYTES = 32;
export const NAME_BYTES = 32;
/** Ticks written or read at once: 1 MiB. */
export const CHUNK_TICKS = 32_768;

const TWO_32 = 2 ** 32;

/** Stable codes of the one error table. */
export type TapeErrorCode = Extract<ErrorCode, `TAPE_${string}`>;

export class TapeError extends Error {
  readonly code: TapeErrorCode;
  constructor(code: TapeErrorCode, path: string, message: string, options?: ErrorOptions) {
    super(path === '' ? message : `${path}: ${message}`, options);
    this.name = 'TapeError';
    this.code = code;
  }
}

/** One tick of a tape. timeMs is the broker's wall clock as if it were UTC. */
export interface TapeTick {
  timeMs: number;
  bid: number;
  ask: number;
  /** Index into the names of the tape. */
  symbol: number;
  /** MT5 tick flags: 2 bid changed, 4 ask changed, 6 both. */
  flags: number;
}

/** Memory of many records, written and read without an object per tick. */
export class TapeChunk {
  readonly bytes: Uint8Array;
  readonly #doubles: Float64Array;
  readonly #words: Uint32Array;

  constructor(ticks = CHUNK_TICKS) {
    // Typed arrays have the machine's byte order; every machine that Node 24 and the terminal run on is little-endian.
    if (endianness() !== 'LE') throw new TapeError('TAPE_NOT_WRITTEN', '', 'tapes need a little-endian machine');
    const memory = new ArrayBuffer(ticks * RECORD_BYTES);
    this.bytes = new Uint8Array(memory);
    this.#doubles = new Float64Array(memory);
    this.#words = new Uint32Array(memory);
  }

  set(at: number, timeMs: number, bid: number, ask: number, symbol: number, flags: number): void {
    const word = at * 8;
    const high = Math.floor(timeMs / TWO_32);
    this.#words[word] = timeMs - high * TWO_32;
    this.#words[word + 1] = high;
    this.#doubles[at * 4 + 1] = bid;
    this.#doubles[at * 4 + 2] = ask;
    this.#words[word + 6] = symbol;
    this.#words[word + 7] = flags;
  }

  get(at: number, into: TapeTick): void {
    const word = at * 8;
    into.timeMs = (this.#words[word + 1]! | 0) * TWO_32 + this.#words[word]!;
    into.bid = this.#doubles[at * 4 + 1]!;
    into.ask = this.#doubles[at * 4 + 2]!;
    into.symbol = this.#words[word + 6]!;
    into.flags = this.#words[word + 7]!;
  }
}

export interface TapeHeader {
  readonly symbols: readonly string[];
  readonly utcOffsetS: number;
  readonly ticks: number;
  readonly dataOffset: number;
}

/** Throws TapeError TAPE_INPUT, naming the symbol or the offset. */
export function headerBytes(symbols: readonly string[], utcOffsetS: number, ticks: number): Buffer {
  if (symbols.length === 0) throw new TapeError('TAPE_INPUT', '', 'a tape needs at least one symbol');
  if (!Number.isInteger(utcOffsetS) || Math.abs(utcOffsetS) > 14 * 3600) {
    throw new TapeError(
      'TAPE_INPUT',
      '',
      `utcOffsetS is ${utcOffsetS}; it must be a whole number from -50400 to 50400`,
    );
  }
  const dataOffset = 32 + NAME_BYTES * symbols.length;
  const header = Buffer.alloc(dataOffset);
  header.write(TAPE_MAGIC, 0, 'latin1');
  header.writeUInt32LE(symbols.length, 8);
  header.writeInt32LE(utcOffsetS, 12);
  header.writeBigUInt64LE(BigInt(ticks), 16);
  header.writeBigUInt64LE(BigInt(dataOffset), 24);
  const seen = new Set<string>();
  for (const [i, name] of symbols.entries()) {
    const bytes = Buffer.from(name, 'utf8');
    if (bytes.length === 0 || bytes.length >= NAME_BYTES || name.includes('\0')) {
      const fault = `symbol ${JSON.stringify(name)}: a name on a tape has 1 to ${NAME_BYTES - 1} bytes`;
      throw new TapeError('TAPE_INPUT', '', fault);
    }
    if (seen.has(name)) throw new TapeError('TAPE_INPUT', '', `symbol ${JSON.stringify(name)} is named twice`);
    seen.add(name);
    bytes.copy(header, 32 + NAME_BYTES * i);
  }
  return header;
}

/** head: at least the header's bytes. fileBytes: size of the whole file. Throws TapeError TAPE_INVALID. */
export function parseHeader(path: string, head: Buffer, fileBytes: number): TapeHeader {
  const invalid = (message: string) => new TapeError('TAPE_INVALID', path, message);
  if (head.length < 32 || head.toString('latin1', 0, 8) !== TAPE_MAGIC) {
    throw invalid(`is no tape: it does not begin with ${TAPE_MAGIC}`);
  }
  const count = head.readUInt32LE(8);
  const ticks = Number(head.readBigUInt64LE(16));
  const dataOffset = Number(head.readBigUInt64LE(24));
  if (count === 0 || dataOffset % RECORD_BYTES !== 0 || dataOffset < 32 + NAME_BYTES * count) {
    throw invalid(`its header is damaged: ${count} symbols, data at byte ${dataOffset}`);
  }
  if (fileBytes !== dataOffset + ticks * RECORD_BYTES) {
    throw invalid(`holds ${fileBytes} bytes, but its header says ${ticks} ticks from byte ${dataOffset} on`);
  }
  const symbols = Array.from({ length: count }, (_, i) => {
    const name = head.toString('utf8', 32 + NAME_BYTES * i, 32 + NAME_BYTES * (i + 1));
    return name.replace(/\0+$/, '');
  });
  if (symbols.includes('') || new Set(symbols).size !== count)
    throw invalid('its symbol names are empty or not unique');
  return { symbols, utcOffsetS: head.readInt32LE(12), ticks, dataOffset };
}
