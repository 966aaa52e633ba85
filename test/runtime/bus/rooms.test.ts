import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MOST_SPARE_BYTES, Rooms } from '../../../runtime/bus/rooms.ts';

const ROOM_BYTES = 64 * 1024;

test('a piece is used again when all of it was given back, and who still looks into it finds nothing', () => {
  const rooms = new Rooms(ROOM_BYTES);
  const first = rooms.take();
  first.bytes.fill(7);
  const part = first.bytes.subarray(100, 200);
  first.lend();
  first.lend();
  first.giveBack();
  first.close();
  assert.equal(part[0], 7, 'one is still out');
  first.giveBack();
  assert.deepEqual([part.length, first.bytes.length], [0, 0]);
  const again = rooms.take();
  assert.equal(again.bytes.length, ROOM_BYTES);
  assert.ok(
    again.bytes.every((byte) => byte === 7),
    'the same memory',
  );
});

test('one that is still read into is not used again, however much of it is back', () => {
  const rooms = new Rooms(ROOM_BYTES);
  const room = rooms.take();
  room.lend();
  room.giveBack();
  assert.equal(room.bytes.length, ROOM_BYTES);
  room.lend();
  room.giveBack();
  room.close();
  assert.equal(room.bytes.length, 0);
});

test('who does not give his part back keeps it', () => {
  const rooms = new Rooms(ROOM_BYTES);
  const kept = rooms.take();
  kept.bytes.fill(1);
  kept.lend();
  kept.close();
  for (let i = 0; i < 3; i++) {
    const room = rooms.take();
    room.bytes.fill(2);
    room.close();
  }
  assert.ok(kept.bytes.length === ROOM_BYTES && kept.bytes.every((byte) => byte === 1));
});

test('no more is kept spare than what is allowed', () => {
  const rooms = new Rooms(ROOM_BYTES);
  const most = MOST_SPARE_BYTES / ROOM_BYTES;
  const taken = Array.from({ length: most + 5 }, () => rooms.take());
  for (const room of taken) room.bytes.fill(9);
  for (const room of taken) room.close();
  assert.ok(taken.every((room) => room.bytes.length === 0));
  const again = Array.from({ length: most }, () => rooms.take());
  assert.ok(again.every((room) => room.bytes[0] === 9 && room.bytes.at(-1) === 9));
});
