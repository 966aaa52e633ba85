import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nameAt } from '../../../runtime/bus/names.ts';

const utf8 = new TextEncoder();

test('a name is the text of its bytes, wherever they stand, however many others there are', () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: 'grapheme', maxLength: 100 }), fc.stringMatching(/^[A-Z]{6}$/));
  fc.assert(
    fc.property(text, fc.nat(20), (name, from) => {
      const bytes = utf8.encode(name);
      const data = new Uint8Array(from + bytes.length + 3).fill(65);
      data.set(bytes, from);
      const read = nameAt(data, from, from + bytes.length);
      assert.equal(read, new TextDecoder().decode(bytes));
      data.fill(0);
      // What is kept of it is no part of the message.
      assert.equal(nameAt(bytes, 0, bytes.length), read);
    }),
    { numRuns: 2_000 },
  );
});

test('of a market with more names than there is room for each is still its own', () => {
  const names = Array.from({ length: 20_000 }, (_, i) => `SYM${i}`);
  for (let round = 0; round < 2; round++) {
    for (const name of names) {
      const bytes = utf8.encode(name);
      assert.equal(nameAt(bytes, 0, bytes.length), name);
    }
  }
});
