import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { orderIdOf } from '../../../actors/broker/ids.ts';
import { brokerStatus, describeBroker } from '../../../actors/broker/status.ts';
import { ExecutionEventSchema } from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { BarSchema } from '../../../proto/gen/troupe/market/v1/market_pb.js';
import { IntentAction, OrderState, OrderType, Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { ACCOUNT, type Fate, Rig } from './rig.ts';
import { PRICE } from './terminal.ts';

const idOf = (intentId: string, part = 0): string => orderIdOf(ACCOUNT, intentId, part);
const statesOf = (rig: Rig, intentId: string): unknown[] =>
  rig
    .topic('order')
    .filter((o) => o.intentId === intentId)
    .map((o) => o.state);

describe('broker: the start', () => {
  test('asks for everything before it trades, and tells the deposit once as a movement of money', () => {
    const rig = new Rig();
    assert.equal(rig.state, 'trading.active');
    assert.deepEqual(
      rig.sent.map((p) => p.body.case),
      ['snapshot'],
    );
    const cash = rig.topic('account').filter((a) => a.cashFlow !== undefined);
    assert.deepEqual(
      cash.map((a) => [a.balance, (a.cashFlow as { amount: number }).amount]),
      [[100_000, 100_000]],
    );
    assert.equal(rig.context.funds.peakEquity, 100_000);
    rig.advance(61_000);
    assert.equal(rig.sent.filter((p) => p.body.case === 'snapshot').length, 2, 'every minute again');
    assert.equal(rig.topic('account').filter((a) => a.cashFlow !== undefined).length, 1);
  });

  test('intents that come too early wait; the 129th is denied', () => {
    const rig = new Rig();
    rig.quote();
    rig.fate = () => 'no-responder';
    rig.tell({ type: 'control.reconcile' });
    assert.equal(rig.state, 'disconnected');
    for (let i = 1; i <= 129; i++) rig.intent({ intentId: `i${i}`, volumeLots: 0.01 });
    assert.deepEqual(
      rig.topic('order').map((o) => o.code),
      ['RISK_NOT_READY'],
    );
    assert.ok(rig.largestCommit < 100_000, `${rig.largestCommit} bytes`);
    rig.fate = () => 'answered';
    rig.advance(10_000);
    assert.equal(rig.state, 'trading.active');
    assert.equal(brokerStatus(rig.context).filled, 128);
  });
});

describe('broker: an order', () => {
  test('is submitted, sent once and filled; its duplicate is ignored', () => {
    const rig = new Rig();
    rig.quote();
    rig.intent({ intentId: 'a' });
    rig.intent({ intentId: 'a' });
    assert.deepEqual(statesOf(rig, 'a'), [OrderState.SUBMITTING, OrderState.FILLED]);
    assert.deepEqual(rig.places(), [idOf('a')]);
    const [fill] = rig.topic('fill');
    assert.equal(rig.topic('fill').length, 1);
    assert.equal(fill?.strategy, 'alpha');
    assert.equal(rig.context.held.alpha?.EURUSD, 0.5);
    assert.equal(rig.context.counters.duplicateIntents, 1);
    assert.deepEqual(
      rig.topic('order').map((o) => o.revision),
      [1, 2],
    );
  });

  test('is denied with a code and a reason, and nothing is sent', () => {
    const rig = new Rig({ limits: { maxOrderLots: 0.4 } });
    rig.quote();
    rig.intent({ intentId: 'a' });
    const [order] = rig.topic('order');
    assert.equal(order?.state, OrderState.DENIED);
    assert.equal(order?.code, 'RISK_ORDER_SIZE');
    assert.match(String(order?.reason), /0\.5 lots, limit 0\.4/);
    assert.deepEqual(rig.places(), []);
    assert.deepEqual(rig.context.counters.denied, { RISK_ORDER_SIZE: 1 });
  });

  test('whose reply is lost is unknown, is asked for, and is not sent again', () => {
    const rig = new Rig();
    rig.quote();
    let finds = 0;
    rig.fate = ({ body }) =>
      body.case === 'place' || (body.case === 'find' && finds++ < 2) ? 'reply-lost' : 'answered';
    // The execution events are held back, so that only the question can tell.
    rig.terminal.emit = () => {};
    rig.intent({ intentId: 'a' });
    assert.equal(brokerStatus(rig.context).unknown, 1);
    rig.advance(5_000);
    assert.deepEqual(statesOf(rig, 'a'), [OrderState.SUBMITTING, OrderState.UNKNOWN, OrderState.FILLED]);
    assert.equal(rig.places().length, 1);
    assert.equal(rig.topic('fill').length, 1);
  });

  test('that never arrived is rejected after the terminal was asked', () => {
    const rig = new Rig();
    rig.quote();
    rig.fate = ({ body }) => (body.case === 'place' ? 'never-received' : 'answered');
    rig.intent({ intentId: 'a' });
    assert.deepEqual(statesOf(rig, 'a'), [OrderState.SUBMITTING, OrderState.UNKNOWN, OrderState.REJECTED]);
    assert.equal(rig.topic('order').at(-1)?.code, 'ORDER_NOT_RECEIVED');
    assert.equal(rig.terminal.placed.size, 0);
  });

  test('that nobody answers is unknown while the bridge is away, and what it became once it is there', () => {
    const became = { 'no-responder': OrderState.REJECTED, 'heard-only': OrderState.FILLED };
    for (const [fate, state] of Object.entries(became)) {
      const rig = new Rig();
      rig.quote();
      rig.fate = ({ body }) => (body.case === 'place' ? (fate as Fate) : 'no-responder');
      // What the terminal says by itself does not come either.
      rig.terminal.emit = () => {};
      rig.intent({ intentId: 'a' });
      assert.deepEqual(statesOf(rig, 'a'), [OrderState.SUBMITTING, OrderState.UNKNOWN]);
      assert.equal(rig.state, 'disconnected');
      rig.fate = () => 'answered';
      rig.advance(2_000);
      assert.equal(rig.state, 'trading.active');
      assert.equal(statesOf(rig, 'a').at(-1), state, fate);
      assert.equal(rig.sent.filter(({ body }) => body.case === 'place').length, 1);
    }
  });

  test('that executes although it was called rejected halts its symbol', () => {
    const rig = new Rig();
    rig.quote();
    rig.fate = ({ body }) => (body.case === 'place' ? 'never-received' : 'answered');
    rig.intent({ intentId: 'a' });
    const late = rig.sent.find((p) => p.body.case === 'place');
    assert.ok(late !== undefined);
    rig.terminal.handle(late);
    rig.fate = () => 'answered';
    rig.quote();
    rig.intent({ intentId: 'b' });
    assert.equal(rig.topic('order').at(-1)?.code, 'RISK_SYMBOL_HALTED');
    assert.match(describeBroker(rig.context), /RECONCILE_DIFFERENCE EURUSD/);
    rig.tell({ type: 'control.accept', symbol: 'EURUSD' });
    rig.intent({ intentId: 'c' });
    assert.equal(rig.topic('order').at(-1)?.state, OrderState.FILLED);
  });

  test('is cancelled by the strategy that placed it, and by no other', () => {
    const rig = new Rig();
    rig.terminal.behaviour = () => 'work';
    rig.quote();
    rig.intent({ intentId: 'a', type: OrderType.LIMIT, price: PRICE - 0.01 });
    rig.intent({ intentId: 'x', strategy: 'beta', action: IntentAction.CANCEL, targetIntentId: 'a' });
    assert.equal(rig.topic('order').at(-1)?.code, 'RISK_NOTHING_TO_CANCEL');
    rig.intent({ intentId: 'y', action: IntentAction.CANCEL, targetIntentId: 'a' });
    assert.deepEqual(statesOf(rig, 'a'), [OrderState.SUBMITTING, OrderState.WORKING, OrderState.CANCELLED]);
    assert.deepEqual(statesOf(rig, 'y'), [OrderState.SUBMITTING, OrderState.FILLED]);
    assert.deepEqual(Object.keys(rig.context.orders), []);
  });
});

describe('broker: prices', () => {
  test('of several bars taken in one step are those of the bars one by one', () => {
    const one = new Rig();
    const many = new Rig();
    const bar = (symbol: string, bid: number, lastTickMs: number) =>
      create(BarSchema, { symbol, timeframe: '1s', close: bid, askClose: bid + 0.0001, lastTickMs });
    const atMs = one.terminal.timeMs;
    const bars = [bar('EURUSD', 1.1, atMs + 1), bar('GBPUSD', 1.3, atMs + 2), bar('EURUSD', 1.2, atMs + 3)];
    for (const message of bars) one.hear({ type: 'bar', message });
    const [message, ...more] = bars;
    many.hear({ type: 'bar', message, more });
    assert.deepEqual(many.context.quotes, one.context.quotes);
    assert.ok([...many.context.quotes].includes(1.2));
    assert.equal(many.context.marketNowMs, one.context.marketNowMs);
  });
});

describe('broker: exits', () => {
  test('netting: a close takes what the strategy holds and not more, and not twice', () => {
    const rig = new Rig();
    rig.quote();
    rig.intent({ intentId: 'a', volumeLots: 0.5 });
    rig.intent({ intentId: 'b', strategy: 'beta', volumeLots: 0.3 });
    rig.fate = ({ body }) =>
      body.case === 'place' ? 'reply-lost' : body.case === 'find' ? 'never-received' : 'answered';
    rig.terminal.behaviour = () => 'work';
    rig.intent({ intentId: 'c', action: IntentAction.CLOSE, volumeLots: 9 });
    rig.intent({ intentId: 'd', action: IntentAction.CLOSE, volumeLots: 0 });
    assert.equal(rig.topic('order').at(-1)?.code, 'RISK_CLOSING_ALREADY');
    rig.fate = () => 'answered';
    rig.advance(60_000);
    rig.terminal.complete(idOf('c'));
    rig.settle();
    assert.equal(rig.terminal.netLots, 0.3);
    assert.deepEqual(rig.context.held, { alpha: {}, beta: { EURUSD: 0.3 } });
  });

  test('netting: more than the largest volume is closed in several orders', () => {
    const rig = new Rig();
    rig.quote();
    rig.intent({ intentId: 'a', volumeLots: 9 });
    rig.intent({ intentId: 'b', volumeLots: 4 });
    rig.intent({ intentId: 'c', action: IntentAction.CLOSE, volumeLots: 0 });
    assert.deepEqual(rig.places().slice(2), [idOf('c', 1), idOf('c', 2)]);
    assert.equal(rig.terminal.netLots, 0);
    rig.intent({ intentId: 'c', action: IntentAction.CLOSE, volumeLots: 0 });
    assert.equal(rig.context.counters.duplicateIntents, 1);
  });

  test('hedging: one order per position of the strategy', () => {
    const rig = new Rig({ hedging: true });
    rig.quote();
    rig.intent({ intentId: 'a', volumeLots: 0.5 });
    rig.intent({ intentId: 'b', side: Side.SELL, volumeLots: 0.2 });
    rig.intent({ intentId: 'o', strategy: 'beta', volumeLots: 0.7 });
    rig.intent({ intentId: 'c', action: IntentAction.CLOSE, volumeLots: 0 });
    assert.deepEqual(rig.places().slice(3), [idOf('c', 1), idOf('c', 2)]);
    assert.deepEqual(
      [...rig.terminal.positions.values()].map((p) => p.lots),
      [0.7],
    );
    assert.deepEqual(
      Object.values(rig.context.book).map((p) => p.lots),
      [0.7],
    );
  });

  test('stops are changed on the position and come back as its level', () => {
    const rig = new Rig();
    rig.quote();
    rig.intent({ intentId: 'a' });
    rig.intent({
      intentId: 'p',
      action: IntentAction.PROTECT,
      stopLoss: PRICE - 0.0123456789,
      takeProfit: PRICE + 0.01,
    });
    assert.deepEqual(statesOf(rig, 'p'), [OrderState.SUBMITTING, OrderState.FILLED]);
    assert.equal(rig.topic('position').at(-1)?.stopLoss, 1.08765, 'on the tick grid');
    rig.intent({ intentId: 'q', action: IntentAction.PROTECT, stopLoss: PRICE + 0.01 });
    assert.equal(rig.topic('order').at(-1)?.code, 'RISK_STOP_DISTANCE');
  });

  test("a stop of the terminal leaves nothing to close, whatever strategy's magic it carries", () => {
    const rig = new Rig();
    rig.quote();
    rig.intent({ intentId: 'a', volumeLots: 0.5 });
    rig.intent({ intentId: 'b', strategy: 'beta', volumeLots: 0.3 });
    const [positionId = '0'] = rig.terminal.positions.keys();
    rig.terminal.trade('EURUSD', Side.SELL, 0.8, { positionId, entry: 'out', reason: 'stop_loss', profit: -80 });
    rig.settle();
    rig.intent({ intentId: 'c', action: IntentAction.CLOSE });
    assert.equal(rig.topic('order').at(-1)?.code, 'RISK_NOTHING_TO_CLOSE');
    assert.equal(rig.context.funds.balance, 99_920);
  });
});

describe('broker: the terminal is the truth', () => {
  test('a deal by hand is taken over as a fill of nobody', () => {
    const rig = new Rig();
    rig.quote();
    rig.terminal.trade('EURUSD', Side.BUY, 0.2);
    rig.settle();
    assert.equal(rig.topic('fill').at(-1)?.strategy, '');
    rig.advance(61_000);
    assert.deepEqual(rig.context.differences, {});
  });

  test('a hole in the events is closed by a snapshot; each deal is told once', () => {
    const rig = new Rig();
    rig.quote();
    const { events } = rig.terminal;
    rig.terminal.trade('EURUSD', Side.BUY, 0.2);
    // All but the last of them are lost.
    events.splice(events.length - 4, 3);
    rig.settle();
    assert.equal(rig.state, 'trading.active');
    assert.equal(rig.topic('fill').length, 1);
    assert.equal(Object.values(rig.context.book)[0]?.lots, 0.2);
  });

  test('a new session reconciles; late events of the old one are no news', () => {
    const rig = new Rig();
    rig.quote();
    rig.intent({ intentId: 'a' });
    const old = rig.terminal.events.at(-1);
    const before = rig.context.snapshots;
    rig.terminal.restart('s2');
    rig.terminal.trade('EURUSD', Side.BUY, 0.1);
    rig.settle();
    assert.equal(rig.context.session, 's2');
    assert.equal(rig.context.snapshots, before + 1);
    assert.ok(old !== undefined);
    rig.hear({ type: 'execution', message: old });
    assert.equal(rig.context.session, 's2');
    assert.equal(rig.context.snapshots, before + 1);
    assert.equal(rig.topic('fill').length, 2);
    rig.intent({ intentId: 'b' });
    assert.equal(brokerStatus(rig.context).filled, 2);
  });

  test("news of the link carry the session and the wall clock of the bridge, which are not the terminal's", () => {
    const rig = new Rig();
    rig.quote();
    const marketMs = rig.context.marketNowMs;
    const link = (state: string, sequence: number) =>
      create(ExecutionEventSchema, {
        account: ACCOUNT,
        session: 'bridge-1',
        sequence,
        timeMs: marketMs + 1e10,
        body: { case: 'link', value: { state } },
      });
    rig.hear({ type: 'execution', message: link('lost', 1) });
    assert.equal(rig.state, 'disconnected');
    rig.hear({ type: 'execution', message: link('ready', 2) });
    assert.equal(rig.state, 'trading.active');
    assert.equal(rig.context.session, 's1');
    assert.equal(rig.context.marketNowMs, marketMs);
    rig.intent({ intentId: 'a' });
    assert.equal(rig.topic('order').at(-1)?.state, OrderState.FILLED);
    assert.equal(rig.context.counters.duplicateEvents, 0);
  });

  test('a position that differs in two snapshots halts its symbol until it is accepted', () => {
    const rig = new Rig();
    rig.quote();
    rig.quote('GBPUSD', 1.3, 1.3001);
    rig.intent({ intentId: 'a' });
    const [id = ''] = rig.terminal.positions.keys();
    const position = rig.terminal.positions.get(id);
    assert.ok(position !== undefined);
    position.lots = 0.4;
    rig.tell({ type: 'control.reconcile' });
    assert.equal(brokerStatus(rig.context).halted.EURUSD, undefined, 'the first look is only a suspicion');
    rig.advance(600);
    assert.match(String(brokerStatus(rig.context).halted.EURUSD), /0\.4 lots at the terminal, 0\.5/);
    assert.equal(rig.topic('account').at(-1)?.code, 'RECONCILE_DIFFERENCE');
    rig.intent({ intentId: 'b' });
    assert.equal(rig.topic('order').at(-1)?.code, 'RISK_SYMBOL_HALTED');
    rig.intent({ intentId: 'g', symbol: 'GBPUSD', referencePrice: 1.3 });
    assert.equal(rig.topic('order').at(-1)?.state, OrderState.FILLED, 'other symbols trade on');
    rig.tell({ type: 'control.accept', symbol: 'EURUSD' });
    assert.deepEqual(rig.context.differences, {});
    assert.equal(rig.context.held.alpha?.EURUSD, 0.4);
    assert.equal(rig.topic('account').at(-1)?.code, '');
  });

  test('a balance that differs halts the account', () => {
    const rig = new Rig();
    rig.terminal.balance -= 1;
    rig.tell({ type: 'control.reconcile' });
    rig.advance(600);
    assert.match(describeBroker(rig.context), /RECONCILE_DIFFERENCE account: balance: 99999 .* 100000/);
    rig.quote();
    rig.intent({ intentId: 'a' });
    assert.equal(rig.topic('order').at(-1)?.code, 'RISK_SYMBOL_HALTED');
  });
});

describe('broker: the operator', () => {
  test('reducing lets exits pass, halted only cancellations; both outlive a restart', () => {
    const rig = new Rig();
    rig.quote();
    rig.intent({ intentId: 'a' });
    rig.tell({ type: 'control.reduce', reason: 'news' });
    assert.equal(rig.state, 'trading.reducing');
    rig.crash();
    rig.settle();
    assert.equal(rig.state, 'trading.reducing');
    rig.intent({ intentId: 'b' });
    assert.equal(rig.topic('order').at(-1)?.code, 'RISK_REDUCING');
    rig.intent({ intentId: 'c', action: IntentAction.CLOSE, volumeLots: 0.2 });
    assert.equal(rig.terminal.netLots, 0.3);
    rig.tell({ type: 'control.halt', reason: 'enough' });
    rig.intent({ intentId: 'd', action: IntentAction.CLOSE });
    assert.equal(rig.topic('order').at(-1)?.code, 'RISK_HALTED');
    rig.tell({ type: 'control.activate' });
    assert.equal(rig.state, 'trading.active');
  });

  test('pause keeps intents, resume judges them', () => {
    const rig = new Rig();
    rig.quote();
    rig.tell({ type: 'control.pause' });
    rig.intent({ intentId: 'a' });
    assert.equal(rig.state, 'draining');
    assert.equal(rig.context.waiting.length, 1);
    rig.crash();
    rig.settle();
    assert.equal(rig.state, 'draining');
    rig.tell({ type: 'control.resume' });
    assert.equal(brokerStatus(rig.context).filled, 1);
  });
});
