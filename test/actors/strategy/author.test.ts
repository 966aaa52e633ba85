import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Ctx } from '../../../actors/strategy/author.ts';
import { defineStrategy, requiredFeatures, requiredTimeframes } from '../../../actors/strategy/define.ts';
import type { StrategySpec } from '../../../actors/strategy/index.ts';
import { z } from '../../../actors/strategy/index.ts';
import { IntentAction, OrderType, Side, TimeInForce } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { MINUTE_MS, SPREAD, Stage } from './stage.ts';

/** A strategy that does at each bar what `act` says; no features, so it is warm at once. */
function scripted(act: (ctx: Ctx) => void, more: Partial<StrategySpec<z.ZodObject, null>> = {}): Stage {
  const params = z.object({});
  return new Stage({
    params: {},
    definition: defineStrategy({ name: 'scripted', params, timeframes: ['1m'], onBar: act, ...more }),
  });
}

describe('what the author calls becomes an intent', () => {
  test('a market order carries everything the broker needs', () => {
    const stage = scripted((ctx) => ctx.buy(0.5, { stop: 1.09, target: 1.12 }));
    const [intent] = stage.bar(0, 1.1);
    assert.deepEqual(intent, {
      action: IntentAction.OPEN,
      type: OrderType.MARKET,
      volumeLots: 0.5,
      stopLoss: 1.09,
      takeProfit: 1.12,
      intentId: `s1-${MINUTE_MS.toString(36)}-1`,
      account: 'demo',
      strategy: 's1',
      symbol: 'EURUSD',
      side: Side.BUY,
      timeInForce: TimeInForce.GTC,
      referencePrice: 1.1 + SPREAD,
      decidedAtMs: MINUTE_MS - 7,
      createdUs: 5000,
      number: 1,
    });
  });

  for (const [options, type, price, stopLimitPrice] of [
    [{ limit: 1.05 }, OrderType.LIMIT, 1.05, undefined],
    [{ stopPrice: 1.15 }, OrderType.STOP, 1.15, undefined],
    [{ stopPrice: 1.15, limit: 1.14 }, OrderType.STOP_LIMIT, 1.15, 1.14],
  ] as const) {
    test(`${JSON.stringify(options)} is an order of type ${OrderType[type]}`, () => {
      const [intent] = scripted((ctx) => ctx.sell(1, options)).bar(0, 1.1);
      assert.equal(intent?.type, type);
      assert.equal(intent?.price, price);
      assert.equal(intent?.stopLimitPrice, stopLimitPrice);
      assert.equal(intent?.referencePrice, 1.1, 'a sell is made at the bid');
    });
  }

  test('close, protect and cancel', () => {
    let id: string | undefined;
    const script: ((ctx: Ctx) => void)[] = [
      (ctx) => {
        assert.equal(ctx.close(), undefined, 'nothing to close');
        assert.equal(ctx.protect({ stop: 1, target: 0 }), undefined, 'nothing to protect');
        id = ctx.buy(0.3);
      },
      (ctx) => ctx.protect({ stop: 1.05, target: 0 }),
      (ctx) => ctx.cancel(id!),
      (ctx) => ctx.close(),
    ];
    const stage = scripted((ctx) => script.shift()!(ctx));
    const [buy] = stage.bar(0, 1.1);
    stage.execute(buy!);
    const [protect] = stage.bar(1, 1.1);
    assert.equal(protect?.action, IntentAction.PROTECT);
    assert.deepEqual(
      [protect?.side, protect?.volumeLots, protect?.stopLoss, protect?.takeProfit],
      [Side.BUY, 0.3, 1.05, 0],
    );
    const [cancel] = stage.bar(2, 1.1);
    assert.deepEqual([cancel?.action, cancel?.targetIntentId], [IntentAction.CANCEL, buy?.intentId]);
    const [close] = stage.bar(3, 1.1);
    assert.deepEqual([close?.action, close?.side, close?.volumeLots], [IntentAction.CLOSE, Side.SELL, 0.3]);
  });

  test('lots and prices that are none fail the handler, by name', () => {
    const cases: [(ctx: Ctx) => void, RegExp][] = [
      [(ctx) => ctx.buy(Number.NaN), /buy: lots is NaN, allowed: a number over 0/],
      [(ctx) => ctx.sell(-1), /sell: lots is -1/],
      [(ctx) => ctx.buy(1, { stop: 0 }), /buy: stop is 0/],
      [(ctx) => ctx.buy(1, { target: Number.POSITIVE_INFINITY }), /buy: target is Infinity/],
      [(ctx) => ctx.sell(1, { limit: '1' as never }), /sell: limit is 1/],
      [(ctx) => ctx.protect({ stop: Number.NaN, target: 0 }), /protect: stop .* is NaN/],
      [(ctx) => ctx.cancel(''), /cancel: no intent id/],
      [(ctx) => ctx.stopAt('buy', 0), /stopAt: distance is 0/],
      [(ctx) => ctx.feature('ema_12'), /feature ema_12 is not computed for 1m; declare it/],
      [(ctx) => ctx.barOf('1h'), /timeframe 1h is not among those of this strategy: 1m/],
    ];
    for (const [act, message] of cases) {
      assert.throws(() => scripted(act).bar(0, 1.1), message);
      assert.throws(() => scripted(act).bar(0, 1.1), /strategy s1 \(scripted\): onBar: /);
    }
  });

  test('a handler that is async is refused, and its late calls too', async () => {
    const stage = scripted((async () => {}) as never);
    assert.throws(() => stage.bar(0, 1.1), /must not be async/);
    let kept: Ctx | undefined;
    scripted((ctx) => {
      kept = ctx;
    }).bar(0, 1.1);
    assert.throws(() => kept?.buy(1), /after its handler had returned/);
  });

  test('distances become prices on the right side', () => {
    scripted((ctx) => {
      assert.equal(ctx.stopAt('buy', 0.01), ctx.ask - 0.01);
      assert.equal(ctx.stopAt('sell', 0.01), ctx.bid + 0.01);
      assert.equal(ctx.targetAt('buy', 0.01), ctx.ask + 0.01);
      assert.equal(ctx.targetAt('sell', 0.01), ctx.bid - 0.01);
    }).bar(0, 1.1);
  });
});

