import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Company } from '../../../cli/start/fleet/aggregate.ts';
import {
  AppliedTicks,
  actorsOf,
  mergeLatencies,
  mergeQuantiles,
  mergeStatus,
  placement,
  UNOWNED,
  unplaced,
} from '../../../cli/start/fleet/aggregate.ts';
import { cannotMend, givenUp, judgeEnd, lastWords, PROCESS_BUDGET } from '../../../cli/start/fleet/mending.ts';
import type { Status } from '../../../node/status.ts';
import { seededRandom } from '../../../runtime/random.ts';
import { LatencyHistogram } from '../../../runtime/telemetry/latency.ts';

describe('whether a program is started again', () => {
  const random = seededRandom('mending');

  test('five times within a minute, the first at once, then later and later; the sixth is the end', () => {
    let failures: readonly number[] = [];
    const delays: (number | undefined)[] = [];
    for (let i = 0; i < 6; i++) {
      const { failuresMs, verdict } = judgeEnd(failures, 1000 * i, random, undefined);
      failures = failuresMs;
      delays.push(verdict.restart ? verdict.delayMs : undefined);
    }
    assert.equal(delays[0], 0);
    for (const [i, ceilingMs] of [100, 200, 400, 800].entries()) assert.ok(delays[i + 1]! <= ceilingMs, String(delays));
    assert.equal(delays[5], undefined);
  });

  test('what is older than the window does not count: one that dies now and then lives for ever', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 12_001, max: 100_000 }), { minLength: 7, maxLength: 40 }), (gapsMs) => {
        let nowMs = 0;
        let failures: readonly number[] = [];
        for (const gapMs of gapsMs) {
          nowMs += gapMs;
          const { failuresMs, verdict } = judgeEnd(failures, nowMs, random, undefined);
          failures = failuresMs;
          assert.ok(verdict.restart);
          assert.ok(failures.length <= PROCESS_BUDGET.restarts);
        }
      }),
    );
  });

  test('never where the next start would end in the same way', () => {
    for (const code of ['CONFIG_INVALID', 'SNAPSHOT_CORRUPT', 'LEDGER_SCHEMA', 'BUS_DENIED', 'DISK_FULL'] as const) {
      assert.equal(judgeEnd([], 0, random, code).verdict.restart, false, code);
    }
    for (const code of ['ACTOR_CRASHED', 'BUS_UNAVAILABLE', 'PORT_IN_USE', undefined] as const) {
      assert.equal(cannotMend(code), false, code);
    }
  });

  test('its last words are those of the program itself, and the newest', () => {
    assert.deepEqual(lastWords(['{"event":"error","code":"DISK_FULL","message":"no room"}', 'bye']), {
      code: 'DISK_FULL',
      text: 'no room',
    });
    assert.deepEqual(lastWords(['{"level":"error","code":"E_CONFIG","message":"tape: missing"}', '{broken']), {
      code: undefined,
      text: 'E_CONFIG: tape: missing',
    });
    assert.equal(
      lastWords(['{"level":"warn","code":"E_LINK_LOST","message":"x"}', '{"event":"status"}', '7']),
      undefined,
    );
  });

  test('the error at the end says which program, how often, what it said and where the logs are', () => {
    const plain = givenUp('bridge', 6, 'SIGKILL', undefined, '.run/logs');
    assert.equal(plain.code, 'SERVER_FAILED');
    assert.equal(plain.message, 'bridge ended unexpectedly (SIGKILL), 6 times within 60 s; see .run/logs');
    const told = givenUp('node-2', 1, 'status 1', { code: 'SNAPSHOT_CORRUPT', text: 'broker demo' }, '.run/logs');
    assert.equal(told.code, 'SNAPSHOT_CORRUPT');
    assert.equal(told.message, 'node-2: broker demo');
  });
});

