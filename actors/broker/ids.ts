/** Names that the broker derives, never draws: the same intent gives the same order id in every life of the actor. */
import { fnv1a32 } from '../../runtime/bus/subjects.ts';

const OFFSET = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;
const MASK_64 = (1n << 64n) - 1n;
const MASK_53 = (1n << 53n) - 1n;
/** 2^64 - 1 has 13 digits in base 36. */
const ID_DIGITS = 13;
const utf8 = new TextEncoder();

/** FNV-1a, 64 bits, over the UTF-8 bytes (http://www.isthe.com/chongo/tech/comp/fnv/). */
export function fnv1a64(text: string): bigint {
  let hash = OFFSET;
  for (const byte of utf8.encode(text)) hash = ((hash ^ BigInt(byte)) * PRIME) & MASK_64;
  return hash;
}

/**
 * Client order id of an intent: 14 characters, so that it survives in a terminal's comment (31 at most, and servers
 * append). `part` counts from 1 where one intent needs several orders; 0 is the intent itself.
 */
export function orderIdOf(account: string, intentId: string, part = 0): string {
  const text = part === 0 ? `${account}|${intentId}` : `${account}|${intentId}/${part}`;
  return `T${fnv1a64(text).toString(36).padStart(ID_DIGITS, '0')}`;
}

/** Whether a comment of the terminal can be one of our order ids. */
export function isOrderId(text: string): boolean {
  return /^T[0-9a-z]{13}$/.test(text);
}

/** A name as a whole number below 2^53, so that thousands of them fit into one packed column of the snapshot. */
export function compactId(text: string): number {
  return Number(fnv1a64(text) & MASK_53);
}

/** Magic number of a strategy, 1 .. 2^32: 0 is what a person's own orders carry. */
export function magicOf(strategy: string): number {
  return fnv1a32(strategy) + 1;
}
