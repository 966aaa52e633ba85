import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Numbering } from '../../../actors/symbol/numbering.ts';
import { continuityOf, place, unbegun } from '../../../actors/symbol/numbering.ts';
import type { TickColumns } from '../../../runtime/bus/ticks.ts';
import { frameOf, wander } from './reference.ts';

const frame = (firstSequence: number, count: number, session = 'a'): TickColumns =>
  frameOf(wander(count, 0, 1), { firstSequence, session });

function take(...frames: TickColumns[]): { numbering: Numbering; from: number; missing: number } {
  let placed = { numbering: unbegun, from: 0, missing: 0 };
  for (const one of frames) placed = place(placed.numbering, one);
  return placed;
}

describe('numbering', () => {
  test('the very first frame may begin anywhere', () => {
    assert.equal(continuityOf(unbegun, frame(501, 10)), 'fresh');
    const { from, missing, numbering } = take(frame(501, 10));
    assert.deepEqual([from, missing, numbering.lastSequence], [0, 0, 510]);
  });

  test('what was taken is not taken again, what is new in the same frame is', () => {
    const { numbering } = take(frame(1, 10));
    assert.equal(continuityOf(numbering, frame(1, 10)), 'old');
    assert.equal(place(numbering, frame(1, 10)).from, 10);
    assert.equal(continuityOf(numbering, frame(6, 10)), 'fresh');
    assert.deepEqual(place(numbering, frame(6, 10)), {
      numbering: { begun: true, session: 'a', lastSequence: 15, earlier: [] },
      from: 5,
      missing: 0,
    });
  });

  test('numbers that were passed over are missing', () => {
    const { numbering } = take(frame(1, 10));
    assert.equal(continuityOf(numbering, frame(14, 2)), 'gap');
    const { missing, from } = place(numbering, frame(14, 2));
    assert.deepEqual([missing, from], [3, 0]);
  });

  test('an old frame does not take the numbering back', () => {
    assert.equal(take(frame(1, 10), frame(11, 10), frame(1, 5)).numbering.lastSequence, 20);
  });

  test('a new session begins at 1, and what it lacks before is missing', () => {
    const { numbering } = take(frame(1, 10));
    assert.equal(continuityOf(numbering, frame(1, 4, 'b')), 'fresh');
    assert.equal(place(numbering, frame(1, 4, 'b')).from, 0);
    assert.equal(continuityOf(numbering, frame(4, 4, 'b')), 'gap');
    assert.equal(place(numbering, frame(4, 4, 'b')).missing, 3);
  });

  test('a frame of the session before that comes again is known', () => {
    const { numbering } = take(frame(1, 10), frame(1, 4, 'b'));
    assert.equal(continuityOf(numbering, frame(1, 10)), 'old');
    const { numbering: after } = place(numbering, frame(1, 10));
    assert.equal(continuityOf(after, frame(1, 4, 'b')), 'old');
    assert.equal(continuityOf(after, frame(5, 1, 'b')), 'fresh');
  });

  test('no more sessions are remembered than a snapshot should carry', () => {
    const { numbering } = take(...Array.from({ length: 50 }, (_, i) => frame(1, 3, `s${i}`)));
    assert.ok(numbering.earlier.length <= 4);
  });

  test('frames that overlap in any way give every tick once and in order', () => {
    const pieces = fc.array(fc.record({ back: fc.nat({ max: 20 }), count: fc.integer({ min: 1, max: 20 }) }), {
      minLength: 1,
      maxLength: 50,
      size: 'max',
    });
    fc.assert(
      fc.property(pieces, (cuts) => {
        let numbering = unbegun;
        let sent = 0;
        const taken: number[] = [];
        for (const { back, count } of cuts) {
          const first = Math.max(1, sent + 1 - back);
          const one = frame(first, count);
          const placed = place(numbering, one);
          for (let i = placed.from; i < count; i++) taken.push(first + i);
          assert.equal(placed.missing, 0);
          numbering = placed.numbering;
          sent = Math.max(sent, first + count - 1);
        }
        assert.deepEqual(
          taken,
          Array.from({ length: sent }, (_, i) => i + 1),
        );
      }),
    );
  });
});
