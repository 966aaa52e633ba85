/** The supervisor as a machine: drawn, watched, pure. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { drawingOf, start, stateName, step } from '../../runtime/xstate.ts';
import type { SupervisorMachineEvent } from '../../supervisors/context.ts';
import { contextOf, supervisorMachine } from '../../supervisors/machine.ts';
import type { Roster } from '../../supervisors/roster.ts';
import { drop, emptyRoster, find, first, last, put } from '../../supervisors/roster.ts';
import { cast, makeStage, settle } from './stage.ts';

test('it can be drawn: plain JSON with all states and what leads where, under which guard', () => {
  const { id, states } = JSON.parse(JSON.stringify(drawingOf(supervisorMachine))) as ReturnType<typeof drawingOf>;
  assert.equal(id, 'supervisor');
  assert.deepEqual(Object.keys(states), ['stopped', 'starting', 'running', 'restarting', 'given_up', 'stopping']);
  const arrows = Object.values(states).flatMap(({ key, transitions }) =>
    (transitions as { target?: string[]; eventType: string; guard?: string }[])
      .filter(({ target }) => target !== undefined)
      .map(({ target, eventType, guard }) => `${key} ${eventType}[${guard ?? ''}] ${target?.join()}`),
  );
  assert.deepEqual(arrows, [
    'stopped start[] #supervisor.starting',
    'starting stop[] #supervisor.stopping',
    'starting [hasGivenUp] #supervisor.given_up',
    'starting [isRestarting] #supervisor.restarting',
    'starting [isRunning] #supervisor.running',
    'running stop[] #supervisor.stopping',
    'running [hasGivenUp] #supervisor.given_up',
    'running [isStarting] #supervisor.starting',
    'running [isRestarting] #supervisor.restarting',
    'restarting stop[] #supervisor.stopping',
    'restarting [hasGivenUp] #supervisor.given_up',
    'restarting [isStarting] #supervisor.starting',
    'restarting [isRunning] #supervisor.running',
    'given_up stop[] #supervisor.stopping',
    'stopping [isDown] #supervisor.stopped',
  ]);
});

test('its states and what a person reads of them follow the children', async () => {
  const shown: string[] = [];
  const { supervisor, log, advance } = makeStage({
    random: { next: () => 0.5, nextInt: () => 0, gaussian: () => 0 },
    onState: (state, detail) => shown.push(`${state}: ${detail}`),
  });
  assert.equal(supervisor.state, 'stopped');
  const { a } = await cast(supervisor, log, ['a', 'b']);
  a.crash();
  await settle();
  a.crash();
  await settle();
  await advance(50);
  await supervisor.stop();
  assert.deepEqual(shown, [
    'running: 0 of 0 run',
    'starting: 0 of 1 run',
    'running: 1 of 1 run',
    'starting: 1 of 2 run',
    'running: 2 of 2 run',
    'restarting: 1 of 2 run',
    'running: 2 of 2 run',
    'restarting: 1 of 2 run',
    'running: 2 of 2 run',
    'stopping: 1 of 2 run',
    'stopping: 0 of 2 run',
    'stopped: 0 of 2 run',
  ]);
});

test('a snapshot is plain data, and the same events give the same snapshots and effects', () => {
  const events: SupervisorMachineEvent[] = [
    { type: 'start', cause: '' },
    { type: 'add', ref: 0, kind: 'puppet', id: 'a', restart: 'permanent', onBudgetSpent: 'escalate' },
    { type: 'add', ref: 1, kind: 'puppet', id: 'b', restart: 'permanent', onBudgetSpent: 'escalate' },
    { type: 'child.started', ref: 0, run: 1, atMs: 5 },
    { type: 'child.exited', ref: 0, run: 1, atMs: 6, draw: 0.3, reason: 'crash', message: 'boom', code: undefined },
    { type: 'child.stopped', ref: 1, run: 1, atMs: 6, outcome: 'stopped', message: '' },
    { type: 'child.started', ref: 0, run: 2, atMs: 7 },
    { type: 'child.started', ref: 1, run: 2, atMs: 7 },
    { type: 'child.exited', ref: 0, run: 2, atMs: 8, draw: 0.3, reason: 'crash', message: 'boom', code: undefined },
  ];
  const history = () => {
    let { snapshot } = start(supervisorMachine, { id: 'root', strategy: 'rest_for_one' });
    const told: unknown[] = [];
    for (const event of events) {
      const next = step(supervisorMachine, snapshot, event);
      told.push(stateName(next.snapshot), next.effects);
      snapshot = next.snapshot;
    }
    return { told, context: snapshot.context as unknown };
  };
  const { told, context } = history();
  assert.deepEqual(history(), { told, context });
  assert.deepEqual(structuredClone(context), context);
  assert.deepEqual(told.at(-1), [
    {
      type: 'tell',
      params: { kind: 'puppet', id: 'a', event: 'failed', cause: 'boom', attempt: 2, remaining: 3 },
    },
    { type: 'arm', params: { ref: 0, delayMs: 30 } },
    { type: 'stop', params: { ref: 1, run: 2 } },
  ]);
});

test('a timer that fires although nobody waits for it starts nobody', () => {
  const add = (ref: number): SupervisorMachineEvent => {
    return { type: 'add', ref, kind: 'puppet', id: `p${ref}`, restart: 'permanent', onBudgetSpent: 'leave' };
  };
  const crash = { type: 'child.exited', ref: 0, draw: 0.5, reason: 'crash', message: 'boom', code: undefined } as const;
  const histories: Record<string, SupervisorMachineEvent[]> = {
    starting: [],
    running: [{ type: 'child.started', ref: 0, run: 1, atMs: 5 }],
    stopping: [
      { type: 'child.started', ref: 0, run: 1, atMs: 5 },
      { type: 'remove', ref: 0, cause: 'moved' },
    ],
    failed: [{ ...crash, run: 1, atMs: 6, code: 'SNAPSHOT_CORRUPT' }],
  };
  for (const strategy of ['one_for_one', 'one_for_all', 'rest_for_one', 'pool'] as const) {
    for (const [phase, history] of Object.entries(histories)) {
      let { snapshot } = start(supervisorMachine, { id: 'root', strategy });
      const events: SupervisorMachineEvent[] = [{ type: 'start', cause: '' }, add(0), ...history];
      for (const event of events) ({ snapshot } = step(supervisorMachine, snapshot, event));
      assert.equal(contextOf(snapshot).roster[0]?.[0]?.phase, phase, strategy);
      const after = step(supervisorMachine, snapshot, { type: 'child.due', ref: 0 });
      assert.deepEqual(after.effects, [], `${strategy} ${phase}`);
      assert.deepEqual(contextOf(after.snapshot).roster, contextOf(snapshot).roster, `${strategy} ${phase}`);
    }
  }
});

test('a roster is a sorted map that never changes', () => {
  const change = fc.record({ ref: fc.integer({ min: -200, max: 200 }), put: fc.boolean(), value: fc.nat() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 600 }), (changes) => {
      let roster: Roster<{ ref: number; value: number }> = emptyRoster;
      const model = new Map<number, number>();
      for (const { ref, put: isPut, value } of changes) {
        const before = JSON.stringify(roster);
        const next = isPut ? put(roster, { ref, value }) : drop(roster, ref);
        assert.equal(JSON.stringify(roster), before);
        roster = next;
        if (isPut) model.set(ref, value);
        else model.delete(ref);
      }
      const wanted = [...model].map(([ref, value]) => ({ ref, value })).sort((x, y) => x.ref - y.ref);
      assert.deepEqual(roster.flat(), wanted);
      assert.ok(roster.every(({ length }) => length > 0 && length <= 64));
      for (const item of wanted) assert.deepEqual(find(roster, item.ref), item);
      assert.equal(find(roster, 1_000), undefined);
      assert.deepEqual(
        first(roster, ({ ref }) => ref > 0),
        wanted.find(({ ref }) => ref > 0),
      );
      assert.deepEqual(
        last(roster, ({ ref }) => ref < 0),
        wanted.findLast(({ ref }) => ref < 0),
      );
    }),
  );
});
