import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emaCross } from '../../../actors/strategy/examples/ema-cross.ts';
import { checkParams, parseParams } from '../../../actors/strategy/params.ts';

test('defaults stand where nothing is given', () => {
  assert.deepEqual(parseParams(emaCross, undefined, 'p'), { timeframe: '1m', fast: 12, slow: 26, lots: 0.1 });
});

test('all bad params are told at once, with path, value and allowed range', () => {
  const raw = { timeframe: '3m', fast: 1, slow: 12.5, lots: 0, slwo: 3, stop: 1 };
  const { faults } = checkParams(emaCross, raw, 'strategies.0.params');
  assert.deepEqual(faults, [
    'strategies.0.params.timeframe: got "3m", allowed: 1s, 1m, 5m, 15m, 1h, 4h, 1d',
    'strategies.0.params.fast: got 1, allowed: whole number 2..200',
    'strategies.0.params.slow: got 12.5, allowed: whole number 3..500',
    'strategies.0.params.lots: got 0, allowed: number over 0, at most 100',
    'strategies.0.params.slwo: no such parameter, allowed: timeframe, fast, slow, lots',
    'strategies.0.params.stop: no such parameter, allowed: timeframe, fast, slow, lots',
  ]);
  assert.throws(() => parseParams(emaCross, raw, 'x'), { code: 'CONFIG_INVALID', message: /x\.fast[\s\S]*x\.lots/ });
});

test('a rule between two params names the one to change', () => {
  const { faults } = checkParams(emaCross, { fast: 30, slow: 20 }, 'p');
  assert.deepEqual(faults, ['p.slow: must be over fast, got 20, allowed: whole number 3..500']);
});

test('params that are no object at all', () => {
  for (const raw of [5, 'x', []]) {
    const { faults } = checkParams(emaCross, raw, 'p');
    assert.equal(faults.length, 1);
    assert.match(faults[0]!, /^p: .*allowed: object/);
  }
});
