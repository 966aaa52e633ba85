/**
 * Names that come again and again in messages: the same string each time, found by its bytes. Making one anew costs more
 * than comparing, and each would wait with its message.
 */

/** Slots; of two names that fall into one, the later stays. A power of two. */
const SLOTS = 4_096;
/** Longer ones are made anew. */
const LONGEST = 64;
/** Bytes at its end that say which slot. */
const HASHED = 12;
const FNV_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

const utf8 = new TextDecoder();

interface Known {
  readonly bytes: Uint8Array;
  readonly name: string;
}

const known: (Known | undefined)[] = Array.from({ length: SLOTS }, () => undefined);

/** The UTF-8 text at `from` up to `to`. */
export function nameAt(data: Uint8Array, from: number, to: number): string {
  if (to - from > LONGEST) return utf8.decode(data.subarray(from, to));
  let hash = FNV_BASIS ^ (to - from);
  // Names that come together differ at their ends: subjects of symbols, of sources.
  for (let at = Math.max(from, to - HASHED); at < to; at++) hash = Math.imul(hash ^ data[at]!, FNV_PRIME);
  // The upper bits hold most of it.
  const slot = (hash ^ (hash >>> 16)) & (SLOTS - 1);
  const entry = known[slot];
  if (entry !== undefined && isAt(entry.bytes, data, from, to)) return entry.name;
  const bytes = data.slice(from, to);
  const name = utf8.decode(bytes);
  known[slot] = { bytes, name };
  return name;
}

function isAt(bytes: Uint8Array, data: Uint8Array, from: number, to: number): boolean {
  if (bytes.length !== to - from) return false;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== data[from + i]) return false;
  return true;
}
