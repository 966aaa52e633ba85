/**
 * The limits as an account lives: over restarts, over midnight, while the terminal's news are late, in REDUCING. The gate
 * alone, each check at its boundary, is in risk.test.ts.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RiskLimits } from '../../../actors/broker/risk/limits.ts';
import { equityOf } from '../../../actors/broker/risk/money.ts';
import { MAX_RECENT } from '../../../actors/broker/turn/intents.ts';
import {
  IntentAction,
  OrderState,
  OrderType,
  Side,
  TimeInForce,
} from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { riskSchema } from '../../../runtime/config/schema.ts';
import { Rig } from './rig.ts';
import { PRICE } from './terminal.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const lastCode = (rig: Rig): unknown => rig.topic('order').at(-1)?.code;
const lastState = (rig: Rig): unknown => rig.topic('order').at(-1)?.state;

function trading(limits: RiskLimits = {}, hedging = false): Rig {
  const rig = new Rig({ limits, hedging });
  rig.quote();
  return rig;
}

/** Market time goes on, and a price comes. */
function later(rig: Rig, ms: number, bid = PRICE): void {
  rig.terminal.timeMs += ms - 1_000;
  rig.quote('EURUSD', bid, bid + 0.0001);
}

describe('limits over a restart', () => {
  test('orders of the last minute are counted on', () => {
    const rig = trading({ maxOrdersPerMinute: 2 });
    rig.intent({ intentId: 'a', volumeLots: 0.1 });
    rig.intent({ intentId: 'b', volumeLots: 0.2 });
    rig.crash();
    rig.settle();
    rig.intent({ intentId: 'c', volumeLots: 0.3 });
    assert.equal(lastCode(rig), 'RISK_ORDER_RATE');
    later(rig, MINUTE_MS);
    rig.intent({ intentId: 'd', volumeLots: 0.3 });
    assert.equal(lastState(rig), OrderState.FILLED);
  });

  test('the same order within the window is a duplicate, whoever remembers it', () => {
    const rig = trading({ duplicateWindowMs: 5_000 });
    rig.intent({ intentId: 'a' });
    rig.crash();
    rig.settle();
    rig.intent({ intentId: 'b' });
    assert.equal(lastCode(rig), 'RISK_DUPLICATE_ORDER');
    later(rig, 5_000);
    rig.intent({ intentId: 'c' });
    assert.equal(lastState(rig), OrderState.FILLED);
  });

  test("the day's loss and the fall from the peak go on from where they were", () => {
    for (const [limits, code] of [
      [{ dailyLossLimit: 100 }, 'RISK_DAILY_LOSS'],
      [{ maxDrawdownPercent: 0.1 }, 'RISK_DRAWDOWN'],
    ] as const) {
      const rig = trading(limits);
      rig.terminal.trade('EURUSD', Side.BUY, 0.1, { entry: 'in' });
      const [positionId] = rig.terminal.positions.keys();
      rig.terminal.trade('EURUSD', Side.SELL, 0.1, { entry: 'out', profit: -100, positionId: String(positionId) });
      rig.settle();
      rig.crash();
      rig.settle();
      rig.intent({ intentId: 'a' });
      assert.equal(lastCode(rig), code);
    }
  });

  test('an order of which nobody knows counts in every limit, also after the restart that made it unknown', () => {
    const cases: readonly [RiskLimits, string][] = [
      [{ maxOpenOrders: 1 }, 'RISK_OPEN_ORDERS'],
      [{ maxPositionLots: 0.9 }, 'RISK_POSITION_LIMIT'],
      [{ maxGrossExposure: 110_000 }, 'RISK_GROSS_EXPOSURE'],
      [{ minFreeMargin: 99_000 }, 'RISK_FREE_MARGIN'],
      [{ maxOrdersPerMinute: 1 }, 'RISK_ORDER_RATE'],
      [{ duplicateWindowMs: 60_000 }, 'RISK_DUPLICATE_ORDER'],
    ];
    for (const [limits, code] of cases) {
      for (const hedging of [false, true]) {
        const rig = trading(limits, hedging);
        rig.fate = ({ body }) => (body.case === 'snapshot' ? 'answered' : 'never-received');
        rig.intent({ intentId: 'u' });
        assert.equal(lastState(rig), OrderState.UNKNOWN, code);
        rig.intent({ intentId: 'b' });
        assert.equal(lastCode(rig), code, `${code} at once`);
        rig.crash();
        rig.settle();
        // The restart has asked, and nobody answered: it reconciles until somebody does. Trading goes on with a "too early".
        rig.fate = ({ body }) => (body.case === 'snapshot' ? 'answered' : 'reply-lost');
        rig.intent({ intentId: 'c' });
        assert.equal(rig.state, 'reconciling', code);
        assert.equal(rig.context.waiting.length, 1);
      }
    }
  });
});

