import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MOST_SPARE_BYTES, Pieces } from '../../../runtime/bus/pieces.ts';

const PIECE_BYTES = 64 * 1024;

test('a piece is used again when all of it was given back, and who still looks into it finds nothing', () => {
  const pieces = new Pieces(PIECE_BYTES);
  const first = pieces.take();
  first.bytes.fill(7);
  const part = first.bytes.subarray(100, 200);
  first.lend();
  first.lend();
  first.giveBack();
  first.close();
  assert.equal(part[0], 7, 'one is still out');
  first.giveBack();
  assert.deepEqual([part.length, first.bytes.length], [0, 0]);
  const again = pieces.take();
  assert.equal(again.bytes.length, PIECE_BYTES);
  assert.ok(
    again.bytes.every((byte) => byte === 7),
    'the same memory',
  );
});

test('one that is still read into is not used again, however much of it is back', () => {
  const pieces = new Pieces(PIECE_BYTES);
  const piece = pieces.take();
  piece.lend();
  piece.giveBack();
  assert.equal(piece.bytes.length, PIECE_BYTES);
  piece.lend();
  piece.giveBack();
  piece.close();
  assert.equal(piece.bytes.length, 0);
});

test('who does not give his part back keeps it', () => {
  const pieces = new Pieces(PIECE_BYTES);
  const kept = pieces.take();
  kept.bytes.fill(1);
  kept.lend();
  kept.close();
  for (let i = 0; i < 3; i++) {
    const piece = pieces.take();
    piece.bytes.fill(2);
    piece.close();
  }
  assert.ok(kept.bytes.length === PIECE_BYTES && kept.bytes.every((byte) => byte === 1));
});

test('no more is kept spare than what is allowed', () => {
  const pieces = new Pieces(PIECE_BYTES);
  const most = MOST_SPARE_BYTES / PIECE_BYTES;
  const taken = Array.from({ length: most + 5 }, () => pieces.take());
  for (const piece of taken) piece.bytes.fill(9);
  for (const piece of taken) piece.close();
  assert.ok(taken.every((piece) => piece.bytes.length === 0));
  const again = Array.from({ length: most }, () => pieces.take());
  assert.ok(again.every((piece) => piece.bytes[0] === 9 && piece.bytes.at(-1) === 9));
});
