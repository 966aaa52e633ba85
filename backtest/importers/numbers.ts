// Numbers straight from bytes. Reading a decimal as integer mantissa / power of ten is exact in the sense of IEEE 754:
// both are doubles without error while the mantissa has at most 15 digits and the power is at most 10^22, and one
// division rounds correctly, so the result is the same double that Number(text) gives (Clinger, "How to read floating
// point numbers accurately", PLDI 1990, the fast path). Anything longer, or with an exponent, goes through Number itself.

const POWERS = Array.from({ length: 16 }, (_, i) => Number(`1e${i}`));
const MAX_EXACT_DIGITS = 15;
const GENERAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const NOT_FINITE = /^[+-]?(nan|inf|infinity)$/i;

/** Reads decimal numbers and remembers how many decimals it saw. */
export class NumberReader {
  /** Most decimals written in any number so far. */
  decimals = 0;
  /** Most decimals so far when trailing zeros are left out. */
  trimmedDecimals = 0;

  /**
   * The number that fills bytes [start, end), equal to Number(text).
   * NaN if the bytes are no decimal number; Infinity for the words nan, inf and infinity, with or without a sign
   * (a number was meant, but none that can be a price).
   */
  read(bytes: Uint8Array, start: number, end: number): number {
    let i = start;
    const negative = bytes[i] === 45;
    if (negative) i++;
    const first = i;
    let mantissa = 0;
    let point = -1;
    let lastNonZero = -1;
    for (; i < end; i++) {
      const c = bytes[i]!;
      const digit = c - 48;
      if (digit >= 0 && digit <= 9) {
        mantissa = mantissa * 10 + digit;
        if (digit !== 0) lastNonZero = i;
      } else if (c === 46 && point < 0) point = i;
      else return this.#general(bytes, start, end);
    }
    const digits = end - first - (point < 0 ? 0 : 1);
    if (digits === 0 || digits > MAX_EXACT_DIGITS) return this.#general(bytes, start, end);
    let value = mantissa;
    if (point >= 0) {
      const decimals = end - point - 1;
      value = mantissa / POWERS[decimals]!;
      if (decimals > this.decimals) this.decimals = decimals;
      if (lastNonZero - point > this.trimmedDecimals) this.trimmedDecimals = lastNonZero - point;
    }
    return negative ? -value : value;
  }

  #general(bytes: Uint8Array, start: number, end: number): number {
    if (end - start > 64) return Number.NaN;
    const text = latin1(bytes, start, end);
    if (NOT_FINITE.test(text)) return Number.POSITIVE_INFINITY;
    return GENERAL.test(text) ? Number(text) : Number.NaN;
  }
}

/** A whole number without sign that fills [start, end): up to 15 digits; -1 if it is anything else. */
export function readDigits(bytes: Uint8Array, start: number, end: number): number {
  if (end <= start || end - start > MAX_EXACT_DIGITS) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - 48;
    if (!(digit >= 0 && digit <= 9)) return -1;
    value = value * 10 + digit;
  }
  return value;
}

export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.max(0, end - start)).toString('latin1');
}