test('the highest order rate that can be configured is one that is kept', () => {
  assert.ok(riskSchema.safeParse({ max_orders_per_minute: MAX_RECENT }).success);
  assert.ok(!riskSchema.safeParse({ max_orders_per_minute: MAX_RECENT + 1 }).success);
  const rig = trading({ maxOrdersPerMinute: MAX_RECENT });
  rig.terminal.behaviour = () => 'reject';
  for (let i = 0; i < MAX_RECENT; i++) rig.intent({ intentId: `n${i}`, volumeLots: 0.01 });
  assert.equal(rig.places().length, MAX_RECENT);
  rig.intent({ intentId: 'more', volumeLots: 0.01 });
  assert.equal(lastCode(rig), 'RISK_ORDER_RATE');
});

describe('the loss of the day', () => {
  test('begins anew at midnight UTC of market time, with what is open at its price then', () => {
    const rig = trading({ dailyLossLimit: 100 });
    rig.intent({ intentId: 'a', volumeLots: 1 });
    later(rig, MINUTE_MS, PRICE - 0.0011);
    rig.intent({ intentId: 'b' });
    assert.equal(lastCode(rig), 'RISK_DAILY_LOSS');
    later(rig, DAY_MS, PRICE - 0.0011);
    rig.intent({ intentId: 'c', volumeLots: 0.1 });
    assert.equal(lastState(rig), OrderState.FILLED, 'yesterday is over');
    later(rig, MINUTE_MS, PRICE - 0.0023);
    rig.intent({ intentId: 'd' });
    assert.equal(lastCode(rig), 'RISK_DAILY_LOSS');
  });

  test('counts the first deal of the day, when that is what begins it', () => {
    const rig = trading({ dailyLossLimit: 100 });
    rig.terminal.trade('EURUSD', Side.BUY, 0.1, { entry: 'in' });
    rig.settle();
    rig.terminal.timeMs += DAY_MS;
    const [positionId] = rig.terminal.positions.keys();
    rig.terminal.trade('EURUSD', Side.SELL, 0.1, { entry: 'out', profit: -150, positionId: String(positionId) });
    rig.settle();
    later(rig, 2_000);
    rig.intent({ intentId: 'a' });
    assert.equal(lastCode(rig), 'RISK_DAILY_LOSS');
  });

  test('counts the gap between the last price of a day and the first of the next', () => {
    const rig = trading({ dailyLossLimit: 100 });
    rig.intent({ intentId: 'a', volumeLots: 1 });
    later(rig, 3 * DAY_MS, PRICE - 0.0011);
    rig.intent({ intentId: 'b', volumeLots: 0.1 });
    assert.equal(lastCode(rig), 'RISK_DAILY_LOSS');
  });

  test('does not count what was lost the day before, and was heard only today', () => {
    const rig = trading({ dailyLossLimit: 100 });
    rig.terminal.trade('EURUSD', Side.BUY, 0.1, { entry: 'in' });
    rig.settle();
    const told = rig.terminal.events.length;
    const [positionId] = rig.terminal.positions.keys();
    rig.terminal.trade('EURUSD', Side.SELL, 0.1, { entry: 'out', profit: -150, positionId: String(positionId) });
    rig.terminal.events.splice(told);
    rig.terminal.timeMs += DAY_MS;
    rig.crash();
    rig.settle();
    assert.equal(rig.context.funds.balance, 99_850);
    later(rig, 2_000);
    rig.intent({ intentId: 'a' });
    assert.equal(lastState(rig), OrderState.FILLED);
  });

  test('is not changed by money that is paid in or out, also by the first thing of a day', () => {
    for (const amount of [-50_000, 50_000]) {
      const rig = trading({ dailyLossLimit: 100, maxDrawdownPercent: 1 });
      rig.terminal.timeMs += DAY_MS;
      rig.terminal.pay('balance', amount);
      rig.settle();
      assert.equal(rig.context.funds.dayStartEquity, equityOf(rig.context));
      later(rig, 2_000);
      rig.intent({ intentId: 'a', volumeLots: 0.1 });
      assert.equal(lastState(rig), OrderState.FILLED);
    }
  });
});

describe('credit', () => {
  test('that the broker grants or takes back is no balance: nothing differs, and it is told', () => {
    const rig = trading();
    rig.terminal.pay('credit', 500);
    rig.settle();
    rig.advance(62_000);
    assert.deepEqual(rig.context.differences, {});
    assert.equal(rig.context.funds.balance, 100_000);
    const told = rig.topic('lifecycle').filter(({ event }) => event === 'credit');
    assert.deepEqual(
      told.map(({ cause }) => String(cause).replace(/deal \d+/, 'deal N')),
      ['deal N: 500 of credit'],
    );
  });
});

