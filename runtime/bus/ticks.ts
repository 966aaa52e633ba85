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

type Heading = Pick<
  TickColumns,
  'symbol' | 'source' | 'session' | 'firstSequence' | 'count' | 'baseTimeMs' | 'utcOffsetS' | 'firstSentUs'
>;

/** Where a column stands in a message: packed little-endian, aligned to nothing. */
interface Span {
  readonly from: number;
  readonly bytes: number;
}

interface Packed {
  readonly timeOffsetMs: Span;
  readonly bid: Span;
  readonly ask: Span;
  readonly flags: Span;
}

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
  readonly packed: Packed;

  constructor(heading: Heading, data: Uint8Array, packed: Packed) {
    this.symbol = heading.symbol;
    this.source = heading.source;
    this.session = heading.session;
    this.firstSequence = heading.firstSequence;
    this.count = heading.count;
    this.baseTimeMs = heading.baseTimeMs;
    this.utcOffsetS = heading.utcOffsetS;
    this.firstSentUs = heading.firstSentUs;
    this.data = data;
    this.packed = packed;
  }

  get timeOffsetMs(): Uint32Array {
    return new Uint32Array(this.own(this.packed.timeOffsetMs));
  }

  get bid(): Float64Array {
    return new Float64Array(this.own(this.packed.bid));
  }

  get ask(): Float64Array {
    return new Float64Array(this.own(this.packed.ask));
  }

  get flags(): Uint32Array {
    return new Uint32Array(this.own(this.packed.flags));
  }

  private own(span: Span): ArrayBuffer {
    return new Uint8Array(bytesAt(this.data, span)).buffer;
  }
}

const bytesAt = (data: Uint8Array, { from, bytes }: Span): Uint8Array => data.subarray(from, from + bytes);

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
  const { data, packed } = frame;
  roomBytes.timeOffsetMs.set(bytesAt(data, packed.timeOffsetMs));
  roomBytes.bid.set(bytesAt(data, packed.bid));
  roomBytes.ask.set(bytesAt(data, packed.ask));
  return room;
}

const none: Span = { from: 0, bytes: 0 };

/** Throws RangeError on columns of different length, none, or too many ticks. */
export function decodeTicks(data: Uint8Array): TickColumns {
  const reader = new BinaryReader(data);
  const heading = {
    ...{ symbol: '', source: '', session: '', firstSequence: 0, count: 0 },
    ...{ baseTimeMs: 0, utcOffsetS: 0, firstSentUs: 0 },
  };
  const packed: { -readonly [Column in keyof Packed]: Packed[Column] } = {
    ...{ timeOffsetMs: none, bid: none, ask: none, flags: none },
  };
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) heading.symbol = nameOf(data, spanOf(reader));
    else if (field === 2) heading.source = nameOf(data, spanOf(reader));
    else if (field === 3) heading.session = nameOf(data, spanOf(reader));
    else if (field === 4) heading.firstSequence = reader.double();
    else if (field === 5) heading.baseTimeMs = reader.double();
    else if (field === 6) heading.utcOffsetS = reader.sint32();
    else if (field === 7) packed.timeOffsetMs = spanOf(reader);
    else if (field === 8) packed.bid = spanOf(reader);
    else if (field === 9) packed.ask = spanOf(reader);
    else if (field === 10) packed.flags = spanOf(reader);
    else if (field === 11) heading.firstSentUs = reader.double();
    else reader.skip(wireType, field);
  }
  heading.count = checkedCount(packed);
  if (heading.symbol === '') throw new RangeError('TickFrame.symbol: empty');
  return new PackedFrame(heading, data, packed);
}

/** As the reader's own `bytes()`, without making a view of them. */
function spanOf(reader: BinaryReader): Span {
  const bytes = reader.uint32();
  const from = reader.pos;
  reader.pos += bytes;
  if (reader.pos > reader.len) throw new RangeError('premature EOF');
  return { from, bytes };
}

const nameOf = (data: Uint8Array, { from, bytes }: Span): string => nameAt(data, from, from + bytes);

/** Ticks in the columns. */
function checkedCount({ timeOffsetMs, bid, ask, flags }: Packed): number {
  const count = lengthOf(bid, 8, 'bid');
  if (count === 0) throw new RangeError('TickFrame.bid: a frame carries at least one tick');
  const flagged = lengthOf(flags, 4, 'flags');
  const even = lengthOf(ask, 8, 'ask') === count && lengthOf(timeOffsetMs, 4, 'time_offset_ms') === count;
  if (!even || (flagged !== 0 && flagged !== count)) throw new RangeError('TickFrame: columns differ in length');
  return count;
}

function lengthOf({ bytes }: Span, width: 4 | 8, name: string): number {
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
  const span = ({ byteLength }: Uint32Array | Float64Array): Span => ({ from: 0, bytes: byteLength });
  const count = checkedCount({
    ...{ timeOffsetMs: span(timeOffsetMs), bid: span(bid), ask: span(ask), flags: span(flags) },
  });
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
