import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ActorStatus } from '../../bench/operator.ts';
import type { Kind } from '../../bench/recovery/watch.ts';
import { hasGoneOn } from '../../bench/recovery/watch.ts';
import type { RecoveryFacts } from '../../bench/verify.ts';
import { recoveryFaults } from '../../bench/verify.ts';
import type { Status, StrategyStatus, SymbolStatus } from '../../node/status.ts';

const status = (state: string, restarts: number, more: Record<string, unknown> = {}): ActorStatus => ({
  ...{ node: 'node-1', state, restarts, ...more },
});

describe('an actor has gone on when', () => {
  const before = status('live', 3, { ticksApplied: 100, bars: 10 });
  const cases: [string, Kind, ActorStatus, boolean][] = [
    ['it runs and has applied more', 'symbol', status('live', 4, { ticksApplied: 101 }), true],
    ['not: it has not ended yet', 'symbol', status('live', 3, { ticksApplied: 101 }), false],
    ['not: it has only what it had', 'symbol', status('live', 4, { ticksApplied: 100 }), false],
    ['not: it is further back than it was', 'symbol', status('live', 4, { ticksApplied: 90 }), false],
    ['not: it is being started', 'symbol', status('starting', 4, { ticksApplied: 101 }), false],
    ['not: it waits for its next start', 'symbol', status('backoff', 4, { ticksApplied: 101 }), false],
    ['not: it has told nothing yet', 'symbol', status('live', 4), false],
    ['a strategy has heard a bar', 'strategy', status('flat', 4, { bars: 11 }), true],
    ['not: the strategy has not', 'strategy', status('flat', 4, { bars: 10 }), false],
    ['a broker trades again', 'broker', status('trading.active', 4), true],
    ['not: the broker compares its books', 'broker', status('reconciling', 4), false],
  ];
  for (const [what, kind, now, expected] of cases) {
    test(what, () => assert.equal(hasGoneOn(kind, before, now), expected));
  }
});

const none = { count: 0, p50: 0, p99: 0, max: 0 };
const symbol = (name: string, ticksApplied: number): SymbolStatus => ({
  ...{ symbol: name, state: 'live', digits: 5, bid: 1, ask: 1, timeMs: 0, bars: {} },
  ...{ ticksApplied, ticksDone: ticksApplied, ticksLate: 0, ticksDuplicate: 0, ticksMissing: 0 },
});
const strategy = (id: string): StrategyStatus => ({
  ...{ id, symbol: 'A', state: 'flat', lots: 0, realised: 0, unrealised: 0, openUnits: 0, intents: 0, fills: 0 },
});
const node = (name: string, more: Partial<Status> = {}): Status => ({
  ...{ event: 'status', node: name, symbols: [], strategies: [], fills: 0, denials: {}, failed: [], restarts: 7 },
  account: { id: '', state: '', currency: '', balance: 0, equity: 0, detail: '', moneyPerUnit: {} },
  orders: { intended: 0, denied: 0, rejected: 0, filled: 0, cancelled: 0, expired: 0, unknown: 0, open: 0 },
  ledger: { state: '', detail: '' },
  latencyMs: { tickToBar: none, intentToTerminal: none },
  ...more,
});
const orders = { intended: 3, denied: 1, rejected: 0, filled: 2, cancelled: 0, expired: 0, unknown: 0, open: 0 };
const account = { id: 'x', state: 'trading', currency: '', balance: 0, equity: 0, detail: '', moneyPerUnit: {} };
const broker = (more: Partial<Status> = {}): Status => node('node-2', { account, orders, fills: 2, ...more });

const facts = (statuses: Status[]): RecoveryFacts => ({
  expected: new Map([['A', 60]]),
  barTicks: new Map([['A', 60]]),
  ...{ sent: 60, acknowledged: 60, statuses, strategies: ['s'] },
});
const first = node('node-1', { symbols: [symbol('A', 60)] });

describe('after recovery nothing is lost or doubled', () => {
  test('whole, over two nodes, whatever was started again', () => {
    assert.deepEqual(recoveryFaults(facts([first, broker({ strategies: [strategy('s')] })])), []);
  });

  const cases: [string, Status[], RegExp][] = [
    [
      'a symbol on two nodes',
      [first, broker({ strategies: [strategy('s')], symbols: [symbol('A', 60)] })],
      /A: 2 nodes/,
    ],
    ['a symbol nowhere', [broker({ strategies: [strategy('s')] })], /symbol A: 0 nodes/],
    ['a strategy nowhere', [first, broker()], /strategy s: 0 nodes/],
    ['no broker', [first], /0 nodes run the broker/],
    [
      'a tick twice',
      [node('node-1', { symbols: [symbol('A', 61)] }), broker({ strategies: [strategy('s')] })],
      /61 applied/,
    ],
    [
      'an order without an end',
      [first, broker({ strategies: [strategy('s')], orders: { ...orders, filled: 1 }, fills: 1 })],
      /3 orders intended, 2 came to an end/,
    ],
    [
      'an order of unknown fate',
      [first, broker({ strategies: [strategy('s')], orders: { ...orders, unknown: 1 } })],
      /1 unknown/,
    ],
    ['an order filled twice', [first, broker({ strategies: [strategy('s')], fills: 3 })], /2 orders filled by 3 fills/],
    [
      'nothing traded',
      [
        first,
        broker({ strategies: [strategy('s')], orders: { ...orders, intended: 0, denied: 0, filled: 0 }, fills: 0 }),
      ],
      /no order was intended/,
    ],
  ];
  for (const [what, statuses, fault] of cases) {
    test(`a fault: ${what}`, () => assert.match(recoveryFaults(facts(statuses)).join('\n'), fault));
  }
});