describe('prices', () => {
  test('that were heard before a silence are not traded on after it, until a new one comes', () => {
    const rig = trading({ maxPriceAgeMs: 30_000 });
    rig.fate = () => 'no-responder';
    rig.tell({ type: 'control.reconcile' });
    rig.advance(31_000);
    rig.fate = () => 'answered';
    rig.advance(10_000);
    assert.equal(rig.state, 'trading.active');
    rig.intent({ intentId: 'a' });
    assert.equal(lastCode(rig), 'RISK_STALE_PRICE');
    rig.quote();
    rig.intent({ intentId: 'b' });
    assert.equal(lastState(rig), OrderState.FILLED);
  });

  test('of the past that are read after a restart are old, by the market clock of the terminal', () => {
    const rig = trading({ maxPriceAgeMs: 30_000 });
    // The process was away; the terminal has gone on, and bars come from where they were left.
    rig.terminal.timeMs += 10 * MINUTE_MS;
    const decidedAtMs = rig.terminal.timeMs;
    rig.crash();
    rig.settle();
    rig.terminal.timeMs -= 9 * MINUTE_MS;
    rig.quote();
    rig.intent({ intentId: 'a', decidedAtMs });
    assert.equal(lastCode(rig), 'RISK_STALE_PRICE');
  });

  test('that lag behind the one at which a strategy decided are old for its order', () => {
    const rig = trading({ maxPriceAgeMs: 30_000 });
    rig.intent({ intentId: 'a', decidedAtMs: rig.terminal.timeMs + 30_001 });
    assert.equal(lastCode(rig), 'RISK_STALE_PRICE');
    rig.intent({ intentId: 'b', decidedAtMs: rig.terminal.timeMs + 30_000 });
    assert.equal(lastState(rig), OrderState.FILLED);
  });
});

describe('free margin', () => {
  test('of an order that has filled is taken before the terminal tells the new margin', () => {
    for (const hedging of [false, true]) {
      const rig = trading({ minFreeMargin: 99_000 }, hedging);
      // The reply brings the deal; the account's level comes later. 0.5 lots need 550.
      rig.terminal.emit = () => {};
      rig.intent({ intentId: 'a' });
      assert.equal(lastState(rig), OrderState.FILLED);
      rig.intent({ intentId: 'b' });
      assert.equal(lastCode(rig), 'RISK_FREE_MARGIN', hedging ? 'hedging' : 'netting');
    }
  });

  test('netting: what live orders will have closed already does not carry a new one', () => {
    for (const first of [IntentAction.OPEN, IntentAction.CLOSE]) {
      const rig = trading({ minFreeMargin: 98_800 });
      rig.intent({ intentId: 'a', volumeLots: 1 });
      rig.terminal.behaviour = () => 'work';
      rig.intent({ intentId: 'b', action: first, side: Side.SELL, volumeLots: 1 });
      assert.equal(lastState(rig), OrderState.WORKING);
      rig.intent({ intentId: 'c', side: Side.SELL, volumeLots: 1.2 });
      assert.equal(lastCode(rig), 'RISK_FREE_MARGIN', `behind action ${first}`);
    }
  });
});

