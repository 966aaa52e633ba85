import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { type TickFrame, TickFrameSchema } from '../../../proto/gen/troupe/market/v1/market_pb.js';
import type { TickColumns } from '../../../runtime/bus/ticks.ts';
import { decodeTicks, encodeTicks, MAX_TICKS_PER_FRAME, pricesOf } from '../../../runtime/bus/ticks.ts';

const price = fc.double({ noNaN: true, min: 0, max: 1e9 });
const row = fc.record({ offset: fc.nat(1e9), bid: price, ask: price, flag: fc.nat(1e6) });

const frame: fc.Arbitrary<TickColumns> = fc
  .record({
    rows: fc.array(row, { minLength: 1, maxLength: 40 }),
    symbol: fc.string({ minLength: 1 }),
    session: fc.string(),
    flagged: fc.boolean(),
    firstSequence: fc.nat(),
    utcOffsetS: fc.integer({ min: -86_399, max: 86_399 }),
  })
  .map(({ rows, flagged, ...heading }) => ({
    ...heading,
    source: 'mt5',
    count: rows.length,
    baseTimeMs: 1.7e12,
    timeOffsetMs: Uint32Array.from(rows, ({ offset }) => offset),
    bid: Float64Array.from(rows, ({ bid }) => bid),
    ask: Float64Array.from(rows, ({ ask }) => ask),
    flags: flagged ? Uint32Array.from(rows, ({ flag }) => flag) : new Uint32Array(0),
    firstSentUs: 1.7e15,
  }));

/** Its fields by name, columns as plain lists. */
function plain(f: TickColumns): unknown {
  const { symbol, source, session, firstSequence, count, baseTimeMs, utcOffsetS, firstSentUs } = f;
  const columns = [f.timeOffsetMs, f.bid, f.ask, f.flags].map((column) => [...column]);
  return { symbol, source, session, firstSequence, count, baseTimeMs, utcOffsetS, firstSentUs, columns };
}

/** The first frame of a message of `count` ticks, cut or lengthened as `change` says. */
function bytes(change: Record<string, unknown>): Uint8Array {
  const whole = { symbol: 'EURUSD', timeOffsetMs: [0, 1], bid: [1, 2], ask: [1, 2], firstSequence: 1 };
  return toBinary(TickFrameSchema, create(TickFrameSchema, { ...whole, ...change }));
}

