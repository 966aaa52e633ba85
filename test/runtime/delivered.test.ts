import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TickColumns } from '../../runtime/bus/ticks.ts';
import { encodeTicks } from '../../runtime/bus/ticks.ts';
import { deliveredOf } from '../../runtime/delivered.ts';

const frame: TickColumns = {
  ...{ symbol: 'EURUSD', source: 'mt5', session: 's', firstSequence: 1, count: 1, baseTimeMs: 1.7e12, utcOffsetS: 0 },
  ...{ timeOffsetMs: Uint32Array.of(0), bid: Float64Array.of(1), ask: Float64Array.of(2), flags: new Uint32Array() },
  firstSentUs: 1.7e15,
};

test('a message is decoded once, when it is asked for, and its memory given back when all have done with it', () => {
  const data = encodeTicks(frame);
  let given = 0;
  const loan = { giveBack: () => void given++ };
  const delivered = deliveredOf('ticks', { subject: 'md.0.ticks.mt5.EURUSD', sequence: 7, data, loan });
  assert.deepEqual([delivered.topic, delivered.family, delivered.sequence], ['ticks', 'ticks', 7]);
  // Not yet: what is read is what the bytes are now.
  data.set(encodeTicks({ ...frame, symbol: 'GBPUSD' }));
  const message = delivered.message as TickColumns;
  assert.equal(message.symbol, 'GBPUSD');
  assert.equal(delivered.message, message);
  assert.equal(delivered.fault, undefined);
  for (const _ of [1, 2]) delivered.hold?.();
  delivered.letGo?.();
  delivered.letGo?.();
  assert.equal(delivered.message, message);
  assert.deepEqual([...message.ask], [2]);
  assert.equal(given, 0);
  delivered.letGo?.();
  assert.equal(given, 1);
});

test('one that cannot be decoded says so, whatever is asked first', () => {
  const stored = { subject: 'a', sequence: 1, data: Uint8Array.of(8 * 8 + 2, 3, 1, 2, 3) };
  const wanted = /TickFrame\.bid: 3 bytes is no whole column/;
  const delivered = deliveredOf('ticks', stored, 'b');
  assert.equal(delivered.subject, 'b');
  assert.match(delivered.fault ?? '', wanted);
  assert.equal(delivered.message, undefined);
  const other = deliveredOf('ticks', stored);
  assert.equal(other.message, undefined);
  assert.match(other.fault ?? '', wanted);
});
