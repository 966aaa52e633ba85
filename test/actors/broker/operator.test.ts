/** What an operator and a supervisor may tell the broker: flatten, safe mode, limits; each confirmed by the terminal. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SafePolicy } from '../../../actors/broker/context.ts';
import { brokerStatus, describeBroker } from '../../../actors/broker/status.ts';
import { IntentAction, OrderState, Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { Rig } from './rig.ts';

const lifecycle = (rig: Rig, event: string): string[] =>
  rig
    .topic('lifecycle')
    .filter((e) => e.event === event)
    .map((e) => String(e.cause));

const live = (rig: Rig): number =>
  rig.terminal.orders.filter((o) => o.state === OrderState.WORKING || o.state === OrderState.PARTIAL).length;

/** A position of two strategies, a working order of each kind of owner. */
function busy(options: ConstructorParameters<typeof Rig>[0] = {}): Rig {
  const rig = new Rig(options);
  rig.quote();
  rig.quote('GBPUSD', 1.3, 1.3001);
  rig.intent({ intentId: 'a', volumeLots: 0.5 });
  rig.intent({ intentId: 'b', strategy: 'beta', side: Side.SELL, volumeLots: 0.2 });
  rig.intent({
    intentId: 'g',
    symbol: 'GBPUSD',
    strategy: 'beta',
    side: Side.SELL,
    volumeLots: 0.3,
    referencePrice: 1.3,
  });
  rig.terminal.behaviour = () => 'work';
  rig.intent({ intentId: 'w' });
  rig.terminal.behaviour = () => 'fill';
  assert.equal(live(rig), 1);
  return rig;
}

function places(rig: Rig, from: number): number {
  return rig.sent.slice(from).filter((p) => p.body.case === 'place').length;
}

