import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  DEFAULT_FEATURES,
  emptyFeatures,
  FEATURE_FORMS,
  planFeatures,
  readFeatures,
  updateFeatures,
} from '../../../actors/symbol/features.ts';
import type { BarInput } from '../../../actors/symbol/indicators/kernel.ts';

const bars = Array.from({ length: 80 }, (_, i): BarInput => {
  const close = 1 + Math.sin(i / 5) / 50;
  return { close, high: close + 0.001, low: close - 0.002, spreadMean: 0.0002, spreadMin: 0.0001 };
});

function readingsAfter(names: readonly string[], count: number): { values: Record<string, number>; warm: boolean } {
  const plan = planFeatures(names);
  const state = emptyFeatures(plan);
  for (const bar of bars.slice(0, count)) updateFeatures(plan, state, bar);
  return readFeatures(plan, state);
}

const refuses = (name: string, text: RegExp): void =>
  assert.throws(
    () => planFeatures([name]),
    (error: { code?: string; message: string }) => error.code === 'CONFIG_INVALID' && text.test(error.message),
  );

describe('features', () => {
  test('the default set is warm with its slowest, the MACD signal', () => {
    assert.equal(planFeatures(DEFAULT_FEATURES).warmup, 34);
    assert.equal(readingsAfter(DEFAULT_FEATURES, 33).warm, false);
    const { values, warm } = readingsAfter(DEFAULT_FEATURES, 34);
    assert.ok(warm);
    assert.deepEqual(Object.keys(values), [...DEFAULT_FEATURES]);
  });

  test('every value is NaN before the first bar', () => {
    const { values, warm } = readingsAfter(DEFAULT_FEATURES, 0);
    assert.ok(Object.values(values).every(Number.isNaN));
    assert.equal(warm, false);
  });

  test('a name reads the same whatever stands beside it', () => {
    const all = readingsAfter(
      [...DEFAULT_FEATURES, 'ema_50', 'bollinger_upper_20_3', 'spread_min', 'sma_5'],
      70,
    ).values;
    for (const [name, value] of Object.entries(all)) assert.equal(readingsAfter([name], 70).values[name], value, name);
  });

  test('numbers in a name are its parameters', () => {
    const last = bars.slice(0, 70).map(({ close }) => close);
    const mean = (n: number): number => last.slice(-n).reduce((sum, close) => sum + close, 0) / n;
    const { values } = readingsAfter(
      ['sma_5', 'sma_50', 'bollinger_middle_7', 'bollinger_upper_7_3', 'bollinger_upper_7'],
      70,
    );
    assert.ok(Math.abs(values.sma_5! - mean(5)) < 1e-12);
    assert.ok(Math.abs(values.sma_50! - mean(50)) < 1e-12);
    assert.ok(Math.abs(values.bollinger_middle_7! - mean(7)) < 1e-12);
    const wide = values.bollinger_upper_7_3! - values.bollinger_middle_7!;
    const usual = values.bollinger_upper_7! - values.bollinger_middle_7!;
    assert.ok(Math.abs(wide / usual - 1.5) < 1e-9);
  });

  test('the short and the long form of a MACD name are one', () => {
    const { values } = readingsAfter(
      ['macd_12_26', 'macd_signal_9', 'macd_signal_12_26_9', 'macd_histogram', 'macd_histogram_12_26_9', 'macd_5_10'],
      70,
    );
    assert.equal(values.macd_signal_9, values.macd_signal_12_26_9);
    assert.equal(values.macd_histogram, values.macd_histogram_12_26_9);
    assert.equal(values.macd_histogram, values.macd_12_26! - values.macd_signal_9!);
    assert.notEqual(values.macd_5_10, values.macd_12_26);
  });

  test('outputs of one indicator are computed once', () => {
    const { units } = planFeatures([
      'bollinger_upper_20',
      'bollinger_lower_20',
      'bollinger_middle_20',
      'sma_20',
      'sma_20',
    ]);
    assert.equal(units.length, 2);
  });

  test('an unknown name is refused with all that are known', () => {
    for (const name of ['ema', 'ema_', 'ema_x', 'EMA_12', 'ema_12_3', 'foo_1', '', 'return_-1', 'sma_1.5']) {
      refuses(name, /unknown; known are/);
    }
    assert.throws(
      () => planFeatures(['nope']),
      (error: Error) => FEATURE_FORMS.every((form) => error.message.includes(form)),
    );
  });

  test('a number out of range is refused with the range', () => {
    refuses('ema_0', /1\.\.10000/);
    refuses('sma_10001', /1\.\.10000/);
    refuses('macd_26_12', /shorter/);
    refuses('bollinger_upper_20_0', /0\.\.10/);
    refuses('bollinger_upper_0', /1\.\.10000/);
  });
});
