/**
 * What a supervisor does about each event: whom it stops and starts, in which order, and when it gives up. Pure; the
 * machine (`machine.ts`) says which events it takes in which state.
 */
import type { ChildState, ExitedEvent, StoppedEvent, SupervisorContext, SupervisorMachineEvent } from './context.ts';
import { delayMs, isHopeless, isItsOwn, isSpent, nextStreak, recent } from './policy.ts';
import type { SupervisorEffect } from './turn.ts';
import { sideBySide, Turn } from './turn.ts';

export interface Decision {
  readonly context: SupervisorContext;
  readonly effects: readonly SupervisorEffect[];
}

export function decide(context: SupervisorContext, event: SupervisorMachineEvent): Decision {
  const turn = new Turn(context);
  take(turn, event);
  if (event.type !== 'kill') goOn(turn);
  return turn.finish();
}

function take(turn: Turn, event: SupervisorMachineEvent): void {
  switch (event.type) {
    case 'start':
      startAll(turn, event.cause);
      return;
    case 'stop':
      stopAll(turn, event.cause);
      return;
    case 'kill':
      killAll(turn);
      return;
    case 'add': {
      const { type: _, ...given } = event;
      const child: ChildState = {
        ...given,
        ...{ phase: turn.active ? 'waiting' : 'idle', run: 0, fresh: true, after: undefined, failuresMs: [] },
        ...{ streak: 0, runningSinceMs: 0, restarts: 0, cause: 'first start' },
      };
      turn.add(child);
      // Who adds to children that do not depend on each other gives the order by waiting for each, or does not care.
      if (turn.active && sideBySide(turn.context)) turn.start(child);
      return;
    }
  }
  const child = turn.child(event.ref);
  if (child !== undefined) takeOfChild(turn, child, event);
}

function takeOfChild(turn: Turn, child: ChildState, event: Extract<SupervisorMachineEvent, { ref: number }>): void {
  switch (event.type) {
    case 'child.started':
      if (child.phase === 'starting' && child.run === event.run) started(turn, child, event.atMs);
      return;
    case 'child.exited':
      exited(turn, child, event);
      return;
    case 'child.stopped':
      stopped(turn, child, event);
      return;
    case 'child.due':
      if (child.phase === 'backoff') startWhenItsTurn(turn, turn.update(child, { phase: 'waiting' }));
      return;
    case 'remove':
      remove(turn, child, event.cause);
      return;
    case 'restart':
      restart(turn, child, event.cause);
  }
}

/** What can be done next by those who go one after the other: stops before starts, the last first, the first first. */
function goOn(turn: Turn): void {
  const { strategy } = turn.context;
  if (strategy === 'pool') return;
  const oneByOne = strategy !== 'one_for_one';
  if (turn.count('marked') > 0) {
    if (turn.count('stopping') > 0) return;
    const next = turn.last(({ phase, after }) => after !== undefined && phase !== 'stopping');
    if (next !== undefined) turn.stop(next);
    return;
  }
  if (!turn.active || turn.count('waiting') === 0 || turn.count('starting') > 0) return;
  if (oneByOne && turn.count('stopping') > 0) return;
  if (strategy === 'one_for_all' && turn.count('backoff') > 0) return;
  // Whoever comes after one that waits out its delay waits with it.
  const next = turn.first(({ phase }) => phase === 'waiting' || (oneByOne && phase === 'backoff'));
  if (next?.phase === 'waiting') turn.start(next);
}

function startAll(turn: Turn, cause: string): void {
  turn.change({ wanted: 'up', givenUp: undefined, failuresMs: [] });
  for (const child of turn.children()) {
    // An operator's word alone brings back what was left down.
    if (child.phase === 'failed' && child.onBudgetSpent === 'leave') continue;
    const anew = { phase: 'waiting', fresh: true, after: undefined, failuresMs: [], streak: 0, cause } as const;
    const waiting = turn.update(child, anew);
    if (turn.context.strategy === 'pool') turn.start(waiting);
  }
}

