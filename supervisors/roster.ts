/**
 * An immutable list in ascending order of `ref`, for a machine's context: changing one of 10,000 entries copies some
 * 200 references, not 10,000. Plain data, so that a snapshot can be watched.
 */
export interface Keyed {
  /** Ascending in the order of starting, never used again. */
  readonly ref: number;
}

export type Roster<T extends Keyed> = readonly (readonly T[])[];

const CHUNK = 64;

export const emptyRoster: Roster<never> = [];

/** Index of the chunk that holds `ref`, if any does. */
function chunkOf<T extends Keyed>(roster: Roster<T>, ref: number): number {
  let low = 0;
  let high = roster.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (roster[middle]![0]!.ref <= ref) low = middle;
    else high = middle - 1;
  }
  return low;
}

export function find<T extends Keyed>(roster: Roster<T>, ref: number): T | undefined {
  return roster[chunkOf(roster, ref)]?.find((item) => item.ref === ref);
}

/** Replaces the entry of that `ref`, or adds it in its place. */
export function put<T extends Keyed>(roster: Roster<T>, item: T): Roster<T> {
  const at = chunkOf(roster, item.ref);
  const chunk = roster[at];
  if (chunk === undefined) return [[item]];
  const place = chunk.findIndex(({ ref }) => ref >= item.ref);
  if (chunk[place]?.ref === item.ref) return roster.with(at, chunk.with(place, item));
  if (place < 0 && chunk.length >= CHUNK) return roster.toSpliced(at + 1, 0, [item]);
  const grown = chunk.toSpliced(place < 0 ? chunk.length : place, 0, item);
  if (grown.length <= CHUNK) return roster.with(at, grown);
  return roster.toSpliced(at, 1, grown.slice(0, CHUNK / 2), grown.slice(CHUNK / 2));
}

export function drop<T extends Keyed>(roster: Roster<T>, ref: number): Roster<T> {
  const at = chunkOf(roster, ref);
  const left = roster[at]?.filter((item) => item.ref !== ref) ?? [];
  return left.length === 0 ? roster.toSpliced(at, 1) : roster.with(at, left);
}

export function first<T extends Keyed>(roster: Roster<T>, fits: (item: T) => boolean): T | undefined {
  for (const chunk of roster) {
    const found = chunk.find(fits);
    if (found !== undefined) return found;
  }
  return undefined;
}

export function last<T extends Keyed>(roster: Roster<T>, fits: (item: T) => boolean): T | undefined {
  for (let i = roster.length - 1; i >= 0; i--) {
    const found = roster[i]!.findLast(fits);
    if (found !== undefined) return found;
  }
  return undefined;
}
