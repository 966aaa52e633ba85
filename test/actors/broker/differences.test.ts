/**
 * Each kind of difference between broker and terminal: it is told, its symbol is halted, and there are two ways out of
 * it. In the end the fills that were told, the broker's book and the terminal come to the same sums.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { orderIdOf } from '../../../actors/broker/ids.ts';
import { brokerStatus } from '../../../actors/broker/status.ts';
import { OrderState, Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { ACCOUNT, Rig } from './rig.ts';

type Told = { kind: string; id: string; event: string; cause: string };

const edges = (rig: Rig): string[] =>
  (rig.topic('lifecycle') as Told[]).filter((e) => e.event.startsWith('difference')).map((e) => e.event);

function holding(hedging = false): Rig {
  const rig = new Rig({ hedging });
  rig.quote();
  rig.quote('GBPUSD', 1.3, 1.3001);
  rig.intent({ intentId: 'a' });
  return rig;
}

function onlyPosition(rig: Rig): { lots: number } {
  const [position] = rig.terminal.positions.values();
  assert.ok(position !== undefined);
  return position;
}

interface Kind {
  readonly name: string;
  readonly make: (rig: Rig) => void;
  readonly text: RegExp;
  /** Net lots of EURUSD after accepting and after correcting. */
  readonly accepted: number;
  readonly corrected: number;
}

const kinds: readonly Kind[] = [
  {
    name: 'a position is missing at the terminal',
    make: (rig) => rig.terminal.positions.clear(),
    text: /0 lots at the terminal, 0\.5 by our fills/,
    accepted: 0,
    corrected: 0.5,
  },
  {
    name: 'a position is too many at the terminal',
    make: (rig) =>
      rig.terminal.positions.set('77', { symbol: 'EURUSD', lots: 0.3, orderId: '', magic: '0', sl: 0, tp: 0 }),
    text: /position 77: 0\.3 lots at the terminal, 0 by our fills/,
    accepted: 0.8,
    corrected: 0.5,
  },
  {
    name: 'the terminal has less of it',
    make: (rig) => {
      onlyPosition(rig).lots = 0.4;
    },
    text: /0\.4 lots at the terminal, 0\.5 by our fills/,
    accepted: 0.4,
    corrected: 0.5,
  },
  {
    name: 'the terminal has more of it',
    make: (rig) => {
      onlyPosition(rig).lots = 0.6;
    },
    text: /0\.6 lots at the terminal, 0\.5 by our fills/,
    accepted: 0.6,
    corrected: 0.5,
  },
  {
    name: 'an order stands there under an id of ours that we do not have',
    make: (rig) => rig.terminal.stand(orderIdOf(ACCOUNT, 'never'), 'EURUSD', Side.BUY, 0.2),
    text: /stands at the terminal under an id of ours and not in our record/,
    accepted: 0.5,
    corrected: 0.5,
  },
  {
    name: 'an order of ours is missing there',
    make: (rig) => {
      rig.terminal.behaviour = () => 'work';
      rig.intent({ intentId: 'gone', volumeLots: 0.1 });
      rig.terminal.behaviour = () => 'fill';
      rig.terminal.orders.splice(rig.terminal.orders.length - 1, 1);
    },
    text: /is working for us and unknown to the terminal/,
    accepted: 0.5,
    corrected: 0.5,
  },
];

const lotsOf = (fills: readonly Record<string, unknown>[]): number =>
  fills.reduce((sum, f) => sum + (f.side === Side.BUY ? 1 : -1) * Number(f.volumeLots), 0);

const netAt = (rig: Rig): number =>
  [...rig.terminal.positions.values()].reduce((sum, p) => sum + (p.symbol === 'EURUSD' ? p.lots : 0), 0);

