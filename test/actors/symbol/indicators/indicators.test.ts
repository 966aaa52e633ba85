import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  atr,
  bollinger,
  emaOfClose,
  macd,
  meanSpread,
  minSpread,
  realisedVolatility,
  returnOver,
  rsi,
  smaOfClose,
} from '../../../../actors/symbol/indicators/indicators.ts';
import type { BarInput, Indicator } from '../../../../actors/symbol/indicators/kernel.ts';

/** Readings of an indicator after each bar. The block stands in the middle of a larger array, as it does in a plan. */
function run(indicator: Indicator, bars: BarInput[]): number[][] {
  const state = new Float64Array(indicator.size + 8).fill(7, 0, 4).fill(7, indicator.size + 4);
  const readings = bars.map((bar) => {
    indicator.update(state, 4, bar);
    return [...state.subarray(4, 4 + indicator.outputs)];
  });
  const outside = [...state.subarray(0, 4), ...state.subarray(indicator.size + 4)];
  assert.ok(
    outside.every((value) => value === 7),
    'an indicator writes outside its block',
  );
  return readings;
}

type Plain = (bars: BarInput[], i: number) => number;
const closes = (bars: BarInput[]): number[] => bars.map(({ close }) => close);
const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The last n values up to index i, or undefined while there are fewer. */
const lastOf = (values: number[], i: number, n: number): number[] | undefined =>
  i + 1 < n ? undefined : values.slice(i + 1 - n, i + 1);

/** Straight from the definition: the seed, then the recursion over the whole history. */
function plainSmoothed(values: number[], n: number, weight: number): number {
  if (values.length < n) return Number.NaN;
  let average = mean(values.slice(0, n));
  for (const value of values.slice(n)) average = (1 - weight) * average + weight * value;
  return average;
}

const plainSma =
  (n: number): Plain =>
  (bars, i) =>
    mean(lastOf(closes(bars), i, n) ?? [Number.NaN]);
const plainEma = (values: number[], n: number): number => plainSmoothed(values, n, 2 / (n + 1));
const plainRsi =
  (n: number): Plain =>
  (bars, i) => {
    const changes = closes(bars.slice(0, i + 1)).flatMap((close, k, all) => (k === 0 ? [] : [close - all[k - 1]!]));
    const gain = plainSmoothed(
      changes.map((change) => Math.max(change, 0)),
      n,
      1 / n,
    );
    const loss = plainSmoothed(
      changes.map((change) => Math.max(-change, 0)),
      n,
      1 / n,
    );
    if (gain === 0 && loss === 0) return 50;
    return loss === 0 ? 100 : 100 - 100 / (1 + gain / loss);
  };
const plainAtr =
  (n: number): Plain =>
  (bars, i) => {
    const ranges = bars.slice(0, i + 1).map(({ high, low }, k) => {
      const before = bars[k - 1]?.close;
      return before === undefined ? high - low : Math.max(high - low, Math.abs(high - before), Math.abs(low - before));
    });
    return plainSmoothed(ranges, n, 1 / n);
  };
const plainDeviation = (values: number[] | undefined): number => {
  if (values === undefined) return Number.NaN;
  const middle = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
};
const plainMacd = (fast: number, slow: number, signal: number): Plain[] => {
  const line: Plain = (bars, i) => {
    const values = closes(bars.slice(0, i + 1));
    return plainEma(values, fast) - plainEma(values, slow);
  };
  const average: Plain = (bars, i) => {
    const lines = bars.slice(0, i + 1).map((_, k) => line(bars, k));
    return plainEma(
      lines.filter((value) => !Number.isNaN(value)),
      signal,
    );
  };
  return [line, average, (bars, i) => line(bars, i) - average(bars, i)];
};
const plainVolatility =
  (n: number): Plain =>
  (bars, i) => {
    const last = lastOf(closes(bars), i, n + 1);
    if (last === undefined) return Number.NaN;
    return Math.sqrt(last.slice(1).reduce((sum, close, k) => sum + Math.log(close / last[k]!) ** 2, 0));
  };
