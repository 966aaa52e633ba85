// Which format a file has, from its first bytes; its name is never looked at.

import { constants, gunzipSync } from 'node:zlib';
import { type Encoding, toAscii } from './encoding.ts';
import { shownText } from './errors.ts';
import type { Format, FormatMatch } from './formats/format.ts';
import { histDataBars, histDataTicks } from './formats/histdata.ts';
import { mt5Bars } from './formats/mt5-bars.ts';
import { mt5Ticks } from './formats/mt5-ticks.ts';
import { trueFx, trueFxIso } from './formats/truefx.ts';

export const FORMATS: readonly Format[] = [mt5Ticks, mt5Bars, trueFx, trueFxIso, histDataTicks, histDataBars];

export interface Recognised {
  readonly kind: 'recognised';
  readonly format: Format;
  readonly match: FormatMatch;
  /** Line (from 1) on which the format was recognised: the header, or the first line of data. */
  readonly line: number;
  readonly gzip: boolean;
  readonly encoding: Encoding;
}

export interface NotRecognised {
  readonly kind: 'empty' | 'zip' | 'truncated' | 'unrecognised';
  /** The first line as far as it can be shown. */
  readonly firstLine: string;
}

/** Lines looked at: a file may begin with a damaged line, but not with many. */
const LINES_LOOKED_AT = 20;
/** Packed bytes that are unpacked to look at. */
const PACKED_LOOKED_AT = 4096;

/** The first bytes of a file should be 64 KiB, or all of it. */
export function recognise(firstBytes: Uint8Array): Recognised | NotRecognised {
  if (firstBytes.length === 0) return { kind: 'empty', firstLine: '' };
  const gzip = isGzip(firstBytes);
  const bytes = gzip ? unpackHead(firstBytes) : firstBytes;
  if (bytes.length === 0) return { kind: 'truncated', firstLine: '' };
  if (isZip(bytes)) return { kind: 'zip', firstLine: '' };
  const encoding = encodingOf(bytes);
  const ascii = toAscii(bytes, encoding);

  let firstLine: string | undefined;
  let start = 0;
  for (let line = 1; line <= LINES_LOOKED_AT && start < ascii.length; line++) {
    let end = ascii.indexOf(10, start);
    if (end < 0) end = ascii.length;
    const text = ascii.toString('latin1', start, end).replace(/\r$/, '');
    if (text !== '') firstLine ??= shownText(ascii, start, start + text.length);
    for (const format of FORMATS) {
      const match = format.match(text);
      if (match !== undefined) return { kind: 'recognised', format, match, line, gzip, encoding };
    }
    start = end + 1;
  }
  return { kind: firstLine === undefined ? 'empty' : 'unrecognised', firstLine: firstLine ?? '' };
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2]! < 8 && bytes[3] === bytes[2]! + 1;
}

function unpackHead(bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes.subarray(0, PACKED_LOOKED_AT), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return new Uint8Array(0);
  }
}

function encodingOf(bytes: Uint8Array): Encoding {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return { unit: 'utf-16le', skipBytes: 2 };
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return { unit: 'utf-16be', skipBytes: 2 };
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return { unit: 'bytes', skipBytes: 3 };
  // Without a byte order mark: all formats begin with ASCII, whose other byte is zero.
  if (bytes.length >= 2 && bytes[0] !== 0 && bytes[1] === 0) return { unit: 'utf-16le', skipBytes: 0 };
  return { unit: 'bytes', skipBytes: 0 };
}
