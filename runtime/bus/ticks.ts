/**
 * Tick frames as columns. The wire is troupe.market.v1.TickFrame; this reads it without decoding number by number:
 * every column is a packed field of fixed-width little-endian numbers, so a typed array over a copy of its bytes is
 * the column. Ten times faster than the generated decoder, and held equal to it by a test.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

export interface TickColumns {
  readonly symbol: string;
  readonly source: string;
  /** One run of the source; tick numbers begin at 1 in each. */
  readonly session: string;
  /** Number of the first tick among the symbol's ticks of this session. */
  readonly firstSequence: number;
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

function column(reader: BinaryReader, width: 4 | 8, name: string): ArrayBuffer {
  const bytes = reader.bytes();
  if (bytes.length % width !== 0) throw new RangeError(`TickFrame.${name}: ${bytes.length} bytes is no whole column`);
  if (bytes.length > MAX_TICKS_PER_FRAME * width) {
    throw new RangeError(`TickFrame.${name}: ${bytes.length / width} ticks, at most ${MAX_TICKS_PER_FRAME}`);
  }
  // A copy, because a typed array wants its own alignment and the message's buffer is reused.
  const copy = new ArrayBuffer(bytes.length);
  new Uint8Array(copy).set(bytes);
  return copy;
}

/** Throws RangeError on columns of different length, none, or too many ticks. */
export function decodeTicks(data: Uint8Array): TickColumns {
  const reader = new BinaryReader(data);
  let symbol = '';
  let source = '';
  let session = '';
  let firstSequence = 0;
  let baseTimeMs = 0;
  let utcOffsetS = 0;
  let firstSentUs = 0;
  let time = new ArrayBuffer(0);
  let bid = time;
  let ask = time;
  let flags = time;
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) symbol = reader.string();
    else if (field === 2) source = reader.string();
    else if (field === 3) session = reader.string();
    else if (field === 4) firstSequence = reader.double();
    else if (field === 5) baseTimeMs = reader.double();
    else if (field === 6) utcOffsetS = reader.sint32();
    else if (field === 7) time = column(reader, 4, 'time_offset_ms');
    else if (field === 8) bid = column(reader, 8, 'bid');
    else if (field === 9) ask = column(reader, 8, 'ask');
    else if (field === 10) flags = column(reader, 4, 'flags');
    else if (field === 11) firstSentUs = reader.double();
    else reader.skip(wireType, field);
  }
  const frame: TickColumns = {
    symbol,
    source,
    session,
    firstSequence,
    baseTimeMs,
    utcOffsetS,
    timeOffsetMs: new Uint32Array(time),
    bid: new Float64Array(bid),
    ask: new Float64Array(ask),
    flags: new Uint32Array(flags),
    firstSentUs,
  };
  checkColumns(frame);
  return frame;
}

function checkColumns(frame: TickColumns): void {
  const n = frame.bid.length;
  if (n === 0) throw new RangeError('TickFrame.bid: a frame carries at least one tick');
  const even = frame.ask.length === n && frame.timeOffsetMs.length === n && (frame.flags.length === 0 || frame.flags.length === n);
  if (!even) throw new RangeError('TickFrame: columns differ in length');
  if (frame.symbol === '') throw new RangeError('TickFrame.symbol: empty');
}

/** The frame's wire form, byte for byte what the generated encoder makes of it. */
export function encodeTicks(frame: TickColumns): Uint8Array {
  checkColumns(frame);
  const w = new BinaryWriter();
  w.tag(1, WireType.LengthDelimited).string(frame.symbol);
  if (frame.source) w.tag(2, WireType.LengthDelimited).string(frame.source);
  if (frame.session) w.tag(3, WireType.LengthDelimited).string(frame.session);
  if (frame.firstSequence) w.tag(4, WireType.Bit64).double(frame.firstSequence);
  if (frame.baseTimeMs) w.tag(5, WireType.Bit64).double(frame.baseTimeMs);
  if (frame.utcOffsetS) w.tag(6, WireType.Varint).sint32(frame.utcOffsetS);
  const columns = [frame.timeOffsetMs, frame.bid, frame.ask, frame.flags];
  columns.forEach((values, i) => {
    if (values.length > 0) w.tag(7 + i, WireType.LengthDelimited).bytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  });
  if (frame.firstSentUs) w.tag(11, WireType.Bit64).double(frame.firstSentUs);
  return w.finish();
}
