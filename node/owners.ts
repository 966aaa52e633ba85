/**
 * Who owns each actor, as KV `actors` says. It is watched only while something has to be claimed or handed over: the
 * levels of a large company change thousands of times a second, and in quiet times nobody needs to hear all of them.
 */
import type { KeyValue, KvEntry } from '../runtime/bus/bus.ts';
import type { LevelValue } from './levels.ts';
import { parseLevel } from './levels.ts';

export interface Owner {
  /** 0: the key does not exist. */
  readonly revision: number;
  /** Undefined: nobody's, or nothing that can be read. */
  readonly level: LevelValue | undefined;
}

const NOBODY: Owner = { revision: 0, level: undefined };

export class Owners {
  private readonly actors: KeyValue;
  private readonly onChange: (key: string) => void;
  private readonly entries = new Map<string, KvEntry>();
  private stopWatching: (() => Promise<void>) | undefined;
  private opening: Promise<void> | undefined;
  private wanted = false;

  constructor(actors: KeyValue, onChange: (key: string) => void = () => undefined) {
    this.actors = actors;
    this.onChange = onChange;
  }

  /** Resolves when the owner of everything is known; from then on changes are heard. */
  open(): Promise<void> {
    this.wanted = true;
    this.opening ??= (async () => {
      const stop = await this.actors.watch('>', (entry) => {
        if (!this.wanted) return;
        if ('deleted' in entry) this.entries.delete(entry.key);
        else this.entries.set(entry.key, entry);
        this.onChange(entry.key);
      });
      this.stopWatching = stop;
      if (!this.wanted) await this.close();
    })().catch((error: unknown) => {
      this.opening = undefined;
      throw error;
    });
    return this.opening;
  }

  /** Key as of `actorKey`. Only what was heard since `open`. */
  of(key: string): Owner {
    const entry = this.entries.get(key);
    return entry === undefined ? NOBODY : { revision: entry.revision, level: parseLevel(entry) };
  }

  async close(): Promise<void> {
    this.wanted = false;
    this.entries.clear();
    const stop = this.stopWatching;
    if (stop === undefined) return;
    this.stopWatching = undefined;
    this.opening = undefined;
    await stop();
  }
}
