/**
 * The right of a node to run actors: key `node.<name>` of KV `leases`, whose values the server forgets after LEASE_MS.
 * It is renewed by compare-and-set every RENEW_MS; a node that could not renew it for HOLD_MS holds nothing any more and
 * ends itself, well before the others may take what it had. Keep HOLD_MS below LEASE_MS by more than clocks of two
 * machines drift in that time.
 */
import type { KeyValue, KvEntry } from './bus/bus.ts';
import { escapeToken } from './bus/subjects.ts';
import type { Clock } from './clock.ts';
import { messageOf, TroupeError } from './errors.ts';
import type { Logger } from './telemetry/log.ts';

export const RENEW_MS = 3_000;
export const HOLD_MS = 7_000;
/** After so long without renewal a node is dead for the others; the lifetime of the bucket's values. */
export const LEASE_MS = 10_000;
/** The server may be a little late in forgetting. */
const FORGETS_WITHIN_MS = 2_000;
const AGAIN_MS = 250;

export interface LeaseValue {
  readonly node: string;
  /** One run of the node: a node that starts again has another. */
  readonly instance: string;
  readonly capacity: number;
  readonly startedMs: number;
  /** It hands over what it has and gets nothing more. */
  readonly draining: boolean;
  /** Where it runs: machine, process and what tells one boot (and container) of the machine from another. */
  readonly host: string;
  readonly pid: number;
  readonly boot: string;
}

export interface LeaseOptions {
  readonly leases: KeyValue;
  readonly clock: Clock;
  readonly log: Logger;
  readonly value: LeaseValue;
  /** Whether the process that a lease names is known to be dead: a node that is started again need not wait then. */
  readonly isDead?: (lease: LeaseValue) => boolean;
  /** Once: it was held and is not any more. */
  readonly onLost: (error: TroupeError) => void;
}

export const leaseKey = (node: string): string => `node.${escapeToken(node)}`;

/** Undefined where the bytes are no lease. */
export function parseLease(entry: KvEntry): LeaseValue | undefined {
  try {
    const value = JSON.parse(new TextDecoder().decode(entry.value)) as LeaseValue;
    const whole = typeof value.node === 'string' && typeof value.instance === 'string' && value.capacity > 0;
    return whole && leaseKey(value.node) === entry.key ? value : undefined;
  } catch {
    return undefined;
  }
}

export class Lease {
  private value: LeaseValue;
  private revision = 0;
  /** When the last renewal that succeeded was begun, monotonic. */
  private renewedMs = Number.NEGATIVE_INFINITY;
  private state: 'new' | 'held' | 'ended' = 'new';
  private renewing: Promise<void> | undefined;
  private cancelRenewal = (): void => undefined;
  private cancelDeadline = (): void => undefined;
  private readonly key: string;
  private readonly o: LeaseOptions;

  constructor(options: LeaseOptions) {
    this.o = options;
    this.value = options.value;
    this.key = leaseKey(options.value.node);
  }

  /** Whether it is held at this moment. Cheap: may be asked before every turn of an actor. */
  get held(): boolean {
    return this.state === 'held' && this.o.clock.monotonicMs() - this.renewedMs < HOLD_MS;
  }

  /**
   * Resolves when it is held. A lease that an earlier run left behind is waited for, unless its process is known to be
   * dead. Throws NODE_NAME_TAKEN when it is still there after its lifetime, and what the bus throws.
   */
  async acquire(): Promise<void> {
    const { leases, clock, isDead } = this.o;
    const sinceMs = clock.monotonicMs();
    for (;;) {
      const begunMs = clock.monotonicMs();
      if (this.state === 'ended') return;
      try {
        this.hold(await leases.create(this.key, this.encoded()), begunMs);
        return;
      } catch (error) {
        if (!isConflict(error)) throw error;
      }
      const entry = await leases.get(this.key);
      if (entry === undefined) continue;
      const other = parseLease(entry);
      if (other === undefined || isDead?.(other)) {
        try {
          this.hold(await leases.update(this.key, this.encoded(), entry.revision), begunMs);
          return;
        } catch (error) {
          if (!isConflict(error)) throw error;
        }
      } else if (clock.monotonicMs() - sinceMs > LEASE_MS + FORGETS_WITHIN_MS) throw taken(other);
      await clock.sleep(AGAIN_MS);
    }
  }

