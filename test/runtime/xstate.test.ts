import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { transition } from 'xstate';
import type { Snapshot } from '../../runtime/xstate.ts';
import { enqueueActions, restore, setup, start, stateName, step } from '../../runtime/xstate.ts';

const light = setup({
  types: { context: {} as { n: number } },
  actions: { tell: (_, _params: unknown) => undefined },
}).createMachine({
  id: 'light',
  context: { n: 0 },
  initial: 'red',
  states: {
    red: { after: { 1000: 'green' }, on: { go: 'green' } },
    green: {
      initial: 'steady',
      on: { stop: 'red' },
      states: { steady: { after: { 500: 'blinking' }, on: { hurry: 'blinking' } }, blinking: {} },
    },
  },
  on: {
    count: {
      actions: enqueueActions(({ context, enqueue }) => {
        enqueue.assign({ n: context.n + 1 });
        enqueue({ type: 'tell', params: { n: context.n } });
      }),
    },
  },
});

test('a step is what the pure transition of XState makes of it', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('go', 'stop', 'hurry', 'count', 'nonsense'), { maxLength: 30 }), (events) => {
      let ours = start(light, undefined).snapshot;
      let theirs: Snapshot = ours;
      for (const type of events) {
        const taken = step(light, ours, { type });
        const result = transition(light, theirs as never, { type } as never);
        const actions: readonly { type: string; params?: unknown }[] = result[1];
        ours = taken.snapshot;
        theirs = result[0] as Snapshot;
        assert.deepEqual([ours.value, ours.context], [theirs.value, theirs.context]);
        const custom = actions.filter((action) => action.type === 'tell').map(({ params }) => params);
        assert.deepEqual(
          taken.effects.map(({ params }) => params),
          custom,
        );
        const raised = actions.filter((action) => action.type === 'xstate.raise').length;
        const cancelled = actions.filter((action) => action.type === 'xstate.cancel').length;
        assert.deepEqual([taken.timers.length, taken.cancelledTimers.length], [raised, cancelled]);
      }
    }),
  );
});

test('a step leaves the snapshot that it was given as it was', () => {
  const before = start(light, undefined).snapshot;
  step(light, before, { type: 'count' });
  step(light, before, { type: 'go' });
  assert.deepEqual([before.value, before.context], ['red', { n: 0 }]);
});

test('a restored snapshot goes on as the original would', () => {
  const original = step(light, start(light, undefined).snapshot, { type: 'go' }).snapshot;
  const restored = restore(light, JSON.parse(JSON.stringify({ value: original.value, context: original.context })));
  assert.equal(stateName(restored), 'green.steady');
  assert.equal(stateName(step(light, restored, { type: 'hurry' }).snapshot), 'green.blinking');
});

test('delays come out as timers and are taken back when the state is left', () => {
  const first = start(light, undefined);
  assert.deepEqual(
    first.timers.map(({ delayMs }) => delayMs),
    [1000],
  );
  const next = step(light, first.snapshot, { type: 'go' });
  assert.deepEqual(next.cancelledTimers, [first.timers[0]!.id]);
  assert.deepEqual(
    next.timers.map(({ delayMs }) => delayMs),
    [500],
  );
});
