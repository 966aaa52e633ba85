/**
 * Cancellations and changes of stops under faults: each comes to one end, what is said of it is what the terminal shows,
 * and no change comes back that a newer one has overtaken.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { orderIdOf } from '../../../actors/broker/ids.ts';
import { brokerStatus } from '../../../actors/broker/status.ts';
import { IntentAction, OrderState, OrderType, Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { ACCOUNT, type Fate, Rig } from './rig.ts';
import { PRICE } from './terminal.ts';

type Want =
  | { readonly what: 'limit' | 'open' }
  | { readonly what: 'cancel'; readonly of: number }
  | { readonly what: 'protect'; readonly stopLoss: number }
  /** The terminal fills a standing order. */
  | { readonly what: 'fills'; readonly of: number };

const fate = fc.constantFrom<Fate>(
  'answered',
  'reply-lost',
  'never-received',
  'no-responder',
  'heard-only',
  'late',
  'on-its-way',
);
const want: fc.Arbitrary<Want> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ what: 'limit' } as const) },
  { weight: 1, arbitrary: fc.constant({ what: 'open' } as const) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('cancel' as const), of: fc.nat(5) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('protect' as const),
      stopLoss: fc.integer({ min: 100, max: 900 }).map((points) => (PRICE * 100_000 - 10 * points) / 100_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('fills' as const), of: fc.nat(5) }) },
);
const step = fc.record({
  want,
  fates: fc.array(fate, { maxLength: 2 }),
  crashAt: fc.option(fc.nat(8), { freq: 2 }),
  /** What was on its way before this step arrives after it. */
  arrives: fc.boolean(),
  waitMs: fc.constantFrom(0, 0, 0, 300, 15_000),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const idOf = (intentId: string): string => orderIdOf(ACCOUNT, intentId);
const isEnd = (state: unknown): boolean => state === OrderState.DENIED || Number(state) > OrderState.PARTIAL;

interface Made {
  readonly rig: Rig;
  readonly intents: string[];
  readonly protects: { readonly intentId: string; readonly stopLoss: number }[];
  readonly cancels: { readonly intentId: string; readonly target: string }[];
}

function run(steps: readonly Step[]): Made {
  const rig = new Rig({ limits: { maxIntentAgeMs: 86_400_000, maxPriceAgeMs: 86_400_000 } });
  rig.quote();
  rig.intent({ intentId: 'base', volumeLots: 1 });
  const made: Made = { rig, intents: ['base'], protects: [], cancels: [] };
  for (const [i, { want, fates, crashAt, arrives, waitMs }] of steps.entries()) {
    const queue = [...fates];
    rig.fate = () => queue.shift() ?? 'answered';
    if (crashAt !== null) rig.crashAt = rig.steps + crashAt;
    const intentId = `i${i}`;
    const target = `i${'of' in want ? want.of : 0}`;
    if (want.what === 'fills') {
      rig.terminal.complete(idOf(target));
      rig.settle();
    } else {
      made.intents.push(intentId);
      rig.terminal.behaviour = () => (want.what === 'limit' ? 'work' : 'fill');
      if (want.what === 'cancel') {
        made.cancels.push({ intentId, target });
        rig.intent({ intentId, action: IntentAction.CANCEL, targetIntentId: target });
      } else if (want.what === 'protect') {
        made.protects.push({ intentId, stopLoss: want.stopLoss });
        rig.intent({ intentId, action: IntentAction.PROTECT, stopLoss: want.stopLoss });
      } else if (want.what === 'limit')
        rig.intent({ intentId, type: OrderType.LIMIT, price: PRICE - 0.01, volumeLots: 0.1 });
      else rig.intent({ intentId, side: Side.BUY, volumeLots: 0.1 });
    }
    rig.crashAt = undefined;
    if (arrives) rig.arrive();
    rig.advance(waitMs);
  }
  // The faults are over: who still waits for an answer hears that none comes.
  rig.fate = () => 'answered';
  rig.crashAt = undefined;
  rig.crash();
  rig.settle();
  rig.advance(120_000);
  rig.arrive();
  rig.advance(120_000);
  return made;
}

function check({ rig, intents, protects, cancels }: Made): void {
  const said = rig.topic('order') as { intentId: string; orderId: string; state: OrderState; code: string }[];
  const endOf = (intentId: string) => said.filter((o) => o.intentId === intentId && isEnd(o.state)).at(-1);
  for (const intentId of intents) {
    const states = said.filter((o) => o.intentId === intentId).map((o) => o.state);
    const stands = rig.terminal.orders.some(
      (o) => o.orderId === idOf(intentId) && (o.state === OrderState.WORKING || o.state === OrderState.PARTIAL),
    );
    const ends = new Set(states.filter(isEnd));
    assert.equal(ends.size, stands ? 0 : 1, `${intentId}: ${states}, stands: ${stands}`);
  }
  for (const { intentId, target } of cancels) {
    const there = rig.terminal.orders.find((o) => o.orderId === idOf(target));
    if (endOf(intentId)?.state === OrderState.FILLED) {
      assert.equal(there?.state, OrderState.CANCELLED, `${intentId} is said to be done`);
    }
    if (there?.state === OrderState.CANCELLED) assert.equal(endOf(target)?.state, OrderState.CANCELLED, target);
  }
  const lost = new Set(['ORDER_SUPERSEDED']);
  const last = protects.filter(({ intentId }) => !lost.has(endOf(intentId)?.code ?? '')).at(-1);
  if (last !== undefined && endOf(last.intentId)?.state === OrderState.FILLED) {
    const [position] = rig.terminal.positions.values();
    assert.ok(Math.abs((position?.sl ?? 0) - last.stopLoss) < 1e-9, `${last.intentId} is said to stand`);
    const [booked] = Object.values(rig.context.book);
    assert.ok(Math.abs((booked?.stopLoss ?? 0) - last.stopLoss) < 1e-9, 'and our book says so');
  }
  for (const [orderId, times] of rig.terminal.placed) assert.equal(times, 1, orderId);
  const status = brokerStatus(rig.context);
  assert.deepEqual(status.halted, {});
  assert.equal(status.unknown + status.waiting, 0);
  assert.ok(Math.abs((status.positions.EURUSD ?? 0) - rig.terminal.netLots) < 1e-9);
  assert.equal(rig.state, 'trading.active');
}

test('random cancellations and changes of stops, faults and crash points', () => {
  let crashes = 0;
  let done = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
      const made = run(steps);
      crashes += made.rig.crashes;
      done += made.rig.sent.filter(({ body }) => body.case === 'cancel' || body.case === 'protect').length;
      check(made);
    }),
    { numRuns: 1_500, seed: 20261129 },
  );
  assert.ok(crashes > 2_000 && done > 3_000, `${crashes} crashes, ${done} changes: the test tries nothing`);
});
