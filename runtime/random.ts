/**
 * The only place that makes randomness. Everything that draws takes a `Random`, so one seed gives one history.
 */
import { randomBytes } from 'node:crypto';

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform whole number in 0 .. n-1. */
  nextInt(n: number): number;
  /** Standard normal. */
  gaussian(): number;
}

/** 32-bit mixing of a seed text or number (the finaliser of MurmurHash3, public domain) into four words. */
function seedWords(seed: number | string): [number, number, number, number] {
  const words: number[] = [];
  let h = 0x9e3779b9;
  const text = `${typeof seed}:${seed}`;
  for (let word = 0; word < 4; word++) {
    for (let i = 0; i < text.length; i++) {
      h = Math.imul(h ^ text.charCodeAt(i), 0x85ebca6b);
      h ^= h >>> 13;
    }
    h = Math.imul(h ^ (h >>> 16) ^ word, 0xc2b2ae35);
    h ^= h >>> 16;
    words.push(h >>> 0);
  }
  return words as [number, number, number, number];
}

/** sfc32 by Chris Doty-Humphrey (PractRand, public domain): small, fast, 128 bits of state. */
export function seededRandom(seed: number | string): Random {
  let [a, b, c, d] = seedWords(seed);
  const next32 = (): number => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) next32();
  // 53 bits, so that every double on the grid can be drawn.
  const next = (): number => ((next32() >>> 5) * 2 ** 26 + (next32() >>> 6)) / 2 ** 53;
  let spare: number | undefined;
  return {
    next,
    nextInt: (n) => Math.floor(next() * n),
    gaussian: () => {
      // Polar method of Marsaglia: two normals from two uniforms, without trigonometry.
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      let u: number;
      let v: number;
      let s: number;
      do {
        u = 2 * next() - 1;
        v = 2 * next() - 1;
        s = u * u + v * v;
      } while (s >= 1 || s === 0);
      const scale = Math.sqrt((-2 * Math.log(s)) / s);
      spare = v * scale;
      return u * scale;
    },
  };
}

/** Unpredictable, for passwords and session names: `bytes` bytes as URL-safe text. */
export function secretToken(bytes: number): string {
  return randomBytes(bytes).toString('base64url');
}

/** Unpredictable, as a key: `bytes` bytes as hex digits. */
export function secretHex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}