function stopAll(turn: Turn, cause: string): void {
  turn.change({ wanted: 'down' });
  for (const child of turn.children()) {
    const { phase, after } = child;
    const next = after === 'remove' ? 'remove' : 'idle';
    if (phase === 'stopping') turn.update(child, { after: next });
    else if (phase === 'running' || phase === 'starting') {
      const marked = turn.update(child, { after: next, cause });
      if (turn.context.strategy === 'pool') turn.stop(marked);
    } else if (phase === 'backoff' || phase === 'waiting') {
      turn.disarm(child);
      turn.update(child, { phase: 'idle', cause });
    }
  }
}

function killAll(turn: Turn): void {
  turn.change({ wanted: 'down' });
  for (const child of turn.children()) {
    const { phase, ref, run } = child;
    if (phase === 'failed' || phase === 'ended') continue;
    turn.disarm(child);
    if (phase === 'running' || phase === 'starting' || phase === 'stopping')
      turn.effects.push({ type: 'kill', params: { ref, run } });
    turn.update(child, { phase: 'idle', after: undefined });
  }
}

function started(turn: Turn, child: ChildState, runningSinceMs: number): void {
  const { cause, fresh } = child;
  const restarts = child.restarts + (fresh ? 0 : 1);
  const running = turn.update(child, { phase: 'running', fresh: false, cause: '', restarts, runningSinceMs });
  turn.tell(running, fresh ? 'started' : 'restarted', cause);
}

function exited(turn: Turn, child: ChildState, event: ExitedEvent): void {
  const { phase, after, restart: kind } = child;
  if ((phase !== 'running' && phase !== 'starting') || child.run !== event.run) return;
  const { reason, message } = event;
  const normal = reason === 'normal' || reason === 'shutdown';
  if (reason === 'fenced') {
    turn.tell(child, 'fenced', message);
    turn.drop(child, 'fenced', message);
  } else if (after !== undefined || !turn.active) {
    // It was to be stopped anyway, or nothing is started any more: no failure that counts.
    turn.tell(child, normal ? 'stopped' : 'failed', message);
    isDown(turn, child);
  } else if (kind !== 'permanent' && normal) {
    turn.tell(child, 'stopped', message);
    if (kind === 'temporary') turn.drop(child, 'ended', message);
    else turn.update(child, { phase: 'ended', fresh: false, streak: 0 });
  } else if (kind === 'temporary') {
    turn.tell(child, 'failed', message);
    turn.drop(child, 'ended', message);
  } else failed(turn, child, event);
}

/** A failure that counts: the child starts again after its delay, with those it concerns, or it is given up. */
function failed(turn: Turn, child: ChildState, event: ExitedEvent): void {
  const { atMs, draw, message, code } = event;
  const { childBudget, budget, backoff } = turn.context;
  const ranMs = child.phase === 'running' ? atMs - child.runningSinceMs : 0;
  // Only running makes failures old: starts that hang until their deadline would never spend a budget otherwise.
  const before = child.phase === 'running' ? recent(child.failuresMs, atMs, childBudget) : child.failuresMs;
  const failuresMs = [...before, atMs];
  const streak = nextStreak(child.streak, ranMs, backoff);
  const escalates = child.onBudgetSpent !== 'leave' && !isItsOwn(code, child.onBudgetSpent);
  if (escalates) turn.change({ failuresMs: [...recent(turn.context.failuresMs, atMs, budget), atMs] });
  const down = turn.update(child, { phase: 'failed', fresh: false, failuresMs, streak, cause: message });
  turn.tell(down, 'failed', message);
  const hopeless = isHopeless(code);
  const spent = isSpent(failuresMs.length, childBudget);
  const allSpent = escalates && isSpent(turn.context.failuresMs.length, budget);
  if (hopeless || spent || allSpent) {
    turn.tell(down, 'given_up', message);
    if (!escalates) return;
    const name = `${child.kind} ${child.id}`;
    const sum = `${name} failed ${failuresMs.length} times`;
    const all = `supervisor ${turn.context.id} saw ${turn.context.failuresMs.length} failures, the last of ${name}`;
    const what = hopeless ? `${name} cannot start` : spent ? sum : all;
    giveUp(turn, down, hopeless && code !== undefined ? code : 'ACTOR_GIVEN_UP', `${what}: ${message}`);
    return;
  }
  const waitMs = delayMs(streak, draw, backoff);
  concern(turn, down, `${child.kind} ${child.id} failed: ${message}`);
  if (waitMs === 0) startWhenItsTurn(turn, turn.update(down, { phase: 'waiting' }));
  else {
    turn.update(down, { phase: 'backoff' });
    turn.effects.push({ type: 'arm', params: { ref: child.ref, delayMs: waitMs } });
  }
}