describe('broker: flatten', () => {
  for (const hedging of [false, true]) {
    // Seed 103537: the strategy took "nothing to close" for the broker's word that it was flat, and forgot its position.
    test(`what its closing orders are at work on is still held, and a strategy is told so (${hedging ? 'hedging' : 'netting'})`, () => {
      const rig = new Rig({ hedging });
      rig.quote();
      rig.intent({ intentId: 'a', volumeLots: 0.5 });
      rig.fate = ({ body }) => (body.case === 'snapshot' ? 'answered' : 'never-received');
      rig.tell({ type: 'control.flatten', reason: 'enough' });
      rig.tell({ type: 'control.activate' });
      rig.intent({ intentId: 'c', action: IntentAction.CLOSE, volumeLots: 0.5 });
      assert.equal(rig.topic('order').at(-1)?.code, 'RISK_CLOSING_ALREADY');
      rig.fate = () => 'answered';
      rig.advance(60_000);
      rig.quote();
      rig.intent({ intentId: 'd', action: IntentAction.CLOSE, volumeLots: 0.5 });
      assert.equal(rig.topic('order').at(-1)?.state, OrderState.FILLED);
      rig.intent({ intentId: 'e', action: IntentAction.CLOSE, volumeLots: 0.5 });
      assert.equal(rig.topic('order').at(-1)?.code, 'RISK_NOTHING_TO_CLOSE');
    });

    test(`cancels and closes everything, says so once the terminal has confirmed it (${hedging ? 'hedging' : 'netting'})`, () => {
      const rig = busy({ hedging });
      rig.terminal.stand('', 'EURUSD', Side.BUY, 0.4);
      rig.tell({ type: 'control.reconcile' });
      rig.tell({ type: 'control.flatten', reason: 'enough' });
      assert.equal(rig.terminal.netLots, 0);
      assert.equal(rig.terminal.positions.size, 0);
      assert.equal(live(rig), 0, 'orders of other people are cancelled too');
      assert.equal(rig.state, 'trading.halted');
      assert.equal(rig.context.operation, null);
      assert.match(describeBroker(rig.context), /halted: flattened, confirmed by the terminal/);
      assert.equal(lifecycle(rig, 'flattened').length, 1);
      assert.deepEqual(brokerStatus(rig.context).positions, {});
      // What a strategy is left with by its fills is what the broker holds for it.
      const byFills = new Map<string, number>();
      for (const f of rig.topic('fill')) {
        const key = `${f.strategy} ${f.symbol}`;
        byFills.set(key, (byFills.get(key) ?? 0) + (f.side === Side.BUY ? 1 : -1) * Number(f.volumeLots));
      }
      for (const [key, lots] of byFills) {
        const [strategy = '', symbol = ''] = key.split(' ');
        assert.ok(Math.abs(lots - (rig.context.held[strategy]?.[symbol] ?? 0)) < 1e-9, key);
      }
      rig.intent({ intentId: 'later' });
      assert.equal(rig.topic('order').at(-1)?.code, 'RISK_HALTED');
      rig.tell({ type: 'control.activate' });
      rig.intent({ intentId: 'again' });
      assert.equal(rig.topic('order').at(-1)?.state, OrderState.FILLED);
    });
  }

  test('what two strategies hold against each other is flat at the terminal and is not traded', () => {
    const rig = new Rig();
    rig.quote();
    rig.intent({ intentId: 'a', volumeLots: 0.5 });
    rig.intent({ intentId: 'b', strategy: 'beta', side: Side.SELL, volumeLots: 0.3 });
    const before = rig.sent.length;
    rig.tell({ type: 'control.flatten', reason: 'x' });
    assert.equal(places(rig, before), 1);
    assert.equal(rig.terminal.deals.at(-1)?.volumeLots, 0.2, 'never more than there is: closing does not open');
    assert.equal(rig.context.held.alpha?.EURUSD, 0.3);
  });

  test('goes on after rejections, with a pause, until it is done', () => {
    const rig = busy();
    let refusals = 3;
    rig.terminal.behaviour = () => (refusals-- > 0 ? 'reject' : 'fill');
    rig.tell({ type: 'control.flatten', reason: 'x' });
    assert.notEqual(rig.context.operation, null);
    assert.match(describeBroker(rig.context), /flatten under way/);
    rig.advance(20_000);
    assert.equal(rig.terminal.positions.size, 0);
    assert.equal(rig.context.operation, null);
  });

  test('an order of which nobody knows the outcome is asked for first', () => {
    const rig = busy();
    rig.fate = (p) => (p.body.case === 'place' || p.body.case === 'find' ? 'never-received' : 'answered');
    rig.intent({ intentId: 'u' });
    assert.equal(brokerStatus(rig.context).unknown, 1);
    rig.tell({ type: 'control.flatten', reason: 'x' });
    assert.equal(rig.context.operation?.closes, 0);
    rig.fate = () => 'answered';
    rig.advance(10_000);
    assert.equal(rig.context.operation, null);
    assert.equal(rig.terminal.positions.size, 0);
  });

  test('a closing order that stands is cancelled after a while, and what is left is closed by another', () => {
    for (const stands of ['work', 'partial'] as const) {
      const rig = busy();
      rig.terminal.behaviour = () => stands;
      rig.tell({ type: 'control.flatten', reason: 'x' });
      assert.notEqual(rig.context.operation, null);
      rig.terminal.behaviour = () => 'fill';
      rig.advance(30_000);
      assert.equal(rig.terminal.positions.size, 0, stands);
      assert.equal(live(rig), 0);
      assert.equal(rig.context.operation, null);
    }
  });

  test('while paused and while halted all the same', () => {
    for (const type of ['control.pause', 'control.halt']) {
      const rig = busy();
      rig.tell({ type, reason: '' });
      rig.tell({ type: 'control.flatten', reason: 'x' });
      assert.equal(rig.terminal.positions.size, 0, type);
      assert.equal(live(rig), 0);
    }
  });

  test('positions that only the terminal knows are taken over and closed', () => {
    const rig = busy();
    rig.terminal.positions.set('99', { symbol: 'EURUSD', lots: 0.7, orderId: '', magic: '0', sl: 0, tp: 0 });
    rig.tell({ type: 'control.flatten', reason: 'x' });
    rig.advance(30_000);
    assert.equal(rig.terminal.netLots, 0);
    assert.equal(rig.context.operation, null);
  });

  test('a crash at any step: every order once, and in the end it is done', () => {
    for (let point = 0; point < 25; point++) {
      const rig = busy();
      rig.crashAt = rig.steps + point;
      rig.tell({ type: 'control.flatten', reason: 'x' });
      rig.crashAt = undefined;
      rig.advance(120_000);
      // A command to the broker that was never committed has to be given again.
      if (rig.context.mode !== 'halted') rig.tell({ type: 'control.flatten', reason: 'x' });
      rig.advance(120_000);
      for (const [id, times] of rig.terminal.placed) assert.equal(times, 1, `${id} at ${point}`);
      assert.equal(rig.terminal.positions.size, 0, `at ${point}`);
      assert.equal(live(rig), 0, `at ${point}`);
      assert.equal(rig.context.operation, null, `at ${point}`);
      assert.deepEqual(brokerStatus(rig.context).positions, {});
    }
  });
});

