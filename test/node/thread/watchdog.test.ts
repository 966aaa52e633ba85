import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { bytesOf, firstWatch, isHung, isTimeToAsk, LOOK_MS, look } from '../../../node/thread/watchdog.ts';

const limits = { hangAfterMs: 1_000, memoryBytes: 128 * 2 ** 20 };

describe('watchdog', () => {
  test('a thread that beats is never hung, however seldom the main thread looks', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 100_000 })), (gapsMs) => {
        let nowMs = 0;
        let watch = firstWatch({ nowMs, beats: 0 });
        gapsMs.forEach((gapMs, i) => {
          nowMs += gapMs;
          watch = look(watch, { nowMs, beats: i + 1 });
          assert.ok(!isHung(watch, limits));
        });
      }),
    );
  });

  test('one that does not is hung after its time, when the main thread looks in time', () => {
    let watch = firstWatch({ nowMs: 0, beats: 7 });
    let nowMs = 0;
    while (!isHung(watch, limits)) {
      nowMs += LOOK_MS;
      watch = look(watch, { nowMs, beats: 7 });
    }
    assert.equal(nowMs, limits.hangAfterMs);
  });

  test('time in which the main thread was busy or frozen does not count', () => {
    let watch = firstWatch({ nowMs: 0, beats: 7 });
    watch = look(watch, { nowMs: 60_000, beats: 7 });
    assert.equal(watch.silentMs, 2 * LOOK_MS);
    assert.ok(!isHung(watch, limits));
    // But nobody gets away with it for ever.
    let looks = 1;
    while (!isHung(watch, limits)) watch = look(watch, { nowMs: 60_000 * ++looks, beats: 7 });
    assert.equal(looks, limits.hangAfterMs / (2 * LOOK_MS));
  });

  test('a clock that stands still or goes back counts nothing', () => {
    const watch = look(look(firstWatch({ nowMs: 5_000, beats: 1 }), { nowMs: 5_000, beats: 1 }), {
      nowMs: 1,
      beats: 1,
    });
    assert.equal(watch.silentMs, 0);
  });

  test('one beat after a long silence makes it whole', () => {
    let watch = firstWatch({ nowMs: 0, beats: 1 });
    for (let i = 1; i < 19; i++) watch = look(watch, { nowMs: i * LOOK_MS, beats: 1 });
    assert.ok(watch.silentMs > 0 && !isHung(watch, limits));
    assert.equal(look(watch, { nowMs: 20 * LOOK_MS, beats: 2 }).silentMs, 0);
  });

  test('beats may go round in their 32 bits', () => {
    const watch = look(firstWatch({ nowMs: 0, beats: 2 ** 31 - 1 }), { nowMs: LOOK_MS, beats: -(2 ** 31) });
    assert.equal(watch.silentMs, 0);
  });
});

describe('memory', () => {
  test('heap, buffers and what V8 itself holds count together', () => {
    assert.equal(bytesOf({ used_heap_size: 1, external_memory: 10, malloced_memory: 100 }), 111);
  });

  test('threads are asked once a second, and at once when the process has grown by 16 MB', () => {
    const watch = { askedMs: 1_000, rssBytes: 100e6 };
    assert.ok(!isTimeToAsk(watch, 1_050, 100e6));
    assert.ok(!isTimeToAsk(watch, 1_050, 116e6));
    assert.ok(isTimeToAsk(watch, 1_050, 117e6));
    assert.ok(!isTimeToAsk(watch, 1_999, 10e6));
    assert.ok(isTimeToAsk(watch, 2_000, 10e6));
  });
});
