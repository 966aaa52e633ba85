/**
 * What the world may know of each actor at any time: KV `actors` holds the level (who owns it, its state, since when),
 * `sys.lifecycle.<kind>.<id>` the edges.
 *
 * The level is also the claim: it is only ever written by compare-and-set on what this node itself wrote last, so a
 * write that finds another's value means that the actor is somebody else's. One write at a time per actor; the last
 * value always arrives.
 */
import type { Bus, KeyValue, KvEntry } from '../runtime/bus/bus.ts';
import type { Layout } from '../runtime/bus/topics.ts';
import { actorKey, topics } from '../runtime/bus/topics.ts';
import type { Clock } from '../runtime/clock.ts';
import { messageOf, TroupeError } from '../runtime/errors.ts';
import { isConflict } from '../runtime/lease.ts';
import type { FailedInputs } from '../runtime/poison.ts';
import { NO_FAILED_INPUTS } from '../runtime/poison.ts';
import type { Logger } from '../runtime/telemetry/log.ts';
import type { SupervisorEvent } from '../supervisors/supervisor.ts';

/**
 * A state that changes faster is written this often, and so is a description that changes by itself: a price does so all
 * day long, for hundreds of symbols.
 */
const STATE_MS = 250;
const DETAIL_MS = 2_000;
/** After a write that failed because the store was away. */
const AGAIN_MS = 1_000;

/** What KV `actors` says of an actor. */
export interface LevelValue {
  readonly kind: string;
  readonly id: string;
  /** Empty: nobody's. */
  readonly node: string;
  /** The run of the node that owns it. */
  readonly instance: string;
  readonly state: string;
  readonly detail: string;
  readonly restarts: number;
  readonly sinceMs: number;
  /** Inputs at which it has failed and that it has not got past; absent where there are none. */
  readonly failedInputs?: FailedInputs;
}

/** Undefined where the bytes are no level. */
export function parseLevel({ value }: KvEntry): LevelValue | undefined {
  try {
    const level = JSON.parse(new TextDecoder().decode(value)) as LevelValue;
    return typeof level.node === 'string' ? level : undefined;
  } catch {
    return undefined;
  }
}

const RELEASED = 'released';

/** The node that gave the actor up; undefined where nobody did. */
export function givenBy({ state, detail }: LevelValue): string | undefined {
  return state === RELEASED && detail.startsWith('by ') ? detail.slice('by '.length) : undefined;
}

interface Level {
  readonly kind: string;
  readonly id: string;
  readonly key: string;
  state: string;
  detail: string;
  restarts: number;
  failedInputs: FailedInputs;
  sinceMs: number;
  writtenMs: number;
  /** When it is to be written, while `cancel` is there. */
  dueMs: number;
  cancel: (() => void) | undefined;
  /** Of this node's last write; 0 while the actor is not claimed. */
  revision: number;
  /** The outcome of the last write is not known. */
  doubtful: boolean;
  /** What a claim was made over (0: nothing) of which nobody knows whether it was stored, or still will be. */
  over: number | undefined;
  writing: Promise<void> | undefined;
  /** It has changed since the write that is under way was made. */
  stale: boolean;
}

export interface LevelsOptions {
  readonly node: string;
  readonly instance: string;
  readonly bus: Bus;
  readonly actors: KeyValue;
  readonly clock: Clock;
  readonly log: Logger;
  readonly layout: Layout;
  /** An event is told. */
  readonly onTold?: (kind: string, event: string) => void;
  /** The claim on an actor is lost: it must stop at once. */
  readonly onFenced: (kind: string, id: string, error: TroupeError) => void;
}

/** One event on `sys.lifecycle`. */
export interface Edge {
  readonly kind: string;
  readonly id: string;
  readonly event: string;
  readonly cause: string;
  readonly attempt?: number;
  readonly remaining?: number;
}

export class Levels {
  private readonly levels = new Map<string, Level>();
  private readonly o: LevelsOptions;
  private edges = 0;
  private readonly telling = new Set<Promise<unknown>>();
  private killed = false;
  private flushed = false;

  constructor(options: LevelsOptions) {
    this.o = options;
  }

  get(kind: string, id: string): { state: string; detail: string } {
    return this.levels.get(actorKey(kind, id)) ?? { state: '', detail: '' };
  }

  holds(kind: string, id: string): boolean {
    return (this.levels.get(actorKey(kind, id))?.revision ?? 0) > 0;
  }

  /**
   * Claims the actor, over what stands at `revision` (0: nothing) and says at which inputs it has failed. Resolves to
   * the claim's own revision: the fence of what the actor does from now on, because later claims have higher ones.
   * Throws BUS_CONFLICT when somebody was faster.
   */
  async claim(kind: string, id: string, revision: number, failed = NO_FAILED_INPUTS): Promise<number> {
    const level = this.level(kind, id);
    level.failedInputs = failed;
    level.state = 'starting';
    level.detail = '';
    level.sinceMs = this.o.clock.nowMs();
    level.writtenMs = level.sinceMs;
    const value = this.encode(level, this.o.node);
    const { actors } = this.o;
    level.over = revision;
    try {
      level.revision =
        revision === 0 ? await actors.create(level.key, value) : await actors.update(level.key, value, revision);
    } catch (error) {
      if (isConflict(error)) level.over = undefined;
      else level.doubtful = true;
      throw error;
    }
    level.doubtful = false;
    level.over = undefined;
    return level.revision;
  }

