/**
 * Tick frames as columns. The wire is troupe.market.v1.TickFrame; this reads it without decoding number by number:
 * every column is a packed field of fixed-width little-endian numbers, so a typed array over a copy of its bytes is
 * the column. Held equal to the generated decoder by a test.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { nameAt } from './names.ts';
import { cursor, passBytes, passField, readDouble, readSigned, readVarint, tagOf } from './wire.ts';

export interface TickColumns {
  readonly symbol: string;
  readonly source: string;
  /** One run of the source; tick numbers begin at 1 in each. */
  readonly session: string;
  /** Number of the first tick among the symbol's ticks of this session. */
  readonly firstSequence: number;
  /** Ticks in the frame: the length of its columns. */
  readonly count: number;
  /** UTC, milliseconds. */
  readonly baseTimeMs: number;
  /** Broker's wall clock minus UTC, seconds. */
  readonly utcOffsetS: number;
  /** Milliseconds after `baseTimeMs`, one per tick, never falling. */
  readonly timeOffsetMs: Uint32Array;
  readonly bid: Float64Array;
  readonly ask: Float64Array;
  /** MT5 tick flags; empty when every tick carries both sides. */
  readonly flags: Uint32Array;
  /** Wall clock of the terminal when the first tick left it, microseconds. */
  readonly firstSentUs: number;
}

export const MAX_TICKS_PER_FRAME = 4096;

const { Bit64, LengthDelimited, Varint } = WireType;
const SYMBOL = tagOf(1, LengthDelimited);
const SOURCE = tagOf(2, LengthDelimited);
const SESSION = tagOf(3, LengthDelimited);
const FIRST_SEQUENCE = tagOf(4, Bit64);
const BASE_TIME_MS = tagOf(5, Bit64);
const UTC_OFFSET_S = tagOf(6, Varint);
const TIME_OFFSET_MS = tagOf(7, LengthDelimited);
const BID = tagOf(8, LengthDelimited);
const ASK = tagOf(9, LengthDelimited);
const FLAGS = tagOf(10, LengthDelimited);
const FIRST_SENT_US = tagOf(11, Bit64);

/** A decoded frame: its columns are copied out of the message when somebody asks for them to keep. */
class PackedFrame implements TickColumns {
  readonly symbol: string;
  readonly source: string;
  readonly session: string;
  readonly firstSequence: number;
  readonly count: number;
  readonly baseTimeMs: number;
  readonly utcOffsetS: number;
  readonly firstSentUs: number;
  /** The message. */
  readonly data: Uint8Array;
  /** Where each column begins in it: packed little-endian, aligned to nothing. */
  readonly timesAt: number;
  readonly bidsAt: number;
  readonly asksAt: number;
  private readonly flagsAt: number;
  private readonly flagged: number;

  /**
   * There is one of these for each message of a flood, so it is read in one pass that makes nothing beside it: no reader,
   * no list of fields. Throws as `decodeTicks` says.
   */
  constructor(data: Uint8Array) {
    let symbol = '';
    let source = '';
    let session = '';
    let firstSequence = 0;
    let baseTimeMs = 0;
    let utcOffsetS = 0;
    let firstSentUs = 0;
    let [timesAt, bidsAt, asksAt, flagsAt] = [0, 0, 0, 0];
    let [times, bids, asks, flags] = [0, 0, 0, 0];
    cursor.at = 0;
    while (cursor.at < data.length) {
      const tag = readVarint(data);
      switch (tag) {
        case SYMBOL:
          symbol = readName(data);
          break;
        case SOURCE:
          source = readName(data);
          break;
        case SESSION:
          session = readName(data);
          break;
        case FIRST_SEQUENCE:
          firstSequence = readDouble(data);
          break;
        case BASE_TIME_MS:
          baseTimeMs = readDouble(data);
          break;
        case UTC_OFFSET_S:
          utcOffsetS = readSigned(data);
          break;
        case TIME_OFFSET_MS:
          times = passBytes(data);
          timesAt = cursor.at - times;
          break;
        case BID:
          bids = passBytes(data);
          bidsAt = cursor.at - bids;
          break;
        case ASK:
          asks = passBytes(data);
          asksAt = cursor.at - asks;
          break;
        case FLAGS:
          flags = passBytes(data);
          flagsAt = cursor.at - flags;
          break;
        case FIRST_SENT_US:
          firstSentUs = readDouble(data);
          break;
        default:
          passField(data, tag);
      }
    }
    this.count = checkedCount(times, bids, asks, flags);
    if (symbol === '') throw new RangeError('TickFrame.symbol: empty');
    this.symbol = symbol;
    this.source = source;
    this.session = session;
    this.firstSequence = firstSequence;
    this.baseTimeMs = baseTimeMs;
    this.utcOffsetS = utcOffsetS;
    this.firstSentUs = firstSentUs;
    this.data = data;
    this.timesAt = timesAt;
    this.bidsAt = bidsAt;
    this.asksAt = asksAt;
    this.flagsAt = flagsAt;
    this.flagged = flags / 4;
  }

  get timeOffsetMs(): Uint32Array {
    return new Uint32Array(this.own(this.timesAt, this.count * 4));
  }

