import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { judge } from '../../../actors/broker/risk/gate.ts';
import type { RiskLimits } from '../../../actors/broker/risk/limits.ts';
import { holdingOf, worstLots } from '../../../actors/broker/risk/money.ts';
import type { LiveOrder, RiskOrder, RiskState, Spec } from '../../../actors/broker/risk/state.ts';
import { emptyQuotes, withQuote } from '../../../actors/broker/risk/state.ts';
import { IntentAction, OrderType, Side, TimeInForce } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { DenialCode } from '../../../runtime/errors.ts';
import { denialTable } from '../../../runtime/errors.ts';

/** Monday 2026-01-05 10:00 UTC: minute 600 of day 1. */
const NOW_MS = Date.UTC(2026, 0, 5, 10);
const WALL_MS = 5_000_000;

function spec(base: string, profit: string, change: Partial<Spec> = {}): Spec {
  return {
    digits: 5,
    point: 0.00001,
    tickSize: 0.00001,
    contractSize: 100_000,
    volumeMin: 0.01,
    volumeMax: 50,
    volumeStep: 0.01,
    stopsLevelPoints: 100,
    currencyBase: base,
    currencyProfit: profit,
    currencyMargin: base,
    calcMode: 'forex',
    ...change,
  };
}

const symbols = ['EURUSD', 'USDJPY', 'CHFSEK'];

function quotes(): Float64Array {
  let q = emptyQuotes(symbols.length);
  const set = (symbol: string, bid: number, ask: number): void => {
    q = withQuote({ symbols, quotes: q }, symbol, { bid, ask, timeMs: NOW_MS, atMs: WALL_MS }) as Float64Array;
  };
  set('EURUSD', 1.0999, 1.1);
  set('USDJPY', 150, 150.01);
  set('CHFSEK', 12, 12.001);
  return q;
}

const base: RiskState = {
  mode: 'active',
  symbols,
  quotes: quotes(),
  specs: { EURUSD: spec('EUR', 'USD'), USDJPY: spec('USD', 'JPY'), CHFSEK: spec('CHF', 'SEK') },
  orders: {},
  book: {},
  funds: {
    currency: 'USD',
    balance: 10_000,
    equity: 10_000,
    margin: 0,
    leverage: 100,
    hedging: false,
    dayStartEquity: 10_000,
    peakEquity: 10_000,
  },
  recent: [],
  differences: {},
};

const order: RiskOrder = {
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
  referencePrice: 0,
  decidedAtMs: NOW_MS,
};

const live = (change: Partial<LiveOrder> = {}): LiveOrder => ({
  state: 'unknown',
  intentId: 'other',
  strategy: 'beta',
  symbol: 'EURUSD',
  action: IntentAction.OPEN,
  side: Side.BUY,
  volumeLots: 1,
  filledLots: 0,
  price: 0,
  ...change,
});

const held = (lots: number, openPrice = 1.0999) => ({ '1': { symbol: 'EURUSD', lots, openPrice, strategy: 'alpha' } });

interface Case {
  order?: Partial<RiskOrder>;
  state?: Partial<RiskState>;
  limits?: RiskLimits;
  marketNowMs?: number;
  atMs?: number;
}

function verdict(c: Case) {
  const { marketNowMs = NOW_MS, atMs = WALL_MS } = c;
  return judge({ ...order, ...c.order }, { ...base, ...c.state }, c.limits ?? {}, marketNowMs, atMs);
}

const funds = (change: Partial<RiskState['funds']>): Partial<RiskState> => ({ funds: { ...base.funds, ...change } });
const windows = (fromMinute: number, toMinute: number): RiskLimits => ({
  sessions: { EURUSD: [{ day: 1, fromMinute, toMinute }] },
});
const limit = (change: Partial<RiskOrder>): Partial<RiskOrder> => ({ type: OrderType.LIMIT, price: 1.09, ...change });
const recent = (timeMs: number, n = 1) =>
  Array.from({ length: n }, () => ({ timeMs, strategy: 'alpha', symbol: 'EURUSD', side: Side.BUY, lots: 1 }));
