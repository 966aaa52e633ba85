import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HELP, parseOptions, UsageError } from '../../bench/options.ts';

describe('the command line of a benchmark', () => {
  test('a question alone has defaults of its own', () => {
    const ingest = parseOptions(['ingest']);
    const order = parseOptions(['order-path']);
    assert.ok(ingest !== 'help' && order !== 'help');
    assert.deepEqual([ingest.question, ingest.symbols, ingest.rounds, ingest.json], ['ingest', 3, 5, undefined]);
    assert.deepEqual([order.question, order.symbols, order.orders], ['order-path', 20, 5]);
    assert.deepEqual([order.scenario, order.density], ['both', 100_000]);
  });

  test('every option is read', () => {
    const args = [
      'order-path',
      '--json',
      'f.json',
      '--rounds',
      '2',
      '--symbols',
      '8',
      '--seconds',
      '40',
      '--orders',
      '8',
      '--scenario',
      'burst',
      '--density',
      '20000',
    ];
    assert.deepEqual(parseOptions([...args, '--profile', 'p']), {
      question: 'order-path',
      json: 'f.json',
      rounds: 2,
      symbols: 8,
      orders: 8,
      scenario: 'burst',
      kinds: ['symbol', 'strategy', 'broker', 'thread', 'node'],
      ticks: 20_000_000,
      accounts: 1,
      from: 'link_feed',
      seconds: 40,
      density: 20_000,
      profile: 'p',
    });
  });

  test('a market of many symbols is denser and shorter, unless told otherwise', () => {
    const wide = parseOptions(['ingest', '--symbols', '500']);
    assert.ok(wide !== 'help');
    assert.deepEqual([wide.density, wide.seconds], [3_000_000, 15]);
    const told = parseOptions(['ingest', '--symbols', '500', '--density', '300000', '--seconds', '60']);
    assert.ok(told !== 'help');
    assert.deepEqual([told.density, told.seconds], [300_000, 60]);
  });

  test('no more orders at once than symbols, unless told otherwise', () => {
    const two = parseOptions(['order-path', '--symbols', '2']);
    assert.ok(two !== 'help');
    assert.equal(two.orders, 2);
    assert.throws(() => parseOptions(['order-path', '--symbols', '2', '--orders', '3']), /from 1 to 2/);
  });

  test('--help wins, and names every question', () => {
    assert.equal(parseOptions(['--help']), 'help');
    assert.equal(parseOptions(['ingest', '-h']), 'help');
    for (const question of ['ingest', 'order-path', 'recovery', 'runtime', 'inspect', 'bridge'])
      assert.match(HELP, new RegExp(`^  ${question} `, 'm'));
  });

  test('recovery: who is killed, in the order of the kinds', () => {
    const some = parseOptions(['recovery', '--kinds', 'thread,symbol', '--rounds', '2000']);
    assert.ok(some !== 'help');
    assert.deepEqual([some.kinds, some.rounds], [['symbol', 'thread'], 2000]);
  });

  const wrong: [string[], RegExp][] = [
    [['recovery', '--kinds', 'gateway'], /--kinds gateway: want some of symbol,strategy,broker,thread,node/],
    [['ingest', '--kinds', 'symbol'], /--kinds: for recovery only/],
    [[], /which question\? One of: ingest, order-path, recovery, runtime, bridge, inspect/],
    [['speed'], /speed: no such question/],
    [['ingest', 'order-path'], /one question at a time/],
    [['ingest', '--from', 'expert'], /--from: for bridge only/],
    [['bridge', '--from', 'me'], /--from me: want link_feed, expert, native/],
    [['ingest', '--ticks', '1000000'], /--ticks: for bridge only/],
    [['bridge', '--ticks', '5'], /--ticks 5: want a whole number from 100000 to 1000000000/],
    [['ingest', '--accounts', '2'], /--accounts: for bridge only/],
    [['bridge', '--accounts', '65'], /--accounts 65: want a whole number from 1 to 64/],
    [['bridge', '--accounts', '2', '--from', 'expert'], /--accounts 2: want 1 with --from expert/],
    [['ingest', '--rounds', '0'], /--rounds 0: want a whole number from 1 to 100/],
    [['ingest', '--rounds', '1.5'], /--rounds 1\.5/],
    [['ingest', '--rounds', ''], /--rounds/],
    [['ingest', '--symbols', '5001'], /from 1 to 5000/],
    [['order-path', '--symbols', '101'], /from 1 to 100/],
    [['order-path', '--seconds', '14'], /from 15 to 3600/],
    [['ingest', '--seconds', 'long'], /--seconds long/],
    [['ingest', '--orders', '5'], /for order-path only/],
    [['ingest', '--density', '999'], /--density 999: want a whole number from 1000 to 10000000/],
    [['order-path', '--density', '9999'], /--density 9999: want a whole number from 10000 to 1000000/],
    [['bridge', '--density', '1000'], /--density: for ingest and order-path only/],
    [['recovery', '--orders', '5'], /for order-path only/],
    [['recovery', '--scenario', 'burst'], /for order-path only/],
    [['order-path', '--scenario', 'calm'], /--scenario calm: want spread, burst, both/],
    [['runtime', '--symbols', '20001'], /from 1 to 20000/],
    [['runtime', '--seconds', '4'], /from 5 to 3600/],
    [['toString'], /toString: no such question/],
    [['ingest', '--json='], /--json/],
    [['ingest', '--fast'], /--fast/],
  ];
  for (const [args, message] of wrong) {
    test(`refused: ${args.join(' ') || 'nothing'}`, () => {
      assert.throws(
        () => parseOptions(args),
        (error) => error instanceof UsageError && message.test(error.message),
      );
    });
  }
});
