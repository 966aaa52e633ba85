import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { LOOK_MS, LOOK_WHILE_AWAY_MS, recorderMachine } from '../../../actors/recorder/machine.ts';
import type { Row } from '../../../actors/recorder/tables.ts';
import { FillEventSchema } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { Step } from '../../../runtime/xstate.ts';
import { start, stateName, step } from '../../../runtime/xstate.ts';

const types = ({ effects }: Step): string[] => effects.map(({ type }) => type);

test('connecting, writing, buffering, and back; the connection is looked at again and again', () => {
  let now = start(recorderMachine, undefined);
  assert.equal(stateName(now.snapshot), 'connecting');
  now = step(recorderMachine, now.snapshot, { type: 'recorder.start' });
  assert.deepEqual(types(now), ['probe']);
  for (let round = 0; round < 3; round++) {
    now = step(recorderMachine, now.snapshot, { type: 'ledger.up' });
    assert.equal(stateName(now.snapshot), 'writing');
    assert.deepEqual(
      now.timers.map(({ delayMs }) => delayMs),
      [LOOK_MS],
    );
    const looked = step(recorderMachine, now.snapshot, now.timers[0]!.event);
    assert.deepEqual(types(looked), ['probe']);
    now = looked;
  }
  now = step(recorderMachine, now.snapshot, { type: 'ledger.down', reason: 'ECONNREFUSED' });
  assert.equal(stateName(now.snapshot), 'buffering');
  assert.equal(now.snapshot.context.reason, 'ECONNREFUSED');
  assert.deepEqual(
    now.timers.map(({ delayMs }) => delayMs),
    [LOOK_WHILE_AWAY_MS],
  );
  assert.deepEqual(types(step(recorderMachine, now.snapshot, now.timers[0]!.event)), ['probe']);
  now = step(recorderMachine, now.snapshot, { type: 'ledger.up' });
  assert.deepEqual([stateName(now.snapshot), now.snapshot.context.reason], ['writing', '']);
});

test('in every state each message is one write, and a bad one is refused', () => {
  const message = create(FillEventSchema, { account: 'a', dealTicket: '1', symbol: 'X', entry: 'out', timeMs: 5 });
  for (const events of [[], ['ledger.up'], ['ledger.down']]) {
    let { snapshot } = start(recorderMachine, undefined);
    for (const type of events) snapshot = step(recorderMachine, snapshot, { type, reason: 'x' }).snapshot;
    const before = stateName(snapshot);
    const next = step(recorderMachine, snapshot, { type: 'fill', message, sequence: 1 });
    assert.deepEqual(types(next), ['write']);
    const { rows } = next.effects[0]!.params as { rows: Row[] };
    assert.deepEqual(
      rows.map(({ table }) => table),
      ['fills', 'trades'],
    );
    assert.equal(stateName(next.snapshot), before);
    assert.deepEqual([next.snapshot.context.messages, next.snapshot.context.lastMs], [1, 5]);
    const bad = create(FillEventSchema, { ...message, price: Number.NaN });
    assert.throws(
      () => step(recorderMachine, snapshot, { type: 'fill', message: bad, sequence: 2 }),
      /fill 1 of a: price is NaN/,
    );
    step(recorderMachine, snapshot, { type: 'control.pause' });
  }
});
