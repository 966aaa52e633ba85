/** The actors that run on this node, and what is asked of all of them. */
import type { SymbolContext } from '../actors/symbol/market.ts';
import { actorKey } from '../runtime/bus/topics.ts';
import type { Clock } from '../runtime/clock.ts';
import type { SupervisorEvent } from '../supervisors/spec.ts';
import type { Member } from './member.ts';
import type { PassedTicks } from './passed-ticks.ts';
import type { Planned } from './plan.ts';

/** Each says some ten messages. */
const FLUSHED_AT_ONCE = 128;
const FLUSH_AGAIN_MS = 1;
const FLUSH_MS = 1_000;
/** A few turns of the interpreter. */
const BACKLOG_EVENTS = 256;

export interface Placed {
  readonly planned: Planned;
  readonly member: Member;
}

export class Company {
  private readonly placed = new Map<string, Placed>();
  /** Those of `placed`, once somebody has asked: thousands come one after the other, and a list for each costs seconds. */
  private list: readonly Member[] | undefined;
  /** Who has failed and is to be started again. */
  private readonly missing = new Set<string>();
  /** Who has been given up, and stays down until an operator acts; with the cause. */
  private readonly down = new Map<string, string>();
  private passed: PassedTicks | undefined;

  /** Ticks that go past a symbol actor are counted from now on. */
  countPassed(passed: PassedTicks): void {
    this.passed = passed;
  }

  add(planned: Planned, member: Member): void {
    this.placed.set(actorKey(planned.kind, planned.id), { planned, member });
    this.list = undefined;
  }

  remove(kind: string, id: string): void {
    if (this.placed.delete(actorKey(kind, id))) this.list = undefined;
    this.missing.delete(actorKey(kind, id));
    this.down.delete(actorKey(kind, id));
    if (kind === 'symbol') this.passed?.up(id);
  }

  /** What its supervisor tells of an actor. */
  supervised({ kind, id, event, cause }: Pick<SupervisorEvent, 'kind' | 'id' | 'event' | 'cause'>): void {
    const key = actorKey(kind, id);
    this.missing.delete(key);
    this.down.delete(key);
    if (!this.placed.has(key)) return;
    if (event === 'failed') this.missing.add(key);
    else if (event === 'given_up') this.down.set(key, cause);
    if (kind !== 'symbol') return;
    if (event === 'given_up') this.passed?.down(id);
    else this.passed?.up(id);
  }

  /** Who stays down until an operator acts. */
  get failed(): { readonly kind: string; readonly id: string; readonly cause: string }[] {
    return [...this.down].map(([key, cause]) => {
      const { kind, id } = this.placed.get(key)!.planned;
      return { kind, id, cause };
    });
  }

  get size(): number {
    return this.placed.size;
  }

  get(kind: string, id: string): Placed | undefined {
    return this.placed.get(actorKey(kind, id));
  }

  /** In the order in which they came. */
  of(kind: string): Placed[] {
    return [...this.placed.values()].filter(({ planned }) => planned.kind === kind);
  }

  get all(): Iterable<Placed> {
    return this.placed.values();
  }

  /**
   * An actor has more waiting than it takes in a few turns, or is just being started again and then has: the company does
   * not keep up. One that stays down is not waited for.
   */
  get behind(): boolean {
    if (this.missing.size > 0) return true;
    // A loop over an array: this is asked up to a thousand times a second.
    for (const member of this.members) if (member.depth > BACKLOG_EVENTS && !this.isDown(member)) return true;
    return false;
  }

  /**
   * Ticks that a symbol actor of this node has applied, or that went past it for good; 0 where it does not run here. By
   * their numbers: one that was restarted reads some ticks again, and they count once.
   */
  ticksDone(symbol: string): number {
    const placed = this.get('symbol', symbol);
    if (placed === undefined) return 0;
    const context = placed.member.summary as SymbolContext | undefined;
    return this.passed?.count(symbol, context?.numbering) ?? context?.ticksApplied ?? 0;
  }

  /**
   * Closes every open bar: no more ticks will come. Some symbols after the other: ten thousand that speak in the same
   * moment keep the event loop from everything else for seconds, and their node loses its lease. Resolves when all have
   * been told; one that is held up is not waited for longer than `FLUSH_MS`.
   */
  async flush(clock: Clock): Promise<void> {
    const symbols = this.of('symbol').map(({ member }) => member);
    for (let at = 0; at < symbols.length; at += FLUSHED_AT_ONCE) {
      const some = symbols.slice(at, at + FLUSHED_AT_ONCE).filter((member) => !this.isDown(member));
      for (const member of some) member.tell({ type: 'control.flush' });
      const untilMs = clock.monotonicMs() + FLUSH_MS;
      const isBusy = async (): Promise<boolean> => {
        for (const member of some) if (!(await member.settled())) return true;
        return false;
      };
      const isLast = at + FLUSHED_AT_ONCE >= symbols.length;
      while (!isLast && clock.monotonicMs() < untilMs && (await isBusy())) await clock.sleep(FLUSH_AGAIN_MS);
    }
  }

  /** Nothing is under way in those that run. One that stays down will not take any more, and nobody can wait for it. */
  async settled(): Promise<boolean> {
    // Those on this thread answer at once; one that is busy makes the rest needless.
    for (const member of this.members) {
      if (this.isDown(member)) continue;
      if (!(await member.settled())) return false;
    }
    return true;
  }

  private isDown({ kind, id }: Member): boolean {
    return this.down.size > 0 && this.down.has(actorKey(kind, id));
  }

  private get members(): readonly Member[] {
    this.list ??= [...this.placed.values()].map(({ member }) => member);
    return this.list;
  }
}
