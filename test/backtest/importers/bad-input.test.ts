import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, test } from 'node:test';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { ImportError, type ImportOptions, readTicks } from '../../../backtest/importers/index.ts';
import { fileMaker, reasons, rows } from './files.ts';

const file = fileMaker();
const MT5_HEADER = '<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>';
const BAR_HEADER = '<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>';

/** Each file has one line that cannot be used; the number of the line, and why. */
const badLines: { title: string; reason: string; line: number; content: string }[] = [
  ...[
    ['letters for a price', 'EUR/USD,20130101 22:00:00.000,1.3x,1.4'],
    ['no price', 'EUR/USD,20130101 22:00:00.000,,1.4'],
    ['a cell too few', 'EUR/USD,20130101 22:00:00.000,1.3'],
    ['a cell too many', 'EUR/USD,20130101 22:00:00.000,1.3,1.4,1.5'],
    ['a month that does not exist', 'EUR/USD,20131301 22:00:00.000,1.3,1.4'],
    ['a day that does not exist', 'EUR/USD,20130229 22:00:00.000,1.3,1.4'],
    ['an hour that does not exist', 'EUR/USD,20130102 24:00:00.000,1.3,1.4'],
    ['two points in a price', 'EUR/USD,20130101 22:00:00.000,1.3.1,1.4'],
    ['a price that is only a point', 'EUR/USD,20130101 22:00:00.000,.,1.4'],
    ['a blank before a price', 'EUR/USD,20130101 22:00:00.000, 1.3,1.4'],
    ['a hexadecimal price', 'EUR/USD,20130101 22:00:00.000,0x1,1.4'],
    ['something else altogether', '<html>'],
    ['bytes that are no text', '\u0000\u0001\u0002'],
  ].map(([title, line]) => ({ title: title!, reason: 'malformed_line', line: 2, content: truefx(line!) })),
  {
    title: 'time running backwards',
    ...{ reason: 'time_backwards', line: 2, content: truefx('EUR/USD,20130101 21:59:59.980,1.3,1.4') },
  },
  {
    title: 'bid above ask',
    ...{ reason: 'bid_above_ask', line: 2, content: truefx('EUR/USD,20130101 22:00:00.000,1.40001,1.4') },
  },
  ...['0', '0.00000', '-1.3', 'nan', 'inf', '-Infinity', '1e400'].map((price) => ({
    title: `a bid of ${price}`,
    ...{ reason: 'bad_price', line: 2, content: truefx(`EUR/USD,20130101 22:00:00.000,${price},1.4`) },
  })),
  {
    title: 'another symbol',
    ...{ reason: 'other_symbol', line: 2, content: truefx('GBP/USD,20130101 22:00:00.000,1.3,1.4') },
  },
  {
    title: 'only one side known so far',
    ...{ reason: 'no_other_side', line: 2 },
    content: `${MT5_HEADER}\n2022.11.10\t15:00:00.001\t\t0.8\t\t\t4\n2022.11.10\t15:00:00.002\t0.7\t0.8\t\t\t6\n2022.11.10\t15:00:00.003\t0.7\t0.8\t\t\t6\n`,
  },
  {
    title: 'a second header',
    ...{ reason: 'malformed_line', line: 4 },
    content: `${MT5_HEADER}\n2022.11.10\t15:00:00.002\t0.7\t0.8\t\t\t6\n2022.11.10\t15:00:00.003\t0.7\t0.8\t\t\t6\n${MT5_HEADER}\n`,
  },
  {
    title: 'flags that are no number',
    ...{ reason: 'malformed_line', line: 3 },
    content: `${MT5_HEADER}\n2022.11.10\t15:00:00.002\t0.7\t0.8\t\t\t6\n2022.11.10\t15:00:00.003\t0.7\t0.8\t\t\tx\n2022.11.10\t15:00:00.003\t0.7\t0.8\t\t\t6`,
  },
  {
    title: 'a line of 100,000 characters',
    ...{ reason: 'malformed_line', line: 2, content: truefx('x'.repeat(100_000)) },
  },
];

function truefx(second: string): string {
  return `EUR/USD,20130101 21:59:59.981,1.32023,1.32054\n${second}\nEUR/USD,20130101 22:00:01.000,1.3,1.4\n`;
}