/** What everybody must agree on when a difference is over. */
function agreed(rig: Rig, net: number): void {
  const near = (lots: number, who: string): void =>
    assert.ok(Math.abs(lots - net) < 1e-9, `${lots} ${who}, not ${net}`);
  const status = brokerStatus(rig.context);
  assert.deepEqual(status.halted, {});
  near(netAt(rig), 'at the terminal');
  near(status.positions.EURUSD ?? 0, 'in our book');
  const fills = rig.topic('fill').filter((f) => f.symbol === 'EURUSD');
  near(lotsOf(fills), 'by the fills that were told');
  for (const [strategy, own] of Object.entries(rig.context.held)) {
    const heard = lotsOf(fills.filter((f) => f.strategy === strategy));
    assert.ok(Math.abs(heard - (own.EURUSD ?? 0)) < 1e-9, `${strategy} hears ${heard}, holds ${own.EURUSD}`);
  }
  const tickets = fills.map((f) => f.dealTicket);
  assert.equal(new Set(tickets).size, tickets.length);
}

function found(rig: Rig, kind: Kind): void {
  kind.make(rig);
  rig.tell({ type: 'control.reconcile' });
  rig.advance(600);
  assert.match(String(brokerStatus(rig.context).halted.EURUSD), kind.text);
  assert.deepEqual(edges(rig), ['difference']);
  assert.equal(rig.context.counters.differences, 1);
  assert.equal(rig.topic('account').at(-1)?.code, 'RECONCILE_DIFFERENCE');
  rig.intent({ intentId: 'denied' });
  assert.equal(rig.topic('order').at(-1)?.code, 'RISK_SYMBOL_HALTED');
  rig.intent({ intentId: 'other', symbol: 'GBPUSD', referencePrice: 1.3 });
  assert.equal(rig.topic('order').at(-1)?.state, OrderState.FILLED, 'other symbols trade on');
  rig.advance(61_000);
  assert.deepEqual(edges(rig), ['difference'], 'told once');
}

for (const hedging of [false, true]) {
  describe(`reconciliation, ${hedging ? 'hedging' : 'netting'}: a difference of each kind is told and halts, when`, () => {
    for (const kind of kinds) {
      test(`${kind.name}: accepted`, () => {
        const rig = holding(hedging);
        found(rig, kind);
        rig.tell({ type: 'control.accept', symbol: 'EURUSD' });
        rig.advance(61_000);
        agreed(rig, kind.accepted);
        assert.deepEqual(edges(rig), ['difference', 'difference_resolved']);
        rig.quote();
        rig.intent({ intentId: 'again', volumeLots: 0.1 });
        assert.equal(rig.topic('order').at(-1)?.state, OrderState.FILLED);
      });

      test(`${kind.name}: corrected`, () => {
        const rig = holding(hedging);
        found(rig, kind);
        rig.tell({ type: 'control.correct', symbol: 'EURUSD' });
        rig.advance(1_000);
        rig.advance(61_000);
        agreed(rig, kind.corrected);
        assert.deepEqual(edges(rig), ['difference', 'difference_resolved']);
        const stands = rig.terminal.orders.filter((o) => o.state === OrderState.WORKING);
        assert.equal(stands.length, 0);
        for (const [id, times] of rig.terminal.placed) assert.equal(times, 1, id);
      });
    }
  });
}