describe('the position the author sees', () => {
  test('side, lots, average and profit in price units', () => {
    const seen: unknown[] = [];
    const stage = scripted((ctx) => seen.push({ ...ctx.position }));
    stage.bar(0, 1.1);
    stage.fill({ side: Side.SELL, volumeLots: 0.1, price: 1.2 });
    stage.fill({ side: Side.SELL, volumeLots: 0.3, price: 1.1 });
    stage.bar(1, 1.05);
    assert.deepEqual(seen[0], { side: 'flat', lots: 0, openPrice: 0, profit: 0 });
    const { side, lots, openPrice, profit } = seen[1] as {
      side: string;
      lots: number;
      openPrice: number;
      profit: number;
    };
    assert.deepEqual([side, lots], ['short', 0.4]);
    assert.ok(Math.abs(openPrice - 1.125) < 1e-12);
    assert.ok(Math.abs(profit - (1.125 - (1.05 + SPREAD))) < 1e-12, 'a short is closed at the ask');
  });
});

describe('the author’s own state', () => {
  const counting = defineStrategy({
    name: 'counting',
    params: z.object({ step: z.int().default(2) }),
    timeframes: ['1m'],
    state: (p) => ({ count: 0, closes: [] as number[], by: p.step }),
    onBar(ctx) {
      ctx.state.count += ctx.state.by;
      ctx.state.closes.push(ctx.bar.close);
      if (ctx.bar.close < 0) throw new Error('below nothing');
      if (ctx.bar.close > 100) ctx.state = { count: -1, closes: [], by: 1 };
    },
  });

  test('is changed in place or assigned, and lives in the snapshot', () => {
    const stage = new Stage({ definition: counting, params: {} });
    stage.bar(0, 1);
    stage.bar(1, 2);
    assert.deepEqual(stage.memory.state, { count: 4, closes: [1, 2], by: 2 });
    stage.bar(2, 101);
    assert.deepEqual(stage.memory.state, { count: -1, closes: [], by: 1 });
  });

  test('a handler that throws leaves it, and everything, as it was', () => {
    const stage = new Stage({ definition: counting, params: {} });
    stage.bar(0, 1);
    const before = stage.snapshot;
    assert.throws(() => stage.bar(1, -1), /onBar: below nothing/);
    assert.equal(stage.snapshot, before);
    assert.deepEqual(stage.memory.state, { count: 2, closes: [1], by: 2 });
  });

  test('what a snapshot cannot keep is refused where it stands', () => {
    for (const [value, message] of [
      [{ a: [1, () => 1] }, /ctx\.state\.a\[1\]: a function cannot be kept/],
      [{ when: new Date(0) }, /ctx\.state\.when: an object of class Date/],
      [new Map([['k', Symbol('x')]]), /ctx\.state\.get\(k\): a symbol/],
    ] as const) {
      const stage = scripted((ctx) => {
        ctx.state = value as never;
      });
      assert.throws(() => stage.bar(0, 1), message);
    }
  });
});