  /** Whether the actor is claimed by this node, or may be: a claim's answer was lost. */
  mayHold(kind: string, id: string): boolean {
    const level = this.levels.get(actorKey(kind, id));
    return level !== undefined && (level.revision > 0 || level.doubtful);
  }

  /** Claims again what is held, which raises the fence. Throws FENCED where it is not held any more. */
  async renew(kind: string, id: string): Promise<number> {
    const level = this.level(kind, id);
    level.cancel?.();
    await this.put(level);
    if (level.revision === 0 || level.doubtful) {
      const why = level.revision === 0 ? 'is not this node’s any more' : 'cannot be claimed: the store is away';
      throw new TroupeError(level.revision === 0 ? 'FENCED' : 'BUS_UNAVAILABLE', `${kind} ${id} ${why}`);
    }
    return level.revision;
  }

  /**
   * Gives the claim back, where it is this node's still; nothing of the actor may run any more. What the store does not
   * take at once is given back later: for the others this node lives, and until then the actor would run nowhere.
   */
  async release(kind: string, id: string): Promise<void> {
    const level = this.levels.get(actorKey(kind, id));
    if (level === undefined) return;
    this.levels.delete(level.key);
    level.cancel?.();
    level.stale = false;
    while (level.writing !== undefined) await level.writing;
    if ((level.revision === 0 && !level.doubtful) || this.killed) return;
    level.state = RELEASED;
    level.detail = `by ${this.o.node}`;
    level.sinceMs = this.o.clock.nowMs();
    await this.giveBack(level);
  }

  /** Held, or about to be. What a supervisor still tells of an actor that was given up makes a level, and no claim. */
  private isWanted(key: string): boolean {
    const level = this.levels.get(key);
    return level !== undefined && (level.revision > 0 || level.doubtful || level.over !== undefined);
  }

  private async giveBack(level: Level): Promise<void> {
    if (this.killed || this.flushed) return;
    try {
      if (level.doubtful) await this.clear(level);
      // A claim that is still on its way is forestalled: it finds this where it wants what it was made over.
      const revision = level.revision > 0 ? level.revision : level.over;
      // Claimed anew meanwhile, or somebody else's.
      if (this.isWanted(level.key) || revision === undefined) return;
      const value = this.encode(level, '');
      if (revision === 0) await this.o.actors.create(level.key, value);
      else await this.o.actors.update(level.key, value, revision);
    } catch (error) {
      this.o.log.warn({ key: level.key, error: messageOf(error) }, 'a claim could not be given back');
      if (isConflict(error) && level.over === undefined) return;
      level.doubtful = true;
      this.o.clock.setTimer(AGAIN_MS, () => void this.giveBack(level));
    }
  }

  failedInputs(kind: string, id: string): FailedInputs {
    return this.levels.get(actorKey(kind, id))?.failedInputs ?? NO_FAILED_INPUTS;
  }

  /** Written at once: whoever takes the actor over goes on counting, and the next failure may end this node. */
  failed(kind: string, id: string, failed: FailedInputs): void {
    const level = this.levels.get(actorKey(kind, id));
    if (level === undefined || level.revision === 0) return;
    level.failedInputs = failed;
    level.cancel?.();
    void this.put(level);
  }

  state(kind: string, id: string, state: string, detail: string): void {
    const level = this.level(kind, id);
    const isNew = level.state !== state;
    if (isNew) level.sinceMs = this.o.clock.nowMs();
    level.state = state;
    level.detail = detail;
    this.write(level, isNew ? STATE_MS : DETAIL_MS);
  }

  /** What a supervisor says of its child, as an edge and as the level. */
  edge(event: SupervisorEvent): void {
    if (this.killed) return;
    const { kind, id } = event;
    this.tell(event);
    const level = this.level(kind, id);
    if (event.event === 'restarted') level.restarts++;
    if (event.event === 'given_up') {
      // Nothing of it runs that could say how it is.
      level.state = 'failed';
      level.detail = `given up: ${event.cause}`;
    } else if (event.event !== 'started' && event.event !== 'restarted') level.state = event.event;
    level.sinceMs = this.o.clock.nowMs();
    this.write(level, STATE_MS);
  }

