import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { barPeriodsMs } from '../../../backtest/importers/bars.ts';
import { AsciiDecoder } from '../../../backtest/importers/encoding.ts';
import { readTicks } from '../../../backtest/importers/index.ts';
import { LineSplitter } from '../../../backtest/importers/lines.ts';
import { NumberReader } from '../../../backtest/importers/numbers.ts';
import { DateReader, readClock, readCompactClock } from '../../../backtest/importers/times.ts';
import { fileMaker, reasons } from './files.ts';

const file = fileMaker();

describe('numbers', () => {
  const read = (text: string) => {
    const reader = new NumberReader();
    const bytes = Buffer.from(`\t${text}\t`, 'latin1');
    return { value: reader.read(bytes, 1, bytes.length - 1), reader };
  };

  test('are exactly what Number gives, for decimals of any length', () => {
    const digits = (most: number) =>
      fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: most });
    const decimal = fc.tuple(fc.constantFrom('', '-'), digits(12), fc.option(digits(12))).map(([sign, whole, part]) => {
      return part === null ? `${sign}${whole}` : `${sign}${whole}.${part}`;
    });
    fc.assert(
      fc.property(decimal, (text) => {
        assert.ok(Object.is(read(text).value, Number(text)), text);
      }),
      { numRuns: 20_000 },
    );
  });

  test('are exactly what Number gives, for doubles as JavaScript prints them', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => {
        if (Number.isFinite(value))
          assert.ok(Object.is(read(String(value)).value, Number(String(value))), String(value));
      }),
      { numRuns: 5000 },
    );
  });

  test('what is no decimal number is NaN, also where Number would take it', () => {
    for (const text of [
      '',
      '-',
      '.',
      '-.',
      '1..2',
      '1.2.3',
      '0x10',
      '1e',
      'e5',
      ' 1',
      '1 ',
      '1,5',
      '--1',
      '1_0',
      'abc',
    ]) {
      assert.ok(Number.isNaN(read(text).value), JSON.stringify(text));
    }
    for (const text of ['nan', 'NaN', 'inf', '-inf', 'Infinity']) assert.equal(read(text).value, Infinity, text);
  });

  test('decimals are counted, with and without trailing zeros', () => {
    const { reader } = read('1.121200');
    assert.deepEqual([reader.decimals, reader.trimmedDecimals], [6, 4]);
    assert.deepEqual([read('15').reader.decimals, read('15').reader.trimmedDecimals], [0, 0]);
  });
});

describe('times', () => {
  test('every millisecond from 1970 to 2199 comes back as it was printed', () => {
    const dates = new DateReader();
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Date.UTC(2199, 11, 31, 23, 59, 59, 999) }), (timeMs) => {
        const iso = new Date(timeMs).toISOString();
        const day = Buffer.from(iso.slice(0, 10));
        const clock = Buffer.from(iso.slice(11, 23));
        const compact = Buffer.from(iso.slice(11, 23).replace(/[:.]/g, ''));
        const compactDay = Buffer.from(iso.slice(0, 10).replaceAll('-', ''));
        assert.equal(dates.read(day, 0, 45) + readClock(clock, 0, clock.length), timeMs);
        assert.equal(dates.read(compactDay, 0, 0) + readCompactClock(compact, 0, compact.length), timeMs);
      }),
      { numRuns: 5000 },
    );
  });

  test('dates and clocks that do not exist are refused', () => {
    for (const text of [
      '2023-02-29',
      '2023-00-10',
      '2023-13-10',
      '2023-04-31',
      '2023-04-00',
      '1969-12-31',
      '2o23-01-01',
    ]) {
      assert.equal(new DateReader().read(Buffer.from(text), 0, 45), -1, text);
    }
    assert.ok(new DateReader().read(Buffer.from('2024-02-29'), 0, 45) > 0);
    for (const text of [
      '24:00:00',
      '23:60:00',
      '23:59:60',
      '23:59:59.',
      '23:59:59.x',
      '2:00:00',
      '23-59-59',
      '23:59:5',
    ]) {
      assert.equal(readClock(Buffer.from(text), 0, text.length), -1, text);
    }
  });
});

describe('lines', () => {
  test('are the same wherever the chunks end, in ASCII and in UTF-16', () => {
    const text = fc.array(
      fc.tuple(fc.string({ unit: fc.constantFrom(...'ab\t1.'), maxLength: 9 }), fc.constantFrom('\n', '\r\n')),
    );
    const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 });
    fc.assert(
      fc.property(
        text,
        fc.string({ unit: fc.constantFrom(...'ab'), maxLength: 5 }),
        sizes,
        fc.boolean(),
        (parts, last, cuts, wide) => {
          const content = parts.map(([line, end]) => line + end).join('') + last;
          const expected = content.split('\n').map((line) => line.replace(/\r$/, ''));
          if (expected.at(-1) === '') expected.pop();

          const bytes = Buffer.from(`\ufeff${content}`, wide ? 'utf16le' : 'utf8');
          const decoder = new AsciiDecoder({ unit: wide ? 'utf-16le' : 'bytes', skipBytes: wide ? 2 : 3 });
          const lines: string[] = [];
          const splitter = new LineSplitter((line, start, end) =>
            lines.push(Buffer.from(line).toString('latin1', start, end)),
          );
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = cuts[i % cuts.length]!;
            splitter.push(decoder.decode(bytes.subarray(at, at + size)));
            at += size;
          }
          splitter.end();
          assert.deepEqual(lines, expected);
        },
      ),
    );
  });

  test('a side is carried forward across the chunks of a file', async () => {
    const lines = ['<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>'];
    const expected: number[] = [];
    let bid = 1;
    let ask = 1.5;
    const count = 60_000;
    for (let i = 0; i < count; i++) {
      // The ask is written once in a thousand lines, so most chunks begin long after the last one.
      const writesAsk = i % 1000 === 0;
      bid = 1 + ((i * 7919) % 40_000) / 100_000;
      if (writesAsk) ask = 1.5 + i / 1000 / 1000;
      const clock = new Date(i * 1000).toISOString().slice(11, 23);
      lines.push(`2022.11.10\t${clock}\t${bid.toFixed(5)}\t${writesAsk ? ask.toFixed(3) : ''}\t\t\t`);
      expected.push(Number(bid.toFixed(5)), Number(ask.toFixed(3)));
    }
    const content = lines.join('\r\n');
    assert.ok(content.length > 2 ** 21, 'the file is longer than two chunks');
    const { columns, ...result } = await readTicks(file(content), { symbol: 'X' });
    assert.deepEqual([result.counts.ticks, reasons({ ...result, columns })], [count, {}]);
    assert.deepEqual(
      Array.from(columns.bid).flatMap((price, i) => [price, columns.ask[i]!]),
      expected,
    );
  });
});