const suspicion = (confirmed: boolean) => ({ EURUSD: { text: 'x', confirmed, sinceMs: 0 } });

/** Each code: just allowed, just denied. */
const table: [DenialCode, Case, Case][] = [
  ['RISK_BAD_INTENT', { order: { volumeLots: 0.01 } }, { order: { volumeLots: 0 } }],
  ['RISK_BAD_INTENT', { order: { stopLoss: 0 } }, { order: { stopLoss: Number.NaN } }],
  ['RISK_BAD_INTENT', { order: limit({}) }, { order: limit({ price: 0 }) }],
  ['RISK_HALTED', { state: { mode: 'active' } }, { state: { mode: 'halted' } }],
  [
    'RISK_HALTED',
    { state: { mode: 'reducing' }, order: { action: IntentAction.CLOSE } },
    { state: { mode: 'halted' }, order: { action: IntentAction.CLOSE } },
  ],
  [
    'RISK_REDUCING',
    { state: { mode: 'reducing' }, order: { action: IntentAction.CLOSE } },
    { state: { mode: 'reducing' } },
  ],
  ['RISK_SYMBOL_HALTED', { state: { differences: suspicion(false) } }, { state: { differences: suspicion(true) } }],
  ['RISK_SYMBOL_NOT_ALLOWED', {}, { order: { symbol: 'XAUUSD' } }],
  ['RISK_SESSION_CLOSED', { limits: windows(600, 601) }, { limits: windows(601, 700) }],
  ['RISK_SESSION_CLOSED', { limits: windows(0, 601) }, { limits: windows(0, 600) }],
  ['RISK_NO_SPEC', {}, { state: { specs: {} } }],
  [
    'RISK_NO_PRICE',
    { order: { action: IntentAction.CLOSE }, state: { quotes: emptyQuotes(3) } },
    { state: { quotes: emptyQuotes(3) } },
  ],
  [
    'RISK_STALE_PRICE',
    { limits: { maxPriceAgeMs: 1000 }, marketNowMs: NOW_MS + 1000 },
    { limits: { maxPriceAgeMs: 1000 }, marketNowMs: NOW_MS + 1001 },
  ],
  [
    'RISK_STALE_PRICE',
    { limits: { maxPriceAgeMs: 1000 }, atMs: WALL_MS + 1000 },
    { limits: { maxPriceAgeMs: 1000 }, atMs: WALL_MS + 1001 },
  ],
  [
    'RISK_STALE_INTENT',
    { limits: { maxIntentAgeMs: 500 }, order: { decidedAtMs: NOW_MS - 500 } },
    { limits: { maxIntentAgeMs: 500 }, order: { decidedAtMs: NOW_MS - 501 } },
  ],
  [
    'RISK_STALE_INTENT',
    { limits: { maxIntentAgeMs: 500 }, order: { decidedAtMs: NOW_MS } },
    { limits: { maxIntentAgeMs: 500 }, order: { decidedAtMs: 0 } },
  ],
  [
    'RISK_STALE_PRICE',
    { limits: { maxPriceAgeMs: 1000 }, order: { decidedAtMs: NOW_MS + 1000 } },
    { limits: { maxPriceAgeMs: 1000 }, order: { decidedAtMs: NOW_MS + 1001 } },
  ],
  [
    'RISK_BAD_INTENT',
    { order: limit({ timeInForce: TimeInForce.SPECIFIED, expirationMs: NOW_MS + 1 }) },
    { order: limit({ timeInForce: TimeInForce.SPECIFIED, expirationMs: NOW_MS }) },
  ],
  ['RISK_VOLUME_GRID', { order: { volumeLots: 0.01 } }, { order: { volumeLots: 0.001 } }],
  [
    'RISK_VOLUME_GRID',
    { order: { volumeLots: 50 }, state: funds({ balance: 1e9 }) },
    { order: { volumeLots: 50.01 }, state: funds({ balance: 1e9 }) },
  ],
  ['RISK_VOLUME_GRID', { order: { volumeLots: 0.07 } }, { order: { volumeLots: 0.075 } }],
  ['RISK_ORDER_SIZE', { limits: { maxOrderLots: 1 } }, { limits: { maxOrderLots: 0.99 } }],
  ['RISK_NOTIONAL', { limits: { maxNotional: 110_000 } }, { limits: { maxNotional: 109_999 } }],
  // 1 lot of USDJPY is worth 150.01 * 100,000 JPY; a JPY is 1/150 USD at the dearer side.
  [
    'RISK_NOTIONAL',
    { order: { symbol: 'USDJPY' }, limits: { maxNotional: 100_007 } },
    { order: { symbol: 'USDJPY' }, limits: { maxNotional: 100_006 } },
  ],
  [
    'RISK_NO_RATE',
    { order: { symbol: 'USDJPY' }, limits: { maxNotional: 1e9 } },
    { order: { symbol: 'CHFSEK' }, limits: { maxNotional: 1e9 } },
  ],
  [
    'RISK_PRICE_COLLAR',
    { order: { referencePrice: 1.1 * 1.0001 }, limits: { priceCollarPercent: 0.01 } },
    { order: { referencePrice: 1.1 * 1.0003 }, limits: { priceCollarPercent: 0.02 } },
  ],
  [
    'RISK_PRICE_COLLAR',
    { order: limit({ price: 1.089 }), limits: { priceCollarPercent: 1 } },
    { order: limit({ price: 1.08899 }), limits: { priceCollarPercent: 1 } },
  ],
  ['RISK_STOP_DISTANCE', { order: { stopLoss: 1.0989 } }, { order: { stopLoss: 1.09891 } }],
  ['RISK_STOP_DISTANCE', { order: { takeProfit: 1.1009 } }, { order: { takeProfit: 1.10089 } }],
  [
    'RISK_STOP_DISTANCE',
    { order: { side: Side.SELL, stopLoss: 1.101 } },
    { order: { side: Side.SELL, stopLoss: 1.10099 } },
  ],
  ['RISK_STOP_DISTANCE', { order: limit({ price: 1.099 }) }, { order: limit({ price: 1.09901 }) }],
  [
    'RISK_STOP_DISTANCE',
    { order: limit({ type: OrderType.STOP, price: 1.101 }) },
    { order: limit({ type: OrderType.STOP, price: 1.10099 }) },
  ],
  [
    'RISK_DUPLICATE_INTENT',
    { state: { orders: { T: live() } } },
    { state: { orders: { T: live({ intentId: 'i1' }) } } },
  ],
  [
    'RISK_DUPLICATE_ORDER',
    { limits: { duplicateWindowMs: 100 }, state: { recent: recent(NOW_MS - 100) } },
    { limits: { duplicateWindowMs: 100 }, state: { recent: recent(NOW_MS - 99) } },
  ],
  [
    'RISK_ORDER_RATE',
    { limits: { maxOrdersPerMinute: 3 }, state: { recent: recent(NOW_MS - 59_999, 2) } },
    { limits: { maxOrdersPerMinute: 3 }, state: { recent: recent(NOW_MS - 59_999, 3) } },
  ],
  [
    'RISK_ORDER_RATE',
    { limits: { maxOrdersPerMinute: 3 }, state: { recent: recent(NOW_MS - 60_000, 3) } },
    { limits: { maxOrdersPerMinute: 0 } },
  ],
  [
    'RISK_OPEN_ORDERS',
    { limits: { maxOpenOrders: 2 }, state: { orders: { a: live() } } },
    { limits: { maxOpenOrders: 2 }, state: { orders: { a: live(), b: live({ state: 'working' }) } } },
  ],
  [
    'RISK_POSITION_LIMIT',
    { limits: { maxPositionLots: 2 }, state: { book: held(1) } },
    { limits: { maxPositionLots: 2 }, state: { book: held(1.01) } },
  ],
  [
    'RISK_POSITION_LIMIT',
    { limits: { maxPositionLots: 2 }, state: { orders: { a: live() } } },
    { limits: { maxPositionLots: 2 }, state: { orders: { a: live({ volumeLots: 1.01 }) } } },
  ],
  [
    'RISK_POSITION_LIMIT',
    { limits: { maxPositionLots: 1 }, state: { book: held(-2) } },
    {
      limits: { maxPositionLots: 1 },
      state: { book: held(-2), ...funds({ hedging: true }) },
      order: { volumeLots: 1.01 },
    },
  ],
  [
    'RISK_GROSS_EXPOSURE',
    { limits: { maxGrossExposure: 220_000 }, state: { book: held(1) } },
    { limits: { maxGrossExposure: 219_999 }, state: { book: held(1) } },
  ],
  [
    'RISK_GROSS_EXPOSURE',
    { limits: { maxGrossExposure: 220_000 }, state: { orders: { a: live() } } },
    { limits: { maxGrossExposure: 219_999 }, state: { orders: { a: live() } } },
  ],
  // 1 lot EURUSD: 100,000 EUR at leverage 100, a EUR being 1.1 USD.
  ['RISK_FREE_MARGIN', { state: funds({ balance: 1_100 }) }, { state: funds({ balance: 1_099 }) }],
  [
    'RISK_FREE_MARGIN',
    { state: funds({ balance: 1_600, margin: 500 }) },
    { state: funds({ balance: 1_600, margin: 501 }) },
  ],
  [
    'RISK_FREE_MARGIN',
    { state: { ...funds({ balance: 2_200 }), orders: { a: live() } } },
    { state: { ...funds({ balance: 2_199 }), orders: { a: live() } } },
  ],
  [
    'RISK_FREE_MARGIN',
    { state: { ...funds({ balance: 1 }), book: held(-2, 1.1) } },
    { state: { ...funds({ balance: 1 }), book: held(-0.4, 1.1) } },
  ],
  [
    'RISK_DAILY_LOSS',
    { limits: { dailyLossLimit: 500 }, state: funds({ balance: 9_500.01 }) },
    { limits: { dailyLossLimit: 500 }, state: funds({ balance: 9_500 }) },
  ],
  [
    'RISK_DRAWDOWN',
    { limits: { maxDrawdownPercent: 10 }, state: funds({ balance: 9_001 }) },
    { limits: { maxDrawdownPercent: 10 }, state: funds({ balance: 9_000 }) },
  ],
];

