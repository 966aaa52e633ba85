/** Snapshots that nobody asked for: the terminal could not tell some of its events, and tells its whole state instead. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { Rig } from './rig.ts';

const asked = (rig: Rig): number => rig.sent.filter(({ body }) => body.case === 'snapshot').length;
const lotsHere = (rig: Rig): number => Object.values(rig.context.book).reduce((sum, { lots }) => sum + lots, 0);

function trading(): Rig {
  const rig = new Rig({ hedging: true });
  rig.quote();
  rig.intent({ intentId: 'a' });
  assert.equal(rig.state.startsWith('trading'), true, rig.state);
  return rig;
}

describe('a snapshot that nobody asked for', () => {
  test('stands for the events that were dropped: nothing is asked, trading goes on, the books agree', () => {
    const rig = trading();
    const before = asked(rig);
    const states: string[] = [];
    rig.terminal.dropAndTell(() => rig.terminal.trade('EURUSD', Side.BUY, 0.3));
    rig.settle();
    states.push(rig.state);
    assert.equal(asked(rig), before, 'it was told already');
    assert.ok(states[0]?.startsWith('trading'), states[0]);
    assert.ok(Math.abs(lotsHere(rig) - rig.terminal.netLots) < 1e-9, `${lotsHere(rig)} of ${rig.terminal.netLots}`);
    assert.equal(rig.context.funds.balance, rig.terminal.balance);
    // The next event has the next number, and is no hole.
    rig.terminal.trade('EURUSD', Side.BUY, 0.2);
    rig.settle();
    assert.equal(asked(rig), before);
    assert.ok(Math.abs(lotsHere(rig) - rig.terminal.netLots) < 1e-9);
  });

  test('comes again after a crash at any step, and changes nothing twice', () => {
    for (let crashAt = 1; crashAt < 30; crashAt++) {
      const rig = trading();
      rig.crashAt = rig.steps + crashAt;
      rig.terminal.dropAndTell(() => rig.terminal.trade('EURUSD', Side.SELL, 0.1));
      rig.settle();
      rig.advance(2_000);
      assert.equal(rig.context.funds.balance, rig.terminal.balance, `crash at ${crashAt}`);
      assert.deepEqual(rig.context.differences, {}, `crash at ${crashAt}`);
    }
  });

  for (const [what, snapshot] of [
    ['does not reach back far enough', { dealsSinceMs: Number.MAX_SAFE_INTEGER }],
    ['is of a run that is not known', { session: 's9' }],
  ] as const) {
    test(`that ${what} says that one must be asked for`, () => {
      const rig = trading();
      const before = asked(rig);
      rig.terminal.dropAndTell(() => rig.terminal.trade('EURUSD', Side.BUY, 0.3), snapshot);
      rig.settle();
      assert.equal(asked(rig), before + 1);
      assert.ok(Math.abs(lotsHere(rig) - rig.terminal.netLots) < 1e-9);
    });
  }

  test('that is older than what is known is no news', () => {
    const rig = trading();
    const before = asked(rig);
    const { funds, sequence } = rig.context;
    rig.terminal.dropAndTell(() => {}, { timeMs: rig.context.snapshotTimeMs - 1, positions: [], orders: [] });
    rig.settle();
    assert.equal(asked(rig), before);
    assert.deepEqual(rig.context.funds, funds);
    assert.equal(rig.context.sequence, sequence);
    assert.deepEqual(rig.context.differences, {});
  });
});