describe('reducing', () => {
  test("netting: a close takes what makes the account's position smaller, and never opens it the other way", () => {
    const rig = trading();
    rig.intent({ intentId: 'a', volumeLots: 0.5 });
    rig.intent({ intentId: 'b', strategy: 'beta', side: Side.SELL, volumeLots: 0.3 });
    rig.tell({ type: 'control.reduce', reason: 'x' });
    // 0.2 long at the terminal: beta's close would make it 0.5.
    rig.intent({ intentId: 'c', strategy: 'beta', action: IntentAction.CLOSE });
    assert.equal(lastCode(rig), 'RISK_REDUCING');
    assert.match(String(rig.topic('order').at(-1)?.reason), /EURUSD is at 0\.2 lots, closing the -0\.3 of beta/);
    rig.intent({ intentId: 'd', action: IntentAction.CLOSE });
    assert.equal(lastState(rig), OrderState.FILLED);
    assert.equal(rig.terminal.netLots, 0);
    rig.intent({ intentId: 'e', action: IntentAction.CLOSE });
    assert.equal(lastCode(rig), 'RISK_REDUCING', 'what two hold against each other stays flat');
    rig.intent({ intentId: 'n', strategy: 'gamma', action: IntentAction.CLOSE });
    assert.equal(lastCode(rig), 'RISK_NOTHING_TO_CLOSE');
    rig.tell({ type: 'control.activate' });
    rig.intent({ intentId: 'f', action: IntentAction.CLOSE });
    assert.equal(lastState(rig), OrderState.FILLED);
    assert.equal(rig.terminal.netLots, -0.3);
  });

  test('netting: closing orders that are under way are counted, so that two of them cannot turn the account round', () => {
    const rig = trading();
    rig.intent({ intentId: 'a', volumeLots: 0.5 });
    rig.intent({ intentId: 'b', strategy: 'beta', volumeLots: 0.5 });
    rig.intent({ intentId: 's', strategy: 'gamma', side: Side.SELL, volumeLots: 0.5 });
    rig.tell({ type: 'control.reduce', reason: 'x' });
    rig.fate = ({ body }) => (body.case === 'place' || body.case === 'find' ? 'never-received' : 'answered');
    rig.intent({ intentId: 'c', action: IntentAction.CLOSE });
    assert.equal(lastState(rig), OrderState.UNKNOWN);
    rig.intent({ intentId: 'd', strategy: 'beta', action: IntentAction.CLOSE });
    assert.equal(lastCode(rig), 'RISK_REDUCING');
  });

  test('hedging: a close always makes it smaller', () => {
    const rig = trading({}, true);
    rig.intent({ intentId: 'a', volumeLots: 0.5 });
    rig.intent({ intentId: 'b', strategy: 'beta', side: Side.SELL, volumeLots: 0.5 });
    rig.tell({ type: 'control.reduce', reason: 'x' });
    rig.intent({ intentId: 'c', strategy: 'beta', action: IntentAction.CLOSE });
    assert.equal(lastState(rig), OrderState.FILLED);
  });
});

describe('volumes', () => {
  test('a close in several orders leaves no rest below the smallest volume', () => {
    for (const flatten of [false, true]) {
      for (const hedging of [false, true]) {
        const rig = new Rig({ hedging });
        rig.terminal.volumeMin = 0.1;
        rig.tell({ type: 'control.reconcile' });
        rig.quote();
        rig.intent({ intentId: 'a', volumeLots: 9 });
        const [positionId = '0'] = rig.terminal.positions.keys();
        rig.terminal.trade('EURUSD', Side.BUY, 1.05, { positionId, magic: rig.terminal.orders[0]?.magic ?? '0' });
        rig.settle();
        assert.equal(rig.terminal.positions.size, 1);
        assert.equal(rig.terminal.netLots, 10.05);
        if (flatten) rig.tell({ type: 'control.flatten', reason: 'x' });
        else rig.intent({ intentId: 'c', action: IntentAction.CLOSE, volumeLots: 0 });
        assert.equal(rig.terminal.netLots, 0, `${lastCode(rig)} ${rig.topic('order').at(-1)?.reason}`);
        assert.ok(rig.terminal.deals.slice(-2).every((deal) => deal.volumeLots >= 0.1));
      }
    }
  });
});

describe('time in force', () => {
  const limit = { type: OrderType.LIMIT, price: PRICE - 0.01 };
  test('a time that is none, is over, or is missing is denied before anything is sent', () => {
    for (const [change, reason] of [
      [{ timeInForce: TimeInForce.SPECIFIED, expirationMs: 0 }, /expiration_ms/],
      [{ timeInForce: TimeInForce.SPECIFIED, expirationMs: Number.NaN }, /expiration_ms/],
      [{ timeInForce: TimeInForce.SPECIFIED, expirationMs: -5 }, /expiration_ms/],
      [{ timeInForce: TimeInForce.SPECIFIED, expirationMs: Date.UTC(2026, 0, 5, 9) }, /expiration_ms/],
      [{ timeInForce: 9 as TimeInForce }, /time_in_force/],
    ] as const) {
      const rig = trading();
      rig.terminal.behaviour = () => 'work';
      rig.intent({ intentId: 'a', ...limit, ...change });
      assert.equal(lastCode(rig), 'RISK_BAD_INTENT', JSON.stringify(change));
      assert.match(String(rig.topic('order').at(-1)?.reason), reason);
      assert.deepEqual(rig.places(), []);
    }
  });

  test('one in the future is sent as it is', () => {
    const rig = trading();
    rig.terminal.behaviour = () => 'work';
    const expirationMs = rig.terminal.timeMs + MINUTE_MS;
    rig.intent({ intentId: 'a', ...limit, timeInForce: TimeInForce.SPECIFIED, expirationMs });
    const sent = rig.sent.find(({ body }) => body.case === 'place')?.body.value as { expirationMs: number };
    assert.equal(sent.expirationMs, expirationMs);
    assert.equal(lastState(rig), OrderState.WORKING);
  });
});
