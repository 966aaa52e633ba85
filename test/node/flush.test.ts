/** No more ticks will come: symbols close their bars, some after the other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../runtime/clock.ts';
import { Rig } from './rig.ts';

test('symbols are flushed some after the other, and the node has not settled before the last', async () => {
  const rig = new Rig();
  const symbols = 300;
  const { node } = await rig.start('node-1', { symbols });
  const closed = (): number => node.status().symbols.filter(({ state }) => state === 'closed').length;
  assert.equal(closed(), 0);
  node.flush();
  let closedWhenSettled: number | undefined;
  node.settle().then(() => {
    closedWhenSettled = closed();
  });
  // No timer fires meanwhile: those of the first group have their turns, and the others have not been told.
  for (let i = 0; i < 300; i++) await systemClock.yield();
  const first = closed();
  assert.ok(first > 0 && first <= 128, `${first} at once`);
  await rig.until('the node has settled', () => closedWhenSettled !== undefined);
  assert.equal(closedWhenSettled, symbols);
  node.kill();
});
