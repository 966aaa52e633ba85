/** What the terminal tells in another order than it happened, and what a strategy asks for too late. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { orderIdOf } from '../../../actors/broker/ids.ts';
import { brokerStatus } from '../../../actors/broker/status.ts';
import { IntentAction, OrderState, OrderType, Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { ACCOUNT, Rig } from './rig.ts';
import { PRICE } from './terminal.ts';

const idOf = (intentId: string): string => orderIdOf(ACCOUNT, intentId);
const statesOf = (rig: Rig, intentId: string): unknown[] =>
  rig
    .topic('order')
    .filter((o) => o.intentId === intentId)
    .map((o) => o.state);
const endOf = (rig: Rig, intentId: string): unknown => statesOf(rig, intentId).at(-1);
const limit = { type: OrderType.LIMIT, price: PRICE - 0.01 };

/** A limit order of half a lot stands at the terminal. */
function standing(behaviour: 'work' | 'partial' = 'work'): Rig {
  const rig = new Rig();
  rig.quote();
  rig.terminal.behaviour = () => behaviour;
  rig.intent({ intentId: 'a', ...limit });
  rig.terminal.behaviour = () => 'fill';
  return rig;
}

/** Its events are held back. */
function unheard(rig: Rig, happens: () => void): typeof rig.terminal.events {
  const told = rig.terminal.events.length;
  happens();
  return rig.terminal.events.splice(told);
}

function agreed(rig: Rig): void {
  rig.advance(62_000);
  const status = brokerStatus(rig.context);
  assert.deepEqual(status.halted, {});
  assert.equal(status.live + status.unknown, 0);
  assert.ok(Math.abs((status.positions.EURUSD ?? 0) - rig.terminal.netLots) < 1e-9);
  const fills = rig.topic('fill').map((f) => f.dealTicket);
  assert.equal(new Set(fills).size, fills.length, 'each deal once');
  assert.equal(fills.length, rig.terminal.deals.filter(({ symbol }) => symbol !== '').length);
}

describe('order path: a cancellation', () => {
  test('of an order that has just filled is refused; the order is filled, not cancelled', () => {
    const rig = standing();
    const late = unheard(rig, () => rig.terminal.complete(idOf('a')));
    rig.intent({ intentId: 'y', action: IntentAction.CANCEL, targetIntentId: 'a' });
    assert.equal(endOf(rig, 'y'), OrderState.REJECTED);
    for (const message of late) rig.hear({ type: 'execution', message });
    assert.deepEqual(statesOf(rig, 'a'), [OrderState.SUBMITTING, OrderState.WORKING, OrderState.FILLED]);
    agreed(rig);
  });

  test('of an order that is over is denied, and so is one of an order that never was', () => {
    const rig = standing();
    rig.terminal.complete(idOf('a'));
    rig.settle();
    for (const targetIntentId of ['a', 'never', '']) {
      rig.intent({ intentId: `y${targetIntentId}`, action: IntentAction.CANCEL, targetIntentId });
      assert.equal(rig.topic('order').at(-1)?.code, 'RISK_NOTHING_TO_CANCEL', targetIntentId);
      assert.match(String(rig.topic('order').at(-1)?.reason), new RegExp(`target_intent_id ${targetIntentId}`));
    }
    agreed(rig);
  });

  test('of an order of which nobody knows: both come to one end, and the terminal decides', () => {
    for (const arrives of [true, false]) {
      const rig = new Rig();
      rig.quote();
      rig.terminal.behaviour = () => 'work';
      rig.fate = ({ body }) =>
        body.case === 'place'
          ? arrives
            ? 'reply-lost'
            : 'never-received'
          : body.case === 'find'
            ? 'never-received'
            : 'answered';
      rig.terminal.emit = () => {};
      rig.intent({ intentId: 'a', ...limit });
      assert.equal(endOf(rig, 'a'), OrderState.UNKNOWN);
      rig.intent({ intentId: 'y', action: IntentAction.CANCEL, targetIntentId: 'a' });
      rig.fate = () => 'answered';
      rig.advance(62_000);
      assert.equal(endOf(rig, 'a'), arrives ? OrderState.CANCELLED : OrderState.REJECTED);
      assert.equal(endOf(rig, 'y'), arrives ? OrderState.FILLED : OrderState.REJECTED);
      assert.equal(statesOf(rig, 'y').filter((state) => Number(state) > OrderState.PARTIAL).length, 1);
    }
  });

  test('of a partly filled order leaves the part; a deal that is told after the end is booked', () => {
    const rig = standing('partial');
    assert.equal(endOf(rig, 'a'), OrderState.PARTIAL);
    // A second part executes right before the cancellation, and is told after it.
    const order = rig.terminal.orders.find(({ orderId }) => orderId === idOf('a'));
    assert.ok(order !== undefined);
    const late = unheard(rig, () => {
      rig.terminal.fillPart(idOf('a'), 0.1);
    });
    rig.intent({ intentId: 'y', action: IntentAction.CANCEL, targetIntentId: 'a' });
    assert.equal(endOf(rig, 'a'), OrderState.CANCELLED);
    assert.equal(brokerStatus(rig.context).live, 0);
    for (const message of late) rig.hear({ type: 'execution', message });
    assert.equal(endOf(rig, 'a'), OrderState.CANCELLED);
    assert.equal(rig.topic('order').at(-1)?.filledLots, 0.35);
    assert.equal(statesOf(rig, 'a').filter((state) => state === OrderState.PARTIAL).length, 1, 'it never goes back');
    assert.equal(rig.context.held.alpha?.EURUSD, 0.35);
    agreed(rig);
  });
});

