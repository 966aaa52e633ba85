/**
 * Tick frames as columns. The wire is troupe.market.v1.TickFrame; this reads it without decoding number by number:
 * every column is a packed field of fixed-width little-endian numbers, so a typed array over a copy of its bytes is
 * the column. Held equal to the generated decoder by a test.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { nameAt } from './names.ts';

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

/** Where each column begins in a message: packed little-endian, aligned to nothing. */
interface PerColumn {
  readonly timeOffsetMs: number;
  readonly bid: number;
  readonly ask: number;
  readonly flags: number;
}

type Heading = Omit<TickColumns, keyof PerColumn>;

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
  readonly at: PerColumn;
  private readonly flagged: number;

  constructor(heading: Heading, data: Uint8Array, at: PerColumn, flagged: number) {
    this.symbol = heading.symbol;
    this.source = heading.source;
    this.session = heading.session;
    this.firstSequence = heading.firstSequence;
    this.count = heading.count;
    this.baseTimeMs = heading.baseTimeMs;
    this.utcOffsetS = heading.utcOffsetS;
    this.firstSentUs = heading.firstSentUs;
    this.data = data;
    this.at = at;
    this.flagged = flagged;
  }

  get timeOffsetMs(): Uint32Array {
    return new Uint32Array(this.own(this.at.timeOffsetMs, this.count * 4));
  }

  get bid(): Float64Array {
    return new Float64Array(this.own(this.at.bid, this.count * 8));
  }

  get ask(): Float64Array {
    return new Float64Array(this.own(this.at.ask, this.count * 8));
  }

  get flags(): Uint32Array {
    return new Uint32Array(this.own(this.at.flags, this.flagged * 4));
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
  const { data, at, count } = frame;
  roomBytes.timeOffsetMs.set(data.subarray(at.timeOffsetMs, at.timeOffsetMs + count * 4));
  roomBytes.bid.set(data.subarray(at.bid, at.bid + count * 8));
  roomBytes.ask.set(data.subarray(at.ask, at.ask + count * 8));
  return room;
}

/** Throws RangeError on columns of different length, none, or too many ticks. */
export function decodeTicks(data: Uint8Array): TickColumns {
  const reader = new BinaryReader(data);
  const heading = {
    ...{ symbol: '', source: '', session: '', firstSequence: 0, count: 0 },
    ...{ baseTimeMs: 0, utcOffsetS: 0, firstSentUs: 0 },
  };
  const at = { timeOffsetMs: 0, bid: 0, ask: 0, flags: 0 };
  const bytes = { timeOffsetMs: 0, bid: 0, ask: 0, flags: 0 };
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 4) heading.firstSequence = reader.double();
    else if (field === 5) heading.baseTimeMs = reader.double();
    else if (field === 6) heading.utcOffsetS = reader.sint32();
    else if (field === 11) heading.firstSentUs = reader.double();
    else if (field <= 10) {
      const length = reader.uint32();
      const from = reader.pos;
      reader.pos += length;
      if (reader.pos > reader.len) throw new RangeError('premature EOF');
      if (field === 1) heading.symbol = nameAt(data, from, reader.pos);
      else if (field === 2) heading.source = nameAt(data, from, reader.pos);
      else if (field === 3) heading.session = nameAt(data, from, reader.pos);
      else {
        const column = field === 7 ? 'timeOffsetMs' : field === 8 ? 'bid' : field === 9 ? 'ask' : 'flags';
        at[column] = from;
        bytes[column] = length;
      }
    } else reader.skip(wireType, field);
  }
  heading.count = checkedCount(bytes);
  if (heading.symbol === '') throw new RangeError('TickFrame.symbol: empty');
  return new PackedFrame(heading, data, at, bytes.flags / 4);
}

/** Ticks in columns of so many bytes. */
function checkedCount({ timeOffsetMs, bid, ask, flags }: PerColumn): number {
  const count = lengthOf(bid, 8, 'bid');
  if (count === 0) throw new RangeError('TickFrame.bid: a frame carries at least one tick');
  const flagged = lengthOf(flags, 4, 'flags');
  const even = lengthOf(ask, 8, 'ask') === count && lengthOf(timeOffsetMs, 4, 'time_offset_ms') === count;
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

const bytesOf = (column: Uint32Array | Float64Array): Uint8Array =>
  new Uint8Array(column.buffer, column.byteOffset, column.byteLength);

/** The frame's wire form, byte for byte what the generated encoder makes of it. */
export function encodeTicks(frame: TickColumns): Uint8Array {
  const { timeOffsetMs, bid, ask, flags } = frame;
  const columns = [timeOffsetMs, bid, ask, flags].map(bytesOf);
  const [times, bids, asks, flagged] = columns.map(({ length }) => length) as [number, number, number, number];
  const count = checkedCount({ timeOffsetMs: times, bid: bids, ask: asks, flags: flagged });
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