describe('defineStrategy', () => {
  test('types: params, state and bar are known inside handlers', () => {
    const typed = defineStrategy({
      name: 'typed',
      params: z.object({ lots: z.number().default(1), mode: z.enum(['a', 'b']).default('a') }),
      timeframes: (p) => (p.mode === 'a' ? ['1m'] : ['5m', '1h']),
      features: (p) => [`ema_${p.lots}`],
      state: () => ({ n: 0 }),
      onBar(ctx) {
        const lots: number = ctx.params.lots;
        const mode: 'a' | 'b' = ctx.params.mode;
        const close: number = ctx.bar.close;
        ctx.state.n += lots + close + mode.length;
        // @ts-expect-error no such parameter
        ctx.params.nothing;
        // @ts-expect-error the state is no text
        ctx.state.n = 'x';
        // @ts-expect-error lots are a number
        ctx.buy('1');
      },
      onTick: (ctx) => ctx.log(String(ctx.tick.bid)),
      // @ts-expect-error outside onBar there may be no bar yet
      onFill: (ctx) => ctx.log(String(ctx.bar.close + ctx.fill.lots)),
    });
    assert.deepEqual(requiredTimeframes(typed, { lots: 1, mode: 'b' }), ['5m', '1h']);
    assert.deepEqual(requiredFeatures(typed, { lots: 1, mode: 'a' }), ['ema_1']);
  });

  test('names every fault of a definition at once', () => {
    const spec = { name: 'Bad Name', params: {}, timeframes: 3, version: 0, features: 1, onbar: () => {} };
    assert.throws(
      () => defineStrategy(spec as never),
      (error: Error) => {
        for (const part of [
          'name:',
          'params:',
          'timeframes:',
          'version: 0, allowed: 1..999',
          'onBar:',
          'features:',
          'onbar: no such key',
        ]) {
          assert.match(error.message, new RegExp(part.replaceAll('.', '\\.')));
        }
        return true;
      },
    );
  });

  test('timeframes that do not exist are refused', () => {
    const odd = defineStrategy({ name: 'odd', params: z.object({}), timeframes: ['2m', '1m'], onBar() {} });
    assert.throws(() => requiredTimeframes(odd, {}), /timeframes: got "2m", allowed: 1s, 1m/);
    const none = defineStrategy({ name: 'none', params: z.object({}), timeframes: [], onBar() {} });
    assert.throws(() => requiredTimeframes(none, {}), /got none/);
  });
});
