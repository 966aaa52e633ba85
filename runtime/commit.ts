/**
 * The committed state of one actor: snapshot, input positions, outbox and timers in one value, replaced by
 * compare-and-set. Losing the compare-and-set means that somebody else owns the actor.
 */
import type { KeyValue } from './bus/bus.ts';
import type { Family } from './bus/topics.ts';
import { actorKey } from './bus/topics.ts';
import { decodeSnapshot, encodeSnapshot } from './codec.ts';
import { messageOf, TroupeError } from './errors.ts';
import type { MachineEvent } from './xstate.ts';

/** Format of the envelope, not of the actor's context (that is `version`). */
const FORMAT = 1;

/** An effect that is committed but not known to be performed. */
export interface OutboxEntry {
  /** Running number in the actor's life; with the lineage it makes the message id. */
  readonly n: number;
  readonly type: string;
  readonly params: unknown;
}

export interface StoredTimer {
  readonly id: string;
  /** Absolute deadline, wall clock. */
  readonly atMs: number;
  readonly event: MachineEvent;
}

export interface Committed {
  /** State value and context of the machine. */
  readonly value: unknown;
  readonly context: unknown;
  /** Sequence of the last message applied, per family of inputs. */
  readonly positions: Readonly<Partial<Record<Family, number>>>;
  readonly outbox: readonly OutboxEntry[];
  readonly timers: readonly StoredTimer[];
  /** Effects made so far. */
  readonly made: number;
  /** Revision of the actor's very first commit: message ids of a new life never meet those of an older one. */
  readonly lineage: number;
}

interface Envelope extends Committed {
  readonly format: number;
  readonly version: number;
}

export class CommitStore {
  private revision = 0;
  private readonly kv: KeyValue;
  private readonly key: string;
  private readonly version: number;

  constructor(kv: KeyValue, kind: string, id: string, version: number) {
    this.kv = kv;
    this.key = actorKey(kind, id);
    this.version = version;
  }

  /** The last commit, undefined for an actor that never lived. Throws SNAPSHOT_CORRUPT or SNAPSHOT_VERSION. */
  async load(): Promise<Committed | undefined> {
    const entry = await this.kv.get(this.key);
    if (entry === undefined) return undefined;
    this.revision = entry.revision;
    let envelope: Envelope;
    try {
      envelope = decodeSnapshot(entry.value) as Envelope;
    } catch (thrown) {
      throw new TroupeError('SNAPSHOT_CORRUPT', `snapshots/${this.key}: ${messageOf(thrown)}`, { cause: thrown });
    }
    const whole = typeof envelope === 'object' && envelope !== null && Array.isArray(envelope.outbox);
    if (!whole) throw new TroupeError('SNAPSHOT_CORRUPT', `snapshots/${this.key}: not a snapshot`);
    if (envelope.format !== FORMAT || envelope.version !== this.version) {
      throw new TroupeError(
        'SNAPSHOT_VERSION',
        `snapshots/${this.key}: stored as format ${envelope.format} version ${envelope.version}, ` +
          `this program reads format ${FORMAT} version ${this.version}`,
      );
    }
    return envelope.lineage === 0 ? { ...envelope, lineage: entry.revision } : envelope;
  }

  /** Commits. Throws BUS_CONFLICT when another owner has committed since. Returns the revision. */
  async save(state: Committed): Promise<number> {
    const envelope: Envelope = { ...state, format: FORMAT, version: this.version };
    const bytes = encodeSnapshot(envelope);
    this.revision =
      this.revision === 0
        ? await this.kv.create(this.key, bytes)
        : await this.kv.update(this.key, bytes, this.revision);
    return this.revision;
  }
}
