/**
 * Protobuf fields read one after the other from a message, without anything made for it: for who reads every frame of a
 * flood. Everybody else takes the generated decoder, or `BinaryReader`.
 *
 * All functions throw RangeError where the message ends too soon or is none; of a field that nobody knows, whatever
 * `BinaryReader` throws.
 */
import { BinaryReader, type WireType } from '@bufbuild/protobuf/wire';

/** Where the next field begins. One message is read at a time, and to its end. */
export const cursor = { at: 0 };

const LONGEST_VARINT_BYTES = 5;

const double = new Float64Array(1);
const doubleBytes = new Uint8Array(double.buffer);

/** What stands before a field: its number and wire type. */
export const tagOf = (field: number, wireType: WireType): number => (field << 3) | wireType;

/** An unsigned number of 32 bits. */
export function readVarint(data: Uint8Array): number {
  let value = 0;
  for (let i = 0; i < LONGEST_VARINT_BYTES; i++) {
    if (cursor.at >= data.length) throw new RangeError('premature EOF');
    const byte = data[cursor.at++]!;
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return value >>> 0;
  }
  throw new RangeError('invalid varint');
}

/** A signed number of 32 bits, zigzag-encoded: `sint32`. */
export function readSigned(data: Uint8Array): number {
  const zigzag = readVarint(data);
  return (zigzag >>> 1) ^ -(zigzag & 1);
}

export function readDouble(data: Uint8Array): number {
  const from = passed(data, 8);
  for (let i = 0; i < 8; i++) doubleBytes[i] = data[from + i]!;
  return double[0]!;
}

/** Goes past a field of bytes; returns how many there are, right before the cursor. */
export function passBytes(data: Uint8Array): number {
  const length = readVarint(data);
  passed(data, length);
  return length;
}

/** Goes past a field that the reader does not know. */
export function passField(data: Uint8Array, tag: number): void {
  if (tag >>> 3 === 0) throw new RangeError('a field without a number');
  const reader = new BinaryReader(data);
  reader.pos = cursor.at;
  reader.skip(tag & 7, tag >>> 3);
  cursor.at = reader.pos;
}

function passed(data: Uint8Array, bytes: number): number {
  const from = cursor.at;
  if (from + bytes > data.length) throw new RangeError('premature EOF');
  cursor.at = from + bytes;
  return from;
}
