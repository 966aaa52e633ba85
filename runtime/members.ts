/**
 * The living nodes, as this one sees them: a node is dead when its lease is gone, or when the lease has not changed for
 * LEASE_MS of this node's own monotonic clock. No two machines' wall clocks are compared.
 */
import type { KeyValue, KvEntry } from './bus/bus.ts';
import type { Clock } from './clock.ts';
import { messageOf } from './errors.ts';
import type { LeaseValue } from './lease.ts';
import { LEASE_MS, leaseKey, parseLease } from './lease.ts';
import type { Logger } from './telemetry/log.ts';

/** A lease that is due but cannot be read (NATS is away) is looked at again after this. */
const AGAIN_MS = 500;

export interface MembersOptions {
  readonly leases: KeyValue;
  readonly clock: Clock;
  readonly log: Logger;
  /** Somebody came, went, began to drain or began anew; not: renewed its lease. */
  readonly onChange: () => void;
}

interface Seen {
  lease: LeaseValue;
  revision: number;
  seenMs: number;
  cancel: () => void;
}

export class Members {
  private readonly seen = new Map<string, Seen>();
  /** Revision of each lease that was found dead; the store may still hold it for a moment. */
  private readonly buried = new Map<string, number>();
  private stopWatching: (() => Promise<void>) | undefined;
  private stopped = false;
  private readonly o: MembersOptions;

  constructor(options: MembersOptions) {
    this.o = options;
  }

  /** Resolves when everybody who is there is known. */
  async start(): Promise<void> {
    const stop = await this.o.leases.watch('node.>', (entry) => {
      if (this.stopped) return;
      if ('deleted' in entry) this.gone(entry.key);
      else this.heard(entry);
    });
    if (this.stopped) await stop();
    else this.stopWatching = stop;
  }

  /** Living nodes, by name. */
  get alive(): LeaseValue[] {
    return [...this.seen.values()].map(({ lease }) => lease).sort((a, b) => (a.node < b.node ? -1 : 1));
  }

  /** Whether this very run of a node lives. */
  isAlive(node: string, instance: string): boolean {
    return node !== '' && this.seen.get(leaseKey(node))?.lease.instance === instance;
  }

  /**
   * Whether a run of a node is dead, by the store's own word: what this node has not heard of may just have begun.
   * Throws what the bus throws.
   */
  async isDead(node: string, instance: string): Promise<boolean> {
    if (this.isAlive(node, instance)) return false;
    const key = leaseKey(node);
    const entry = await this.o.leases.get(key);
    if (entry === undefined || this.buried.get(key) === entry.revision) return true;
    if (!this.stopped) this.heard(entry);
    return parseLease(entry)?.instance !== instance;
  }

  async stop(): Promise<void> {
    this.kill();
    await this.stopWatching?.();
  }

  kill(): void {
    this.stopped = true;
    for (const { cancel } of this.seen.values()) cancel();
  }

  private heard(entry: KvEntry): void {
    const { clock, log } = this.o;
    const lease = parseLease(entry);
    if (lease === undefined) {
      log.warn({ key: entry.key }, 'not a lease');
      return;
    }
    const known = this.seen.get(entry.key);
    if (known !== undefined && known.revision >= entry.revision) return;
    if (this.buried.get(entry.key) === entry.revision) return;
    this.buried.delete(entry.key);
    known?.cancel();
    const fresh: Seen = { lease, revision: entry.revision, seenMs: clock.monotonicMs(), cancel: () => undefined };
    this.seen.set(entry.key, fresh);
    this.suspectLater(entry.key, fresh, LEASE_MS);
    if (known === undefined || differs(known.lease, lease)) this.o.onChange();
  }

  private suspectLater(key: string, seen: Seen, delayMs: number): void {
    seen.cancel = this.o.clock.setTimer(delayMs, () => void this.suspect(key, seen));
  }

  /**
   * Silence may also be our own: a watch that was cut off. The verdict is the store's: the same lease, still
   * unchanged, or none.
   */
  private async suspect(key: string, seen: Seen): Promise<void> {
    try {
      const entry = await this.o.leases.get(key);
      if (this.stopped || this.seen.get(key) !== seen) return;
      if (entry !== undefined && entry.revision > seen.revision) this.heard(entry);
      else {
        this.buried.set(key, seen.revision);
        this.gone(key);
      }
    } catch (error) {
      this.o.log.warn({ key, error: messageOf(error) }, 'a lease cannot be read');
      if (!this.stopped && this.seen.get(key) === seen) this.suspectLater(key, seen, AGAIN_MS);
    }
  }

  private gone(key: string): void {
    const known = this.seen.get(key);
    if (known === undefined) return;
    known.cancel();
    this.seen.delete(key);
    this.o.onChange();
  }
}

function differs(a: LeaseValue, b: LeaseValue): boolean {
  return a.instance !== b.instance || a.draining !== b.draining || a.capacity !== b.capacity;
}
