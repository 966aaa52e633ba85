/** What one watched actor tells: XState's inspection events as JSON, bounded in size and in time. */
import type { Bus } from '../bus/bus.ts';
import { inspectSubject } from '../bus/topics.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Machine, MachineEvent, Snapshot, Step } from '../xstate.ts';
import { microsteps, stateName } from '../xstate.ts';
import { shown } from './data.ts';

/** An actor that can be watched: an interpreter, a supervisor. */
export interface Inspectable {
  readonly kind: string;
  readonly id: string;
  readonly machine: Machine;
  readonly current: Snapshot;
  /** One short line for a person; stands for a context that is too large to be shown. */
  describe(snapshot: Snapshot): string;
  /** Set while somebody watches. */
  watch: Watch | undefined;
}

export interface Telling {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly node: string;
  readonly savings: Savings;
}

/** Longest message, bytes. */
export const MOST_BYTES = 32 * 1024;
/** Steps without a change of state that are shown of one actor, per second: what a person can follow. */
const MOST_STEPS_PER_S = 20;

/**
 * Time that showing steps of no consequence may take, as a share of all time and for all actors of a node together.
 * What is spent on changes of state, which are always shown, is taken from the same savings.
 */
export class Savings {
  private static readonly SHARE = 0.02;
  /** A quiet actor's burst is shown whole. */
  private static readonly MOST_MS = 5;
  private ms = Savings.MOST_MS;
  private atMs = 0;

  has(nowMs: number): boolean {
    this.ms = Math.min(Savings.MOST_MS, this.ms + Math.max(0, nowMs - this.atMs) * Savings.SHARE);
    this.atMs = nowMs;
    return this.ms > 0;
  }

  spend(ms: number): void {
    this.ms -= ms;
  }
}

const utf8 = new TextEncoder();

/** Short: most of the time nobody hears it. */
export function greeting(actor: Inspectable, { clock, node }: Pick<Telling, 'clock' | 'node'>): Uint8Array {
  const { status, value } = actor.current;
  const message = { type: '@xstate.actor', ...about(actor, clock, node), snapshot: { status, value } };
  return utf8.encode(JSON.stringify(message));
}

export const subjectOf = ({ kind, id }: Inspectable): string => inspectSubject(kind, id);

function about({ kind, id }: Inspectable, clock: Clock, node: string): object {
  const sessionId = `${kind}.${id}`;
  const actorRef = { id, sessionId };
  return { rootId: sessionId, actorRef, sessionId, createdAt: String(clock.nowMs()), node };
}

export class Watch {
  private readonly actor: Inspectable;
  private readonly to: Telling;
  private shownAtMs = Number.NEGATIVE_INFINITY;
  private skipped = 0;

  /** Shows the whole snapshot as it is now. */
  constructor(actor: Inspectable, telling: Telling) {
    this.actor = actor;
    this.to = telling;
    this.guarded(() => this.say(this.snapshotOf({ type: 'xstate.init' }, actor.current)));
  }

  /** Never throws: watching must not harm who is watched. */
  stepped(before: Snapshot, event: MachineEvent, next: Step): void {
    const { clock, savings } = this.to;
    const sinceMs = clock.monotonicMs();
    const same = before.value === next.snapshot.value || stateName(before) === stateName(next.snapshot);
    if (same && !event.type.startsWith('control.')) {
      if (sinceMs - this.shownAtMs < 1_000 / MOST_STEPS_PER_S || !savings.has(sinceMs)) {
        this.skipped++;
        return;
      }
    }
    this.shownAtMs = sinceMs;
    this.guarded(() => this.tell(before, event, next, same));
    savings.spend(clock.monotonicMs() - sinceMs);
  }

  /** The machine or an effect threw: the actor ends. */
  failed(error: unknown): void {
    this.guarded(() => {
      const { value } = this.actor.current;
      const snapshot = { status: 'error', value, error: shown(error)?.value };
      this.say({ type: '@xstate.snapshot', event: { type: 'xstate.error' }, snapshot });
    });
  }

  private tell(before: Snapshot, event: MachineEvent, next: Step, same: boolean): void {
    const heard = eventOf(event);
    this.say({ type: '@xstate.event', event: heard, ...(this.skipped === 0 ? {} : { skipped: this.skipped }) });
    this.skipped = 0;
    if (!same) {
      for (const { event: cause, snapshot, transitions } of microsteps(this.actor.machine, before, event)) {
        const { status, value } = snapshot;
        const micro = { event: eventOf(cause), snapshot: { status, value }, _transitions: transitions };
        this.say({ type: '@xstate.microstep', ...micro });
      }
    }
    for (const { type, params } of next.effects) {
      this.say({ type: '@xstate.action', action: { type, params: shown(params)?.value ?? '(too large)' } });
    }
    this.say(this.snapshotOf(heard, next.snapshot));
  }

  private snapshotOf(event: unknown, snapshot: Snapshot): Record<string, unknown> {
    const { status, value } = snapshot;
    const context = shown(snapshot.context);
    const rest = context === undefined ? this.cut(snapshot) : { context: context.value };
    return { type: '@xstate.snapshot', event, snapshot: { status, value, ...rest } };
  }

  /** Instead of a context that is too large for one message. */
  private cut(snapshot: Snapshot): object {
    return { description: this.actor.describe(snapshot), cut: 'the context is too large to be shown' };
  }

  private say(message: Record<string, unknown>): void {
    const { bus, clock, node } = this.to;
    const { type, ...rest } = message;
    const head = { type, ...about(this.actor, clock, node) };
    let data = utf8.encode(JSON.stringify({ ...head, ...rest }));
    if (data.length > MOST_BYTES) {
      const { status, value } = this.actor.current;
      const snapshot = { status, value, ...this.cut(this.actor.current) };
      data = utf8.encode(JSON.stringify({ ...head, snapshot }));
    }
    bus.send(subjectOf(this.actor), data);
  }

  private guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      const { kind, id } = this.actor;
      this.to.log.debug({ err: error, kind, id }, 'a step could not be shown');
    }
  }
}

/** An event that is too large keeps its type. */
const eventOf = (event: MachineEvent): unknown => shown(event)?.value ?? { type: event.type, cut: 'too large' };