describe('order path: an order that expires', () => {
  test('ends as expired, with what it had filled', () => {
    for (const behaviour of ['work', 'partial'] as const) {
      const rig = standing(behaviour);
      rig.terminal.end(idOf('a'), OrderState.EXPIRED);
      rig.settle();
      assert.equal(endOf(rig, 'a'), OrderState.EXPIRED);
      assert.equal(rig.context.counters.expired, 1);
      assert.equal(rig.context.held.alpha?.EURUSD ?? 0, behaviour === 'partial' ? 0.25 : 0);
      agreed(rig);
    }
  });

  test('while nobody was linked is asked for by name, and is no difference', () => {
    const rig = standing();
    unheard(rig, () => rig.terminal.end(idOf('a'), OrderState.EXPIRED));
    rig.advance(62_000);
    assert.equal(endOf(rig, 'a'), OrderState.EXPIRED);
    agreed(rig);
  });
});

describe('order path: deals', () => {
  test('before the reply, in any order, and again: one fill each, one end', () => {
    for (const turned of [false, true]) {
      const rig = new Rig();
      rig.quote();
      rig.fate = ({ body }) =>
        body.case === 'place' ? 'reply-lost' : body.case === 'find' ? 'never-received' : 'answered';
      rig.terminal.behaviour = () => 'partial';
      const events = rig.terminal.events;
      const told = events.length;
      const place = rig.terminal.handle.bind(rig.terminal);
      let held: typeof events = [];
      rig.terminal.handle = (params, fence) => {
        const reply = place(params, fence);
        if (params.body.case === 'place') {
          rig.terminal.complete(idOf('a'));
          held = events.splice(told);
        }
        return reply;
      };
      rig.intent({ intentId: 'a' });
      assert.equal(endOf(rig, 'a'), OrderState.UNKNOWN);
      const deals = held.filter(({ body }) => body.case === 'deal');
      assert.equal(deals.length, 2);
      for (const message of turned ? deals.toReversed() : deals) rig.hear({ type: 'execution', message });
      for (const message of held) rig.hear({ type: 'execution', message });
      rig.fate = () => 'answered';
      assert.equal(endOf(rig, 'a'), OrderState.FILLED);
      assert.equal(statesOf(rig, 'a').filter((state) => Number(state) > OrderState.PARTIAL).length, 1);
      agreed(rig);
    }
  });

  test('of an order that nobody of us has sent, with our magic, are fills of that strategy; without one of nobody', () => {
    for (const hedging of [false, true]) {
      const rig = new Rig({ hedging });
      rig.quote();
      rig.intent({ intentId: 'a' });
      const magic = rig.terminal.deals.at(-1)?.magic ?? '0';
      rig.terminal.trade('EURUSD', Side.BUY, 0.2, { magic });
      rig.terminal.trade('EURUSD', Side.BUY, 0.1);
      rig.settle();
      assert.deepEqual(
        rig.topic('fill').map((f) => [f.strategy, f.volumeLots]),
        [
          ['alpha', 0.5],
          ['alpha', 0.2],
          ['', 0.1],
        ],
      );
      assert.ok(Math.abs((rig.context.held.alpha?.EURUSD ?? 0) - 0.7) < 1e-9);
      agreed(rig);
    }
  });
});

describe('order path: stops', () => {
  test('a change that is still on its way when a newer one is sent does not arrive after it', () => {
    const rig = new Rig();
    rig.quote();
    rig.intent({ intentId: 'a' });
    const [positionId = ''] = rig.terminal.positions.keys();
    rig.fate = ({ body }) => (body.case === 'protect' ? 'on-its-way' : 'answered');
    rig.intent({ intentId: 'p', action: IntentAction.PROTECT, stopLoss: 1.05 });
    assert.equal(endOf(rig, 'p'), OrderState.SUBMITTING);
    rig.fate = () => 'answered';
    rig.intent({ intentId: 'q', action: IntentAction.PROTECT, stopLoss: 1.08 });
    assert.equal(rig.terminal.positions.get(positionId)?.sl, 1.08);
    rig.arrive();
    assert.equal(rig.terminal.positions.get(positionId)?.sl, 1.08);
    assert.equal(endOf(rig, 'p'), OrderState.CANCELLED);
    assert.equal(endOf(rig, 'q'), OrderState.FILLED);
  });
});