describe('risk gate: every check at its boundary', () => {
  for (const [i, [code, allowed, denied]] of table.entries()) {
    test(`${code} (${i})`, () => {
      assert.deepEqual(verdict(allowed), { allow: true });
      const answer = verdict(denied);
      assert.equal(answer.allow ? 'allowed' : answer.deny, code);
      assert.ok(!answer.allow && /\d|allowed|[A-Z]{3}/.test(answer.reason), 'the reason names the value or the symbol');
    });
  }

  test('each code of the gate has such a case', () => {
    const byMachine = [
      'RISK_NOTHING_TO_CLOSE',
      'RISK_CLOSING_ALREADY',
      'RISK_NOTHING_TO_PROTECT',
      'RISK_NOTHING_TO_CANCEL',
      'RISK_NOT_READY',
    ];
    const tested = new Set<string>([...table.map(([code]) => code), ...byMachine]);
    assert.deepEqual(
      Object.keys(denialTable).filter((code) => !tested.has(code)),
      [],
    );
  });

  test('no limit on entries holds somebody in a position', () => {
    const limits = {
      maxOrderLots: 0.1,
      maxNotional: 1,
      maxOpenOrders: 0,
      maxOrdersPerMinute: 0,
      dailyLossLimit: 0,
      maxDrawdownPercent: 0,
      maxPositionLots: 0.1,
    };
    const state = { ...funds({ balance: -5 }), book: held(1) };
    const close = { action: IntentAction.CLOSE, side: Side.SELL };
    assert.deepEqual(verdict({ order: close, state, limits }), { allow: true });
  });

  test('a denial says why, in words that a person can act on', () => {
    const said = (c: Case): string => {
      const answer = verdict(c);
      return answer.allow ? '' : answer.reason;
    };
    const halted = { mode: 'halted', modeReason: 'flatten: news' } as const;
    assert.equal(said({ state: halted }), 'the account is halted: flatten: news; allowed now: cancel');
    assert.match(said({ state: { mode: 'reducing', modeReason: 'end of day' } }), /reducing: end of day; allowed now/);
    const hours = 'EURUSD is not traded on Monday at 10:00 UTC; hours of that day: ';
    assert.equal(said({ limits: windows(601, 1440) }), `${hours}10:01 to 24:00`);
    const sunday = { sessions: { '*': [{ day: 0, fromMinute: 1320, toMinute: 1440 }] } };
    assert.equal(said({ limits: sunday }), `${hours}none`);
    const evening = Date.UTC(2026, 0, 4, 22);
    assert.match(said({ limits: sunday, marketNowMs: evening - 60_000 }), /on Sunday at 21:59 UTC; .*22:00 to 24:00/);
    assert.equal(said({ limits: sunday, marketNowMs: evening }), '', 'open, in the first minute of it');
  });

  test('cancel passes even when halted', () => {
    assert.deepEqual(verdict({ order: { action: IntentAction.CANCEL }, state: { mode: 'halted' } }), { allow: true });
  });
});

