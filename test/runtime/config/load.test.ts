import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { loadConfig, parseConfig } from '../../../runtime/config/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'troupe-config-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const demo = new URL('../../../config/demo.yaml', import.meta.url).pathname;

const good = {
  market: {
    symbols: { EURUSD: { digits: 5, contract_size: 100_000, currency_base: 'EUR', currency_profit: 'USD' } },
  },
  account: { id: 'demo' },
  strategies: [{ id: 'a', use: 'ema-cross', symbol: 'EURUSD' }],
};

function faults(text: string): string[] {
  try {
    parseConfig(text, 'f.yaml');
  } catch (error) {
    assert.equal((error as { code: string }).code, 'CONFIG_INVALID');
    const [title, ...list] = (error as Error).message.split('\n');
    assert.equal(title, `f.yaml: ${list.length === 1 ? '1 fault' : `${list.length} faults`}`);
    return list.map((line) => line.replace(/^ {2}f\.yaml:/, ''));
  }
  return [];
}

describe('configuration', () => {
  test('the demo is good, and every default is filled in', () => {
    const config = loadConfig(demo);
    for (const { symbol } of config.strategies) assert.ok(config.market.symbols[symbol]);
    assert.ok(config.strategies.length > 0);
    assert.ok((config.account?.risk.max_order_lots ?? 0) > 0);
    assert.deepEqual(config.supervision, {
      child: { restarts: 5, window_ms: 60_000 },
      supervisor: { restarts: 20, window_ms: 60_000 },
      backoff: { first_ms: 100, longest_ms: 10_000 },
      start_deadline_ms: 30_000,
      thread: { heartbeat_ms: 250, hang_after_ms: 2_000, memory_mb: 128 },
    });
    for (const { isolation } of config.strategies) assert.equal(isolation, 'thread');
    assert.equal(config.market.symbols.EURUSD?.volume_step, 0.01);
  });

  test('the least that is needed', () => {
    const { symbols } = good.market;
    const config = parseConfig(stringify({ market: { symbols } }), 'f.yaml');
    assert.equal(config.account, undefined);
    assert.deepEqual(config.strategies, []);
    assert.equal(config.market.symbols.EURUSD?.volume_step, 0.01);
  });

  test('a file that is not there, and one that is no text', () => {
    assert.throws(() => loadConfig(join(folder, 'none.yaml')), {
      code: 'CONFIG_NOT_FOUND',
      message: /none\.yaml.*ENOENT/,
    });
    assert.throws(() => loadConfig(folder), { code: 'CONFIG_NOT_FOUND', message: /EISDIR/ });
    writeFileSync(join(folder, 'bytes.yaml'), Uint8Array.of(0xff, 0xfe, 0x00));
    assert.throws(() => loadConfig(join(folder, 'bytes.yaml')), { code: 'CONFIG_INVALID', message: /UTF-8/ });
  });

  test('all faults at once, in order of lines, each with path, what was found and what is allowed', () => {
    const text = `
node: { metrics_port: 70000, capactiy: 2 }
market:
  partitions: 0.5
  timeframes: [1s, 2m, 1s]
  symbols:
    EURUSD.m: { digits: 9, contract_size: 0, currency_base: eur, currency_profit: USD, volume_min: 0.015 }
account:
  leverage: "100"
  risk:
    max_order_lot: 5
    sessions: { EURUSD: [], "*": [{ day: 7, from_minute: 600, to_minute: 600 }] }
strategies:
  - { id: a, use: ema-cross, symbol: EURUSD }
  - { id: a, use: ema-cross, symbol: EURUSD.m, params: 5 }
terminal: { latency_ms: 1, latency_jitter_ms: 2 }
log: { level: loud }
`;
    assert.deepEqual(faults(text), [
      '2: node.metrics_port: found 70000; allowed: a whole number, 0..65535, or off',
      '2: node.capactiy: unknown key; did you mean capacity?',
      '4: market.partitions: found 0.5; allowed: a whole number, 1..1024',
      '5: market.timeframes[1]: found "2m"; allowed: one of 1s, 1m, 5m, 15m, 1h, 4h, 1d',
      '5: market.timeframes[2]: found "1s"; allowed: each timeframe once',
      '7: market.symbols["EURUSD.m"].digits: found 9; allowed: a whole number, 0..8',
      '7: market.symbols["EURUSD.m"].contract_size: found 0; allowed: a number, above 0, at most 1e9',
      '7: market.symbols["EURUSD.m"].currency_base: found "eur"; allowed: a currency code such as USD',
      '7: market.symbols["EURUSD.m"].volume_min: found 0.015; allowed: a multiple of volume_step, 0.01 lots',
      '8: account.id: missing; allowed: 1..31 letters, digits, space or . _ # + -',
      '9: account.leverage: found "100"; allowed: a whole number, 1..10000',
      '11: account.risk.max_order_lot: unknown key; did you mean max_order_lots?',
      '12: account.risk.sessions["*"][0].day: found 7; allowed: a whole number, 0..6',
      '12: account.risk.sessions.EURUSD: found a list of 0; allowed: a symbol of market.symbols: EURUSD.m; did you mean EURUSD.m?, or *',
      '12: account.risk.sessions["*"][0].to_minute: found 600; allowed: later than from_minute, 600',
      '14: strategies[0].symbol: found "EURUSD"; allowed: a symbol of market.symbols: EURUSD.m; did you mean EURUSD.m?',
      '15: strategies[1].params: found 5; allowed: a section of the strategy’s own parameters',
      '15: strategies[1].id: found "a"; allowed: an id of its own; strategies[0] has it already',
      '16: terminal.latency_jitter_ms: found 2; allowed: at most latency_ms, 1 ms',
      '17: log.level: found "loud"; allowed: one of trace, debug, info, warn, error, silent',
    ]);
  });

  test('one fault, one line', () => {
    const cases: [unknown, RegExp][] = [
      [{ ...good, strategies: 'x' }, /strategies: found "x"; allowed: a list of strategies/],
      [{ ...good, market: { symbols: {} } }, /market\.symbols: found a section; allowed: at least one symbol/],
      [{ ...good, market: null }, /market: found null; allowed: a section of keys/],
      [{ market: good.market, strategies: good.strategies }, /account: missing; allowed: an account, because/],
      [{ ...good, account: { id: 'a', kind: 'mt4' } }, /account\.kind: found "mt4"; allowed: mt5/],
      [
        { ...good, terminal: { program: 'native', profile: 'exchange' } },
        /terminal\.profile: found "exchange"; allowed: plain, or terminal\.program: expert or expert-sockets; native has no broker with .*trade sessions/,
      ],
      [{ ...good, terminal: { seed: -1 } }, /terminal\.seed: found -1; allowed: a whole number, 0\.\./],
      [{ ...good, terminal: { rates: { usd: 1 } } }, /terminal\.rates\.usd: as a name, allowed: a currency code/],
      [{ ...good, bridge: { daylight: 'uk' } }, /bridge\.daylight: found "uk"; allowed: one of fixed, us, eu/],
      [{ ...good, bridge: { metrics_port: 'on' } }, /bridge\.metrics_port: .*0\.\.65535, or off/],
      [
        { ...good, bridge: { tls_cert: 'a' } },
        /bridge\.tls_key: missing; allowed: a file, because there is a tls_cert/,
      ],
      [{ ...good, bridge: { tls_key: 'a' } }, /bridge\.tls_cert: missing; allowed: a file, because there is a tls_key/],
      [{ ...good, zzzz: 1 }, /zzzz: unknown key; allowed: node, market, account/],
      [
        { ...good, supervision: { backoff: { longest_ms: 5 } } },
        /longest_ms: found 5; allowed: at least first_ms, 100 ms/,
      ],
      [
        { ...good, supervision: { thread: { heartbeat_ms: 1_000 } } },
        /hang_after_ms: .*allowed: at least three heartbeats, 3000 ms/,
      ],
      [{ ...good, supervision: { thread: { memory_mb: 47 } } }, /memory_mb: found 47; allowed: a whole number, 48\.\./],
      [{ ...good, account: { id: 'x'.repeat(32) } }, /account\.id: found "x+"; allowed: 1\.\.31 letters/],
    ];
    for (const [config, wanted] of cases) {
      const found = faults(stringify(config)).filter((fault) => !/a symbol of market\.symbols: none/.test(fault));
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0]!, wanted);
    }
  });

  test('text that is no YAML, double keys, an empty file, something else than a section', () => {
    assert.match(faults('a: [1')[0]!, /^1: YAML: /);
    assert.match(faults('log: {}\nlog: {}')[0]!, /^2: YAML: Map keys must be unique/);
    assert.deepEqual(faults(''), ['1: missing; allowed: a section of keys']);
    assert.deepEqual(faults('- 1'), ['1: found a list of 1; allowed: a section of keys']);
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...Array.from(
        { length: 8 },
        (_, i) => `${'bcdefghi'[i]}: &${'bcdefghi'[i]} [${Array(9).fill(`*${'abcdefgh'[i]}`)}]`,
      ),
    ];
    assert.match(faults(bomb.join('\n'))[0]!, /alias/i);
  });

  test('brokers’ symbol names are taken', () => {
    for (const name of ['EURUSD.m', '#AAPL', '.US30Cash', 'BRK B', 'GOLD_spot', 'BTC/USD', '[DJI30]'.slice(1, -1)]) {
      const symbols = { [name]: good.market.symbols.EURUSD };
      const strategies = [{ id: 'a', use: './mine.ts', symbol: name, params: { any: ['thing'] } }];
      assert.deepEqual(faults(stringify({ ...good, market: { symbols }, strategies })), [], name);
    }
  });

  test('never anything but a configuration or CONFIG_INVALID, whatever the text', () => {
    const keys = fc.constantFrom('node', 'market', 'account', 'strategies', 'terminal', 'symbols', 'risk', 'id', 'x');
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.anything({ maxDepth: 1 }),
        fc.dictionary(keys, tie('tree')),
        fc.array(tie('tree')),
      ),
    }));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          tree.map((value) => safely(value)),
        ),
        (text) => {
          assert.ok(faults(text).length > 0);
        },
      ),
    );
  });
});

/** As YAML where it can be said in YAML. */
function safely(value: unknown): string {
  try {
    return stringify(value) ?? '';
  } catch {
    return '';
  }
}
