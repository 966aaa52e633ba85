/** The order path against whoever delays, repeats, loses and reorders. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { orderIdOf } from '../../../actors/broker/ids.ts';
import { brokerMigrations } from '../../../actors/broker/migrations.ts';
import { brokerStatus } from '../../../actors/broker/status.ts';
import { CommandReplySchema, Outcome, RetcodeClass } from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { IntentAction, OrderState, OrderType, Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { decodeSnapshot, encodeSnapshot } from '../../../runtime/codec.ts';
import { ACCOUNT, type Fate, Rig } from './rig.ts';
import { PRICE } from './terminal.ts';

const idOf = (intentId: string): string => orderIdOf(ACCOUNT, intentId);
const endsOf = (rig: Rig, intentId: string): unknown[] =>
  rig
    .topic('order')
    .filter((o) => o.intentId === intentId && (o.state === OrderState.DENIED || Number(o.state) > OrderState.PARTIAL))
    .map((o) => o.state);
const onPlace = (fate: Fate) => (p: { body: { case: string } }) => (p.body.case === 'place' ? fate : 'answered');

describe('order path: an order that is late', () => {
  test('does not execute after it was called rejected: the question has sealed it off', () => {
    const rig = new Rig();
    rig.quote();
    rig.fate = onPlace('late');
    rig.intent({ intentId: 'a' });
    rig.fate = () => 'answered';
    assert.equal(rig.topic('order').at(-1)?.code, 'ORDER_NOT_RECEIVED');
    rig.arrive();
    rig.advance(61_000);
    assert.equal(rig.terminal.netLots, 0, 'it came after the last word, and must have no effect');
    assert.deepEqual(brokerStatus(rig.context).halted, {});
    rig.quote();
    rig.intent({ intentId: 'b' });
    assert.equal(rig.topic('order').at(-1)?.state, OrderState.FILLED);
  });

  test('executes once and is filled, when it comes before the question', () => {
    const rig = new Rig();
    rig.quote();
    rig.fate = (p) => (p.body.case === 'place' ? 'late' : 'never-received');
    rig.intent({ intentId: 'a' });
    assert.equal(brokerStatus(rig.context).unknown, 1);
    rig.arrive();
    rig.fate = () => 'answered';
    rig.advance(61_000);
    assert.deepEqual(endsOf(rig, 'a'), [OrderState.FILLED]);
    assert.equal(rig.terminal.placed.get(idOf('a')), 1);
  });

  test('does not execute after a restart has asked for it', () => {
    const rig = new Rig();
    rig.quote();
    rig.fate = onPlace('late');
    rig.crashAt = rig.steps + 2;
    rig.intent({ intentId: 'a' });
    rig.fate = () => 'answered';
    rig.advance(5_000);
    rig.arrive();
    rig.advance(61_000);
    assert.equal(endsOf(rig, 'a').length, 1);
    assert.equal(rig.terminal.netLots !== 0, endsOf(rig, 'a')[0] === OrderState.FILLED);
  });

  test('a change of stops that was overtaken by a newer one does not come back', () => {
    const rig = new Rig();
    rig.quote();
    rig.intent({ intentId: 'a' });
    rig.fate = (p) => (p.body.case === 'protect' ? 'late' : 'answered');
    rig.intent({ intentId: 'p', action: IntentAction.PROTECT, stopLoss: 1.05 });
    rig.fate = () => 'answered';
    rig.intent({ intentId: 'q', action: IntentAction.PROTECT, stopLoss: 1.08 });
    rig.arrive();
    rig.advance(1_000);
    assert.equal([...rig.terminal.positions.values()][0]?.sl, 1.08);
  });

  for (const code of ['NO_TERMINAL', 'TRADING_DISABLED']) {
    test(`a cancellation whose answer was lost is not rejected because its repetition is refused (${code})`, () => {
      const rig = new Rig();
      rig.terminal.behaviour = () => 'work';
      rig.quote();
      rig.intent({ intentId: 'a', type: OrderType.LIMIT, price: PRICE - 0.01 });
      const handle = rig.terminal.handle.bind(rig.terminal);
      let copies = 0;
      let refuses = true;
      rig.fate = (p) => (p.body.case === 'cancel' && copies === 0 ? 'reply-lost' : 'answered');
      rig.terminal.handle = (params, fence) => {
        copies += params.body.case === 'cancel' ? 1 : 0;
        return refuses && copies > 1
          ? create(CommandReplySchema, { commandId: params.commandId, outcome: Outcome.REFUSED, code })
          : handle(params, fence);
      };
      rig.intent({ intentId: 'y', action: IntentAction.CANCEL, targetIntentId: 'a' });
      rig.advance(5_000);
      assert.ok(copies > 1, 'it was asked for again');
      assert.deepEqual(endsOf(rig, 'a'), [OrderState.CANCELLED]);
      assert.deepEqual(endsOf(rig, 'y'), [], 'nobody knows yet');
      refuses = false;
      rig.advance(61_000);
      assert.deepEqual(endsOf(rig, 'y'), [OrderState.FILLED]);
      assert.equal(brokerStatus(rig.context).unknown, 0);
    });
  }
});

describe('order path: an intent that is told again', () => {
  test('is not judged again, however much the other strategies have done in between', () => {
    const rig = new Rig({ limits: { maxIntentAgeMs: 86_400_000 } });
    rig.quote();
    rig.intent({ intentId: 'a', volumeLots: 0.01 });
    for (let i = 0; i < 2_100; i++) rig.intent({ intentId: `other${i}`, strategy: 'beta', symbol: 'NONE' });
    rig.intent({ intentId: 'a', volumeLots: 0.01 });
    assert.deepEqual(endsOf(rig, 'a'), [OrderState.FILLED], 'one intent, one end');
    assert.equal(rig.context.counters.duplicateIntents, 1);
    assert.ok(rig.largestCommit < 100_000, `${rig.largestCommit} bytes`);
  });

  test('while it waits, while its order is unknown, and after it was denied', () => {
    const rig = new Rig({ limits: { maxOrderLots: 1 } });
    rig.quote();
    rig.intent({ intentId: 'big', volumeLots: 2 });
    rig.intent({ intentId: 'big', volumeLots: 2 });
    rig.fate = () => 'never-received';
    rig.intent({ intentId: 'u' });
    rig.intent({ intentId: 'u' });
    rig.fate = () => 'no-responder';
    rig.tell({ type: 'control.reconcile' });
    rig.intent({ intentId: 'w' });
    rig.intent({ intentId: 'w' });
    rig.fate = () => 'answered';
    rig.advance(10_000);
    assert.equal(rig.context.counters.duplicateIntents, 3);
    for (const id of ['big', 'u', 'w']) assert.equal(endsOf(rig, id).length, 1, id);
  });
});

describe('order path: answers', () => {
  test('a reply that comes twice, and one after the deal, change nothing', () => {
    const rig = new Rig();
    rig.quote();
    rig.intent({ intentId: 'a' });
    const reply = rig.terminal.handle({
      commandId: 'again',
      orderId: idOf('a'),
      body: { case: 'find', value: { orderId: idOf('a') } },
      createdUs: 0,
      seal: 0,
    });
    const before = rig.topic('order').length;
    for (const kind of ['place', 'find'] as const) {
      rig.tell({ type: 'command.reply', commandId: idOf('a'), kind, orderId: idOf('a'), reply });
    }
    assert.equal(rig.topic('order').length, before);
    assert.equal(rig.topic('fill').length, 1);
  });

  test('journal and terminal that contradict each other are a difference, not a rejection', () => {
    const rig = new Rig();
    rig.quote();
    rig.fate = (p) => (p.body.case === 'snapshot' ? 'answered' : 'never-received');
    rig.intent({ intentId: 'a' });
    const order = rig.context.orders[idOf('a')];
    const reply = create(CommandReplySchema, { outcome: Outcome.UNKNOWN, code: 'JOURNAL_DISAGREES' });
    rig.tell({ type: 'command.reply', commandId: String(order?.asking), kind: 'find', orderId: idOf('a'), reply });
    assert.match(String(brokerStatus(rig.context).halted.EURUSD), /is unknown for us and unknown to the terminal/);
    assert.equal(brokerStatus(rig.context).unknown, 1, 'it counts as live until somebody decides');
    rig.tell({ type: 'control.accept', symbol: 'EURUSD' });
    assert.deepEqual(endsOf(rig, 'a'), [OrderState.CANCELLED]);
    assert.deepEqual(brokerStatus(rig.context).halted, {});
  });

  test('a close that found nothing left to close ends as cancelled, not as a refusal, though its record says rejected', () => {
    const rig = new Rig();
    rig.quote();
    rig.terminal.behaviour = () => 'reject';
    rig.fate = (p) => (p.body.case === 'snapshot' ? 'answered' : 'never-received');
    rig.intent({ intentId: 'a' });
    const reply = create(CommandReplySchema, {
      ...{ outcome: Outcome.DONE, retcode: 10036, retcodeClass: RetcodeClass.OK, code: 'POSITION_CLOSED' },
      order: { orderId: idOf('a'), symbol: 'EURUSD', state: OrderState.REJECTED, retcode: 10036 },
    });
    rig.tell({ type: 'command.reply', commandId: idOf('a'), kind: 'place', orderId: idOf('a'), reply });
    assert.deepEqual(endsOf(rig, 'a'), [OrderState.CANCELLED]);
  });

  test('a refusal tells whether trying again can help', () => {
    const words = [
      [RetcodeClass.RETRY, 'return code 10004 (may be tried again): moved'],
      [RetcodeClass.NO, 'return code 10004 (final): moved'],
      [RetcodeClass.UNSPECIFIED, 'return code 10004: moved'],
    ] as const;
    for (const [retcodeClass, reason] of words) {
      const rig = new Rig();
      rig.quote();
      rig.fate = (p) => (p.body.case === 'snapshot' ? 'answered' : 'never-received');
      rig.intent({ intentId: 'a' });
      const refusal = { outcome: Outcome.REJECTED, retcode: 10004, code: 'REQUOTE', message: 'moved', retcodeClass };
      const reply = create(CommandReplySchema, refusal);
      rig.tell({ type: 'command.reply', commandId: idOf('a'), kind: 'place', orderId: idOf('a'), reply });
      assert.equal(rig.topic('order').at(-1)?.reason, reason);
      assert.equal(rig.topic('order').at(-1)?.code, 'REQUOTE');
    }
  });

  test('an order that several orders at the terminal may be halts its symbol, and is asked for again, never sent again', () => {
    const rig = new Rig();
    rig.quote();
    rig.fate = (p) => (p.body.case === 'snapshot' ? 'answered' : 'never-received');
    rig.intent({ intentId: 'a' });
    const reply = create(CommandReplySchema, { outcome: Outcome.UNKNOWN, code: 'AMBIGUOUS' });
    const asking = () => String(rig.context.orders[idOf('a')]?.asking);
    rig.tell({ type: 'command.reply', commandId: asking(), kind: 'find', orderId: idOf('a'), reply });
    assert.match(String(brokerStatus(rig.context).halted.EURUSD), /several orders at the terminal may be it/);
    assert.equal(brokerStatus(rig.context).unknown, 1);
    const before = rig.sent.length;
    rig.advance(60_000);
    const later = rig.sent.slice(before).filter((p) => p.orderId === idOf('a'));
    assert.ok(later.length > 0);
    assert.ok(later.every((p) => p.body.case === 'find'));
  });

  test('an order that the terminal does not show yet stays unknown and is asked for again', () => {
    const rig = new Rig();
    rig.quote();
    rig.fate = (p) => (p.body.case === 'snapshot' ? 'answered' : 'never-received');
    rig.intent({ intentId: 'a' });
    const reply = create(CommandReplySchema, { outcome: Outcome.UNKNOWN, code: 'TOO_EARLY' });
    const order = rig.context.orders[idOf('a')];
    rig.tell({ type: 'command.reply', commandId: String(order?.asking), kind: 'find', orderId: idOf('a'), reply });
    assert.equal(brokerStatus(rig.context).unknown, 1);
    assert.deepEqual(brokerStatus(rig.context).halted, {});
    rig.fate = () => 'answered';
    rig.advance(60_000);
    assert.deepEqual(endsOf(rig, 'a'), [OrderState.REJECTED], 'not found, in the end');
  });

  test('the bridge is restarted, and the terminal too, while an order is under way', () => {
    for (const behaviour of ['fill', 'work'] as const) {
      const rig = new Rig();
      rig.quote();
      rig.terminal.behaviour = () => behaviour;
      rig.fate = onPlace('reply-lost');
      const told = rig.terminal.events.length;
      rig.intent({ intentId: 'a' });
      // Nothing of what happened meanwhile was published: the terminal has another session, and knows its history.
      rig.terminal.events.splice(told);
      rig.terminal.restart('s2');
      rig.fate = () => 'answered';
      rig.terminal.emit({ case: 'accountState', value: rig.terminal.snapshot().account });
      rig.settle();
      rig.advance(61_000);
      assert.equal(rig.terminal.placed.get(idOf('a')), 1);
      assert.equal(rig.topic('fill').length, behaviour === 'fill' ? 1 : 0);
      assert.deepEqual(brokerStatus(rig.context).halted, {});
      assert.equal(brokerStatus(rig.context).unknown, 0);
    }
  });
});

test('a context of version 1 becomes one of today, and trading goes on from it', () => {
  const rig = new Rig({ strategies: ['alpha'] });
  rig.quote();
  rig.intent({ intentId: 'a' });
  rig.terminal.behaviour = () => 'work';
  rig.intent({ intentId: 'w' });
  const c = JSON.parse(JSON.stringify({ ...rig.context, quotes: null }));
  for (const key of [
    'correcting',
    'operation',
    'operations',
    'safe',
    'safePolicy',
    'liveLimits',
    'configuredLimits',
    'seals',
  ]) {
    delete c[key];
  }
  delete c.counters.adjustments;
  delete c.counters.resolved;
  for (const order of Object.values(c.orders) as { stray?: boolean }[]) delete order.stray;
  const old = { ...c, quotes: rig.context.quotes, finished: rig.context.finished.alpha };
  const bytes = encodeSnapshot({ value: rig.snapshot.value, context: old });
  const stored = decodeSnapshot(bytes) as { value: unknown; context: unknown };
  const step = brokerMigrations.find(({ from }) => from === 1);
  assert.ok(step !== undefined);
  rig.adopt(step.migrate(stored));
  assert.equal(rig.state, 'trading.active');
  rig.intent({ intentId: 'a' });
  rig.intent({ intentId: 'w' });
  assert.equal(rig.context.counters.duplicateIntents, 2);
  rig.terminal.behaviour = () => 'fill';
  rig.tell({ type: 'control.flatten', reason: 'x' });
  rig.advance(20_000);
  assert.equal(rig.terminal.positions.size, 0);
  assert.equal(rig.terminal.netLots, 0);
  assert.equal(rig.topic('fill').at(-1)?.side, Side.SELL);
});
