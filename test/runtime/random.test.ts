import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { secretToken, seededRandom } from '../../runtime/random.ts';

const seed = fc.oneof(fc.integer(), fc.string());

describe('seeded random', () => {
  test('one seed, one history', () => {
    fc.assert(
      fc.property(seed, (s) => {
        const [a, b] = [seededRandom(s), seededRandom(s)];
        for (let i = 0; i < 20; i++) assert.equal(a.next(), b.next());
        for (let i = 0; i < 5; i++) assert.equal(a.gaussian(), b.gaussian());
      }),
    );
  });

  test('other seeds, other histories; 1 and "1" are two', () => {
    const first = (s: number | string): number => seededRandom(s).next();
    const values = [...Array.from({ length: 1_000 }, (_, i) => first(i)), first('1'), first(''), first('10')];
    assert.equal(new Set(values).size, values.length);
  });

  test('the sequence of a seed never changes: recordings depend on it', () => {
    const random = seededRandom(42);
    const digest = Array.from({ length: 8 }, () => Math.floor(random.next() * 65_536).toString(16)).join(' ');
    assert.equal(digest, '9223 6d54 1938 a50e 149 e171 9acf 395e');
  });

  test('uniform in [0, 1): ten bins hold a tenth each', () => {
    const random = seededRandom('bins');
    const bins = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) {
      const value = random.next();
      assert.ok(value >= 0 && value < 1);
      bins[Math.floor(value * 10)]!++;
    }
    // Standard deviation of a bin is 95; six of them.
    for (const bin of bins) assert.ok(Math.abs(bin - 10_000) < 570, String(bins));
  });

  test('whole numbers stay in their range and reach all of it', () => {
    const random = seededRandom('die');
    const seen = new Set(Array.from({ length: 500 }, () => random.nextInt(6)));
    assert.deepEqual([...seen].sort(), [0, 1, 2, 3, 4, 5]);
  });

  test('normals have mean 0 and variance 1', () => {
    const random = seededRandom('normal');
    const n = 100_000;
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < n; i++) {
      const value = random.gaussian();
      sum += value;
      squares += value * value;
    }
    // Six standard deviations of the two estimates.
    assert.ok(Math.abs(sum / n) < 0.019, `mean ${sum / n}`);
    assert.ok(Math.abs(squares / n - 1) < 0.027, `variance ${squares / n}`);
  });
});

test('secret tokens are URL-safe, of the length asked for, and never the same', () => {
  const tokens = Array.from({ length: 100 }, () => secretToken(12));
  assert.equal(new Set(tokens).size, 100);
  for (const token of tokens) assert.match(token, /^[\w-]{16}$/);
});
