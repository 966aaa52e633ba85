/** One bucket in memory: revisions, compare-and-set, lifetimes and watching as NATS has them. */
import type { Clock } from '../clock.ts';
import { messageOf, TroupeError } from '../errors.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Bus, KeyValue, KvEntry } from './bus.ts';
import { checkKey } from './keys.ts';
import { matchesSubject } from './subjects.ts';
import { aheadSubject } from './topics.ts';

export type KvChange = KvEntry | { key: string; deleted: true };

/** `listen` of a bucket where what is foretold is sent like any other message. */
export const listenBy =
  (serve: Bus['serve']): KeyValue['listen'] =>
  (filter, hear) =>
    serve(aheadSubject(filter), async (foretold, subject) => {
      hear(foretold, subject.slice(aheadSubject('').length));
      return undefined;
    });

interface Cell {
  readonly value: Uint8Array | undefined;
  readonly revision: number;
  readonly atMs: number;
}

export class MemoryBucket {
  private readonly clock: Clock;
  private readonly log: Logger;
  private readonly ttlMs: number;
  /** Last sequence of the bucket's stream: revisions count over all keys. */
  private sequence = 0;
  private readonly cells = new Map<string, Cell>();
  private readonly watchers = new Set<(change: KvChange) => void>();

  constructor(clock: Clock, log: Logger, ttlMs: number) {
    this.clock = clock;
    this.log = log;
    this.ttlMs = ttlMs;
  }

  get(key: string): KvEntry | undefined {
    const cell = this.cell(key);
    return cell?.value && { key, value: cell.value.slice(), revision: cell.revision };
  }

  create(key: string, value: Uint8Array): number {
    const cell = this.cell(key);
    if (cell?.value) throw conflict(key, 0, cell.revision);
    return this.store(key, value);
  }

  update(key: string, value: Uint8Array, revision: number): number {
    if (!Number.isSafeInteger(revision) || revision < 1)
      throw new RangeError(`revision ${revision}: a whole number from 1`);
    const last = this.cell(key)?.revision ?? 0;
    if (last !== revision) throw conflict(key, revision, last);
    return this.store(key, value);
  }

  put(key: string, value: Uint8Array): number {
    checkKey(key);
    return this.store(key, value);
  }

  delete(key: string, revision?: number): void {
    const last = this.cell(key)?.revision ?? 0;
    if (revision !== undefined && last !== revision) throw conflict(key, revision, last);
    this.store(key, undefined);
  }

  /** Resolves when all entries that were there have been handed out. */
  async watch(filter: string, onEntry: (change: KvChange) => void): Promise<() => void> {
    const queue: KvChange[] = [];
    for (const key of [...this.cells.keys()]) {
      const entry = matchesSubject(filter, key) ? this.get(key) : undefined;
      if (entry) queue.push(entry);
    }
    queue.sort((a, b) => (a as KvEntry).revision - (b as KvEntry).revision);
    let stopped = false;
    let running: Promise<void> | undefined;
    const run = async (): Promise<void> => {
      await Promise.resolve(); // never on the writer's stack
      for (let change = queue.shift(); change && !stopped; change = queue.shift()) {
        try {
          onEntry(change);
        } catch (error) {
          this.log.error({ key: change.key, error: messageOf(error) }, 'a watcher threw');
        }
      }
      running = undefined;
    };
    const hear = (change: KvChange): void => {
      if (!matchesSubject(filter, change.key)) return;
      queue.push(change);
      running ??= run();
    };
    this.watchers.add(hear);
    running = run();
    await running;
    return () => {
      stopped = true;
      this.watchers.delete(hear);
    };
  }

  private cell(key: string): Cell | undefined {
    checkKey(key);
    const cell = this.cells.get(key);
    if (cell && this.ttlMs > 0 && this.clock.nowMs() - cell.atMs >= this.ttlMs) {
      this.cells.delete(key);
      return undefined;
    }
    return cell;
  }

  private store(key: string, value: Uint8Array | undefined): number {
    const revision = ++this.sequence;
    const copy = value?.slice();
    this.cells.set(key, { value: copy, revision, atMs: this.clock.nowMs() });
    const change: KvChange = copy ? { key, value: copy.slice(), revision } : { key, deleted: true };
    for (const hear of this.watchers) hear(change);
    return revision;
  }
}

function conflict(key: string, expected: number, last: number): TroupeError {
  return new TroupeError('BUS_CONFLICT', `${key}: expected revision ${expected}, found ${last}`);
}