  /** Tells the others at once; resolves when they can know. */
  async drain(): Promise<void> {
    if (this.state !== 'held') return;
    this.value = { ...this.value, draining: true };
    await this.renewing;
    await this.renew();
  }

  /** Gives it back, in order: the others need not wait for its end. False where there was none, or it has to expire. */
  async release(): Promise<boolean> {
    const wasHeld = this.held;
    this.end();
    await this.renewing;
    if (!wasHeld) return false;
    try {
      await this.o.leases.delete(this.key, this.revision);
      return true;
    } catch (error) {
      this.o.log.warn({ err: error }, 'the lease could not be given back; it expires by itself');
      return false;
    }
  }

  /** Neither renewed nor given back any more. */
  kill(): void {
    this.end();
  }

  private hold(revision: number, begunMs: number): void {
    if (this.state === 'ended') return;
    this.state = 'held';
    this.renewed(revision, begunMs);
  }

  private renewed(revision: number, begunMs: number): void {
    const { clock } = this.o;
    this.revision = revision;
    this.renewedMs = begunMs;
    if (this.state !== 'held') return;
    this.cancelDeadline();
    this.cancelDeadline = clock.setTimer(Math.max(0, begunMs + HOLD_MS - clock.monotonicMs()), () =>
      this.lost(`not renewed for ${HOLD_MS} ms`),
    );
    this.renewAt(begunMs + RENEW_MS);
  }

  private renewAt(atMs: number): void {
    const { clock } = this.o;
    this.cancelRenewal();
    this.cancelRenewal = clock.setTimer(Math.max(0, atMs - clock.monotonicMs()), () => void this.renew());
  }

  private renew(): Promise<void> {
    this.renewing ??= this.tryRenewal().finally(() => {
      this.renewing = undefined;
    });
    return this.renewing;
  }

  private async tryRenewal(): Promise<void> {
    const { clock, leases, log } = this.o;
    const begunMs = clock.monotonicMs();
    // Frozen for longer than the lease: the timers fire late, and what is over must not be renewed.
    if (this.state === 'held' && !this.held) this.lost(`not renewed for ${HOLD_MS} ms`);
    if (this.state !== 'held') return;
    try {
      this.renewed(await leases.update(this.key, this.encoded(), this.revision), begunMs);
    } catch (error) {
      if (isConflict(error)) this.lost(messageOf(error));
      else if (this.state === 'held') {
        log.warn({ err: error }, 'the lease could not be renewed; trying again');
        this.renewAt(clock.monotonicMs() + AGAIN_MS);
      }
    }
  }

  private lost(why: string): void {
    if (this.state !== 'held') return;
    this.end();
    this.o.onLost(new TroupeError('LEASE_LOST', `${this.value.node} lost its lease: ${why}`));
  }

  private end(): void {
    this.state = 'ended';
    this.cancelRenewal();
    this.cancelDeadline();
  }

  private encoded(): Uint8Array {
    return new TextEncoder().encode(JSON.stringify(this.value));
  }
}

function taken({ node, host, pid, startedMs }: LeaseValue): TroupeError {
  const since = new Date(startedMs).toISOString();
  return new TroupeError(
    'NODE_NAME_TAKEN',
    `node.name ${node}: a node of this name runs already (process ${pid} on ${host}, since ${since}); give this one another name`,
  );
}

export const isConflict = (error: unknown): boolean => error instanceof TroupeError && error.code === 'BUS_CONFLICT';
