import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { StoredMessage } from '../../runtime/bus/bus.ts';
import { MESSAGE_BYTES, Recent } from '../../runtime/recent.ts';

const every = (): boolean => true;

test('what is kept holds nothing of the piece that it came in, and is handed out as a copy', () => {
  const piece = new Uint8Array(64 * 1024).fill(7);
  const recent = new Recent(2 ** 20);
  recent.begin(0);
  recent.add({ subject: 'bar', data: piece.subarray(100, 300), sequence: 1 });
  recent.add({ subject: 'ticks', data: piece.subarray(300, 6_300), sequence: 2 });
  piece.fill(0);
  const [bar, ticks] = recent.after(0, 10, every)!.messages;
  assert.deepEqual(bar!.data, new Uint8Array(200).fill(7));
  assert.deepEqual(ticks!.data, new Uint8Array(6_000).fill(7));
  bar!.data.fill(1);
  assert.deepEqual(recent.after(0, 1, every)!.messages[0]!.data, new Uint8Array(200).fill(7));
});

test('only what is wanted is handed out, and it is said how far it was looked', () => {
  const recent = new Recent(2 ** 20);
  recent.begin(4);
  for (let sequence = 5; sequence <= 9; sequence++) {
    recent.add({ subject: sequence % 2 === 0 ? 'even' : 'odd', data: Uint8Array.of(sequence), sequence });
  }
  const { messages, looked, last } = recent.after(5, 3, (subject) => subject === 'even')!;
  assert.deepEqual([messages.map(({ sequence }) => sequence), looked, last], [[6, 8], 3, 8]);
  assert.deepEqual(recent.after(9, 3, every), { messages: [], looked: 0, last: 9 });
  assert.equal(recent.after(3, 3, every), undefined);
});

test('one that is larger than all that may be kept is not kept, nor what came before it', () => {
  const recent = new Recent(1_000);
  recent.begin(0);
  recent.add({ subject: 'a', data: new Uint8Array(10), sequence: 1 });
  recent.add({ subject: 'a', data: new Uint8Array(1_000), sequence: 2 });
  assert.equal(recent.reaches(1), false);
  recent.add({ subject: 'a', data: Uint8Array.of(3), sequence: 3 });
  assert.deepEqual(
    recent.after(2, 10, every)!.messages.map(({ sequence }) => sequence),
    [3],
  );
});

test('the newest are kept, byte for byte, as many as may be', () => {
  const many = { minLength: 100, maxLength: 400, size: 'max' } as const;
  const sizes = fc.oneof(
    fc.array(fc.oneof(fc.nat(40), fc.nat(3_000), fc.nat(90_000)), many),
    // Of few sizes: they meet exactly where the ring ends and begins.
    fc.array(fc.constantFrom(0, 40, 90_000), many),
    // Many small ones, which fill what may be kept before the room has grown to it.
    fc.array(fc.oneof({ weight: 100, arbitrary: fc.constant(40) }, { weight: 1, arbitrary: fc.constant(90_000) }), {
      ...many,
      maxLength: 2_000,
    }),
  );
  fc.assert(
    fc.property(sizes, fc.constantFrom(0, 300, 2_000, 20_000, 200_000), fc.nat(20), (lengths, mostBytes, begin) => {
      const recent = new Recent(mostBytes);
      recent.begin(begin);
      const added: StoredMessage[] = [];
      for (const [i, length] of lengths.entries()) {
        // Sequences have gaps: others' messages stand between.
        const message = { subject: `s${i % 7}`, sequence: begin + 1 + 3 * i, data: new Uint8Array(length).fill(i + 1) };
        recent.add(message);
        added.push(message);
        // A reader that begins anew forgets all.
        if (i === 250) {
          recent.begin(message.sequence);
          added.length = 0;
        }
      }
      const weigh = (some: readonly StoredMessage[]): number =>
        some.reduce((sum, { data }) => sum + data.length + MESSAGE_BYTES, 0);
      const kept = added.filter(({ sequence }) => recent.reaches(sequence - 1));
      assert.deepEqual(recent.after(kept[0]?.sequence ?? Infinity, 0, every)?.messages, []);
      const found = recent.after((kept[0]?.sequence ?? Infinity) - 1, Infinity, every)!;
      assert.deepEqual(found.messages, kept);
      assert.ok(weigh(kept) <= mostBytes);
      // What is not kept did not fit, but for what a ring loses where it ends.
      const left = added.length - kept.length;
      if (left > 0) {
        const longest = Math.max(...added.map(({ data }) => data.length));
        assert.ok(weigh(added.slice(left - 1)) + 2 * longest > mostBytes);
      }
    }),
    { numRuns: 400 },
  );
});
