import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Milestones, setUpSeconds } from '../../../cli/start/milestones.ts';
import { disagreements, isWell, reportOf, summaryOf } from '../../../cli/start/report.ts';
import type { Progress, Seen } from '../../../cli/start/view.ts';
import { columns, formatDuration, formatMs, lineOf, linesOf, pageOf } from '../../../cli/start/view.ts';
import type { Status } from '../../../node/status.ts';
import { VirtualClock } from '../../../runtime/clock.ts';

const progress: Progress = {
  ticksSent: 250_000,
  ticksTotal: 1_000_000,
  ticksPerS: 12_345,
  leftS: 60,
  marketMs: Date.UTC(2025, 0, 6, 1, 2, 3),
  phase: 'trading',
};

const status: Status = {
  event: 'status',
  node: 'node-1',
  symbols: [
    {
      symbol: 'EURUSD',
      digits: 5,
      state: 'live',
      bid: 1.1,
      ask: 1.10002,
      timeMs: progress.marketMs,
      ticksApplied: 250_000,
      ticksDone: 250_000,
      ticksLate: 0,
      ticksDuplicate: 0,
      ticksMissing: 0,
      bars: { '1s': 100, '1m': 10 },
    },
  ],
  strategies: [
    {
      id: 'ema',
      symbol: 'EURUSD',
      state: 'long',
      lots: 0.5,
      realised: 10.5,
      unrealised: -2,
      openUnits: 0,
      intents: 3,
      fills: 2,
    },
  ],
  account: {
    id: 'demo',
    state: 'trading.active',
    currency: 'USD',
    balance: 100_010.5,
    equity: 100_008.5,
    detail: '',
    moneyPerUnit: {},
  },
  orders: { intended: 3, denied: 1, rejected: 0, filled: 2, cancelled: 0, expired: 0, unknown: 0, open: 0 },
  denials: { RISK_STALE_PRICE: 1 },
  fills: 2,
  ledger: { state: 'writing', detail: '' },
  failed: [],
  latencyMs: {
    tickToBar: { count: 110, p50: 1.5, p99: 9.99, max: 12 },
    intentToTerminal: { count: 2, p50: 2.5, p99: 4, max: 4 },
  },
  restarts: 0,
};

const seen: Seen = { progress, status, processes: [] };
const process = { name: 'node-1', pid: 11, state: 'running', restarts: 0, actors: 3 } as const;

const figures = {
  status,
  ticksSent: 250_000,
  unusable: { bid_above_ask: 7 },
  balance: { terminal: 100_010.5, ledger: 100_010.5 },
  positions: { terminal: { EURUSD: 0.5 }, ledger: { EURUSD: 0.5 } },
  seconds: 20.1,
  milestones: { set_up: 0.4, to_first_tick: 5.25, to_first_fill: null },
};

describe('what a person sees', () => {
  test("prices have the symbol's decimals", () => {
    assert.ok(pageOf(seen, { width: 200, height: 60 }).some((line) => /1\.10000 +1\.10002/.test(line)));
  });

  test('durations and latencies read naturally', () => {
    assert.deepEqual([59.4, 61, 3_725, Number.NaN].map(formatDuration), ['59 s', '1 min 1 s', '1 h 2 min', '-']);
    assert.deepEqual([1.234, 45.67, 2_500].map(formatMs), ['1.23 ms', '45.7 ms', '2.5 s']);
  });

  test('the line has progress, orders, profit and latency', () => {
    const line = lineOf(progress, status);
    for (const part of ['25 %', '250,000 ticks', '12,345/s', 'left 1 min 0 s', 'denied 1', 'fills 2', 'P&L 8.50 USD']) {
      assert.ok(line.includes(part), `${part} is missing in: ${line}`);
    }
    assert.ok(line.includes('1.50 ms / 9.99 ms'));
  });

  test('the page fits the terminal, whatever its size', () => {
    const many = { ...status, symbols: Array.from({ length: 200 }, () => status.symbols[0]!) };
    for (const size of [
      { width: 40, height: 10 },
      { width: 200, height: 60 },
    ]) {
      const page = pageOf({ ...seen, status: many }, size);
      assert.ok(page.length <= size.height);
      assert.ok(page.every((line) => line.length <= size.width));
    }
    assert.ok(
      pageOf({ ...seen, status: many }, { width: 200, height: 60 }).some((line) => /and \d+ more symbols/.test(line)),
    );
  });

  test('nodes have a line each where there are several; other programs show when they are not just running', () => {
    const two = [process, { ...process, name: 'node-2', state: 'waiting', actors: 0, restarts: 2 }] as const;
    assert.deepEqual(linesOf({ ...seen, processes: two }).slice(1), [
      '  node-1  running  3 actors  restarts 0',
      '  node-2  waiting  0 actors  restarts 2',
    ]);
    assert.equal(linesOf({ ...seen, processes: [process] }).length, 1);
    const bridge = { ...process, name: 'bridge', actors: undefined };
    const page = (processes: Seen['processes']): string =>
      pageOf({ ...seen, processes }, { width: 200, height: 60 }).join('\n');
    assert.match(page([process, bridge]), /^node-1 +running +3 +0$/m);
    assert.doesNotMatch(page([process, bridge]), /^bridge/m);
    assert.match(page([process, { ...bridge, restarts: 1 }]), /^bridge +running +- +1$/m);
  });

  test('columns align: the first left, the others right', () => {
    assert.deepEqual(
      columns([
        ['a', 'bb'],
        ['ccc', 'd'],
      ]),
      ['a    bb', 'ccc   d'],
    );
  });
});