/** Marks those that go down and up with `child`. */
function concern(turn: Turn, child: ChildState, cause: string): void {
  if (sideBySide(turn.context)) return;
  const all = turn.context.strategy === 'one_for_all';
  for (const other of turn.children()) {
    if (other.ref === child.ref || (!all && other.ref < child.ref)) continue;
    if (other.phase === 'ended') turn.update(other, { phase: 'waiting', fresh: false, cause });
    else if ((other.phase === 'running' || other.phase === 'starting') && other.after === undefined) {
      const after = other.restart === 'temporary' ? 'remove' : 'start';
      turn.update(other, { after, fresh: false, cause });
    }
  }
}

/** Nothing is started any more; what runs goes on until the level above stops it: it may still be needed to get safe. */
function giveUp(turn: Turn, child: ChildState, code: NonNullable<ExitedEvent['code']>, message: string): void {
  turn.change({ givenUp: { code, message } });
  for (const other of turn.children()) {
    const { phase, after } = other;
    if (phase === 'backoff' || phase === 'waiting') {
      turn.disarm(other);
      turn.update(other, { phase: 'idle' });
    } else if (after === 'start') turn.update(other, { after: phase === 'stopping' ? 'idle' : undefined });
  }
  turn.tellOfSupervisor('escalated', message);
  turn.effects.push({ type: 'giveUp', params: { code, message, ref: child.ref } });
}

function stopped(turn: Turn, child: ChildState, event: StoppedEvent): void {
  if (child.phase !== 'stopping' || child.run !== event.run) return;
  if (event.outcome === 'stopped') turn.tell(child, 'stopped', child.cause);
  else turn.tell(child, event.outcome === 'killed' ? 'killed' : 'failed', event.message);
  isDown(turn, child);
}

function isDown(turn: Turn, child: ChildState): void {
  const { after } = child;
  if (after === 'remove') turn.drop(child, child.restart === 'temporary' ? 'ended' : 'removed', child.cause);
  else if (after === 'start' && turn.active)
    startWhenItsTurn(turn, turn.update(child, { phase: 'waiting', fresh: false, after: undefined }));
  else turn.update(child, { phase: 'idle', after: undefined });
}

function startWhenItsTurn(turn: Turn, waiting: ChildState): void {
  if (turn.active && sideBySide(turn.context)) turn.start(waiting);
}

function remove(turn: Turn, child: ChildState, cause: string): void {
  const { phase } = child;
  if (phase === 'stopping') turn.update(child, { after: 'remove', cause });
  else if (phase === 'running' || phase === 'starting') stopInTurn(turn, child, { after: 'remove', cause });
  else {
    turn.disarm(child);
    turn.drop(child, 'removed', cause);
  }
}

/** An operator's restart: counts nowhere, and the child's budget is whole again. */
function restart(turn: Turn, child: ChildState, cause: string): void {
  const { phase, after } = child;
  if (!turn.active || after !== undefined || phase === 'waiting') return;
  const anew = { fresh: false, failuresMs: [], streak: 0, cause } as const;
  concern(turn, child, `${child.kind} ${child.id} restarted: ${cause}`);
  if (phase === 'running' || phase === 'starting') stopInTurn(turn, child, { ...anew, after: 'start' });
  else {
    turn.disarm(child);
    startWhenItsTurn(turn, turn.update(child, { ...anew, phase: 'waiting' }));
  }
}

function stopInTurn(turn: Turn, child: ChildState, change: Partial<ChildState>): void {
  const marked = turn.update(child, change);
  if (turn.context.wanted === 'up' && sideBySide(turn.context)) turn.stop(marked);
}