const anyOrder = fc.record({
  action: fc.constantFrom(IntentAction.OPEN, IntentAction.CLOSE, IntentAction.PROTECT, IntentAction.CANCEL),
  side: fc.constantFrom(Side.BUY, Side.SELL),
  volumeLots: fc.integer({ min: 1, max: 500 }).map((n) => n / 100),
  stopLoss: fc.constantFrom(0, 1.09, 1.11, Number.NaN),
  symbol: fc.constantFrom('EURUSD', 'USDJPY', 'CHFSEK', 'NONE'),
});
const anyLots = fc.integer({ min: -300, max: 300 }).map((n) => n / 100);

test('judging changes nothing', () => {
  fc.assert(
    fc.property(anyOrder, anyLots, (change, lots) => {
      const state = { ...base, book: held(lots), orders: { a: live() }, recent: recent(NOW_MS) };
      const before = structuredClone(state);
      const limits = { maxOrderLots: 2, maxGrossExposure: 300_000, maxOrdersPerMinute: 2, maxPositionLots: 3 };
      judge({ ...order, ...change }, state, limits, NOW_MS, WALL_MS);
      assert.deepEqual(state, before);
    }),
  );
});

test('reducing never lets pass what can open anything', () => {
  fc.assert(
    fc.property(anyOrder, anyLots, (change, lots) => {
      const answer = verdict({ order: change, state: { mode: 'reducing', book: held(lots) } });
      if (change.action === IntentAction.OPEN) assert.ok(!answer.allow);
    }),
  );
});

test('whatever passes keeps the position within its limit, even with everything unknown filled', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ side: fc.constantFrom(Side.BUY, Side.SELL), lots: fc.integer({ min: 1, max: 150 }) })),
      (wants) => {
        const orders: Record<string, LiveOrder> = {};
        const limits = { maxPositionLots: 3 };
        const rich = funds({ balance: 1e9 });
        for (const [i, { side, lots }] of wants.entries()) {
          const volumeLots = lots / 100;
          const answer = verdict({
            order: { side, volumeLots, intentId: `n${i}` },
            state: { ...rich, orders },
            limits,
          });
          if (answer.allow) orders[`o${i}`] = live({ side, volumeLots, intentId: `n${i}` });
          assert.ok(worstLots(false, holdingOf({ ...base, orders }, 'EURUSD')) <= 3 + 1e-9);
        }
      },
    ),
  );
});
