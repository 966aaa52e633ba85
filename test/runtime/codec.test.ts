import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { decodeSnapshot, encodeSnapshot, SnapshotWriter } from '../../runtime/codec.ts';

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
/** Alike, and now and then one that is not. */
const alike = fc
  .tuple(fc.uniqueArray(key, { maxLength: 4 }), fc.array(fc.array(leaf), { maxLength: 20 }))
  .map(([fields, rows]) =>
    rows.map((row) =>
      Object.fromEntries(fields.slice(0, row.length > 8 ? 1 : 4).map((field, i) => [field, row[i] ?? i])),
    ),
  );
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    leaf,
    alike,
    alike.map((records) => Object.fromEntries(records.map((record, i) => [`r${i}`, record]))),
    fc.array(fc.maxSafeNat()).map((list) => list.sort((a, b) => a - b)),
    fc.array(tie('tree')),
    fc.dictionary(key, tie('tree'), { noNullPrototype: true }),
    fc.array(fc.tuple(leaf, tie('tree'))).map((pairs) => new Map(pairs)),
  ),
}));

describe('snapshots', () => {
  test('come back as they were', () => {
    fc.assert(fc.property(tree, (value) => assert.deepStrictEqual(decodeSnapshot(encodeSnapshot(value)), value)));
  });

  test('of a writer that remembers what it has written come back as they were, however they share their parts', () => {
    const record = fc.dictionary(key, tree, { noNullPrototype: true });
    const changes = fc.array(fc.record({ field: fc.nat({ max: 20 }), inner: fc.boolean(), value: tree }));
    fc.assert(
      fc.property(record, record, changes, (context, other, steps) => {
        const writer = new SnapshotWriter();
        let state: Record<string, unknown> = { value: 'a', context, other, same: context, absent: undefined };
        for (const { field, inner, value } of steps) {
          const { absent: _absent, ...present } = state;
          assert.deepStrictEqual(decodeSnapshot(writer.encode(state)), present);
          const fields = { ...(state.context as Record<string, unknown>) };
          const name = Object.keys(fields)[field % Math.max(1, Object.keys(fields).length)] ?? 'x';
          fields[name] = inner ? { of: fields[name] ?? null, value } : value;
          state = { ...state, context: fields };
        }
      }),
    );
  });

  test('what may be changed inside is written as it is, also where nothing else has changed', () => {
    fc.assert(
      fc.property(tree, fc.array(tree), (first, later) => {
        const writer = new SnapshotWriter(['own']);
        const own = { value: first };
        const state = { value: 'a', context: { deals: [1, 2], own, of: { own: { value: own } } }, own };
        for (const value of [first, ...later]) {
          own.value = value;
          assert.deepStrictEqual(decodeSnapshot(writer.encode(state)), state);
        }
      }),
    );
  });

  test('of records that are alike the fields stand once, of ascending whole numbers their distances', () => {
    const deals = Array.from({ length: 100 }, (_, i) => ({
      ticket: 2_000_000_000 + 7 * i,
      orderId: `o${i}`,
      lots: 0.01,
    }));
    const value = {
      deals,
      specs: Object.fromEntries(deals.map((deal) => [deal.orderId, { ...deal, at: true }])),
      tickets: deals.map(({ ticket }) => ticket),
    };
    const bytes = encodeSnapshot(value);
    assert.deepStrictEqual(decodeSnapshot(bytes), value);
    const text = new TextDecoder().decode(bytes);
    assert.equal(text.split('"orderId"').length - 1, 2);
    assert.match(text, /"steps","value":\[2000000000,7,7,/);
    assert.ok(bytes.length < 0.6 * JSON.stringify(value).length, `${bytes.length} bytes`);
  });

  test('a field that JSON leaves out is left out, and no null', () => {
    const nothing = [undefined, () => 1, Symbol('x')];
    const records = Array.from({ length: 10 }, (_, i) => ({ i, x: i % 2 === 0 ? nothing[i % 3] : i }));
    const back = decodeSnapshot(
      encodeSnapshot({ records, named: Object.fromEntries(records.map((r) => [`n${r.i}`, r])) }),
    );
    const plain = records.map(({ i, x }) => (typeof x === 'number' ? { i, x } : { i }));
    assert.deepStrictEqual(back, { records: plain, named: Object.fromEntries(plain.map((r) => [`n${r.i}`, r])) });
  });

  test('a field named __proto__ is one like others', () => {
    const records = Array.from({ length: 10 }, (_, i) => JSON.parse(`{"__proto__":${i},"b":1}`) as object);
    const back = decodeSnapshot(encodeSnapshot(records)) as object[];
    assert.deepEqual(
      back.map((record) => JSON.stringify(record)),
      records.map((record) => JSON.stringify(record)),
    );
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
    assert.throws(() => decodeSnapshot(bytes('{"$troupe":"list","fields":["a"],"value":[[1,2]]}')), SyntaxError);
    assert.throws(() => decodeSnapshot(bytes('{"$troupe":"table","fields":["a"],"value":{"x":[]}}')), SyntaxError);
    for (const steps of ['1,"2"', '1,null', '1,0.5', '1,-1', '9007199254740991,1']) {
      assert.throws(() => decodeSnapshot(bytes(`{"$troupe":"steps","value":[${steps}]}`)), SyntaxError, steps);
    }
  });
});
