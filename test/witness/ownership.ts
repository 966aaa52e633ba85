/** No actor has two owners that both have effect. */
import type { History, Violation } from './history.ts';
import { violation } from './history.ts';

/**
 * From the moment in which a new owner has committed, nothing of the older one is taken any more. Ownership is what the
 * writes into `actors` say; the first of them by another process is its claim.
 */
export function oneOwner(history: History): Violation[] {
  const found: Violation[] = [];
  const owners = new Map<string, { by: string; committed: boolean }>();
  for (const { bucket, key, by } of history.writes ?? []) {
    const owner = owners.get(key);
    if (bucket === 'actors') {
      if (owner?.by !== by) owners.set(key, { by, committed: false });
    } else if (bucket === 'snapshots' && owner !== undefined) {
      if (owner.by === by) owner.committed = true;
      else if (owner.committed)
        found.push(violation('one-owner', `${key}: ${by} committed although ${owner.by} owns it`));
    }
  }
  return found;
}

/** A command under an older fence than the bridge has seen has no effect. */
export function fenced(history: History): Violation[] {
  let highest = 0;
  const found: Violation[] = [];
  for (const { fence, kind, orderId, obeyed } of history.commands ?? []) {
    if (obeyed && fence < highest) {
      found.push(violation('one-owner', `${kind} ${orderId} of fence ${fence} was obeyed after fence ${highest}`));
    }
    if (obeyed) highest = Math.max(highest, fence);
  }
  return found;
}