describe('what was printed is what is read', () => {
  const quote = fc.record({
    gapMs: fc.integer({ min: 0, max: 5_000_000 }),
    bid: fc.integer({ min: 1, max: 9_999_999 }),
    spread: fc.integer({ min: 0, max: 5000 }),
  });
  const formats = {
    truefx: (iso: string, bid: string, ask: string) =>
      `EUR/USD,${iso.slice(0, 10).replaceAll('-', '')} ${iso.slice(11, 23)},${bid},${ask}`,
    'truefx-iso': (iso: string, bid: string, ask: string) =>
      `${iso.replace('T', ' ').replace('Z', '000+00:00')},${bid},${ask}`,
    'histdata-ticks': (iso: string, bid: string, ask: string) =>
      `${iso.slice(0, 10).replaceAll('-', '')} ${iso.slice(11, 23).replace(/[:.]/g, '')},${bid}0,${ask}0,0`,
    'mt5-ticks': (iso: string, bid: string, ask: string) =>
      `${iso.slice(0, 10).replaceAll('-', '.')}\t${iso.slice(11, 23)}\t${bid}\t${ask}\t\t\t6`,
  };
  const offsets: Record<string, number> = { 'histdata-ticks': -18_000 };

  for (const [format, print] of Object.entries(formats)) {
    test(format, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(quote, { minLength: 1, maxLength: 40 }),
          fc.constantFrom('\n', '\r\n'),
          async (quotes, end) => {
            let timeMs = Date.UTC(2020, 1, 28, 23);
            const ticks = quotes.map(({ gapMs, bid, spread }) => {
              timeMs += gapMs;
              return { timeMs, bid: bid / 1e5, ask: (bid + spread) / 1e5 };
            });
            const lines = ticks.map((tick) =>
              print(new Date(tick.timeMs).toISOString(), tick.bid.toFixed(5), tick.ask.toFixed(5)),
            );
            if (format === 'mt5-ticks') lines.unshift('<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>');
            const result = await readTicks(file(lines.join(end)), { symbol: 'EURUSD' });
            const shift = (offsets[format] ?? 0) * 1000;
            assert.equal(result.format, format);
            assert.deepEqual(
              Array.from(result.columns.timeMs),
              ticks.map((tick) => tick.timeMs - shift),
            );
            assert.deepEqual(
              Array.from(result.columns.bid),
              ticks.map((tick) => tick.bid),
            );
            assert.deepEqual(
              Array.from(result.columns.ask),
              ticks.map((tick) => tick.ask),
            );
          },
        ),
        { numRuns: 60 },
      );
    });
  }
});

describe('how long a bar lasts', () => {
  const minute = 60_000;
  const day = 1440 * minute;
  const every = (from: number, step: number, count: number) => Array.from({ length: count }, (_, i) => from + i * step);

  test('absent bars and weekends do not make bars longer', () => {
    const times = [0, 1, 2, 4, 7, 8, 9, 2889, 2890, 2895].map((at) => at * minute);
    assert.deepEqual(
      barPeriodsMs(times, 1),
      times.map(() => minute),
    );
  });

  test('a file that changes from days to hours to quarters of an hour', () => {
    const times = [
      ...every(0, day, 30),
      ...every(30 * day, 60 * minute, 30),
      ...every(30 * day + 1800 * minute, 15 * minute, 30),
    ];
    const periods = barPeriodsMs(times, 1);
    assert.deepEqual(periods, [...Array(30).fill(day), ...Array(30).fill(60 * minute), ...Array(30).fill(15 * minute)]);
  });

  test('one-minute bars of a thin market stay one-minute bars', () => {
    const thin = every(0, minute, 20).concat(
      [3, 5, 8, 10, 13, 16, 18, 21, 23, 26, 29, 31, 34, 37, 39, 42, 44, 47, 50].map((at) => (20 + at) * minute),
    );
    const times = thin.concat(every(80 * minute, minute, 20));
    assert.deepEqual(
      barPeriodsMs(times, 1).map((ms) => ms / minute),
      times.map(() => 1),
    );
  });

  test('one bar alone lasts what its format says', () => assert.deepEqual(barPeriodsMs([5], minute), [minute]));

  test('no bar reaches into the next one', () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(gaps, (minutes) => {
        let at = 0;
        const times = [0, ...minutes.map((gap) => (at += gap * minute))];
        const periods = barPeriodsMs(times, 1);
        for (let i = 0; i + 1 < times.length; i++) assert.ok(times[i]! + periods[i]! <= times[i + 1]!);
      }),
    );
  });
});
