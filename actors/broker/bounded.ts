/**
 * Memory of what has been seen, bounded so that a commit stays small. Both kinds copy what they change: the context of
 * an earlier snapshot is never touched.
 */

/**
 * Finished order ids that are remembered of each strategy, so that an intent that is told again is not judged again. By
 * strategy, because an intent is told again only from its strategy's outbox: whatever the others do in between, it
 * comes before the strategy's next ones.
 */
export const KEEP_FINISHED = 256;
/** Deal tickets that are remembered one by one; below the lowest of them every ticket counts as seen. */
export const KEEP_TICKETS = 2000;

/** Appends, and forgets the oldest beyond `limit`. */
export function remember(seen: Float64Array, value: number, limit = KEEP_FINISHED): Float64Array {
  const drop = Math.max(0, seen.length + 1 - limit);
  const next = new Float64Array(seen.length + 1 - drop);
  next.set(seen.subarray(drop));
  next[next.length - 1] = value;
  return next;
}

/**
 * Deal tickets seen. A trade server numbers its deals upwards, so a ticket at or below `floor` is an old one: this is
 * what makes a bounded memory exact, as long as no deal arrives later than KEEP_TICKETS others.
 */
export interface TicketMemory {
  /** Ascending; whole numbers, exact below 2^53. */
  readonly seen: readonly number[];
  readonly floor: number;
}

export const noTickets: TicketMemory = { seen: [], floor: 0 };

function positionOf(seen: readonly number[], ticket: number): number {
  let low = 0;
  let high = seen.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((seen[middle] as number) < ticket) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function hasTicket(memory: TicketMemory, ticket: number): boolean {
  return ticket <= memory.floor || memory.seen[positionOf(memory.seen, ticket)] === ticket;
}

export function addTicket(memory: TicketMemory, ticket: number, limit = KEEP_TICKETS): TicketMemory {
  if (hasTicket(memory, ticket)) return memory;
  const at = positionOf(memory.seen, ticket);
  const seen = [...memory.seen.slice(0, at), ticket, ...memory.seen.slice(at)];
  if (seen.length <= limit) return { seen, floor: memory.floor };
  const floor = seen[seen.length - limit - 1] as number;
  return { seen: seen.slice(seen.length - limit), floor };
}
