/**
 * Whatever is lost and whenever the broker dies: no order is carried out twice, every intent comes to exactly one end,
 * and in the end broker, audit trail and terminal agree.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { orderIdOf } from '../../../actors/broker/ids.ts';
import { brokerStatus } from '../../../actors/broker/status.ts';
import { IntentAction, OrderState, Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { ACCOUNT, type Fate, Rig } from './rig.ts';
import type { Behaviour } from './terminal.ts';

interface Want {
  side: Side;
  lots: number;
  close: boolean;
  strategy: string;
  behaviour: Behaviour;
  fates: Fate[];
}

const want = fc.record<Want>({
  side: fc.constantFrom(Side.BUY, Side.SELL),
  lots: fc.integer({ min: 1, max: 20 }).map((n) => n / 10),
  close: fc.boolean(),
  strategy: fc.constantFrom('alpha', 'beta'),
  behaviour: fc.constantFrom<Behaviour>('fill', 'partial', 'work', 'reject'),
  fates: fc.array(
    fc.constantFrom<Fate>('answered', 'reply-lost', 'never-received', 'no-responder', 'heard-only', 'late'),
    {
      maxLength: 4,
    },
  ),
});

const finals = new Set([
  OrderState.DENIED,
  OrderState.FILLED,
  OrderState.CANCELLED,
  OrderState.REJECTED,
  OrderState.EXPIRED,
]);

function run(wants: readonly Want[], crashes: readonly number[], hedging: boolean): Rig {
  const rig = new Rig({ hedging });
  rig.quote();
  const queue = [...crashes];
  wants.forEach((w, i) => {
    const fates = [...w.fates];
    rig.fate = () => fates.shift() ?? 'answered';
    rig.terminal.behaviour = () => w.behaviour;
    const next = queue.shift();
    if (next !== undefined) rig.crashAt = rig.steps + next;
    rig.intent({
      intentId: `i${i}`,
      strategy: w.strategy,
      action: w.close ? IntentAction.CLOSE : IntentAction.OPEN,
      side: w.side,
      volumeLots: w.lots,
    });
    rig.quote();
    // Now and then what was late arrives at last.
    if (i % 2 === 1) rig.arrive();
  });
  // The faults are over.
  rig.fate = () => 'answered';
  rig.crashAt = undefined;
  rig.advance(120_000);
  rig.arrive();
  for (const order of rig.terminal.orders) rig.terminal.complete(order.orderId);
  rig.quote();
  rig.advance(120_000);
  return rig;
}

function check(rig: Rig, wants: readonly Want[]): void {
  for (const [orderId, times] of rig.terminal.placed)
    assert.equal(times, 1, `${orderId} was carried out ${times} times`);
  const places = rig.places();
  assert.equal(new Set(places).size, places.length, 'an order was sent twice');
  const orders = rig.topic('order') as { orderId: string; intentId: string; state: OrderState; revision: number }[];
  wants.forEach((_, i) => {
    const ends = new Map<string, OrderState>();
    for (const o of orders) if (o.intentId === `i${i}` && finals.has(o.state)) ends.set(o.orderId, o.state);
    assert.ok(ends.size >= 1, `intent i${i} has no outcome`);
    for (const [orderId, state] of ends) {
      const executed = rig.terminal.deals.some((d) => d.orderId === orderId);
      assert.equal(state === OrderState.FILLED, executed, `${orderId} ended as ${state}, executed: ${executed}`);
    }
    if (ends.size > 1) assert.ok(!ends.has(orderIdOf(ACCOUNT, `i${i}`)), 'parts and whole at once');
  });
  for (const orderId of new Set(orders.map((o) => o.orderId))) {
    const own = orders.filter((o) => o.orderId === orderId);
    assert.deepEqual(
      own.map((o) => o.revision),
      own.map((_, i) => i + 1),
      'revisions run without holes',
    );
    const ended = own.filter((o) => finals.has(o.state)).map((o) => o.state);
    assert.ok(new Set(ended).size <= 1, `${orderId} ended as ${ended}`);
  }
  const fills = rig.topic('fill').map((f) => f.dealTicket);
  assert.equal(new Set(fills).size, fills.length, 'a deal was told twice');
  assert.equal(fills.length, rig.terminal.deals.filter((d) => d.entry !== 'balance').length, 'a deal was not told');
  const status = brokerStatus(rig.context);
  const net = Object.values(status.positions).reduce((sum, lots) => sum + lots, 0);
  assert.ok(Math.abs(net - rig.terminal.netLots) < 1e-9, `${net} lots here, ${rig.terminal.netLots} at the terminal`);
  assert.equal(status.balance, rig.terminal.balance);
  assert.deepEqual(status.halted, {});
  assert.equal(status.unknown + status.live + status.waiting, 0);
  assert.equal(status.intended, status.denied + status.rejected + status.filled + status.cancelled + status.expired);
  assert.equal(rig.state, 'trading.active');
}

const runs = { numRuns: 300, seed: 20260105 };

for (const hedging of [false, true]) {
  test(`random faults and crash points, ${hedging ? 'hedging' : 'netting'}`, () => {
    let crashes = 0;
    fc.assert(
      fc.property(
        fc.array(want, { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 6 }),
        (wants, points) => {
          const rig = run(wants, points, hedging);
          crashes += rig.crashes;
          check(rig, wants);
        },
      ),
      runs,
    );
    assert.ok(crashes > runs.numRuns / 2, `only ${crashes} crashes: the test tries nothing`);
  });
}

test('a crash at every single step of one order', () => {
  for (const fates of [
    [],
    ['reply-lost'],
    ['never-received'],
    ['no-responder'],
    ['heard-only'],
    ['late'],
  ] as Fate[][]) {
    for (let point = 0; point < 15; point++) {
      const wants: Want[] = [
        { side: Side.BUY, lots: 0.5, close: false, strategy: 'alpha', behaviour: 'partial', fates },
        { side: Side.BUY, lots: 0, close: true, strategy: 'alpha', behaviour: 'fill', fates: [] },
      ];
      check(run(wants, [point, point], false), wants);
    }
  }
});