const plainReturn =
  (n: number): Plain =>
  (bars, i) =>
    i < n ? Number.NaN : bars[i]!.close / bars[i - n]!.close - 1;

interface Case {
  name: string;
  make: (n: number) => Indicator;
  /** One per output. */
  plain: (n: number) => Plain[];
  /** Allowed difference, relative to the price; 100 for readings in percent. */
  scale?: number;
}

const cases: Case[] = [
  { name: 'SMA', make: smaOfClose, plain: (n) => [plainSma(n)] },
  { name: 'EMA', make: emaOfClose, plain: (n) => [(bars, i) => plainEma(closes(bars.slice(0, i + 1)), n)] },
  { name: 'RSI', make: rsi, plain: (n) => [plainRsi(n)], scale: 1e4 },
  { name: 'ATR', make: atr, plain: (n) => [plainAtr(n)] },
  { name: 'MACD', make: (n) => macd(n, n + 3, 4), plain: (n) => plainMacd(n, n + 3, 4) },
  {
    name: 'Bollinger',
    make: (n) => bollinger(n, 2),
    plain: (n) => [
      plainSma(n),
      (bars, i) => plainSma(n)(bars, i) + 2 * plainDeviation(lastOf(closes(bars), i, n)),
      (bars, i) => plainSma(n)(bars, i) - 2 * plainDeviation(lastOf(closes(bars), i, n)),
    ],
    // The root of a rounding error: a window that turns flat after a jump reads 1e-8 of the jump, not zero.
    scale: 1e5,
  },
  { name: 'realised volatility', make: realisedVolatility, plain: (n) => [plainVolatility(n)], scale: 1e5 },
  { name: 'return', make: returnOver, plain: (n) => [plainReturn(n)] },
  { name: 'mean spread', make: meanSpread, plain: () => [(bars, i) => bars[i]!.spreadMean] },
  { name: 'smallest spread', make: minSpread, plain: () => [(bars, i) => bars[i]!.spreadMin] },
];

const bar = fc
  .record({
    points: fc.integer({ min: 50_000, max: 150_000 }),
    above: fc.integer({ min: 0, max: 500 }),
    below: fc.integer({ min: 0, max: 500 }),
    spread: fc.integer({ min: 0, max: 50 }),
  })
  .map(
    ({ points, above, below, spread }): BarInput => ({
      close: points / 1e5,
      high: (points + above) / 1e5,
      low: (points - below) / 1e5,
      spreadMean: spread / 1e5,
      spreadMin: spread / 2e5,
    }),
  );
/** Among wild bars also stretches in which nothing moves. */
const history = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: bar.map((one) => [one]) },
      { weight: 1, arbitrary: bar.map((one) => Array(12).fill(one)) },
    ),
    { minLength: 1, maxLength: 80, size: 'max' },
  )
  .map((parts) => parts.flat() as BarInput[]);

