import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { orderMachine } from '../../../actors/broker/order/machine.ts';
import type { Order } from '../../../actors/broker/order/order.ts';
import { applyDeal, applyEvent, averagePrice } from '../../../actors/broker/order/order.ts';
import type { OrderEventName, OrderStateName } from '../../../actors/broker/order/table.ts';
import { isFinal, moveOf, orderEvents, orderStates } from '../../../actors/broker/order/table.ts';
import { IntentAction, OrderType, Side, TimeInForce } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { restore, step } from '../../../runtime/xstate.ts';

const submitted: Order = {
  id: 'T1',
  intentId: 'i1',
  strategy: 'alpha',
  symbol: 'EURUSD',
  action: IntentAction.OPEN,
  side: Side.BUY,
  type: OrderType.MARKET,
  volumeLots: 1,
  price: 0,
  stopLimitPrice: 0,
  stopLoss: 0,
  takeProfit: 0,
  timeInForce: TimeInForce.GTC,
  expirationMs: 0,
  magic: 1,
  positionId: '0',
  target: '',
  state: 'submitting',
  filledLots: 0,
  dealLots: 0,
  dealValue: 0,
  ticket: '0',
  code: '',
  reason: '',
  revision: 1,
  createdUs: 0,
  asking: '',
  asks: 0,
  answered: false,
  foreign: false,
  stray: false,
};

describe('order: one table', () => {
  test('the drawn machine moves exactly as the table does, from every state on every event', () => {
    for (const state of orderStates) {
      for (const event of orderEvents) {
        const at = restore(orderMachine, { value: state, context: {} });
        if (isFinal(state)) assert.equal(moveOf(state, event), undefined, `${state} is an end`);
        else assert.equal(step(orderMachine, at, { type: event }).snapshot.value, moveOf(state, event) ?? state);
      }
    }
  });

  test('orders move forward only: no state can be reached from itself', () => {
    const reach = (from: OrderStateName, seen: Set<OrderStateName>): Set<OrderStateName> => {
      for (const event of orderEvents) {
        const next = moveOf(from, event);
        if (next !== undefined && !seen.has(next)) reach(next, seen.add(next));
      }
      return seen;
    };
    for (const state of orderStates) assert.ok(!reach(state, new Set()).has(state), state);
  });
});

/** A life of an order as the terminal sees it: deals, and reports about it that may come late, twice, or never. */
type Report = { deal: number; lots: number; price: number } | { event: OrderEventName; filledLots: number };
interface Life {
  reports: Report[];
  end: OrderStateName;
  filledLots: number;
}

const life: fc.Arbitrary<Life> = fc
  .record({
    parts: fc.integer({ min: 0, max: 4 }),
    end: fc.constantFrom<'filled' | 'cancelled' | 'expired'>('filled', 'cancelled', 'expired'),
    lost: fc.boolean(),
  })
  .map(({ parts, end, lost }) => {
    const count = end === 'filled' ? Math.max(1, parts) : parts;
    const reports: Report[] = [{ event: 'accept', filledLots: 0 }];
    if (lost) reports.push({ event: 'lose', filledLots: 0 });
    let total = 0;
    for (let i = 1; i <= count; i++) {
      // On the terminal's grid: fifths, and for a whole fill the rest at once.
      const lots = end === 'filled' && i === count ? (5 - (count - 1)) / 5 : 0.2;
      total = Math.round((total + lots) * 10) / 10;
      reports.push({ deal: i, lots, price: 1 + i / 10 });
      if (i < count) reports.push({ event: 'fillPart', filledLots: total });
    }
    const last = { filled: 'fillAll', cancelled: 'cancel', expired: 'expire' } as const;
    reports.push({ event: last[end], filledLots: total });
    return { reports, end, filledLots: total };
  });

test('whatever the order of replies, reports, deals and duplicates: the same end, the same volume, the same price', () => {
  fc.assert(
    fc.property(life, fc.array(fc.nat(), { minLength: 40, maxLength: 40 }), ({ reports, end, filledLots }, picks) => {
      const left = [...reports, ...reports];
      const seen = new Set<number>();
      let order = submitted;
      let revisions = 0;
      for (let i = 0; left.length > 0; i++) {
        const [report] = left.splice((picks[i % picks.length] as number) % left.length, 1) as [Report];
        const before = order.state;
        if ('deal' in report) {
          if (seen.has(report.deal)) continue;
          seen.add(report.deal);
          order = applyDeal(order, { volumeLots: report.lots, price: report.price, orderTicket: '7' }).order;
        } else {
          const moved = applyEvent(order, report.event, { filledLots: report.filledLots });
          if (moved.changed) revisions++;
          order = moved.order;
        }
        assert.ok(!isFinal(before) || before === order.state, `${before} became ${order.state}`);
      }
      const deals = reports.filter((r) => 'deal' in r);
      const mean = deals.reduce((sum, d) => sum + d.price * d.lots, 0) / filledLots;
      assert.equal(order.state, end);
      assert.ok(Math.abs(order.filledLots - filledLots) < 1e-9);
      if (deals.length > 0) assert.ok(Math.abs(averagePrice(order) - mean) < 1e-9);
      assert.ok(revisions <= reports.length);
    }),
    { numRuns: 2000, seed: 7 },
  );
});
