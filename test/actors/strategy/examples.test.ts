import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { emaCross } from '../../../actors/strategy/examples/ema-cross.ts';
import { meanReversion } from '../../../actors/strategy/examples/mean-reversion.ts';
import { IntentAction, Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { seededRandom } from '../../../runtime/random.ts';
import { Stage } from './stage.ts';

/** A day of one-minute closes: a random walk of about 60 pips a day. */
function walk(seed: number, minutes = 1440): number[] {
  const random = seededRandom(seed);
  let price = 1.1;
  return Array.from({ length: minutes }, () => {
    price += random.gaussian() * 0.00016;
    return price;
  });
}

/** Textbook indicators, computed in the plainest way, over the closes up to `i`. */
function ema(closes: readonly number[], i: number, n: number): number {
  if (i < n - 1) return Number.NaN;
  let value = closes.slice(0, n).reduce((sum, close) => sum + close, 0) / n;
  for (let k = n; k <= i; k++) value += (2 / (n + 1)) * (closes[k]! - value);
  return value;
}

function band(closes: readonly number[], i: number, n: number, width: number): number {
  if (i < n - 1) return Number.NaN;
  const window = closes.slice(i - n + 1, i + 1);
  const mean = window.reduce((sum, close) => sum + close, 0) / n;
  return mean + width * Math.sqrt(window.reduce((sum, close) => sum + (close - mean) ** 2, 0) / n);
}

function averageMove(closes: readonly number[], i: number, n: number, of: (move: number) => number): number {
  if (i < n) return Number.NaN;
  let sum = 0;
  for (let k = i - n + 1; k <= i; k++) sum += of(closes[k]! - closes[k - 1]!);
  return sum / n;
}

function rsi(closes: readonly number[], i: number, n: number): number {
  const up = averageMove(closes, i, n, (move) => Math.max(move, 0));
  const down = averageMove(closes, i, n, (move) => Math.max(-move, 0));
  return (100 * up) / (up + down);
}

describe('ema-cross', () => {
  const day = (closes: readonly number[]): Stage => {
    const stage = new Stage({ definition: emaCross, params: {} });
    closes.forEach((close, i) => {
      stage.bar(i, close);
      for (const intent of stage.features(i, { ema_12: ema(closes, i, 12), ema_26: ema(closes, i, 26) })) {
        stage.execute(intent);
      }
    });
    return stage;
  };

  test('is always on the side of the last cross, and trades some tens of times a day', () => {
    for (const seed of [1, 2, 3]) {
      const closes = walk(seed);
      const stage = day(closes);
      let crosses = 0;
      let side = 0;
      for (let i = 26; i < closes.length; i++) {
        const now = Math.sign(ema(closes, i, 12) - ema(closes, i, 26));
        const before = Math.sign(ema(closes, i - 1, 12) - ema(closes, i - 1, 26));
        if (now !== before) {
          crosses++;
          side = now;
        }
      }
      const opens = stage.intents.filter(({ action }) => action === IntentAction.OPEN);
      assert.equal(opens.length, crosses);
      assert.ok(crosses >= 15 && crosses <= 120, `${crosses} crosses`);
      assert.equal(stage.memory.holding.lots, side * 0.1);
    }
  });

  test('is under 25 lines', () => {
    const url = new URL('../../../actors/strategy/examples/ema-cross.ts', import.meta.url);
    assert.ok(readFileSync(url, 'utf8').trimEnd().split('\n').length < 25);
  });
});

describe('mean-reversion', () => {
  test('buys under the band, sells over it, leaves at the middle, always with a stop', () => {
    for (const seed of [1, 2, 3]) {
      const closes = walk(seed);
      const stage = new Stage({ definition: meanReversion, params: {} });
      closes.forEach((close, i) => {
        const upper = band(closes, i, 20, 2);
        const lower = band(closes, i, 20, -2);
        const atr = averageMove(closes, i, 14, Math.abs);
        stage.bar(i, close);
        const values = {
          bollinger_upper_20: upper,
          bollinger_lower_20: lower,
          rsi_14: rsi(closes, i, 14),
          atr_14: atr,
        };
        const heldBefore = stage.memory.holding.lots;
        for (const intent of stage.features(i, values)) {
          if (intent.action === IntentAction.CLOSE) {
            const middle = (upper + lower) / 2;
            assert.ok(heldBefore > 0 ? close >= middle : close <= middle);
          } else if (intent.side === Side.BUY) {
            assert.ok(close < lower && intent.stopLoss < close);
          } else {
            assert.ok(close > upper && intent.stopLoss > close);
          }
          stage.execute(intent);
        }
        assert.ok(Math.abs(stage.memory.holding.lots) <= 0.1);
      });
      const { intents } = stage.memory.counters;
      assert.ok(intents >= 20 && intents <= 200, `${intents} intents`);
    }
  });
});
