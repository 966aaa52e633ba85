/**
 * Anything may happen to children in any order: none ever runs twice at once, none runs after a stop, no budget is
 * exceeded, and the state that the supervisor shows is the one that its children are in.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ChildState } from '../../supervisors/context.ts';
import { contextOf } from '../../supervisors/machine.ts';
import type { ChildExit, RestartKind, Strategy } from '../../supervisors/spec.ts';
import { Supervisor } from '../../supervisors/supervisor.ts';
import { makeStage, Puppet, settle } from './stage.ts';

const who = fc.constantFrom(0, 0, 0, 1, 2, 3, 4);
const reason = fc.constantFrom<ChildExit['reason']>('normal', 'shutdown', 'crash', 'crash', 'crash', 'hang', 'fenced');

const happening = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('exit' as const), who, reason }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 50, 500, 1_000, 31_000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('start' as const), who, how: fc.constantFrom('up', 'fail', 'hang') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('stop' as const),
      who,
      how: fc.constantFrom('down', 'hang', 'throw', 'crash'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const), who }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('add', 'remove', 'restart', 'crash'), who }) },
);
type Happening = typeof happening extends fc.Arbitrary<infer H> ? H : never;

const RUNS = 500;
const BUDGET = { restarts: 3, windowMs: 60_000 };
const SHARED = { restarts: 6, windowMs: 60_000 };
const OWN_FAILURE = /^(boom|chaos|does not start|did not start within .*)$/;

interface Play {
  readonly strategy: Strategy;
  readonly kinds: readonly RestartKind[];
  readonly leave: boolean;
  readonly nested: boolean;
  readonly happenings: readonly Happening[];
  readonly ending: 'stop' | 'kill';
  /** Whether it is waited that each thing has had its effects, or all come at once. */
  readonly calm: boolean;
  /** Whether starts end by their signal. */
  readonly obey: boolean;
}

/** What the machine counts as it goes, counted anew. */
function counted(children: readonly ChildState[]): Record<string, number> {
  const many = (fits: (child: ChildState) => boolean): number => children.filter(fits).length;
  const phases = ['idle', 'waiting', 'starting', 'running', 'backoff', 'stopping', 'ended', 'failed'];
  const starts = ({ phase, after }: ChildState): boolean =>
    ['waiting', 'starting', 'backoff'].includes(phase) || after === 'start';
  return {
    ...Object.fromEntries(phases.map((phase) => [phase, many((child) => child.phase === phase)])),
    first: many((child) => starts(child) && child.fresh),
    again: many((child) => starts(child) && !child.fresh),
    marked: many(({ phase, after }) => after !== undefined && phase !== 'stopping'),
  };
}