  /** One event on `sys.lifecycle.<kind>.<id>`. */
  tell({ kind, id, event, cause, attempt = 0, remaining = 0 }: Edge): void {
    if (this.killed) return;
    const { node, instance, bus, clock, log, layout } = this.o;
    this.o.onTold?.(kind, event);
    const told: Promise<unknown> = bus
      .publish({
        subject: topics.lifecycle.subject({ kind, id }, layout),
        messageId: `${node}.${instance}.${++this.edges}`,
        data: topics.lifecycle.encode({
          ...{ kind, id, event, cause, attempt, remainingBudget: remaining, node },
          timeMs: clock.nowMs(),
        }),
      })
      .catch((error: unknown) => log.warn({ err: error }, 'a lifecycle event could not be written'))
      .finally(() => this.telling.delete(told));
    this.telling.add(told);
  }

  /** Resolves when the events so far have been written. */
  async told(): Promise<void> {
    await Promise.all(this.telling);
  }

  /** Nothing is written any more. */
  kill(): void {
    this.killed = true;
    for (const level of this.levels.values()) level.cancel?.();
  }

  /** The last word: resolves when everything has been written. */
  async flush(): Promise<void> {
    this.flushed = true;
    const writes = [...this.levels.values()].map((level) => {
      if (level.cancel === undefined) return level.writing;
      level.cancel();
      return this.put(level);
    });
    await Promise.all([...writes, ...this.telling]);
  }

  private level(kind: string, id: string): Level {
    const key = actorKey(kind, id);
    let level = this.levels.get(key);
    if (level === undefined) {
      const sinceMs = this.o.clock.nowMs();
      level = {
        ...{ kind, id, key, state: 'starting', detail: '', restarts: 0, sinceMs, failedInputs: NO_FAILED_INPUTS },
        ...{ writtenMs: 0, dueMs: 0, cancel: undefined },
        ...{ revision: 0, doubtful: false, over: undefined, writing: undefined, stale: false },
      };
      this.levels.set(key, level);
    }
    return level;
  }

  /** Not sooner than `shortestMs` after the last time. */
  private write(level: Level, shortestMs: number): void {
    if (this.killed || level.revision === 0) return;
    if (level.writing !== undefined) {
      level.stale = true;
      return;
    }
    const nowMs = this.o.clock.nowMs();
    const dueMs = Math.max(nowMs, level.writtenMs + shortestMs);
    if (level.cancel !== undefined) {
      if (level.dueMs <= dueMs) return;
      level.cancel();
      level.cancel = undefined;
    }
    if (dueMs === nowMs) void this.put(level);
    else this.later(level, dueMs - nowMs);
  }

  private later(level: Level, delayMs: number): void {
    level.dueMs = this.o.clock.nowMs() + delayMs;
    level.cancel = this.o.clock.setTimer(delayMs, () => void this.put(level));
  }

  /** Resolves when what it is now has been written, or could not be. */
  private async put(level: Level): Promise<void> {
    level.cancel = undefined;
    while (level.writing !== undefined) await level.writing;
    if (level.revision === 0 || this.killed) return;
    level.writtenMs = this.o.clock.nowMs();
    level.stale = false;
    level.writing = this.store(level);
    await level.writing;
  }

  private async store(level: Level): Promise<void> {
    let failed = false;
    try {
      if (level.doubtful) await this.clear(level);
      if (level.revision === 0) return;
      const { actors, node } = this.o;
      level.revision = await actors.update(level.key, this.encode(level, node), level.revision);
    } catch (error) {
      level.doubtful = true;
      failed = !isConflict(error);
      if (failed) this.o.log.warn({ key: level.key, error: messageOf(error) }, 'the level could not be written');
    } finally {
      level.writing = undefined;
    }
    if (this.killed || this.levels.get(level.key) !== level || level.cancel !== undefined) return;
    if (level.doubtful) this.later(level, failed ? AGAIN_MS : 0);
    else if (level.stale) this.write(level, STATE_MS);
  }

  /**
   * Whether a write whose outcome is not known was stored, and whether the claim stands: the store tells. An answer that
   * was lost must not look like a lost claim.
   */
  private async clear(level: Level): Promise<void> {
    const entry = await this.o.actors.get(level.key);
    const owner = entry && parseLevel(entry);
    if ((entry?.revision ?? 0) !== level.over) level.over = undefined;
    if (entry !== undefined && owner?.node === this.o.node && owner.instance === this.o.instance) {
      level.revision = entry.revision;
      level.doubtful = false;
      return;
    }
    level.revision = 0;
    level.doubtful = false;
    const { kind, id } = level;
    const whose = owner === undefined || owner.node === '' ? 'nobody' : `${owner.node} (${owner.instance})`;
    this.o.onFenced(kind, id, new TroupeError('FENCED', `${kind} ${id} is claimed by ${whose} now`));
  }

  private encode(level: Level, node: string): Uint8Array {
    const { kind, id, state, detail, restarts, sinceMs, failedInputs } = level;
    const instance = node === '' ? '' : this.o.instance;
    const value: LevelValue = {
      ...{ kind, id, node, instance, state, detail, restarts, sinceMs },
      ...(Object.keys(failedInputs).length === 0 ? {} : { failedInputs }),
    };
    return new TextEncoder().encode(JSON.stringify(value));
  }
}