describe('a line that cannot be used is counted and shown, the others are kept', () => {
  for (const { title, reason, line, content } of badLines) {
    test(title, async () => {
      const path = file(content);
      const result = await readTicks(path, { symbol: 'EURUSD' });
      assert.deepEqual(reasons(result), { [reason]: 1 });
      assert.equal(result.counts.lines, 3);
      assert.equal(result.counts.ticks, 2);
      assert.equal(result.problems.length, 1);
      const [problem] = result.problems;
      assert.deepEqual([problem!.reason, problem!.file, problem!.line], [reason, path, line]);
      assert.ok(problem!.text.length > 0 && problem!.text.length <= 80, problem!.text);
    });
  }

  test('a price of a line that is not used is not carried forward, one of a crossed quote is', async () => {
    const lines = [
      '15:00:00.000\t0.70\t0.80\t\t\t6',
      '14:59:00.000\t0.10\t0.90\t\t\t6',
      '15:00:01.000\t-5\t\t\t\t2',
      '15:00:02.000\t\t0.81\t\t\t4',
      '15:00:03.000\t0.82\t\t\t\t2',
      '15:00:04.000\t\t0.83\t\t\t4',
    ];
    const result = await readTicks(file([MT5_HEADER, ...lines.map((line) => `2022.11.10\t${line}`)].join('\n')), {
      symbol: 'X',
    });
    assert.deepEqual(
      rows(result).map(([time, bid, ask]) => [time.slice(11), bid, ask]),
      [
        ['15:00:00.000', 0.7, 0.8],
        ['15:00:02.000', 0.7, 0.81],
        ['15:00:04.000', 0.82, 0.83],
      ],
    );
    assert.deepEqual(reasons(result), { time_backwards: 1, bad_price: 1, bid_above_ask: 1 });
  });

  test('only the first five of a reason are shown, all are counted', async () => {
    const bad = Array.from({ length: 40 }, (_, i) => `EUR/USD,20130101 22:00:00.000,bad ${i},1.4`);
    const path = file(truefx(bad.join('\n')));
    const result = await readTicks(path);
    assert.equal(result.counts.unusable.malformed_line, 40);
    assert.deepEqual(
      result.problems.map((problem) => problem.line),
      [2, 3, 4, 5, 6],
    );
    assert.equal(result.problems[1]!.text, 'EUR/USD,20130101 22:00:00.000,bad 1,1.4');
  });

  test('a shown line is cut at 80 characters, tabs made visible', async () => {
    const result = await readTicks(file(`${MT5_HEADER}\n\t${'y'.repeat(100)}`), { symbol: 'X' });
    assert.equal(result.problems[0]!.text, `\\t${'y'.repeat(77)}…`);
  });

  test('more than half unusable is still a result', async () => {
    const result = await readTicks(file('EUR/USD,20130101 21:59:59.981,0,0\nEUR/USD,20130101 21:59:59.981,1,1\nx\ny'));
    assert.deepEqual([result.counts.lines, result.counts.ticks], [4, 1]);
  });

  const bars: [string, string][] = [
    ['broken_bar', '2026.01.01\t22:06:00\t1.2\t1.1\t1.0\t1.1\t1\t0\t1'],
    ['broken_bar', '2026.01.01\t22:06:00\t1.2\t1.3\t1.25\t1.3\t1\t0\t1'],
    ['time_backwards', '2026.01.01\t22:05:00\t1.2\t1.3\t1.1\t1.3\t1\t0\t1'],
    ['bad_price', '2026.01.01\t22:06:00\t1.2\t1.3\t0\t1.3\t1\t0\t1'],
    ['malformed_line', '2026.01.01\t22:06:00\t1.2\t1.3\t1.1\t1.3\t1\t0\t-1'],
    ['malformed_line', '2026.01.01\t22:06:00\t1.2\t1.3'],
  ];
  for (const [reason, line] of bars) {
    test(`bars: ${reason}: ${line}`, async () => {
      const content = [BAR_HEADER, '2026.01.01\t22:05:00\t1.2\t1.3\t1.1\t1.3\t1\t0\t1', line].join('\n');
      const result = await readTicks(file(content), { symbol: 'X', barsToTicks: true });
      assert.deepEqual(reasons(result), { [reason]: 1 });
      assert.deepEqual([result.counts.lines, result.counts.bars, result.counts.ticks], [2, 1, 4]);
      assert.equal(result.problems[0]!.line, 3);
    });
  }
});

