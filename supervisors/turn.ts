/** One event's changes to a supervisor's context, and the effects it asks for. From outside the whole turn is pure. */
import type { ChildState, Count, GivenUp, SupervisorContext } from './context.ts';
import { remaining } from './policy.ts';
import { drop, find, first, last, put } from './roster.ts';
import type { Removal, SupervisorEvent } from './spec.ts';

/** What the shell does for the machine. `ref` names the child, `run` the instance. */
export type SupervisorEffect =
  | { readonly type: 'start'; readonly params: { readonly ref: number; readonly run: number } }
  | { readonly type: 'stop'; readonly params: { readonly ref: number; readonly run: number } }
  | { readonly type: 'kill'; readonly params: { readonly ref: number; readonly run: number } }
  | { readonly type: 'arm'; readonly params: { readonly ref: number; readonly delayMs: number } }
  | { readonly type: 'disarm'; readonly params: { readonly ref: number } }
  | { readonly type: 'tell'; readonly params: SupervisorEvent }
  | {
      readonly type: 'removed';
      readonly params: { readonly ref: number; readonly reason: Removal; readonly cause: string };
    }
  | { readonly type: 'giveUp'; readonly params: GivenUp & { readonly ref: number } };

const countsOf = (child: ChildState): readonly Count[] => {
  const { phase, after, fresh } = child;
  const counts: Count[] = [phase];
  const starts = phase === 'waiting' || phase === 'starting' || phase === 'backoff' || after === 'start';
  if (starts) counts.push(fresh ? 'first' : 'again');
  if (after !== undefined && phase !== 'stopping') counts.push('marked');
  return counts;
};

/** The children who start next to each other. */
export const sideBySide = ({ strategy }: SupervisorContext): boolean =>
  strategy === 'pool' || strategy === 'one_for_one';

export class Turn {
  readonly effects: SupervisorEffect[] = [];
  private c: SupervisorContext;
  private readonly counts: Record<Count, number>;

  constructor(context: SupervisorContext) {
    this.c = context;
    this.counts = { ...context.counts };
  }

  get context(): SupervisorContext {
    return this.c;
  }

  finish(): { readonly context: SupervisorContext; readonly effects: readonly SupervisorEffect[] } {
    return { context: { ...this.c, counts: this.counts }, effects: this.effects };
  }

  /** Children are to run. */
  get active(): boolean {
    return this.c.wanted === 'up' && this.c.givenUp === undefined;
  }

  count(count: Count): number {
    return this.counts[count];
  }

  child(ref: number): ChildState | undefined {
    return find(this.c.roster, ref);
  }

  first(fits: (child: ChildState) => boolean): ChildState | undefined {
    return first(this.c.roster, fits);
  }

  last(fits: (child: ChildState) => boolean): ChildState | undefined {
    return last(this.c.roster, fits);
  }

  /** All of them, as they are now: changing them while walking is safe. */
  *children(): Iterable<ChildState> {
    for (const chunk of this.c.roster) yield* chunk;
  }

  change(change: Partial<Omit<SupervisorContext, 'roster' | 'counts'>>): void {
    this.c = { ...this.c, ...change };
  }

  add(child: ChildState): void {
    this.c = { ...this.c, roster: put(this.c.roster, child) };
    for (const count of countsOf(child)) this.counts[count]++;
  }

  update(child: ChildState, change: Partial<ChildState>): ChildState {
    const next = { ...child, ...change };
    for (const count of countsOf(child)) this.counts[count]--;
    for (const count of countsOf(next)) this.counts[count]++;
    this.c = { ...this.c, roster: put(this.c.roster, next) };
    return next;
  }

  drop(child: ChildState, reason: Removal, cause: string): void {
    for (const count of countsOf(child)) this.counts[count]--;
    this.c = { ...this.c, roster: drop(this.c.roster, child.ref) };
    this.effects.push({ type: 'removed', params: { ref: child.ref, reason, cause } });
  }

  start(child: ChildState): void {
    const { ref, run } = this.update(child, { phase: 'starting', run: child.run + 1 });
    this.effects.push({ type: 'start', params: { ref, run } });
  }

  stop(child: ChildState): void {
    const { ref, run } = this.update(child, { phase: 'stopping' });
    this.effects.push({ type: 'stop', params: { ref, run } });
  }

  /** The child's restart timer goes, if it has one. */
  disarm(child: ChildState): void {
    if (child.phase === 'backoff') this.effects.push({ type: 'disarm', params: { ref: child.ref } });
  }

  tell(child: ChildState, event: SupervisorEvent['event'], cause: string): void {
    const { kind, id, failuresMs, onBudgetSpent } = child;
    const own = remaining(failuresMs.length, this.c.childBudget);
    const shared = remaining(this.c.failuresMs.length, this.c.budget);
    const left = event === 'given_up' ? 0 : onBudgetSpent === 'leave' ? own : Math.min(own, shared);
    this.effects.push({
      type: 'tell',
      params: { kind, id, event, cause, attempt: failuresMs.length, remaining: left },
    });
  }

  tellOfSupervisor(event: 'escalated', cause: string): void {
    const attempt = this.c.failuresMs.length;
    this.effects.push({
      type: 'tell',
      params: { kind: 'supervisor', id: this.c.id, event, cause, attempt, remaining: 0 },
    });
  }
}
