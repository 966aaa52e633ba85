/** The end of a market: orders that end by themselves are waited for, also when nothing of them is under way here. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stage } from './stage.ts';

/** As `open` leaves it: a market order that the terminal has taken, and of whose deal nothing is told yet. */
async function settling(): Promise<{ it: Stage; settled: () => boolean; end: () => void }> {
  const it = new Stage();
  const run = await it.open('hold');
  let done = false;
  run.node.settle().then((all) => {
    done = all;
  });
  return { it, settled: () => done, end: () => run.node.kill() };
}

test('a deal that comes into sight after its answer belongs to the run', async () => {
  const { it, settled, end } = await settling();
  await it.rig.pass(1_000);
  assert.equal(settled(), false, 'the order has no deal yet');
  it.terminal.complete(it.terminal.orders.at(-1)!.orderId);
  await it.tell();
  await it.rig.until('it has settled', settled);
  assert.equal(it.terminal.netLots, 0.7);
  end();
});

test('a terminal that never tells of it is not waited for without end', async () => {
  const { it, settled, end } = await settling();
  const sinceMs = it.rig.clock.nowMs();
  await it.rig.until('it has settled', settled);
  const tookMs = it.rig.clock.nowMs() - sinceMs;
  assert.ok(tookMs >= 9_000 && tookMs < 15_000, `${tookMs} ms`);
  end();
});
