import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type ImportOptions, readTicks } from '../../../backtest/importers/index.ts';
import { fileMaker, reasons, rows, utf16le } from './files.ts';

const file = fileMaker();

const MT5 = [
  '<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>',
  '2022.11.10\t15:00:00.017\t0.86682\t0.86712\t\t\t6',
  '2022.11.10\t15:00:00.117\t0.86683\t\t\t\t2',
  '2022.11.10\t15:00:00.117\t\t0.86720\t\t\t4',
  '2022.11.10\t15:00:01.000\t\t\t\t\t',
];
const MT5_ROWS = [
  ['2022-11-10T15:00:00.017', 0.86682, 0.86712, 6],
  ['2022-11-10T15:00:00.117', 0.86683, 0.86712, 2],
  ['2022-11-10T15:00:00.117', 0.86683, 0.8672, 4],
  ['2022-11-10T15:00:01.000', 0.86683, 0.8672, 0],
];

interface Case {
  readonly title: string;
  readonly content: string | Uint8Array;
  readonly options?: ImportOptions;
  readonly format: string;
  readonly symbol: string;
  readonly digits: number;
  readonly ticks: readonly (readonly (string | number)[])[];
}

const cases: Case[] = [
  {
    title: 'MT5 ticks, CR LF, empty sides carried forward',
    content: `${MT5.join('\r\n')}\r\n`,
    options: { symbol: 'EURGBP' },
    ...{ format: 'mt5-ticks', symbol: 'EURGBP', digits: 5 },
    ticks: MT5_ROWS,
  },
  {
    title: 'MT5 ticks, LF, no line end at the end of the file',
    content: MT5.join('\n'),
    options: { symbol: 'EURGBP' },
    ...{ format: 'mt5-ticks', symbol: 'EURGBP', digits: 5 },
    ticks: MT5_ROWS,
  },
  {
    title: 'MT5 ticks, UTF-16LE with byte order mark, gzip',
    content: gzipSync(utf16le(MT5.join('\r\n'))),
    options: { symbol: 'EURGBP' },
    ...{ format: 'mt5-ticks', symbol: 'EURGBP', digits: 5 },
    ticks: MT5_ROWS,
  },
  {
    title: 'MT5 ticks, UTF-16LE without byte order mark',
    content: utf16le(MT5.join('\r\n'), false),
    options: { symbol: 'EURGBP' },
    ...{ format: 'mt5-ticks', symbol: 'EURGBP', digits: 5 },
    ticks: MT5_ROWS,
  },
  {
    title: 'MT5 ticks, UTF-8 byte order mark',
    content: `\ufeff${MT5.join('\n')}\n`,
    options: { symbol: 'EURGBP' },
    ...{ format: 'mt5-ticks', symbol: 'EURGBP', digits: 5 },
    ticks: MT5_ROWS,
  },
  {
    title: 'MT5 ticks of an older build: no FLAGS, trailing tabs left out',
    content:
      '<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\n2022.11.10\t15:00:00.017\t1.5\t1.6\n2022.11.10\t15:00:01.5\t1.55\n',
    options: { symbol: 'X' },
    ...{ format: 'mt5-ticks', symbol: 'X', digits: 2 },
    ticks: [
      ['2022-11-10T15:00:00.017', 1.5, 1.6, 6],
      ['2022-11-10T15:00:01.500', 1.55, 1.6, 2],
    ],
  },
  {
    title: 'MT5 ticks with further columns in another order; milliseconds only in TIME_MSC',
    content:
      '<DATE>\t<TIME>\t<TIME_MSC>\t<ASK>\t<BID>\t<LAST>\t<VOLUME>\t<VOLUME_REAL>\t<FLAGS>\t<SPREAD>\n' +
      '2026.05.12\t21:54:23\t1778622863211\t4697.67\t4697.39\t\t0\t0\t134\t28\n',
    options: { symbol: 'XAUUSD' },
    ...{ format: 'mt5-ticks', symbol: 'XAUUSD', digits: 2 },
    ticks: [['2026-05-12T21:54:23.211', 4697.39, 4697.67, 134]],
  },
  {
    title: 'MT5 ticks of a server three hours ahead on a tape two hours ahead',
    content: MT5.slice(0, 2).join('\n'),
    options: { symbol: 'X', utcOffsetS: 7200, fileUtcOffsetS: 10_800 },
    ...{ format: 'mt5-ticks', symbol: 'X', digits: 5 },
    ticks: [['2022-11-10T14:00:00.017', 0.86682, 0.86712, 6]],
  },
  {
    title: 'MT5 ticks are on the clock of the tape unless said otherwise',
    content: MT5.slice(0, 2).join('\n'),
    options: { symbol: 'X', utcOffsetS: 7200 },
    ...{ format: 'mt5-ticks', symbol: 'X', digits: 5 },
    ticks: [['2022-11-10T15:00:00.017', 0.86682, 0.86712, 6]],
  },
  {
    title: 'TrueFX with pairs, UTC',
    content: 'EUR/USD,20130101 21:59:59.981,1.32023,1.32054\nEUR/USD,20130101 22:00:00.001,1.3203,1.3203\n',
    ...{ format: 'truefx', symbol: 'EURUSD', digits: 5 },
    ticks: [
      ['2013-01-01T21:59:59.981', 1.32023, 1.32054, 6],
      ['2013-01-01T22:00:00.001', 1.3203, 1.3203, 6],
    ],
  },
  {
    title: "TrueFX with the broker's name for the symbol and the broker's clock",
    content: 'EUR/USD,20130101 21:59:59.981,1.32023,1.32054',
    options: { symbol: 'EURUSD.m', utcOffsetS: 7200 },
    ...{ format: 'truefx', symbol: 'EURUSD.m', digits: 5 },
    ticks: [['2013-01-01T23:59:59.981', 1.32023, 1.32054, 6]],
  },
  {
    title: 'TrueFX with header, fraction absent where zero, other zones',
    content:
      'timestamp,bid,ask\n2013-01-01 22:00:00.295999+00:00,86.655,86.728\n2013-01-01 22:00:01+00:00,86.6,86.7\n' +
      '2013-01-01T22:00:02.5Z,86.6,86.7\n2013-01-02 00:00:03+02:00,86.6,86.7\n',
    options: { symbol: 'USDJPY' },
    ...{ format: 'truefx-iso', symbol: 'USDJPY', digits: 3 },
    ticks: [
      ['2013-01-01T22:00:00.295', 86.655, 86.728, 6],
      ['2013-01-01T22:00:01.000', 86.6, 86.7, 6],
      ['2013-01-01T22:00:02.500', 86.6, 86.7, 6],
      ['2013-01-01T22:00:03.000', 86.6, 86.7, 6],
    ],
  },
  {
    title: 'HistData ticks, EST',
    content: '20120201 000003660,1.306600,1.306770,0\n20120201 235959999,1.306610,1.306770,0',
    options: { symbol: 'EURUSD' },
    ...{ format: 'histdata-ticks', symbol: 'EURUSD', digits: 5 },
    ticks: [
      ['2012-02-01T05:00:03.660', 1.3066, 1.30677, 6],
      ['2012-02-02T04:59:59.999', 1.30661, 1.30677, 6],
    ],
  },
  {
    title: 'MT5 bars, rising and falling: open, low and high in the order of the direction, close',
    content:
      '<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n' +
      '2026.01.01\t22:05:00\t1.17440\t1.17470\t1.17430\t1.17462\t42\t0\t48\n' +
      '2026.01.01\t22:06:00\t1.17462\t1.17470\t1.17400\t1.17410\t42\t0\t8\n',
    options: { symbol: 'EURUSD', barsToTicks: true },
    ...{ format: 'mt5-bars', symbol: 'EURUSD', digits: 5 },
    ticks: [
      ['2026-01-01T22:05:00.000', 1.1744, 1.17488, 6],
      ['2026-01-01T22:05:20.000', 1.1743, 1.17478, 6],
      ['2026-01-01T22:05:40.000', 1.1747, 1.17518, 6],
      ['2026-01-01T22:05:59.000', 1.17462, 1.1751, 6],
      ['2026-01-01T22:06:00.000', 1.17462, 1.1747, 6],
      ['2026-01-01T22:06:20.000', 1.1747, 1.17478, 6],
      ['2026-01-01T22:06:40.000', 1.174, 1.17408, 6],
      ['2026-01-01T22:06:59.000', 1.1741, 1.17418, 6],
    ],
  },
  {
    title: 'MT5 daily bars have no TIME',
    content:
      '<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\r\n2024.01.02\t37777.1\t37863.5\t37510.1\t37763.1\t1\t0\t71\r\n',
    options: { symbol: 'US30', barsToTicks: true },
    ...{ format: 'mt5-bars', symbol: 'US30', digits: 1 },
    ticks: [
      ['2024-01-02T00:00:00.000', 37777.1, 37784.2, 6],
      ['2024-01-02T08:00:00.000', 37863.5, 37870.6, 6],
      ['2024-01-02T16:00:00.000', 37510.1, 37517.2, 6],
      ['2024-01-02T23:59:59.000', 37763.1, 37770.2, 6],
    ],
  },
  {
    title: 'HistData bars: the spread is an option, EST',
    content: '20190101 170000;109.600000;109.610000;109.590000;109.600000;0\n',
    options: { symbol: 'USDJPY', barsToTicks: true, barSpreadPoints: 7, digits: 3 },
    ...{ format: 'histdata-bars', symbol: 'USDJPY', digits: 3 },
    ticks: [
      ['2019-01-01T22:00:00.000', 109.6, 109.607, 6],
      ['2019-01-01T22:00:20.000', 109.59, 109.597, 6],
      ['2019-01-01T22:00:40.000', 109.61, 109.617, 6],
      ['2019-01-01T22:00:59.000', 109.6, 109.607, 6],
    ],
  },
];