function assertClose(actual: number, expected: number, tolerance: number, what: string): void {
  if (Number.isNaN(expected)) assert.ok(Number.isNaN(actual), `${what}: ${actual}, expected NaN`);
  else assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, expected ${expected}`);
}

describe('indicators', () => {
  for (const { name, make, plain, scale = 1 } of cases) {
    test(`${name} equals its definition on any history`, () => {
      fc.assert(
        fc.property(history, fc.integer({ min: 1, max: 15 }), (bars, n) => {
          const readings = run(make(n), bars);
          plain(n).forEach((reference, output) => {
            bars.forEach((_, i) => {
              assertClose(readings[i]![output]!, reference(bars, i), 1e-12 * scale, `output ${output} after bar ${i}`);
            });
          });
        }),
        { numRuns: 60 },
      );
    });

    test(`${name} says NaN for exactly as many bars as it declares`, () => {
      const bars = Array.from({ length: 60 }, (_, i): BarInput => {
        const close = 1 + Math.sin(i);
        return { close, high: close + 1, low: close - 1, spreadMean: 1, spreadMin: 1 };
      }).map((one) => ({ ...one, close: one.close + 2 }));
      const indicator = make(9);
      const readings = run(indicator, bars);
      indicator.warmup.forEach((warm, output) => {
        const first = readings.findIndex((all) => !Number.isNaN(all[output]));
        assert.equal(first, warm - 1, `output ${output}`);
      });
    });
  }

  test('nothing drifts over 100,000 bars', () => {
    // A walk between 50 and 150,000: errors of the large prices would show when it is small again.
    const bars = Array.from({ length: 100_000 }, (_, i): BarInput => {
      const close = 1000 * Math.exp(3 * Math.sin(i / 4000) + 0.02 * Math.sin(i * 1.7) + 0.01 * Math.sin(i * i));
      return { close, high: close * 1.001, low: close * 0.999, spreadMean: close / 1e4, spreadMin: close / 2e4 };
    });
    // The recursive averages forget a value after n bars by e^-2: after 50 n nothing of it is left in a double.
    const enough = 1200;
    for (const { name, make, plain } of cases) {
      const readings = run(make(20), bars);
      for (let i = 1999; i < bars.length; i += 7919) {
        const recent = bars.slice(i + 1 - enough, i + 1);
        plain(20).forEach((reference, output) => {
          const expected = reference(recent, recent.length - 1);
          const tolerance = 1e-9 * Math.max(Math.abs(expected), name === 'MACD' ? bars[i]!.close / 1000 : 0);
          assertClose(readings[i]![output]!, expected, tolerance, `${name}, output ${output}, bar ${i}`);
        });
      }
    }
  });

  test('an outlier does not leave its rounding error behind', () => {
    const flat = (close: number): BarInput => ({ close, high: close, low: close, spreadMean: 0, spreadMin: 0 });
    const bars = [...Array(30).fill(flat(1)), flat(1e12), ...Array(60).fill(flat(1))] as BarInput[];
    assert.deepEqual(run(bollinger(20, 2), bars).at(-1), [1, 1, 1]);
    assert.deepEqual(run(smaOfClose(20), bars).at(-1), [1]);
    assert.deepEqual(run(realisedVolatility(20), bars).at(-1), [0]);
  });

  test('a price of zero is no number for a while, not for ever', () => {
    const walk = (i: number): BarInput => ({
      close: i === 30 ? 0 : 1 + i / 100,
      high: 2,
      low: 0,
      spreadMean: 0,
      spreadMin: 0,
    });
    const bars = Array.from({ length: 100 }, (_, i) => walk(i));
    const volatility = run(realisedVolatility(10), bars).map(([value]) => value!);
    assert.ok(!Number.isFinite(volatility[31]));
    assertClose(volatility[99]!, plainVolatility(10)(bars, 99), 1e-12, 'volatility');
    assert.ok(Number.isNaN(run(returnOver(5), bars)[35]![0]));
  });

  test('RSI stands at its ends and in the middle where it must', () => {
    const rising = Array.from(
      { length: 20 },
      (_, i): BarInput => ({ close: i, high: i, low: i, spreadMean: 0, spreadMin: 0 }),
    );
    assert.equal(run(rsi(14), rising).at(-1)![0], 100);
    assert.equal(run(rsi(14), [...rising].reverse()).at(-1)![0], 0);
    assert.equal(run(rsi(14), Array(20).fill(rising[3]!))!.at(-1)![0], 50);
  });

  test("Wilder's own example of the RSI", () => {
    // New Concepts in Technical Trading Systems, the worked example: closes of 15 days, first RSI 14.
    const closes15 = [
      54.8, 56.8, 57.85, 59.85, 60.57, 61.1, 62.17, 60.6, 62.35, 62.15, 62.35, 61.45, 62.8, 61.37, 62.5,
    ];
    const bars = closes15.map((close): BarInput => ({ close, high: close, low: close, spreadMean: 0, spreadMin: 0 }));
    assertClose(run(rsi(14), bars).at(-1)![0]!, 74.21, 0.02, 'first RSI');
  });
});