  get bid(): Float64Array {
    return new Float64Array(this.own(this.bidsAt, this.count * 8));
  }

  get ask(): Float64Array {
    return new Float64Array(this.own(this.asksAt, this.count * 8));
  }

  get flags(): Uint32Array {
    return new Uint32Array(this.own(this.flagsAt, this.flagged * 4));
  }

  private own(from: number, bytes: number): ArrayBuffer {
    return new Uint8Array(this.data.subarray(from, from + bytes)).buffer;
  }
}

/** What a reader of prices needs of a frame. */
export interface TickPrices {
  readonly timeOffsetMs: Uint32Array;
  readonly bid: Float64Array;
  readonly ask: Float64Array;
}

/** One frame's room, used again for every frame: it stays in the processor's cache, and leaves no garbage. */
const room = {
  timeOffsetMs: new Uint32Array(MAX_TICKS_PER_FRAME),
  bid: new Float64Array(MAX_TICKS_PER_FRAME),
  ask: new Float64Array(MAX_TICKS_PER_FRAME),
};
const roomBytes = {
  timeOffsetMs: new Uint8Array(room.timeOffsetMs.buffer),
  bid: new Uint8Array(room.bid.buffer),
  ask: new Uint8Array(room.ask.buffer),
};

/**
 * The prices of a frame, to be read at once: the next call of this function overwrites them. They may be longer than the
 * frame; only the first `count` are its own. For who reads every frame; everybody else takes the frame's own columns.
 */
export function pricesOf(frame: TickColumns): TickPrices {
  if (!(frame instanceof PackedFrame)) return frame;
  const { data, timesAt, bidsAt, asksAt, count } = frame;
  copy(data, timesAt, count * 4, roomBytes.timeOffsetMs);
  copy(data, bidsAt, count * 8, roomBytes.bid);
  copy(data, asksAt, count * 8, roomBytes.ask);
  return room;
}

/** `set` would need a view of the part, which is garbage afterwards: three for each frame of a flood. */
function copy(from: Uint8Array, at: number, bytes: number, to: Uint8Array): void {
  Buffer.prototype.copy.call(from, to, 0, at, at + bytes);
}

/** Throws RangeError on columns of different length, none, or too many ticks; otherwise as wire.ts says. */
export function decodeTicks(data: Uint8Array): TickColumns {
  return new PackedFrame(data);
}

/** Ticks in columns of so many bytes. */
function checkedCount(times: number, bids: number, asks: number, flags: number): number {
  const count = lengthOf(bids, 8, 'bid');
  if (count === 0) throw new RangeError('TickFrame.bid: a frame carries at least one tick');
  const flagged = lengthOf(flags, 4, 'flags');
  const even = lengthOf(asks, 8, 'ask') === count && lengthOf(times, 4, 'time_offset_ms') === count;
  if (!even || (flagged !== 0 && flagged !== count)) throw new RangeError('TickFrame: columns differ in length');
  return count;
}

function lengthOf(bytes: number, width: 4 | 8, name: string): number {
  const count = bytes / width;
  if (!Number.isInteger(count)) throw new RangeError(`TickFrame.${name}: ${bytes} bytes is no whole column`);
  if (count > MAX_TICKS_PER_FRAME) {
    throw new RangeError(`TickFrame.${name}: ${count} ticks, at most ${MAX_TICKS_PER_FRAME}`);
  }
  return count;
}

/** A name, the same string each time. */
function readName(data: Uint8Array): string {
  const length = passBytes(data);
  return nameAt(data, cursor.at - length, cursor.at);
}

const bytesOf = (column: Uint32Array | Float64Array): Uint8Array =>
  new Uint8Array(column.buffer, column.byteOffset, column.byteLength);

/** The frame's wire form, byte for byte what the generated encoder makes of it. */
export function encodeTicks(frame: TickColumns): Uint8Array {
  const { timeOffsetMs, bid, ask, flags } = frame;
  const columns = [timeOffsetMs, bid, ask, flags].map(bytesOf);
  const [times, bids, asks, flagged] = columns.map(({ length }) => length) as [number, number, number, number];
  const count = checkedCount(times, bids, asks, flagged);
  if (count !== frame.count) throw new RangeError(`TickFrame.count: ${frame.count}, the columns have ${count}`);
  if (frame.symbol === '') throw new RangeError('TickFrame.symbol: empty');
  const w = new BinaryWriter();
  w.tag(1, WireType.LengthDelimited).string(frame.symbol);
  if (frame.source) w.tag(2, WireType.LengthDelimited).string(frame.source);
  if (frame.session) w.tag(3, WireType.LengthDelimited).string(frame.session);
  if (frame.firstSequence) w.tag(4, WireType.Bit64).double(frame.firstSequence);
  if (frame.baseTimeMs) w.tag(5, WireType.Bit64).double(frame.baseTimeMs);
  if (frame.utcOffsetS) w.tag(6, WireType.Varint).sint32(frame.utcOffsetS);
  columns.forEach((packed, i) => {
    if (packed.length > 0) w.tag(7 + i, WireType.LengthDelimited).bytes(packed);
  });
  if (frame.firstSentUs) w.tag(11, WireType.Bit64).double(frame.firstSentUs);
  return w.finish();
}
