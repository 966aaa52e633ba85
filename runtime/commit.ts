/**
 * The committed state of one actor: snapshot, input positions, outbox and timers in one value, replaced by
 * compare-and-set. Losing the compare-and-set means that somebody else owns the actor.
 */
import type { ActorDefinition, Migration } from './actor.ts';
import type { KeyValue, KvEntry } from './bus/bus.ts';
import { fnv1a32 } from './bus/subjects.ts';
import type { Family } from './bus/topics.ts';
import { actorKey } from './bus/topics.ts';
import { decodeSnapshot, encodeSnapshot, SnapshotWriter } from './codec.ts';
import { messageOf, TroupeError } from './errors.ts';
import type { MachineEvent } from './xstate.ts';

/** Format of the envelope, not of the actor's context (that is `version`). */
const FORMAT = 1;

/** State that changed without an effect is committed after this long at the latest, where the actor does not say. */
const IDLE_COMMIT_MS = 5_000;
/**
 * And up to this share of it sooner, each actor by its name: hundreds that have begun together would all be committed in
 * the same few milliseconds, always, and whoever else has work then would wait for them.
 */
const IDLE_COMMIT_SPREAD = 0.4;

/** 0 to 1, the same for the same name, and far apart for names that are alike. */
const shareOf = (name: string): number => (fnv1a32(name) % 1_000) / 1_000;

/** How long state that changed without an effect waits for its commit: `longestMs`, or up to 40 % less. */
export const idleCommitMs = (name: string, longestMs = IDLE_COMMIT_MS): number =>
  Math.round(longestMs * (1 - IDLE_COMMIT_SPREAD * shareOf(name)));

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

/** A commit that is made and not stored yet. */
export interface Noted {
  readonly bytes: Uint8Array;
  readonly positions: ReadonlyMap<Family, number>;
  /** Told by the server once it is stored. */
  readonly foretold: readonly Uint8Array[];
}

/** The last commit, as who starts the actor has found it. */
export interface StoredCommit extends KvEntry {
  /** It has been saved again for this start: whoever ran the actor before loses its next commit. */
  readonly isTakenOver?: boolean;
}

/**
 * Reads the last commit of an actor that starts and saves it again as it is: what its first commit would do, done by
 * somebody who has nothing else to do meanwhile. One that does not know its own lineage yet is only read, because that is
 * the revision under which it stands. `check` throws where the actor must not start any more: a store that was away may
 * answer when it has another owner, who would lose. Throws BUS_CONFLICT when another owner has committed meanwhile.
 */
export async function takeOver(kv: KeyValue, key: string, check: () => void): Promise<StoredCommit | undefined> {
  const entry = await kv.get(key);
  check();
  if (entry === undefined || !knowsItsLineage(entry.value)) return entry;
  return { ...entry, revision: await kv.update(key, entry.value, entry.revision), isTakenOver: true };
}

/** False also where it cannot be read: whoever loads it says why. */
function knowsItsLineage(value: Uint8Array): boolean {
  try {
    return ((decodeSnapshot(value) as Partial<Envelope> | null)?.lineage ?? 0) > 0;
  } catch {
    return false;
  }
}

interface Envelope extends Committed {
  readonly format: number;
  readonly version: number;
}

export class CommitStore {
  private revision = 0;
  /** Of the many that can be replayed, a copy of each would weigh more than asking for it. */
  private readonly keeps: boolean;
  private saved: KvEntry | undefined;
  private saving: Promise<number> | undefined;
  private readonly writer: SnapshotWriter | undefined;
  private readonly kv: KeyValue;
  private readonly key: string;
  private readonly version: number;
  private readonly migrations: readonly Migration[];

  constructor(
    kv: KeyValue,
    actor: Pick<ActorDefinition, 'kind' | 'id' | 'version' | 'migrations' | 'delivery' | 'replacesState'>,
  ) {
    this.kv = kv;
    this.key = actorKey(actor.kind, actor.id);
    this.keeps = actor.delivery === 'commit';
    if (actor.replacesState !== undefined) this.writer = new SnapshotWriter(actor.replacesState.except);
    this.version = actor.version;
    this.migrations = actor.migrations ?? [];
  }