describe('a file that cannot be used at all', () => {
  const zip = Buffer.concat([Buffer.from('PK\u0003\u0004'), deflateRawSync('x')]);
  const cases: { title: string; path: () => string; options?: ImportOptions; code: string; says: RegExp }[] = [
    {
      title: 'does not exist',
      path: () => `${file('x')}.missing`,
      code: 'IMPORT_NOT_FOUND',
      says: /missing: there is no such file/,
    },
    { title: 'is a folder', path: () => dirname(file('x')), code: 'IMPORT_IS_FOLDER', says: /is a folder/ },
    { title: 'is empty', path: () => file(''), code: 'IMPORT_EMPTY', says: /is empty/ },
    { title: 'has only line ends', path: () => file('\r\n\n'), code: 'IMPORT_EMPTY', says: /is empty/ },
    {
      title: 'has only a header',
      path: () => file('timestamp,bid,ask\n'),
      options: { symbol: 'X' },
      ...{ code: 'IMPORT_EMPTY', says: /no line after it/ },
    },
    {
      title: 'is of no known format',
      path: () => file('time;price\n1;2\n'),
      ...{
        code: 'IMPORT_UNRECOGNISED',
        says: /begins with "time;price"[\s\S]*MT5 tick export[\s\S]*TrueFX[\s\S]*HistData/,
      },
    },
    {
      title: 'has an MT5 header without prices',
      path: () => file('<DATE>\t<TIME>\t<LAST>\n'),
      ...{ code: 'IMPORT_UNRECOGNISED', says: /begins with "<DATE>\\t<TIME>\\t<LAST>"/ },
    },
    { title: 'is a zip', path: () => file(zip), code: 'IMPORT_ZIP', says: /unpack it first/ },
    { title: 'is a zip in gzip', path: () => file(gzipSync(zip)), code: 'IMPORT_ZIP', says: /unpack it first/ },
    {
      title: 'is a gzip of nothing but its beginning',
      path: () => file(gzipSync(truefx('x')).subarray(0, 12)),
      ...{ code: 'IMPORT_TRUNCATED', says: /cut short/ },
    },
    {
      title: 'does not name its symbol',
      path: () => file('20120201 000003660,1.306600,1.306770,0\n'),
      ...{ code: 'IMPORT_NEEDS_SYMBOL', says: /--symbol NAME/ },
    },
    {
      title: 'holds bars',
      path: () => file(`${BAR_HEADER}\n2026.01.01\t22:05:00\t1.2\t1.3\t1.1\t1.3\t1\t0\t1\n`),
      options: { symbol: 'X' },
      ...{ code: 'IMPORT_BARS_NOT_REQUESTED', says: /--bars-as-ticks/ },
    },
    {
      title: 'with an offset that no clock has',
      path: () => file('x'),
      options: { utcOffsetS: 60_000 },
      ...{ code: 'IMPORT_OPTION', says: /utcOffsetS is 60000; it must be a whole number from -50400 to 50400/ },
    },
  ];
  for (const { title, path, options, code, says } of cases) {
    test(title, async () => {
      const name = path();
      await assert.rejects(readTicks(name, options), (error) => {
        assert.ok(error instanceof ImportError);
        assert.equal(error.code, code);
        assert.match(error.message, says);
        if (code !== 'IMPORT_OPTION') assert.ok(error.message.startsWith(`${name}: `), error.message);
        return true;
      });
    });
  }
});

describe('a gzip that is cut short or damaged keeps what came before', () => {
  // Numbers that do not repeat, so that the packed file is large and a cut falls within a line.
  const lines = Array.from({ length: 20_000 }, (_, i) => {
    const ms = i * 37;
    const clock = new Date(ms).toISOString().slice(11, 23);
    const bid = 1 + ((i * 7919) % 10_007) / 100_000;
    return `EUR/USD,20130101 ${clock},${bid.toFixed(5)},1.20000`;
  });
  const packed = gzipSync(lines.join('\n'));

  for (const part of [0.02, 0.2, 0.5, 0.93]) {
    test(`cut at ${part * 100} %`, async () => {
      const path = file(packed.subarray(0, Math.floor(packed.length * part)));
      const result = await readTicks(path);
      const kept = result.counts.ticks;
      // Packing is about even, so about that part of the lines must be there.
      assert.ok(kept > lines.length * part * 0.8 - 300 && kept < lines.length, `${kept} lines`);
      assert.equal(result.truncated?.line, kept);
      assert.ok(result.truncated.message.startsWith(`${path}: the gzip file is cut short`), result.truncated.message);
      assert.match(result.truncated.message, new RegExp(`last complete line is ${kept},`));
      const whole = await readTicks(file(lines.slice(0, kept).join('\n')));
      assert.deepEqual(result.columns, whole.columns);
      const cut = result.problems.filter((problem) => problem.reason === 'cut_short');
      assert.equal(result.counts.lines, kept + cut.length);
      for (const problem of cut) {
        assert.equal(problem.line, kept + 1);
        assert.ok(lines[kept]!.startsWith(problem.text));
      }
    });
  }

  test('without its last byte every line but the last is sure', async () => {
    const result = await readTicks(file(packed.subarray(0, -1)));
    assert.equal(result.counts.ticks, lines.length - 1);
    assert.deepEqual(reasons(result), { cut_short: 1 });
  });

  test('damaged in the middle', async () => {
    const damaged = Buffer.from(packed);
    damaged.fill(0xff, Math.floor(packed.length / 2), Math.floor(packed.length / 2) + 400);
    const path = file(damaged);
    const result = await readTicks(path);
    assert.match(result.truncated!.message, /the gzip file is damaged/);
    assert.ok(result.truncated!.message.startsWith(`${path}: `));
  });

  test('two gzip members one after the other are one file', async () => {
    const path = file('');
    writeFileSync(path, Buffer.concat([gzipSync(truefx('x')), gzipSync('EUR/USD,20130101 22:00:02.000,1.3,1.4\n')]));
    const result = await readTicks(path);
    assert.deepEqual([result.counts.ticks, result.truncated], [3, undefined]);
  });
});
