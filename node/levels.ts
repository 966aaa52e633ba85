/**
 * What the world may know of each actor at any time: KV `actors` holds the level (who owns it, its state, since when),
 * `sys.lifecycle.<kind>.<id>` the edges.
 */
import type { Bus, KeyValue } from '../runtime/bus/bus.ts';
import type { Layout } from '../runtime/bus/topics.ts';
import { actorKey, topics } from '../runtime/bus/topics.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/telemetry/log.ts';
import type { SupervisorEvent } from '../supervisors/supervisor.ts';

/**
 * A state that changes faster is written this often, and so is a description that changes by itself: a price does so all
 * day long, for hundreds of symbols. The last value always arrives.
 */
const STATE_MS = 250;
const DETAIL_MS = 2_000;

interface Level {
  kind: string;
  id: string;
  state: string;
  detail: string;
  restarts: number;
  sinceMs: number;
  writtenMs: number;
  /** When it is to be written, while `cancel` is there. */
  dueMs: number;
  cancel: (() => void) | undefined;
}

export interface LevelsOptions {
  readonly node: string;
  readonly bus: Bus;
  readonly actors: KeyValue;
  readonly clock: Clock;
  readonly log: Logger;
  readonly layout: Layout;
}

export class Levels {
  private readonly levels = new Map<string, Level>();
  private readonly o: LevelsOptions;
  private edges = 0;
  private readonly writing = new Set<Promise<unknown>>();
  private killed = false;

  constructor(options: LevelsOptions) {
    this.o = options;
  }

  get(kind: string, id: string): { state: string; detail: string } {
    return this.levels.get(actorKey(kind, id)) ?? { state: '', detail: '' };
  }

  /**
   * Claims the actor for this node. The revision is the fence of what it does from now on: later claims have higher
   * ones.
   */
  async claim(kind: string, id: string): Promise<number> {
    const level = this.level(kind, id);
    return this.o.actors.put(actorKey(kind, id), this.encode(level));
  }

  state(kind: string, id: string, state: string, detail: string): void {
    const level = this.level(kind, id);
    const isNew = level.state !== state;
    if (isNew) level.sinceMs = this.o.clock.nowMs();
    level.state = state;
    level.detail = detail;
    this.write(level, isNew ? STATE_MS : DETAIL_MS);
  }

  edge(event: SupervisorEvent): void {
    if (this.killed) return;
    const { kind, id } = event;
    const level = this.level(kind, id);
    if (event.event === 'restarted') level.restarts++;
    if (event.event !== 'started' && event.event !== 'restarted') level.state = event.event;
    level.sinceMs = this.o.clock.nowMs();
    this.write(level, STATE_MS);
    this.keep(
      this.o.bus.publish({
        subject: topics.lifecycle.subject({ kind, id }, this.o.layout),
        messageId: `${this.o.node}.${this.o.clock.nowUs()}.${++this.edges}`,
        data: topics.lifecycle.encode({
          kind,
          id,
          event: event.event,
          cause: event.cause,
          attempt: event.attempt,
          remainingBudget: event.remaining,
          node: this.o.node,
          timeMs: this.o.clock.nowMs(),
        }),
      }),
    );
  }

  /** Nothing is written any more. */
  kill(): void {
    this.killed = true;
    for (const level of this.levels.values()) level.cancel?.();
  }

  /** Resolves when everything has been written. */
  async flush(): Promise<void> {
    for (const level of this.levels.values()) {
      if (level.cancel === undefined) continue;
      level.cancel();
      this.put(level);
    }
    await Promise.all(this.writing);
  }

  private level(kind: string, id: string): Level {
    const key = actorKey(kind, id);
    let level = this.levels.get(key);
    if (level === undefined) {
      const sinceMs = this.o.clock.nowMs();
      level = {
        ...{ kind, id, state: 'starting', detail: '', restarts: 0, sinceMs },
        ...{ writtenMs: 0, dueMs: 0, cancel: undefined },
      };
      this.levels.set(key, level);
    }
    return level;
  }

  /** Not sooner than `shortestMs` after the last time. */
  private write(level: Level, shortestMs: number): void {
    if (this.killed) return;
    const nowMs = this.o.clock.nowMs();
    const dueMs = Math.max(nowMs, level.writtenMs + shortestMs);
    if (level.cancel !== undefined) {
      if (level.dueMs <= dueMs) return;
      level.cancel();
      level.cancel = undefined;
    }
    if (dueMs === nowMs) this.put(level);
    else {
      level.dueMs = dueMs;
      level.cancel = this.o.clock.setTimer(dueMs - nowMs, () => this.put(level));
    }
  }

  private put(level: Level): void {
    level.cancel = undefined;
    level.writtenMs = this.o.clock.nowMs();
    this.keep(this.o.actors.put(actorKey(level.kind, level.id), this.encode(level)));
  }

  private keep(work: Promise<unknown>): void {
    const kept: Promise<unknown> = work
      .catch((error: unknown) => this.o.log.warn({ err: error }, 'the level of an actor could not be written'))
      .finally(() => this.writing.delete(kept));
    this.writing.add(kept);
  }

  private encode(level: Level): Uint8Array {
    const { kind, id, state, detail, restarts, sinceMs } = level;
    const { node } = this.o;
    return new TextEncoder().encode(JSON.stringify({ kind, id, node, state, detail, restarts, sinceMs }));
  }
}