describe('reconciliation', () => {
  test('a balance that differs halts the account; accepted, it is told as a movement of money', () => {
    const rig = holding();
    rig.terminal.balance -= 12.5;
    rig.tell({ type: 'control.reconcile' });
    rig.advance(600);
    assert.match(String(brokerStatus(rig.context).halted['']), /balance: 99987\.5 at the terminal, 100000/);
    assert.deepEqual(edges(rig), ['difference']);
    rig.tell({ type: 'control.correct', symbol: '' });
    assert.notEqual(brokerStatus(rig.context).halted[''], undefined, 'no order brings money back');
    rig.tell({ type: 'control.accept', symbol: '' });
    const flows = rig.topic('account').flatMap((a) => (a.cashFlow === undefined ? [] : [a.cashFlow]));
    assert.deepEqual(
      flows.map((flow) => [(flow as { kind: string }).kind, (flow as { amount: number }).amount]),
      [
        ['balance', 100_000],
        ['adjustment', -12.5],
      ],
    );
    assert.equal(rig.context.funds.balance, rig.terminal.balance);
    assert.deepEqual(brokerStatus(rig.context).halted, {});
  });

  test('what a second look does not show was a matter of timing, and is not told', () => {
    const rig = holding();
    onlyPosition(rig).lots = 0.4;
    rig.tell({ type: 'control.reconcile' });
    onlyPosition(rig).lots = 0.5;
    rig.advance(600);
    assert.deepEqual(rig.context.differences, {});
    assert.deepEqual(edges(rig), []);
  });

  test('every minute, and at every reconnect, without being asked', () => {
    for (const how of ['minute', 'reconnect'] as const) {
      const rig = holding();
      onlyPosition(rig).lots = 0.4;
      if (how === 'minute') rig.advance(61_000);
      else {
        rig.fate = () => 'no-responder';
        rig.tell({ type: 'control.reconcile' });
        assert.equal(rig.state, 'disconnected');
        rig.fate = () => 'answered';
        rig.advance(5_000);
      }
      assert.notEqual(brokerStatus(rig.context).halted.EURUSD, undefined, how);
    }
  });

  for (const hedging of [false, true]) {
    for (const [verb, lots] of [
      ['accept', -0.3],
      ['correct', 0.5],
    ] as const) {
      const mode = hedging ? 'hedging' : 'netting';
      test(`${mode}, the terminal has the other side of what a strategy holds: told as one adjustment, by ${verb}`, () => {
        const rig = holding(hedging);
        onlyPosition(rig).lots = -0.3;
        rig.advance(61_000);
        rig.tell({ type: `control.${verb}`, symbol: 'EURUSD' });
        rig.advance(61_000);
        agreed(rig, lots);
      });
    }
  }

  for (const [closed, left] of [
    [0.6, 0],
    [0.55, 0],
    [0.3, 0.2],
  ] as const) {
    test(`hedging, ${closed} of a position were closed by hand before its correction came: ${left} lots are left`, () => {
      const rig = holding(true);
      onlyPosition(rig).lots = 0.6;
      rig.advance(61_000);
      rig.terminal.behaviour = () => 'reject';
      rig.tell({ type: 'control.correct', symbol: 'EURUSD' });
      rig.advance(1_000);
      assert.match(String(brokerStatus(rig.context).halted.EURUSD), /the correction has failed/);
      rig.terminal.behaviour = () => 'fill';
      const [positionId] = rig.terminal.positions.keys();
      rig.terminal.trade('EURUSD', Side.SELL, closed, { positionId: String(positionId) });
      rig.settle();
      rig.tell({ type: 'control.correct', symbol: 'EURUSD' });
      rig.advance(61_000);
      agreed(rig, left);
    });
  }

  test('hedging, a correction that finds its position closed has nothing left to do', () => {
    const rig = holding(true);
    onlyPosition(rig).lots = 0.6;
    rig.advance(61_000);
    const [positionId] = rig.terminal.positions.keys();
    // Its deal is known only after the order has been answered.
    rig.fate = (p) => {
      if (p.body.case === 'place') rig.terminal.trade('EURUSD', Side.SELL, 0.6, { positionId: String(positionId) });
      return 'answered';
    };
    rig.tell({ type: 'control.correct', symbol: 'EURUSD' });
    rig.advance(61_000);
    agreed(rig, 0);
  });

  test('a correction that is refused is said, and the symbol stays halted until it is accepted or corrected again', () => {
    const rig = holding();
    onlyPosition(rig).lots = 0.4;
    rig.advance(61_000);
    rig.terminal.behaviour = () => 'reject';
    rig.tell({ type: 'control.correct', symbol: 'EURUSD' });
    rig.advance(61_000);
    assert.match(String(brokerStatus(rig.context).halted.EURUSD), /the correction has failed: .*rejected/);
    assert.equal(rig.terminal.netLots, 0.4);
    rig.tell({ type: 'control.accept', symbol: 'EURUSD' });
    agreed(rig, 0.4);
  });

  test('an order that was called rejected and has executed can be traded back', () => {
    const rig = holding();
    rig.fate = (p) => (p.body.case === 'place' ? 'never-received' : 'answered');
    rig.intent({ intentId: 'lost', volumeLots: 0.2 });
    rig.fate = () => 'answered';
    const id = orderIdOf(ACCOUNT, 'lost');
    assert.equal(rig.topic('order').at(-1)?.code, 'ORDER_NOT_RECEIVED');
    rig.terminal.stand(id, 'EURUSD', Side.BUY, 0.2);
    rig.terminal.complete(id);
    rig.settle();
    assert.match(String(brokerStatus(rig.context).halted.EURUSD), /called rejected and has executed/);
    rig.tell({ type: 'control.correct', symbol: 'EURUSD' });
    rig.advance(61_000);
    agreed(rig, 0.5);
  });

  test('several findings under one symbol: each is told, none takes the place of another, one correction undoes them', () => {
    const rig = holding();
    rig.terminal.behaviour = () => 'work';
    for (const intentId of ['x', 'y']) rig.intent({ intentId, volumeLots: 0.1 });
    rig.terminal.behaviour = () => 'fill';
    rig.fate = (p) => (p.body.case === 'place' ? 'never-received' : 'answered');
    rig.intent({ intentId: 'lost', volumeLots: 0.2 });
    rig.fate = () => 'answered';
    const [x, y, lost] = ['x', 'y', 'lost'].map((intentId) => orderIdOf(ACCOUNT, intentId)) as [string, string, string];
    rig.terminal.stand(lost, 'EURUSD', Side.BUY, 0.2);
    rig.terminal.complete(lost);
    rig.settle();
    for (const id of [x, y]) {
      rig.terminal.orders.splice(
        rig.terminal.orders.findIndex(({ orderId }) => orderId === id),
        1,
      );
    }
    rig.advance(61_000);
    const text = String(brokerStatus(rig.context).halted.EURUSD);
    for (const id of [x, y, lost]) assert.ok(text.includes(id), `${id} in ${text}`);
    assert.deepEqual(edges(rig), ['difference', 'difference', 'difference']);
    rig.advance(180_000);
    assert.equal(String(brokerStatus(rig.context).halted.EURUSD), text, 'nothing is said twice');
    rig.tell({ type: 'control.correct', symbol: 'EURUSD' });
    rig.advance(62_000);
    agreed(rig, 0.5);
    for (const intentId of ['x', 'y']) {
      assert.equal(rig.topic('order').findLast((o) => o.intentId === intentId)?.state, OrderState.CANCELLED, intentId);
    }
  });

  test('a crash at any step of a correction: every order once, and the sums agree', () => {
    for (let point = 0; point < 20; point++) {
      const rig = holding();
      onlyPosition(rig).lots = 0.4;
      rig.advance(61_000);
      rig.crashAt = rig.steps + point;
      rig.tell({ type: 'control.correct', symbol: 'EURUSD' });
      rig.crashAt = undefined;
      rig.advance(61_000);
      if (brokerStatus(rig.context).halted.EURUSD !== undefined) {
        // Lost before it was committed, or its order was lost: it is given again.
        rig.tell({ type: 'control.correct', symbol: 'EURUSD' });
        rig.advance(61_000);
      }
      const said = brokerStatus(rig.context).halted.EURUSD;
      if (said !== undefined) rig.tell({ type: 'control.accept', symbol: 'EURUSD' });
      rig.advance(61_000);
      agreed(rig, netAt(rig));
      if (said === undefined) assert.equal(rig.terminal.netLots, 0.5, `at ${point}`);
      for (const [id, times] of rig.terminal.placed) assert.equal(times, 1, `${id} at ${point}`);
    }
  });
});
