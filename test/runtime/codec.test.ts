import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { decodeSnapshot, encodeSnapshot } from '../../runtime/codec.ts';

const key = fc.string().filter((text) => text !== '__proto__' && text !== '$troupe');
const leaf = fc.oneof(
  fc.double().filter((value) => !Object.is(value, -0)),
  fc.string(),
  fc.boolean(),
  fc.constant(null),
  fc.bigInt(),
  fc.float64Array(),
  fc.uint32Array(),
  fc.uint8Array(),
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie('tree')),
    fc.dictionary(key, tie('tree'), { noNullPrototype: true }),
    fc.array(fc.tuple(leaf, tie('tree'))).map((pairs) => new Map(pairs)),
  ),
}));

describe('snapshots', () => {
  test('come back as they were', () => {
    fc.assert(fc.property(tree, (value) => assert.deepStrictEqual(decodeSnapshot(encodeSnapshot(value)), value)));
  });

  test('a typed array that is a window into a larger buffer keeps its own part', () => {
    const whole = Float64Array.of(1, 2, 3, 4);
    const back = decodeSnapshot(encodeSnapshot({ part: whole.subarray(1, 3) })) as { part: Float64Array };
    assert.deepEqual(back.part, Float64Array.of(2, 3));
    assert.equal(back.part.buffer.byteLength, 16);
  });

  test('NaN and the infinities survive, in typed arrays too', () => {
    const value = {
      a: Number.NaN,
      b: Number.POSITIVE_INFINITY,
      c: Float64Array.of(Number.NaN, Number.NEGATIVE_INFINITY),
    };
    assert.deepStrictEqual(decodeSnapshot(encodeSnapshot(value)), value);
  });

  test('bytes that are no snapshot are a SyntaxError or a TypeError, never a wrong value', () => {
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    assert.throws(() => decodeSnapshot(bytes('{"a":')), SyntaxError);
    assert.throws(() => decodeSnapshot(bytes('{"a":{"$troupe":"date","value":1}}')), SyntaxError);
    assert.throws(() => decodeSnapshot(Uint8Array.of(0x22, 0xff, 0x22)), TypeError);
    assert.throws(() => decodeSnapshot(new Uint8Array(0)), SyntaxError);
    assert.throws(() => decodeSnapshot(bytes('{"$troupe":"bigint","value":"x"}')), SyntaxError);
  });
});
