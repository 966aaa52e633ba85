import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { OrderFacts } from '../../bench/verify.ts';
import { ingestFaults, orderFaults } from '../../bench/verify.ts';
import type { Status, SymbolStatus } from '../../node/status.ts';

const symbol = (name: string, ticksApplied: number, more: Partial<SymbolStatus> = {}): SymbolStatus => ({
  ...{ symbol: name, state: 'live', digits: 5, bid: 1, ask: 1, timeMs: 0, bars: {} },
  ...{ ticksApplied, ticksDone: ticksApplied, ticksLate: 0, ticksDuplicate: 0, ticksMissing: 0, ...more },
});

const none = { count: 0, p50: 0, p99: 0, max: 0 };
const status = (more: Partial<Status> = {}): Status => ({
  ...{ event: 'status', node: 'n', strategies: [], fills: 2, denials: {}, failed: [], restarts: 0 },
  symbols: [symbol('A', 60), symbol('B', 40)],
  account: { id: 'x', state: 'trading.active', currency: 'USD', balance: 0, equity: 0, detail: '', moneyPerUnit: {} },
  orders: { intended: 2, denied: 0, rejected: 0, filled: 2, cancelled: 0, expired: 0, unknown: 0, open: 0 },
  ledger: { state: 'writing', detail: '' },
  latencyMs: { tickToBar: none, intentToTerminal: none },
  ...more,
});

const facts = (more: Partial<OrderFacts> = {}): OrderFacts => ({
  expected: new Map(Object.entries({ A: 60, B: 40 })),
  barTicks: new Map(Object.entries({ A: 60, B: 40 })),
  ...{ sent: 100, acknowledged: 100, timed: 2, status: status() },
  balance: { terminal: 1000.01, ledger: 1000.01 },
  positions: { terminal: { A: 0.1 }, ledger: { A: 0.1 } },
  ...more,
});

const orders = (more: Partial<Status['orders']>): Partial<OrderFacts> => ({
  status: status({ orders: { ...status().orders, ...more } }),
});

describe('a round is counted only when all its work was done', () => {
  test('whole rounds have no faults', () => {
    assert.deepEqual(ingestFaults(facts()), []);
    assert.deepEqual(orderFaults(facts()), []);
  });

  const ingest: [string, Partial<OrderFacts>, RegExp][] = [
    ['a tick that was not sent', { sent: 99 }, /the terminal sent 99/],
    ['a tick that no stream acknowledged', { acknowledged: 99 }, /the stream acknowledged 99/],
    [
      'a tick that no actor applied',
      { status: status({ symbols: [symbol('A', 59), symbol('B', 40)] }) },
      /A: .* 59 applied/,
    ],
    ['a tick too many', { status: status({ symbols: [symbol('A', 61), symbol('B', 40)] }) }, /61 applied/],
    ['a symbol without an actor', { status: status({ symbols: [symbol('A', 60)] }) }, /B: no symbol actor/],
    [
      'a late tick',
      { status: status({ symbols: [symbol('A', 60, { ticksLate: 1 }), symbol('B', 40)] }) },
      /1 ticks late/,
    ],
    [
      'a tick twice',
      { status: status({ symbols: [symbol('A', 60, { ticksDuplicate: 1 }), symbol('B', 40)] }) },
      /1 twice/,
    ],
    ['a gap', { status: status({ symbols: [symbol('A', 60, { ticksMissing: 1 }), symbol('B', 40)] }) }, /1 missing/],
    ['a bar that is not stored', { barTicks: new Map([['A', 60]]) }, /B: .* 0 in the bars/],
    ['an actor that was started again', { status: status({ restarts: 1 }) }, /started again/],
  ];
  for (const [what, change, message] of ingest) {
    test(`ingest: ${what}`, () => assert.match(ingestFaults(facts(change)).join('\n'), message));
    test(`order path: ${what}`, () => assert.match(orderFaults(facts(change)).join('\n'), message));
  }

  const trading: [string, Partial<OrderFacts>, RegExp][] = [
    ['no order at all', orders({ intended: 0, filled: 0 }), /no order was intended/],
    ['an order without an outcome', orders({ intended: 3, open: 1 }), /3 orders intended, 2 filled.* 1 open/],
    ['a denied order', { status: status({ denials: { RISK_STALE: 1 } }) }, /denied: RISK_STALE 1/],
    ['a fill too few', { status: status({ fills: 1 }) }, /2 orders filled by 1 fills/],
    ['an order that was not timed', { timed: 1 }, /2 orders intended, 1 timed/],
    ['a cent', { balance: { terminal: 1000.02, ledger: 1000.01 } }, /balance 1000.02/],
    ['a position', { positions: { terminal: { A: 0.1 }, ledger: {} } }, /A: 0.1 lots at the terminal, 0 in the ledger/],
  ];
  for (const [what, change, message] of trading) {
    test(`order path: ${what}`, () => assert.match(orderFaults(facts(change)).join('\n'), message));
  }
});