async function play({ strategy, kinds, leave, nested, happenings, ending, calm, obey }: Play): Promise<void> {
  const stage = makeStage({ childBudget: { restarts: 2, windowMs: 60_000 } });
  const { base, events, log, clock } = stage;
  const options = { ...base, strategy, childBudget: BUDGET, supervisorBudget: SHARED };
  // When the failures happened that each child was started again for: seen from outside, not taken from the machine.
  const mended = new Map<string, number[]>();
  const lastFailedMs = new Map<string, number>();
  let allMended: number[] = [];
  const faults: string[] = [];
  const within = (times: readonly number[], nowMs: number): number => times.filter((ms) => nowMs - ms < 60_000).length;
  const supervisor = new Supervisor({
    ...options,
    id: 'low',
    onEvent: (event) => {
      events.push(event);
      const { id, cause } = event;
      if (event.event === 'failed') lastFailedMs.set(id, clock.nowMs());
      // Those that go along with others, and those that an operator restarts, have another cause.
      if (event.event === 'restarted' && OWN_FAILURE.test(cause)) {
        const failedMs = lastFailedMs.get(id) ?? 0;
        const own = [...(mended.get(id) ?? []), failedMs];
        mended.set(id, own);
        if (within(own, failedMs) > BUDGET.restarts) faults.push(`${id}: started again after ${own.length} failures`);
        if (!leave) {
          allMended.push(failedMs);
          if (within(allMended, failedMs) > SHARED.restarts) faults.push(`all: after ${allMended.length} failures`);
        }
      }
      // A supervisor that starts anew has a whole budget.
      if (event.event === 'escalated') {
        mended.clear();
        allMended = [];
      }
    },
  });
  const top = nested ? stage.supervisor : supervisor;
  if (nested) await top.add(supervisor.asChild());
  const puppets = kinds.map(
    (restart, i) => new Puppet(`p${i}`, log, { restart, onBudgetSpent: leave ? 'leave' : 'escalate' }),
  );
  for (const puppet of puppets) puppet.obeys = obey;
  const declared = (id: string): boolean => supervisor.children().some((child) => child.id === id);
  const check = (): void => {
    assert.deepEqual(faults, []);
    for (const { id, alive, most } of puppets) {
      // One that comes up although nobody wants it any more lives until the same moment's end.
      assert.ok((obey ? most : alive) <= 1, `${id} ran twice at once`);
      if (alive > 0) assert.ok(declared(id), `${id} runs and is nobody's child`);
    }
    const { counts, roster } = contextOf(supervisor.current);
    assert.deepEqual(counts, counted(roster.flat()));
  };
  for (const puppet of puppets.slice(0, 3)) void supervisor.add(puppet);
  await settle();
  for (const now of happenings) {
    const puppet = 'who' in now ? puppets[now.who % puppets.length] : undefined;
    if (now.do === 'wait') {
      for (let left = now.ms; left > 0; left -= 500) {
        clock.advance(Math.min(500, left));
        await settle();
      }
    } else if (puppet !== undefined) {
      const { kind, id } = puppet;
      if (now.do === 'exit') puppet.exit({ reason: now.reason, error: new Error('boom') });
      else if (now.do === 'start') puppet.onStart = [now.how as 'up'];
      else if (now.do === 'stop') puppet.onStop = now.how as 'down';
      else if (now.do === 'release') puppet.release();
      else if (now.do === 'add') {
        if (!declared(id)) {
          mended.delete(id);
          void supervisor.add(puppet);
        }
      } else if (now.do === 'remove') void supervisor.remove(kind, id, 'moved');
      else if (now.do === 'restart') {
        mended.delete(id);
        void supervisor.restart(kind, id, 'because');
      } else if (now.do === 'crash') supervisor.crash(kind, id, 'chaos');
    }
    if (calm || !obey) await settle();
    check();
  }
  let isDown = false;
  if (ending === 'kill') top.kill();
  else {
    const stopped = top.stop().then(() => (isDown = true));
    for (let i = 0; i < 20 && !isDown; i++) {
      await settle();
      clock.advance(1_000);
    }
    await Promise.race([stopped, settle()]);
    assert.ok(isDown, 'the stop came to an end');
  }
  for (const puppet of puppets) puppet.release();
  await settle();
  const told = events.length;
  clock.advance(120_000);
  await settle();
  for (const { id, alive } of puppets) assert.equal(alive, 0, `${id} runs after the ${ending}`);
  assert.equal(events.length, told, 'something happened afterwards');
  assert.deepEqual([top.state, supervisor.state], ['stopped', 'stopped']);
  check();
  const { counts } = contextOf(supervisor.current);
  const { first, again, marked } = counts;
  assert.deepEqual([first, again, marked], [0, 0, 0]);
}

test('random histories', async () => {
  const kind = fc.constantFrom<RestartKind>('permanent', 'permanent', 'transient', 'temporary');
  const plays = fc.record<Play>({
    strategy: fc.constantFrom<Strategy>('one_for_one', 'one_for_all', 'rest_for_one', 'pool'),
    kinds: fc.array(kind, { minLength: 2, maxLength: 5, size: 'max' }),
    leave: fc.boolean(),
    nested: fc.boolean(),
    happenings: fc.array(happening, { maxLength: 60, size: 'max' }),
    ending: fc.constantFrom('stop', 'kill'),
    calm: fc.boolean(),
    obey: fc.boolean(),
  });
  await fc.assert(fc.asyncProperty(plays, play), { numRuns: RUNS });
});
