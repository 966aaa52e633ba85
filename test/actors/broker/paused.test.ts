/** A paused broker takes no intents. All else goes on: it is linked, reconciled, and brings to its end what is under way. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { orderIdOf } from '../../../actors/broker/ids.ts';
import { brokerStatus } from '../../../actors/broker/status.ts';
import { ExecutionEventSchema } from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { OrderState, OrderType, Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { ACCOUNT, Rig } from './rig.ts';
import { PRICE } from './terminal.ts';

const lotsHere = (rig: Rig): number => brokerStatus(rig.context).positions.EURUSD ?? 0;

function link(state: string) {
  const about = { account: ACCOUNT, session: 'bridge', sequence: 1, timeMs: 0 };
  return create(ExecutionEventSchema, { ...about, body: { case: 'link', value: { state } } });
}

/** A limit order stands at the terminal, and the broker is paused. */
function paused(): Rig {
  const rig = new Rig();
  rig.quote();
  rig.terminal.behaviour = () => 'work';
  rig.intent({ intentId: 'w', type: OrderType.LIMIT, price: PRICE - 0.01 });
  rig.terminal.behaviour = () => 'fill';
  rig.tell({ type: 'control.pause' });
  assert.equal(rig.state, 'draining');
  return rig;
}

/** What happens at the terminal while nobody hears it. */
function unheard(rig: Rig, happens: () => void): void {
  const told = rig.terminal.events.length;
  happens();
  rig.terminal.events.splice(told);
}

describe('broker: while it is paused', () => {
  test('the link goes and comes: what happened meanwhile is found, without anybody resuming it', () => {
    const rig = paused();
    rig.fate = () => 'no-responder';
    rig.hear({ type: 'execution', message: link('lost') });
    unheard(rig, () => rig.terminal.complete(orderIdOf(ACCOUNT, 'w')));
    rig.fate = () => 'answered';
    rig.hear({ type: 'execution', message: link('ready') });
    assert.equal(rig.state, 'draining');
    assert.equal(lotsHere(rig), 0.5);
    assert.equal(rig.topic('order').at(-1)?.state, OrderState.FILLED);
  });

  test('a terminal that does not answer once is asked again, and every minute after that', () => {
    const rig = paused();
    rig.fate = () => 'no-responder';
    rig.advance(61_000);
    rig.fate = () => 'answered';
    rig.advance(10_000);
    unheard(rig, () => rig.terminal.complete(orderIdOf(ACCOUNT, 'w')));
    rig.advance(61_000);
    assert.equal(lotsHere(rig), 0.5);
    assert.equal(rig.state, 'draining');
  });

  test('a hole in the events is closed at once', () => {
    const rig = paused();
    unheard(rig, () => rig.terminal.complete(orderIdOf(ACCOUNT, 'w')));
    rig.terminal.trade('GBPUSD', Side.BUY, 0.1);
    rig.settle();
    assert.equal(lotsHere(rig), 0.5);
    assert.equal(rig.state, 'draining');
  });

  test('when it was paused without a terminal it finds it all the same', () => {
    const rig = paused();
    rig.tell({ type: 'control.resume' });
    rig.fate = () => 'no-responder';
    rig.hear({ type: 'execution', message: link('lost') });
    assert.equal(rig.state, 'disconnected');
    rig.tell({ type: 'control.pause' });
    unheard(rig, () => rig.terminal.complete(orderIdOf(ACCOUNT, 'w')));
    rig.fate = () => 'answered';
    rig.advance(10_000);
    assert.equal(lotsHere(rig), 0.5);
    assert.equal(rig.state, 'draining');
  });

  test('a difference is told and halts its symbol; the operator accepts it', () => {
    const rig = paused();
    rig.terminal.positions.set('77', { symbol: 'EURUSD', lots: 0.3, orderId: '', magic: '0', sl: 0, tp: 0 });
    rig.advance(62_000);
    assert.match(String(brokerStatus(rig.context).halted.EURUSD), /0\.3 lots at the terminal/);
    rig.tell({ type: 'control.accept', symbol: 'EURUSD' });
    assert.deepEqual(brokerStatus(rig.context).halted, {});
    assert.equal(lotsHere(rig), 0.3);
  });
});