describe('each format, recognised from its content', () => {
  for (const one of cases) {
    test(one.title, async () => {
      const result = await readTicks(file(one.content, 'misleading.mt5.truefx.zip'), one.options);
      const { format, symbol, digits } = result;
      assert.deepEqual({ format, symbol, digits }, { format: one.format, symbol: one.symbol, digits: one.digits });
      assert.deepEqual(rows(result), one.ticks);
      assert.deepEqual(reasons(result), {});
      assert.deepEqual(result.problems, []);
      assert.equal(result.truncated, undefined);
      assert.equal(result.counts.ticks, one.ticks.length);
      assert.equal(result.counts.lines * (format.endsWith('bars') ? 4 : 1), one.ticks.length);
      assert.equal(result.utcOffsetS, one.options?.utcOffsetS ?? 0);
    });
  }

  test('a damaged first line does not hide the format', async () => {
    const content = 'EUR/USD,2013\nEUR/USD,20130101 21:59:59.981,1.32023,1.32054\n';
    const result = await readTicks(file(content));
    assert.equal(result.counts.ticks, 1);
    assert.deepEqual(reasons(result), { malformed_line: 1 });
    assert.equal(result.problems[0]!.line, 1);
  });

  test('progress counts packed bytes up to the size of the file', async () => {
    const packed = gzipSync(MT5.join('\n'));
    const seen: [number, number][] = [];
    await readTicks(file(packed), { symbol: 'X', onProgress: (read, total) => seen.push([read, total]) });
    assert.deepEqual(seen, [[packed.length, packed.length]]);
  });

  test('an import can be ended', async () => {
    const stop = new AbortController();
    const options = { symbol: 'X', signal: stop.signal, onProgress: () => stop.abort(new Error('stopped by hand')) };
    await assert.rejects(readTicks(file(MT5.join('\n')), options), /stopped by hand/);
  });
});
