import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DEFAULT_SPEED, HELP, parseOptions, UsageError } from '../../../cli/start/options.ts';

const parsed = (...args: string[]) => {
  const options = parseOptions(args);
  assert.notEqual(options, 'help');
  return options as Exclude<typeof options, 'help'>;
};

describe('the command line of npm start', () => {
  test('nothing given plays the built-in market at the default speed', () => {
    assert.deepEqual(parsed(), {
      ticks: [],
      symbol: undefined,
      barsAsTicks: false,
      speed: DEFAULT_SPEED,
      nodes: 1,
      config: 'config/demo.yaml',
      watch: false,
      report: undefined,
      utcOffsetS: undefined,
      seed: 'troupe',
    });
  });

  test('files are given as a list, as several options, or both', () => {
    assert.deepEqual(parsed('--ticks', 'a.csv,b.csv', '--ticks', 'c.gz').ticks, ['a.csv', 'b.csv', 'c.gz']);
  });

  test('max is as fast as the company keeps up', () => {
    assert.equal(parsed('--speed', 'max').speed, 0);
    assert.equal(parsed('--speed', '10').speed, 10);
  });

  test('nodes are counted', () => {
    assert.equal(parsed('--nodes', '3').nodes, 3);
    assert.equal(parsed('--nodes', '16').nodes, 16);
  });

  test('hours of offset become seconds', () => {
    assert.equal(parsed('--utc-offset', '5.5').utcOffsetS, 19_800);
    assert.equal(parsed('--utc-offset=-3').utcOffsetS, -10_800);
    assert.equal(parsed('--utc-offset', '-5').utcOffsetS, -18_000);
  });

  test('help wins', () => assert.equal(parseOptions(['--watch', '--help']), 'help'));

  const wrong: [string[], RegExp][] = [
    [['--speed', '0'], /--speed 0: want a number from 1 to 1000000, or max/],
    [['--speed', 'fast'], /--speed fast/],
    [['--nodes', '0'], /--nodes 0: want a whole number from 1 to 16/],
    [['--nodes', '17'], /--nodes 17: want a whole number from 1 to 16/],
    [['--nodes', '2.5'], /--nodes 2\.5/],
    [['--nodes', 'x'], /--nodes x/],
    [['--nodes', ''], /--nodes/],
    [['--nodes', '-1'], /--nodes -1: want a whole number/],
    [['--utc-offset', '15'], /--utc-offset 15: want hours from -14 to 14/],
    [['--utc-offset', ''], /--utc-offset/],
    [['--utc-offset', '-15'], /--utc-offset -15: want hours from -14 to 14/],
    [['--ticks', ''], /--ticks: want at least one file/],
    [['--report', ''], /--report: want the name of a file/],
    [['--nonsense'], /--nonsense/],
    [['stray'], /stray/],
  ];
  for (const [args, message] of wrong) {
    test(`${args.join(' ')} is refused with what is allowed`, () => {
      assert.throws(() => parseOptions(args), { name: 'UsageError', message });
      assert.ok(UsageError.prototype instanceof Error);
    });
  }

  test('the help names every option that is read', () => {
    for (const option of [
      'ticks',
      'symbol',
      'bars-as-ticks',
      'utc-offset',
      'speed',
      'nodes',
      'config',
      'seed',
      'watch',
      'report',
    ]) {
      assert.match(HELP, new RegExp(`--${option}\\b`));
    }
  });
});
