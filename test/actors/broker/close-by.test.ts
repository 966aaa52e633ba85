/** A person at the terminal lets two positions of ours close each other: nobody here has asked for it, and it is so. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { Rig } from './rig.ts';

/** Half a lot bought by alpha, 0.2 sold by beta; and the numbers of both positions. */
function holding(): { rig: Rig; long: string; short: string } {
  const rig = new Rig({ hedging: true, strategies: ['alpha', 'beta'] });
  rig.quote();
  rig.intent({ intentId: 'a' });
  rig.intent({ intentId: 'b', strategy: 'beta', side: Side.SELL, volumeLots: 0.2 });
  const byLots = (lots: number): string => [...rig.terminal.positions].find(([, p]) => p.lots === lots)![0];
  assert.deepEqual(rig.context.held, { alpha: { EURUSD: 0.5 }, beta: { EURUSD: -0.2 } });
  return { rig, long: byLots(0.5), short: byLots(-0.2) };
}

function agree(rig: Rig, long: string, what: string): void {
  const book = Object.fromEntries(Object.entries(rig.context.book).map(([id, { lots }]) => [id, lots]));
  assert.deepEqual(book, { [long]: 0.3 }, what);
  assert.deepEqual(rig.context.held.alpha, { EURUSD: 0.3 }, what);
  assert.deepEqual(Object.keys(rig.context.held.beta ?? {}), [], what);
  assert.equal(rig.context.funds.balance, rig.terminal.balance, what);
  assert.deepEqual(rig.context.differences, {}, what);
}

describe('two positions that a person closes by each other', () => {
  test('are booked from their two deals, and the next reconciliation finds nothing', () => {
    const { rig, long, short } = holding();
    rig.terminal.closeBy(short, long, 12.5);
    rig.settle();
    agree(rig, long, 'told by events');
    const fills = [...rig.published.values()].filter(({ topic }) => topic === 'fill').map(({ message }) => message);
    const by = fills.filter(({ entry }) => entry === 'out_by');
    assert.deepEqual(
      by.map(({ strategy, positionId, profit }) => [strategy, positionId, profit]),
      [
        ['beta', short, 12.5],
        ['alpha', long, 0],
      ],
      'each deal is of the strategy whose position it has closed',
    );
    const before = rig.sent.length;
    rig.advance(61_000);
    assert.ok(
      rig.sent.slice(before).some(({ body }) => body.case === 'snapshot'),
      'it has looked',
    );
    agree(rig, long, 'after a reconciliation');
  });

  test('are the same when only a snapshot tells of them, and after a crash at any step', () => {
    for (let crashAt = 0; crashAt < 30; crashAt++) {
      for (const told of ['events', 'snapshot']) {
        const { rig, long, short } = holding();
        if (crashAt > 0) rig.crashAt = rig.steps + crashAt;
        const happens = (): void => rig.terminal.closeBy(long, short, 12.5);
        if (told === 'events') happens();
        else rig.terminal.dropAndTell(happens);
        rig.settle();
        rig.advance(2_000);
        agree(rig, long, `${told}, crash at ${crashAt}`);
      }
    }
  });
});
