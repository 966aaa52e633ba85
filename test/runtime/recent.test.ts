import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Recent } from '../../runtime/recent.ts';

test('a small message does not keep the whole piece that it came in; a large one is not copied', () => {
  const piece = new Uint8Array(64 * 1024).fill(7);
  const recent = new Recent(2 ** 20);
  recent.begin(0);
  recent.add({ subject: 'bar', data: piece.subarray(100, 300), sequence: 1 });
  recent.add({ subject: 'ticks', data: piece.subarray(300, 6_300), sequence: 2 });
  const [bar, ticks] = recent.after(0, 10)!;
  assert.equal(bar!.data.buffer.byteLength, 200);
  assert.deepEqual(bar!.data, piece.slice(100, 300));
  assert.equal(ticks!.data.buffer, piece.buffer);
});