describe('broker: safe mode', () => {
  const after: Record<SafePolicy, { live: number; flat: boolean }> = {
    hold: { live: 1, flat: false },
    cancel: { live: 0, flat: false },
    flatten: { live: 0, flat: true },
  };
  for (const policy of ['hold', 'cancel', 'flatten'] as const) {
    test(`${policy}: carried out, confirmed, and kept over a restart until it is activated`, () => {
      const rig = busy({ safePolicy: policy });
      const before = rig.sent.length;
      rig.tell({ type: 'control.safe_mode', reason: 'budget spent' });
      assert.equal(rig.state, 'safe');
      assert.equal(live(rig), after[policy].live);
      assert.equal(rig.terminal.positions.size === 0, after[policy].flat);
      if (policy === 'hold')
        assert.deepEqual(
          rig.sent.slice(before).map((p) => p.body.case),
          ['snapshot'],
        );
      const status = brokerStatus(rig.context);
      assert.equal(status.safe?.outcome, 'confirmed');
      assert.match(describeBroker(rig.context), /confirmed by the terminal: no/);
      assert.deepEqual(lifecycle(rig, 'safe_mode').length, 2, 'begun, and confirmed');
      rig.intent({ intentId: 'n' });
      assert.equal(rig.topic('order').at(-1)?.code, 'RISK_HALTED');
      rig.tell({ type: 'control.reduce', reason: '' });
      rig.tell({ type: 'control.pause' });
      assert.equal(rig.state, 'safe', 'nothing but activate leads out of it');
      rig.crash();
      rig.settle();
      assert.equal(rig.state, 'safe');
      assert.equal(brokerStatus(rig.context).safe?.outcome, 'confirmed');
      rig.tell({ type: 'control.activate' });
      assert.equal(rig.state, 'trading.active');
      rig.intent({ intentId: 'o' });
      assert.equal(rig.topic('order').at(-1)?.state, OrderState.FILLED);
    });
  }

  test('the policy may be named; the account has its own otherwise', () => {
    const rig = busy({ safePolicy: 'hold' });
    rig.tell({ type: 'control.safe_mode', reason: 'x', policy: 'flatten' });
    assert.equal(rig.terminal.positions.size, 0);
  });

  test('without a terminal it ends in time, says what nobody knows, and is confirmed when the terminal is back', () => {
    const rig = busy({ safePolicy: 'flatten' });
    rig.fate = (p) => (p.body.case === 'place' ? 'never-received' : 'no-responder');
    rig.intent({ intentId: 'u' });
    assert.equal(rig.state, 'disconnected');
    rig.tell({ type: 'control.safe_mode', reason: 'x' });
    rig.advance(7_000);
    assert.notEqual(rig.state, 'safe');
    rig.advance(1_500);
    assert.equal(rig.state, 'safe');
    const text = describeBroker(rig.context);
    assert.match(text, /NOT confirmed by the terminal: 1 orders of which nobody knows the outcome/);
    assert.match(text, /positions open by our book: .*EURUSD/);
    assert.equal(brokerStatus(rig.context).safe?.outcome, 'unconfirmed');
    rig.fate = () => 'answered';
    rig.advance(60_000);
    assert.equal(rig.state, 'safe');
    assert.equal(brokerStatus(rig.context).safe?.outcome, 'confirmed');
    assert.equal(rig.terminal.positions.size, 0);
  });

  test('intents that waited for the terminal are denied, not kept for later', () => {
    const rig = busy();
    rig.fate = () => 'no-responder';
    rig.tell({ type: 'control.reconcile' });
    rig.intent({ intentId: 'q' });
    rig.tell({ type: 'control.safe_mode', reason: 'x' });
    rig.advance(9_000);
    assert.equal(rig.topic('order').find((o) => o.intentId === 'q')?.code, 'RISK_HALTED');
  });

  test('a crash at any step of it: in the end it is safe, and no order was carried out twice', () => {
    for (const policy of ['cancel', 'flatten'] as const) {
      for (let point = 0; point < 25; point++) {
        const rig = busy({ safePolicy: policy });
        rig.crashAt = rig.steps + point;
        rig.tell({ type: 'control.safe_mode', reason: 'x' });
        rig.crashAt = undefined;
        if (rig.context.safe === null) rig.tell({ type: 'control.safe_mode', reason: 'x' });
        rig.advance(60_000);
        assert.equal(rig.state, 'safe', `${policy} at ${point}`);
        assert.equal(brokerStatus(rig.context).safe?.outcome, 'confirmed');
        assert.equal(live(rig), 0);
        assert.equal(rig.terminal.positions.size === 0, policy === 'flatten');
        for (const [id, times] of rig.terminal.placed) assert.equal(times, 1, `${id} at ${point}`);
      }
    }
  });
});

describe('broker: live limits', () => {
  test('hold at once and over a restart, until they are taken back', () => {
    const rig = new Rig({ limits: { maxOrderLots: 1 } });
    rig.quote();
    rig.tell({ type: 'control.limits', limits: { duplicateWindowMs: 0, maxOrderLots: 0.3 } });
    rig.intent({ intentId: 'a' });
    assert.equal(rig.topic('order').at(-1)?.code, 'RISK_ORDER_SIZE');
    rig.crash();
    rig.settle();
    rig.intent({ intentId: 'b' });
    assert.equal(rig.topic('order').at(-1)?.code, 'RISK_ORDER_SIZE');
    assert.match(describeBroker(rig.context), /limits set live/);
    rig.tell({ type: 'control.limits', limits: null });
    rig.intent({ intentId: 'c' });
    assert.equal(rig.topic('order').at(-1)?.state, OrderState.FILLED);
    rig.intent({ intentId: 'd', action: IntentAction.OPEN, volumeLots: 1.5 });
    assert.equal(rig.topic('order').at(-1)?.code, 'RISK_ORDER_SIZE');
  });
});