const company: Company = { account: 'demo', symbols: ['EURUSD', 'GBPUSD'], strategies: ['cross'], ledger: true };
const none = { count: 0, p50: Number.NaN, p99: Number.NaN, max: 0 };
const empty = (node: string): Status => ({
  ...{ event: 'status', node, symbols: [], strategies: [] },
  account: { id: '', state: '', currency: '', balance: 0, equity: 0, detail: '', moneyPerUnit: {} },
  orders: { intended: 0, denied: 0, rejected: 0, filled: 0, cancelled: 0, expired: 0, unknown: 0, open: 0 },
  ...{ denials: {}, fills: 0, ledger: { state: '', detail: '' } },
  latencyMs: { tickToBar: none, intentToTerminal: none },
  failed: [],
  restarts: 1,
});
const symbol = (name: string, ticksApplied: number): Status['symbols'][number] => ({
  ...{ symbol: name, digits: 5, state: 'live', bid: 1.1, ask: 1.2, timeMs: 0, ticksApplied, ticksDone: ticksApplied },
  ...{ ticksLate: 0, ticksDuplicate: 0, ticksMissing: 0, bars: {} },
});
const cross: Status['strategies'][number] = {
  ...{ id: 'cross', symbol: 'EURUSD', state: 'long', lots: 0.1, realised: 5, unrealised: 0, openUnits: 0.002 },
  ...{ intents: 3, fills: 2 },
};
const first: Status = { ...empty('node-1'), symbols: [symbol('EURUSD', 10)], strategies: [cross] };
const second: Status = {
  ...empty('node-2'),
  symbols: [symbol('GBPUSD', 7)],
  account: {
    ...{ id: 'demo', state: 'trading.active', currency: 'USD', balance: 100, equity: 101, detail: '' },
    moneyPerUnit: { EURUSD: 100_000 },
  },
  orders: { ...empty('').orders, intended: 3, filled: 2 },
  fills: 2,
  ledger: { state: 'writing', detail: '' },
};

describe('several nodes as one company', () => {
  test("each actor is told once, the account by its owner, and open profit at the owner's rates", () => {
    const merged = mergeStatus([first, second], company);
    assert.deepEqual(
      merged.symbols.map(({ symbol: name, ticksApplied }) => [name, ticksApplied]),
      [
        ['EURUSD', 10],
        ['GBPUSD', 7],
      ],
    );
    assert.equal(merged.strategies[0]!.unrealised, 200);
    assert.deepEqual(
      [merged.account.id, merged.account.state, merged.account.balance],
      ['demo', 'trading.active', 100],
    );
    assert.deepEqual([merged.orders.intended, merged.fills, merged.restarts], [3, 2, 2]);
    assert.equal(merged.ledger.state, 'writing');
    assert.deepEqual(unplaced([first, second], company), []);
    assert.deepEqual([actorsOf(first), actorsOf(second)], [2, 3]);
  });

  test('while actors move, what was known of them stays, and the account says that nobody has it', () => {
    const before = mergeStatus([first, second], company);
    const moving = mergeStatus([first], company, before);
    assert.deepEqual(moving.account, { ...before.account, state: UNOWNED });
    assert.deepEqual(moving.symbols, before.symbols);
    assert.equal(moving.orders, before.orders);
    assert.deepEqual(unplaced([first], company), ['GBPUSD', 'broker', 'recorder']);
    // Both have told of it: the old owner had seen less.
    const both = mergeStatus([first, { ...second, symbols: [symbol('EURUSD', 25)] }], company, before);
    assert.equal(both.symbols[0]!.ticksApplied, 25);
  });

  test('before anybody has the account, it does not look ready; without an account there is none', () => {
    assert.deepEqual(
      [mergeStatus([first], company).account.id, mergeStatus([first], company).account.state],
      ['demo', UNOWNED],
    );
    const { account } = mergeStatus([empty('node-1')], { ...company, account: undefined });
    assert.deepEqual([account.id, account.state], ['', '']);
  });

  test('the placement changes with owners and restarts, not with the order of answers', () => {
    assert.equal(placement([first, second]), placement([second, first]));
    assert.notEqual(placement([first, second]), placement([first, { ...second, restarts: 2 }]));
    assert.notEqual(placement([first, second]), placement([{ ...first, symbols: [] }, second]));
  });

  test('ticks count once, whoever counts them again', () => {
    const applied = new AppliedTicks();
    for (const one of [{ A: 5 }, { B: 3 }, { A: 4 }, { A: 7, B: 3 }]) applied.add(one);
    assert.equal(applied.total, 10);
  });

  test('latencies of all nodes are as if one had recorded them; bounds of quantiles hold', () => {
    const latency = fc.double({ min: 0.01, max: 1000, noNaN: true });
    fc.assert(
      fc.property(fc.array(latency, { minLength: 1 }), fc.array(latency, { minLength: 1 }), (one, other) => {
        const recorded = (all: readonly number[]): LatencyHistogram => {
          const histogram = new LatencyHistogram();
          for (const ms of all) histogram.record(ms);
          return histogram;
        };
        const parts = [recorded(one), recorded(other)];
        const whole = recorded([...one, ...other]);
        const merged = mergeLatencies(parts.map((part) => part.toJSON()));
        assert.deepEqual(merged.toJSON(), whole.toJSON());
        const quick = mergeQuantiles(
          parts.map((part) => ({
            count: part.count,
            p50: part.quantile(0.5),
            p99: part.quantile(0.99),
            max: part.max,
          })),
        );
        assert.equal(quick.count, whole.count);
        assert.ok(quick.p99 >= whole.quantile(0.99) * 0.97 && quick.max === whole.max);
      }),
    );
  });
});