describe('tick frames', () => {
  test('are written and read as the generated code does', () => {
    fc.assert(
      fc.property(frame, (f) => {
        const data = encodeTicks(f);
        assert.deepEqual(plain(decodeTicks(data)), plain(f));
        const generated = fromBinary(TickFrameSchema, data);
        assert.deepEqual([...generated.bid], [...f.bid]);
        assert.deepEqual([...generated.timeOffsetMs], [...f.timeOffsetMs]);
        assert.deepEqual(Buffer.from(toBinary(TickFrameSchema, generated)), Buffer.from(data));
      }),
    );
  });

  test('cut short anywhere, they are what the generated code reads, or refused', () => {
    fc.assert(
      fc.property(frame, fc.nat(), (f, cut) => {
        const data = encodeTicks(f);
        const part = data.subarray(0, cut % data.length);
        let generated: TickFrame | undefined;
        try {
          generated = fromBinary(TickFrameSchema, part);
        } catch {
          assert.throws(() => decodeTicks(part), RangeError);
          return;
        }
        const isWhole = generated.symbol !== '' && generated.bid.length > 0 && generated.ask.length > 0;
        const { length } = generated.flags;
        if (!isWhole || (length !== 0 && length !== f.count)) assert.throws(() => decodeTicks(part), RangeError);
        else assert.deepEqual(plain(decodeTicks(part)), plain({ ...generated, count: f.count } as never));
      }),
      { numRuns: 300 },
    );
  });

  test('fields of a later version are passed over, whatever they are made of', () => {
    const data = bytes({});
    const later = [
      Uint8Array.of(12 * 8, 0xff, 0x01),
      Uint8Array.of(0x81, 0x01, 1, 2, 3, 4, 5, 6, 7, 8),
      Uint8Array.of(0x92, 0x01, 2, 9, 9),
      Uint8Array.of(0x9d, 0x01, 1, 2, 3, 4),
      // Our first field, but as a number: none that we know.
      Uint8Array.of(8, 5),
    ];
    for (const field of later) {
      assert.deepEqual(plain(decodeTicks(Buffer.concat([data, field]))), plain(decodeTicks(data)));
      assert.deepEqual(plain(decodeTicks(Buffer.concat([field, data]))), plain(decodeTicks(data)));
    }
  });

  test('are read out of the middle of a larger buffer, and their columns stay when that is used again', () => {
    const data = encodeTicks(decodeTicks(bytes({})));
    const chunk = Buffer.alloc(data.length + 20, 7);
    chunk.set(data, 3);
    const read = decodeTicks(chunk.subarray(3, 3 + data.length));
    const { bid, timeOffsetMs } = read;
    chunk.fill(0);
    assert.deepEqual([...bid], [1, 2]);
    assert.deepEqual([...timeOffsetMs], [0, 1]);
  });

  test('pricesOf gives the same prices, in one room for all', () => {
    const first = decodeTicks(bytes({ bid: [1, 2], ask: [3, 4], timeOffsetMs: [5, 6] }));
    const second = decodeTicks(bytes({ bid: [7], ask: [8], timeOffsetMs: [9] }));
    const of = (f: TickColumns): number[][] => {
      const { bid, ask, timeOffsetMs } = pricesOf(f);
      return [bid, ask, timeOffsetMs].map((column) => [...column.subarray(0, f.count)]);
    };
    assert.deepEqual(of(first), [[1, 2], [3, 4], [5, 6]]); // biome-ignore format: a row
    assert.deepEqual(of(second), [[7], [8], [9]]);
    assert.deepEqual(of(first), [[1, 2], [3, 4], [5, 6]]); // biome-ignore format: a row
    const made = { ...decodeTicks(bytes({})), bid: new Float64Array(2) } as TickColumns;
    assert.equal(pricesOf(made).bid, made.bid);
  });

  const tooMany = Array.from({ length: MAX_TICKS_PER_FRAME + 1 }, () => 1);
  const refused: [string, Uint8Array, RegExp][] = [
    ['no tick', bytes({ bid: [], ask: [], timeOffsetMs: [] }), /TickFrame\.bid: a frame carries at least one tick/],
    ['fewer asks', bytes({ ask: [1] }), /columns differ in length/],
    ['fewer times', bytes({ timeOffsetMs: [1] }), /columns differ in length/],
    ['some flags', bytes({ flags: [1] }), /columns differ in length/],
    ['no symbol', bytes({ symbol: '' }), /TickFrame\.symbol: empty/],
    ['too many', bytes({ bid: tooMany, ask: tooMany, timeOffsetMs: tooMany }), /4097 ticks, at most 4096/],
    // Field 8 (bid), 3 bytes.
    ['a field that ends after the message', Uint8Array.of(10, 5, 65), /premature EOF/],
    ['a field of the number 0', Uint8Array.of(0, 1), /without a number/],
    ['a length that does not end', Uint8Array.of(10, 0xff, 0xff, 0xff, 0xff, 0xff, 1), /invalid varint/],
    ['half a number', Uint8Array.of(8 * 8 + 2, 3, 1, 2, 3), /TickFrame\.bid: 3 bytes is no whole column/],
  ];
  for (const [what, data, message] of refused) {
    test(`${what}: refused`, () => assert.throws(() => decodeTicks(data), message));
  }

  test('a count that is not the columns’ is refused', () => {
    const good = decodeTicks(bytes({}));
    const { timeOffsetMs, bid, ask, flags } = good;
    assert.throws(
      () => encodeTicks({ ...good, timeOffsetMs, bid, ask, flags, count: 3 }),
      /count: 3, the columns have 2/,
    );
  });
});
