import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { distance, suggest } from '../../../runtime/config/suggest.ts';

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 7 });

describe('did you mean', () => {
  test('known distances', () => {
    assert.equal(distance('kitten', 'sitting'), 3);
    assert.equal(distance('capactiy', 'capacity'), 1);
    assert.equal(distance('', 'abc'), 3);
  });

  test('is symmetric, zero only for the same word, and never more than the longer one', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        const d = distance(a, b);
        assert.equal(d, distance(b, a));
        assert.equal(d === 0, a === b);
        assert.ok(d <= Math.max(a.length, b.length) && d >= Math.abs(a.length - b.length));
      }),
    );
  });

  test('the closest, and nothing where nothing is close', () => {
    const known = ['latency_ms', 'latency_jitter_ms', 'seed'];
    assert.equal(suggest('latencyms', known), 'latency_ms');
    assert.equal(suggest('LATENCY_JITER_MS', known), 'latency_jitter_ms');
    assert.equal(suggest('commission', known), undefined);
    assert.equal(suggest('x', []), undefined);
  });
});
