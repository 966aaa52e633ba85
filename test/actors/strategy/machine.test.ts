import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BarCtx } from '../../../actors/strategy/author.ts';
import { defineStrategy } from '../../../actors/strategy/define.ts';
import { z } from '../../../actors/strategy/index.ts';
import { IntentAction, OrderState, Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { MINUTE_MS, Stage } from './stage.ts';

/** Calls `act` at each bar; wants one feature. */
function featured(act: (ctx: BarCtx) => void): Stage {
  const params = z.object({});
  const definition = defineStrategy({
    name: 'featured',
    params,
    timeframes: ['1m'],
    features: () => ['ema_2'],
    onBar: act,
  });
  return new Stage({ definition, params: {} });
}

const always = (act: (ctx: BarCtx) => void): Stage =>
  new Stage({
    definition: defineStrategy({ name: 'plain', params: z.object({}), timeframes: ['1m'], onBar: act }),
    params: {},
  });

describe('bars and their features', () => {
  test('the handler runs once both are there, whichever comes first, and warms up silently', () => {
    const seen: [number, number, number][] = [];
    const stage = featured((ctx) => seen.push([ctx.bar.close, ctx.feature('ema_2'), ctx.previous('ema_2')]));
    assert.equal(stage.state, 'warming');
    stage.bar(0, 10);
    stage.features(0, { ema_2: Number.NaN });
    assert.equal(stage.state, 'warming');
    stage.bar(1, 11);
    assert.deepEqual(seen, []);
    stage.features(1, { ema_2: 10.5, sma_99: Number.NaN });
    assert.equal(stage.state, 'flat', 'a feature that was not declared need not be warm');
    assert.deepEqual(seen, [[11, 10.5, Number.NaN]]);
    stage.features(2, { ema_2: 11.2 });
    assert.equal(seen.length, 1);
    stage.bar(2, 12);
    assert.deepEqual(seen[1], [12, 11.2, 10.5]);
  });

  test('old bars and features change nothing; a bar without features is passed over', () => {
    const seen: number[] = [];
    const stage = featured((ctx) => seen.push(ctx.bar.close));
    stage.bar(1, 11);
    stage.features(1, { ema_2: 1 });
    for (const minute of [0, 1]) {
      const before = stage.snapshot.context;
      stage.bar(minute, 99);
      stage.features(minute, { ema_2: 99 });
      assert.deepEqual(stage.snapshot.context, before);
    }
    stage.bar(2, 12);
    stage.bar(3, 13);
    stage.features(2, { ema_2: 2 });
    stage.features(3, { ema_2: 3 });
    assert.deepEqual(seen, [11, 13]);
  });

  test('other symbols and timeframes are not heard', () => {
    const stage = always(() => assert.fail('called'));
    stage.bar(0, 1, { symbol: 'GBPUSD' });
    stage.bar(0, 1, { timeframe: '5m' });
    stage.features(0, { ema_2: 1 }, '5m');
    assert.equal(stage.memory.counters.bars, 0);
  });

  test('a feature that is cold again puts the strategy back to warming', () => {
    const stage = featured(() => {});
    stage.bar(0, 1);
    stage.features(0, { ema_2: 1 });
    assert.equal(stage.state, 'flat');
    stage.bar(1, 1);
    stage.features(1, { ema_2: Number.NaN });
    assert.equal(stage.state, 'warming');
  });

  test('with several timeframes all must be warm', () => {
    const seen: string[] = [];
    const definition = defineStrategy({
      name: 'two',
      params: z.object({}),
      timeframes: ['1m', '1h'],
      features: () => ['ema_2'],
      onBar: (ctx) => seen.push(`${ctx.timeframe} ${ctx.feature('ema_2', '1h')}`),
    });
    const stage = new Stage({ definition, params: {} });
    stage.bar(0, 1);
    stage.features(0, { ema_2: 1 });
    assert.equal(stage.state, 'warming');
    stage.bar(0, 1, { timeframe: '1h' });
    stage.features(0, { ema_2: 7 }, '1h');
    stage.bar(1, 1);
    stage.features(1, { ema_2: 2 });
    assert.deepEqual(seen, ['1h 7', '1m 7']);
  });

  test('without declared features, offered ones are waited for and must all be warm', () => {
    const seen: number[] = [];
    const definition = defineStrategy({
      name: 'any',
      params: z.object({}),
      timeframes: ['1m'],
      onBar: (ctx) => seen.push(ctx.feature('rsi_14')),
    });
    const stage = new Stage({ definition, params: {}, featureTimeframes: ['1m'] });
    stage.bar(0, 1);
    stage.features(0, { rsi_14: 50, ema_2: Number.NaN });
    assert.equal(stage.state, 'warming');
    stage.bar(1, 1);
    stage.features(1, { rsi_14: 51, ema_2: 1 });
    assert.deepEqual(seen, [51]);
  });
});

describe('states follow the fills', () => {
  test('flat, long, partial out, reversal, flat', () => {
    const stage = always(() => {});
    assert.equal(stage.state, 'flat', 'nothing to warm up');
    stage.fill({ side: Side.BUY, volumeLots: 0.3, price: 1 });
    assert.equal(stage.state, 'long');
    stage.fill({ side: Side.SELL, volumeLots: 0.1, price: 2, profit: 5, commission: -1, swap: -0.5, fee: -0.25 });
    assert.deepEqual(stage.memory.holding, { lots: 0.2, openPrice: 1 });
    stage.fill({ side: Side.SELL, volumeLots: 0.5, price: 3, profit: 10 });
    assert.equal(stage.state, 'short');
    assert.deepEqual(stage.memory.holding, { lots: -0.3, openPrice: 3 });
    stage.fill({ side: Side.BUY, volumeLots: 0.3, price: 2, profit: 2 });
    assert.equal(stage.state, 'flat');
    assert.deepEqual(stage.memory.holding, { lots: 0, openPrice: 0 });
    const { fills, realisedProfit, costs } = stage.memory.counters;
    assert.deepEqual([fills, realisedProfit, costs], [4, 17, -1.75]);
  });

  test('a deal told twice counts once; fills of others not at all', () => {
    const stage = always(() => {});
    stage.fill({ side: Side.BUY, volumeLots: 1, price: 1, dealTicket: '77' });
    stage.fill({ side: Side.BUY, volumeLots: 1, price: 1, dealTicket: '77' });
    for (const other of [{ strategy: 's2' }, { account: 'x' }, { symbol: 'GBPUSD' }]) {
      stage.fill({ side: Side.BUY, volumeLots: 1, price: 1, ...other });
    }
    assert.equal(stage.memory.holding.lots, 1);
    assert.equal(stage.memory.counters.fills, 1);
  });

  test('the memory of deals is bounded', () => {
    const stage = always(() => {});
    for (let i = 1; i <= 300; i++) stage.fill({ side: Side.BUY, volumeLots: 1, price: 1, dealTicket: String(i) });
    assert.equal(stage.memory.deals.length, 256);
    assert.equal(stage.memory.deals[0]?.ticket, '45');
    assert.equal(stage.memory.holding.lots, 300);
  });

  test('a fill that no market can have made is refused, not counted', () => {
    const stage = always(() => {});
    for (const init of [
      { side: Side.UNSPECIFIED, volumeLots: 1, price: 1 },
      { side: Side.BUY, volumeLots: 0, price: 1 },
      { side: Side.BUY, volumeLots: Number.NaN, price: 1 },
      { side: Side.BUY, volumeLots: 1, price: Number.NaN },
    ]) {
      assert.throws(() => stage.fill(init), RangeError);
    }
    assert.equal(stage.memory.counters.fills, 0);
  });

  test('onFill sees the fill and the position after it, and may answer', () => {
    const definition = defineStrategy({
      name: 'filler',
      params: z.object({}),
      timeframes: ['1m'],
      onBar() {},
      onFill(ctx) {
        ctx.log(`${ctx.fill.side} ${ctx.fill.lots} ${ctx.fill.costs} ${ctx.position.side} ${ctx.fill.reason}`);
        if (ctx.position.side === 'long') ctx.protect({ stop: ctx.fill.price - 0.01, target: 0 });
      },
    });
    const stage = new Stage({ definition, params: {} });
    stage.bar(0, 1);
    const [protect] = stage.fill({
      side: Side.BUY,
      volumeLots: 1,
      price: 1.5,
      fee: -2,
      reason: 'expert',
      timeMs: 90_000,
    });
    assert.deepEqual(stage.lines, ['buy 1 -2 long expert']);
    assert.deepEqual([protect?.action, protect?.stopLoss], [IntentAction.PROTECT, 1.49]);
    assert.equal(protect?.intentId, `s1-${(90_000).toString(36)}-1`);
    assert.equal(protect?.decidedAtMs, 90_000);
  });
});

describe('paused and failed', () => {
  for (const [event, state] of [
    [{ type: 'control.pause' }, 'paused'],
    [{ type: 'control.fail', reason: 'five crashes in 60 s' }, 'failed'],
  ] as const) {
    test(`${state}: no handler runs, fills and orders still count, resume comes back where it stands`, () => {
      let calls = 0;
      const stage = always((ctx) => {
        calls++;
        if (calls === 1) ctx.buy(1);
      });
      const [buy] = stage.bar(0, 1);
      stage.tell(event);
      assert.equal(stage.state, state);
      stage.bar(1, 2);
      stage.execute(buy!);
      assert.equal(stage.state, state);
      assert.deepEqual([calls, stage.memory.holding.lots, stage.memory.flights.length], [1, 1, 0]);
      assert.equal(stage.memory.quote.bid, 2);
      stage.tell({ type: 'control.resume' });
      assert.equal(stage.state, 'long');
      stage.bar(2, 2);
      assert.equal(calls, 2);
    });
  }

  test('every event is tolerated in every state', () => {
    for (const event of [
      'control.pause',
      'control.resume',
      'control.halt',
      'control.reduce',
      'control.activate',
      'nonsense',
    ]) {
      for (const before of [undefined, 'control.pause', 'control.fail']) {
        const stage = always(() => {});
        if (before !== undefined) stage.tell({ type: before, reason: 'x' });
        stage.tell({ type: event, reason: 'x' });
      }
    }
  });
});

describe('one intent in flight', () => {
  const buying = (): Stage => always((ctx) => ctx.buy(1));

  for (const state of ['DENIED', 'CANCELLED', 'REJECTED', 'EXPIRED'] as const) {
    test(`no second open before the first ended; ${state} ends it`, () => {
      const stage = buying();
      const [first] = stage.bar(0, 1);
      assert.deepEqual(stage.bar(1, 1), []);
      stage.order(first!, OrderState.SUBMITTING, 1);
      stage.order(first!, OrderState.UNKNOWN, 2);
      stage.order(first!, OrderState.WORKING, 3);
      assert.deepEqual(stage.bar(2, 1), []);
      assert.equal(stage.memory.counters.withheld, 2);
      stage.order(first!, OrderState[state], 4);
      assert.equal(stage.bar(3, 1).length, 1);
      assert.equal(stage.memory.counters.outcomes[state.toLowerCase() as 'denied'], 1);
      assert.equal(stage.lines.length, state === 'DENIED' || state === 'REJECTED' ? 1 : 0);
    });
  }

  test('an order that is filled flies until its last fill has been counted, whichever comes first', () => {
    for (const orderFirst of [true, false]) {
      const stage = buying();
      const [first] = stage.bar(0, 1);
      const orderId = `o-${first!.intentId}`;
      const partial = { orderId, side: Side.BUY, volumeLots: 0.5, price: 1 };
      stage.order(first!, OrderState.PARTIAL, 1, 0.5);
      stage.fill(partial);
      if (orderFirst) stage.order(first!, OrderState.FILLED, 2, 1);
      else stage.fill(partial);
      assert.deepEqual(stage.bar(1, 1), [], 'still in flight');
      if (orderFirst) stage.fill(partial);
      else stage.order(first!, OrderState.FILLED, 2, 1);
      assert.equal(stage.memory.flights.length, 0);
      assert.equal(stage.bar(2, 1).length, 1);
    }
  });

  test('old revisions, foreign intents and repeated ends change nothing', () => {
    const stage = buying();
    const [first] = stage.bar(0, 1);
    stage.order(first!, OrderState.WORKING, 5);
    stage.order(first!, OrderState.DENIED, 4);
    stage.order({ intentId: 'other' }, OrderState.DENIED, 9);
    assert.equal(stage.memory.flights.length, 1);
    stage.order(first!, OrderState.DENIED, 6);
    stage.order(first!, OrderState.DENIED, 6);
    assert.equal(stage.memory.counters.outcomes.denied, 1);
  });

  test('close and open of one call turn a position round; nothing more until both ended', () => {
    const stage = always((ctx) => {
      if (ctx.position.side === 'flat') ctx.buy(1);
      else {
        ctx.close();
        ctx.sell(2);
        ctx.sell(3);
      }
    });
    stage.execute(stage.bar(0, 1)[0]!);
    const turn = stage.bar(1, 1);
    assert.deepEqual(
      turn.map(({ action, volumeLots }) => [action, volumeLots]),
      [
        [IntentAction.CLOSE, 1],
        [IntentAction.OPEN, 2],
      ],
    );
    assert.deepEqual(stage.bar(2, 1), []);
    stage.execute(turn[1]!);
    assert.deepEqual(stage.bar(3, 1), [], 'the close is still under way');
    stage.execute(turn[0]!);
    assert.equal(stage.memory.holding.lots, -2);
    assert.equal(stage.bar(4, 1).length, 2);
  });

  test('what the broker says is not held is not held, whichever fill we have not been told', () => {
    for (const code of ['RISK_NOTHING_TO_CLOSE', 'RISK_CLOSING_ALREADY', 'RISK_STALE_PRICE']) {
      const stage = always((ctx) => ctx.close());
      stage.fill({ side: Side.BUY, volumeLots: 2, price: 1 });
      const [close] = stage.bar(0, 1);
      stage.order(close!, OrderState.DENIED, 1, 0, code);
      assert.equal(stage.state, code === 'RISK_NOTHING_TO_CLOSE' ? 'flat' : 'long');
    }
  });

  test('a close that became several orders ends with the last of them', () => {
    const stage = always((ctx) => ctx.close());
    stage.fill({ side: Side.BUY, volumeLots: 2, price: 1 });
    const [close] = stage.bar(0, 1);
    const message = { account: 'demo', strategy: 's1', intentId: close!.intentId, filledLots: 0, code: '', reason: '' };
    stage.tell({ type: 'order', message: { ...message, orderId: 'a', revision: 1, state: OrderState.WORKING } });
    stage.tell({ type: 'order', message: { ...message, orderId: 'b', revision: 1, state: OrderState.REJECTED } });
    assert.equal(stage.memory.flights.length, 1);
    stage.tell({ type: 'order', message: { ...message, orderId: 'a', revision: 2, state: OrderState.CANCELLED } });
    assert.equal(stage.memory.flights.length, 0);
  });
});

describe('ticks', () => {
  const frame = (offsets: number[], bid: number[], ask: number[]) => ({
    type: 'ticks',
    message: {
      symbol: 'EURUSD',
      count: bid.length,
      baseTimeMs: 10 * MINUTE_MS,
      timeOffsetMs: new Uint32Array(offsets),
      bid: new Float64Array(bid),
      ask: new Float64Array(ask),
    },
  });

  test('each tick of a frame, in order; a missing side stands; older ones are dropped', () => {
    const seen: number[][] = [];
    const definition = defineStrategy({
      name: 'ticker',
      params: z.object({}),
      timeframes: ['1m'],
      onBar() {},
      onTick(ctx) {
        seen.push([ctx.tick.timeMs - 10 * MINUTE_MS, ctx.bid, ctx.tick.ask]);
        ctx.buy(1);
      },
    });
    const stage = new Stage({ definition, params: {} });
    const intents = stage.tell(frame([0, 5, 5], [1, 0, 3], [2, 4, 0]));
    assert.deepEqual(seen, [
      [0, 1, 2],
      [5, 1, 4],
      [5, 3, 4],
    ]);
    assert.equal(intents.length, 1, 'the second and third found the first under way');
    assert.equal(intents[0]?.decidedAtMs, 10 * MINUTE_MS);
    stage.tell(frame([4], [9], [9]));
    assert.equal(seen.length, 3);
    assert.equal(stage.memory.quote.bid, 3);
    stage.bar(3, 1);
    assert.equal(stage.memory.quote.bid, 3, 'a bar does not turn the quote back');
  });
});
