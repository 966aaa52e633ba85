// All formats are ASCII; MT5 also writes them as UTF-16. Anything else becomes a question mark and so a malformed line.

export interface Encoding {
  readonly unit: 'bytes' | 'utf-16le' | 'utf-16be';
  /** Length of the byte order mark. */
  readonly skipBytes: number;
}

/** Turns chunks into ASCII; a unit may be cut in two by the border of two chunks. */
export class AsciiDecoder {
  readonly #encoding: Encoding;
  #skip: number;
  #half = -1;

  constructor(encoding: Encoding) {
    this.#encoding = encoding;
    this.#skip = encoding.skipBytes;
  }

  decode(chunk: Uint8Array): Buffer {
    const skipped = Math.min(this.#skip, chunk.length);
    this.#skip -= skipped;
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset + skipped, chunk.length - skipped);
    if (this.#encoding.unit === 'bytes' || bytes.length === 0) return bytes;

    const high = this.#encoding.unit === 'utf-16le' ? 1 : 0;
    const ascii = Buffer.allocUnsafe((bytes.length + 1) >> 1);
    let length = 0;
    let at = 0;
    if (this.#half >= 0) {
      ascii[length++] = unit(this.#half, bytes[at++]!, high);
      this.#half = -1;
    }
    for (; at + 1 < bytes.length; at += 2) ascii[length++] = unit(bytes[at]!, bytes[at + 1]!, high);
    if (at < bytes.length) this.#half = bytes[at]!;
    return ascii.subarray(0, length);
  }
}

function unit(first: number, second: number, high: number): number {
  const code = high === 1 ? first | (second << 8) : (first << 8) | second;
  return code < 128 ? code : 63;
}

export function toAscii(bytes: Uint8Array, encoding: Encoding): Buffer {
  return new AsciiDecoder(encoding).decode(bytes);
}
