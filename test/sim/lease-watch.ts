/** Watches, from what the store took, that no node goes on without its lease. */
import { HOLD_MS } from '../../runtime/lease.ts';
import type { Violation } from '../witness/history.ts';

/** Time for a node that wakes, or has just lost it, to find out. */
const NOTICES_WITHIN_MS = 500;

/** One run of a node that is up and has not yet said that it must end. */
export interface Running {
  readonly run: string;
}

export class LeaseWatch {
  /** When the newest lease of each run was stored. */
  private readonly storedMs = new Map<string, number>();
  /** Runs that have claimed something, and so know that they hold a lease. */
  private readonly claimed = new Set<string>();
  private runsSinceMs = new Map<string, number>();

  /** The store took a write of `run`. */
  wrote(bucket: string, run: string, deleted: boolean, nowMs: number): void {
    if (bucket === 'actors') this.claimed.add(run);
    if (bucket !== 'leases') return;
    if (deleted) this.storedMs.delete(run);
    else this.storedMs.set(run, nowMs);
  }

  /** How long ago the lease of `run` was stored; undefined where it has none. */
  ageMs(run: string, nowMs: number): number | undefined {
    const storedMs = this.storedMs.get(run);
    return storedMs === undefined ? undefined : nowMs - storedMs;
  }

  /**
   * A node that runs and could not renew its lease has ended itself before the others may take what it had. A lease whose
   * acknowledgement was lost before the node heard of it gives it nothing: such a node still waits, and has nothing.
   */
  look(running: readonly Running[], nowMs: number): Violation[] {
    const since = new Map(running.map(({ run }) => [run, this.runsSinceMs.get(run) ?? nowMs]));
    this.runsSinceMs = since;
    return running.flatMap(({ run }) => {
      const ageMs = this.ageMs(run, nowMs);
      if (ageMs === undefined || !this.claimed.has(run) || nowMs - since.get(run)! < NOTICES_WITHIN_MS) return [];
      if (ageMs < HOLD_MS + NOTICES_WITHIN_MS) return [];
      this.storedMs.delete(run);
      return [{ invariant: 'lease', detail: `${run} goes on ${Math.round(ageMs)} ms after its last renewal` }];
    });
  }
}