  /**
   * The last commit, undefined for an actor that never lived; the store is not asked where the caller knows it. Throws
   * SNAPSHOT_CORRUPT or SNAPSHOT_VERSION.
   */
  async load(known?: KvEntry): Promise<Committed | undefined> {
    const entry = known ?? (await this.kv.get(this.key));
    if (entry === undefined) return undefined;
    this.revision = entry.revision;
    let envelope: unknown;
    try {
      envelope = decodeSnapshot(entry.value);
    } catch (thrown) {
      throw this.corrupt(messageOf(thrown), thrown);
    }
    const current = this.migrated(this.checked(envelope));
    return current.lineage === 0 ? { ...current, lineage: entry.revision } : current;
  }

  /** Everything that a resume relies on is there; what the machine's context holds is the actor's own business. */
  private checked(value: unknown): Envelope {
    if (typeof value !== 'object' || value === null) throw this.corrupt('not a snapshot');
    const envelope = value as Partial<Record<keyof Envelope, unknown>>;
    const { format, version } = envelope;
    if (typeof format !== 'number' || typeof version !== 'number') throw this.corrupt('not a snapshot');
    if (format !== FORMAT) throw this.refused(`stored as format ${format}, this program reads format ${FORMAT}`);
    const isRecord = (field: unknown): boolean => typeof field === 'object' && field !== null && !Array.isArray(field);
    const faults = [
      ...(Array.isArray(envelope.outbox) ? [] : ['outbox']),
      ...(Array.isArray(envelope.timers) ? [] : ['timers']),
      ...(isRecord(envelope.positions) ? [] : ['positions']),
      ...(Number.isSafeInteger(envelope.made) ? [] : ['made']),
      ...(Number.isSafeInteger(envelope.lineage) ? [] : ['lineage']),
      ...(envelope.value === undefined ? ['value'] : []),
    ];
    if (faults.length > 0) throw this.corrupt(`${faults.join(', ')}: missing or of the wrong kind`);
    return value as Envelope;
  }

  private migrated(envelope: Envelope): Envelope {
    let { version } = envelope;
    let stored = { value: envelope.value, context: envelope.context };
    if (version > this.version) {
      throw this.refused(
        `stored as version ${version} by a newer program, this one reads up to ${this.version}; run the newer program`,
      );
    }
    while (version < this.version) {
      const step = this.migrations.find(({ from }) => from === version);
      if (step === undefined || step.to <= version || step.to > this.version) {
        throw this.refused(
          `stored as version ${version}, and this program, which reads version ${this.version}, has no step from there`,
        );
      }
      try {
        stored = step.migrate(stored);
      } catch (thrown) {
        throw this.refused(`the step from version ${version} to ${step.to} failed: ${messageOf(thrown)}`, thrown);
      }
      version = step.to;
    }
    return { ...envelope, ...stored, version };
  }

  /** For a snapshot that cannot be gone on from; names the key and says what to do. */
  corrupt(what: string, cause?: unknown): TroupeError {
    const advice = `the actor does not start blank; restore it, or delete it: nats kv del snapshots ${this.key}`;
    return new TroupeError('SNAPSHOT_CORRUPT', `snapshots/${this.key}: ${what}; ${advice}`, { cause });
  }

  private refused(what: string, cause?: unknown): TroupeError {
    return new TroupeError('SNAPSHOT_VERSION', `snapshots/${this.key}: ${what}`, { cause });
  }

  encode(state: Committed): Uint8Array {
    const envelope: Envelope = { ...state, format: FORMAT, version: this.version };
    return this.writer === undefined ? encodeSnapshot(envelope) : this.writer.encode(envelope);
  }

  /**
   * Commits what `encode` gave; what it foretells is told, unless it is the very first. Throws BUS_CONFLICT when another
   * owner has committed since. Returns the revision.
   */
  async save(value: Uint8Array, foretold: readonly Uint8Array[] = []): Promise<number> {
    const { kv, key, revision } = this;
    this.saved = undefined;
    this.saving = revision === 0 ? kv.create(key, value) : kv.update(key, value, revision, foretold);
    try {
      this.revision = await this.saving;
    } finally {
      this.saving = undefined;
    }
    if (this.keeps) this.saved = { key, value, revision: this.revision };
    return this.revision;
  }

  /** What `save` has stored last, once one under way has come to its end; undefined: nothing, or nobody knows. */
  async lastSaved(): Promise<KvEntry | undefined> {
    await this.saving?.catch(() => undefined);
    return this.saved;
  }
}
