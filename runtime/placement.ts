/**
 * Which node runs what, as a pure function: weighted rendezvous hashing ("highest random weight", Thaler and Ravishankar
 * 1998; weights after Schindelhauer and Schomaker 2005). Every node draws a score for every unit, the highest wins. All
 * who know the same nodes agree without a word, and a node that comes or goes moves only the units that it wins or had.
 */

export interface Candidate {
  readonly node: string;
  /** Weight, above 0: a node of capacity 2 gets twice the units of one of capacity 1. */
  readonly capacity: number;
}

/** 53 bits of (unit, node), uniform in (0, 1). Both texts go through all 53 bits, so that similar names score apart. */
function draw(unit: string, node: string): number {
  let a = 0x9e3779b9;
  let b = 0x85ebca6b;
  const text = `${unit}\n${node}`;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x5bd1e995) + a;
  }
  // The finaliser of MurmurHash3 (public domain).
  const mix = (h: number): number => {
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return (h ^ (h >>> 16)) >>> 0;
  };
  const high = mix(a ^ (b >>> 7)) >>> 5;
  const low = mix(b ^ a) >>> 6;
  return (high * 2 ** 26 + low + 0.5) / 2 ** 53;
}

/** The node that a unit belongs to; undefined where there is none. Ties, which take equal names, go to the first. */
export function ownerOf(unit: string, nodes: readonly Candidate[]): string | undefined {
  let owner: string | undefined;
  let best = Number.NEGATIVE_INFINITY;
  for (const { node, capacity } of nodes) {
    const score = -capacity / Math.log(draw(unit, node));
    if (score > best || (score === best && owner !== undefined && node < owner)) {
      best = score;
      owner = node;
    }
  }
  return owner;
}
