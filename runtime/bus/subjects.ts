/**
 * Names on the wire: how a name becomes one token of a subject, and which partition a symbol belongs to.
 * The C++ bridge has the same two rules; test/vectors/subjects.json holds both sides together.
 */

const PLAIN = /^[A-Za-z0-9_-]$/;
const ALL_PLAIN = /^[A-Za-z0-9_-]+$/;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** One subject token that carries `name` reversibly: every byte outside [A-Za-z0-9_-] becomes `=XX`. */
export function escapeToken(name: string): string {
  if (name.length === 0) throw new RangeError('a subject token cannot be empty');
  // Nearly every name, and every message asks.
  if (ALL_PLAIN.test(name)) return name;
  let token = '';
  for (const byte of encoder.encode(name)) {
    const char = String.fromCharCode(byte);
    token += PLAIN.test(char) ? char : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return token;
}

/** The name behind a token. Throws RangeError where `token` is not the work of `escapeToken`. */
export function unescapeToken(token: string): string {
  const bytes: number[] = [];
  for (let i = 0; i < token.length; i++) {
    const char = token[i]!;
    if (char === '=') {
      const hex = token.slice(i + 1, i + 3);
      if (!/^[0-9A-F]{2}$/.test(hex)) throw new RangeError(`not an escaped subject token: ${token}`);
      bytes.push(Number.parseInt(hex, 16));
      i += 2;
    } else if (PLAIN.test(char)) bytes.push(char.charCodeAt(0));
    else throw new RangeError(`not an escaped subject token: ${token}`);
  }
  return decoder.decode(Uint8Array.from(bytes));
}

/** FNV-1a, 32 bits, over the UTF-8 bytes (http://www.isthe.com/chongo/tech/comp/fnv/). */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of encoder.encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** The partition, 0 .. partitions-1, in whose subjects a symbol's market data stands. */
export function partitionOf(symbol: string, partitions: number): number {
  return fnv1a32(symbol) % partitions;
}

const DOT = 46;

/** Whether `subject` matches `filter` with NATS wildcards (`*` one token, `>` the rest). */
export function matchesSubject(filter: string, subject: string): boolean {
  const isToken = (wildcard: string, at: number): boolean =>
    filter[at] === wildcard && (at + 1 === filter.length || filter.charCodeAt(at + 1) === DOT);
  // Both stand at the beginning of a token. No token is cut out: every message in memory asks for every reader.
  for (let f = 0, s = 0; ; f++, s++) {
    if (isToken('>', f)) return true;
    if (isToken('*', f)) {
      f++;
      s = subject.indexOf('.', s);
      if (s < 0) s = subject.length;
    }
    for (; f < filter.length && filter.charCodeAt(f) !== DOT; f++, s++) {
      if (s === subject.length || filter.charCodeAt(f) !== subject.charCodeAt(s)) return false;
    }
    if (f === filter.length) return s === subject.length;
    if (s === subject.length || subject.charCodeAt(s) !== DOT) return false;
  }
}