describe('from the command to the first fill', () => {
  test('counts what the set-up took, tells each once, and leaves out what never was', () => {
    const clock = new VirtualClock(1_000_000);
    const said: string[] = [];
    const milestones = new Milestones(clock, setUpSeconds({ TROUPE_COMMAND_MS: '998000' }, clock.nowMs()), (text) =>
      said.push(text),
    );
    clock.advance(3_250);
    milestones.ticks(0);
    milestones.ticks(7);
    clock.advance(1_000);
    milestones.ticks(9);
    milestones.fills(0);
    assert.deepEqual(milestones.figures(), { set_up: 2, to_first_tick: 5.25, to_first_fill: null });
    milestones.fills(1);
    assert.deepEqual(milestones.figures(), { set_up: 2, to_first_tick: 5.25, to_first_fill: 6.25 });
    assert.deepEqual(said, [
      'first tick  applied 5.3 s after the command',
      'first fill  booked 6.3 s after the command',
    ]);
  });

  test('a time that is none, or lies ahead of us, is as if there had been no set-up', () => {
    for (const text of [undefined, '', 'soon', '-1', '2000000']) {
      assert.equal(setUpSeconds({ TROUPE_COMMAND_MS: text }, 1_000_000), 0, text);
    }
  });
});

describe('the report', () => {
  test('has the keys that were promised', () => {
    assert.deepEqual(reportOf(figures), {
      ticks: { sent: 250_000, applied: 250_000, late: 0, passed_over: {}, unusable: { bid_above_ask: 7 } },
      failed: {},
      bars: { EURUSD: { '1s': 100, '1m': 10 } },
      orders: { intended: 3, denied: 1, rejected: 0, filled: 2, cancelled: 0, unknown: 0 },
      denials: { RISK_STALE_PRICE: 1 },
      fills: 2,
      balance: { terminal: 100_010.5, ledger: 100_010.5 },
      positions: { terminal: { EURUSD: 0.5 }, ledger: { EURUSD: 0.5 } },
      latency_ms: { tick_to_bar: { p50: 1.5, p99: 9.99, max: 12 }, intent_to_terminal: { p50: 2.5, p99: 4, max: 4 } },
      seconds: 20.1,
      start_seconds: { set_up: 0.4, to_first_tick: 5.25, to_first_fill: null },
    });
  });

  test('books that differ are told one by one, and a cent is a difference', () => {
    assert.deepEqual(disagreements(reportOf(figures)), []);
    const off = reportOf({
      ...figures,
      ticksSent: 250_001,
      balance: { terminal: 100_010.5, ledger: 100_010.51 },
      positions: { terminal: { EURUSD: 0.5 }, ledger: { EURUSD: 0.5, USDJPY: -1 } },
    });
    const found = disagreements(off);
    assert.equal(found.length, 3);
    assert.match(
      found.join('\n'),
      /250001 ticks sent.*\n.*100010.51 in the ledger\nUSDJPY: 0 lots at the terminal, -1/,
    );
    assert.ok(summaryOf(off, status).some((line) => line.startsWith('Books     DISAGREE')));
  });

  test('who was given up and what went past it is told, and the run is not well', () => {
    const [eurusd] = status.symbols;
    const ill: Status = {
      ...status,
      symbols: [eurusd!, { ...eurusd!, symbol: 'GBPUSD', ticksApplied: 10, ticksDone: 40 }],
      failed: [{ kind: 'symbol', id: 'GBPUSD', cause: 'cannot take this frame' }],
    };
    const report = reportOf({ ...figures, status: ill, ticksSent: 250_040 });
    assert.deepEqual(report.ticks.passed_over, { GBPUSD: 30 });
    assert.deepEqual(disagreements(report), ['250040 ticks sent, 250010 applied, passed over 30 of GBPUSD']);
    const text = summaryOf(report, ill).join('\n');
    assert.match(text, /^Failed {4}symbol\.GBPUSD, given up: cannot take this frame$/m);
    // Its books may agree all the same.
    const given = reportOf({ ...figures, status: { ...status, failed: ill.failed } });
    assert.deepEqual([disagreements(given), isWell(given), isWell(reportOf(figures))], [[], false, true]);
  });

  test('unusable ticks and denials stand in the summary', () => {
    const text = summaryOf(reportOf(figures), status).join('\n');
    assert.match(text, /bid_above_ask 7/);
    assert.match(text, /RISK_STALE_PRICE 1/);
    assert.match(text, /Books {5}agree/);
  });
});
