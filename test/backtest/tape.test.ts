import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { priceDigits, readTape, TapeError, type TapeSeries, type TapeTick, writeTape } from '../../backtest/tape.ts';
import { explainWriteError, TapeWriter } from '../../backtest/tape-writer.ts';
import { temporaryFolder } from './importers/files.ts';

const folder = temporaryFolder();
let count = 0;
const newPath = () => join(folder, `${count++}.tape`);

function series(symbol: string, rows: [number, number, number, number][], digits = 5): TapeSeries {
  return {
    symbol,
    digits,
    columns: {
      timeMs: Float64Array.from(rows, (row) => row[0]),
      bid: Float64Array.from(rows, (row) => row[1]),
      ask: Float64Array.from(rows, (row) => row[2]),
      flags: Uint32Array.from(rows, (row) => row[3]),
    },
  };
}

async function ticksOf(path: string): Promise<TapeTick[]> {
  const ticks: TapeTick[] = [];
  await readTape(path, (tick) => ticks.push({ ...tick }));
  return ticks;
}

const faultCode = (code: string, says: RegExp) => (error: unknown) => {
  assert.ok(error instanceof TapeError);
  assert.equal(error.code, code);
  assert.match(error.message, says);
  return true;
};

describe('writing a tape', () => {
  test('every byte is where the terminal looks for it', async () => {
    const path = newPath();
    const input = [
      series('EURUSD', [[1_736_121_601_792, 1.1, 1.2, 6]]),
      series('USDJPY.m', [[1_736_121_601_791, 150, 150.003, 2]], 3),
    ];
    const info = await writeTape(path, { series: input, utcOffsetS: -7200 });
    assert.deepEqual(info, {
      ...{ path, symbols: ['EURUSD', 'USDJPY.m'], utcOffsetS: -7200, ticks: 2, perSymbol: [1, 1], digits: [5, 3] },
      ...{ firstMs: 1_736_121_601_791, lastMs: 1_736_121_601_792 },
    });
    const bytes = readFileSync(path);
    assert.equal(bytes.length, 32 + 2 * 32 + 2 * 32);
    assert.equal(bytes.toString('latin1', 0, 8), 'TRPTAPE1');
    assert.equal(bytes.readUInt32LE(8), 2);
    assert.equal(bytes.readInt32LE(12), -7200);
    assert.equal(bytes.readBigUInt64LE(16), 2n);
    assert.equal(bytes.readBigUInt64LE(24), 96n);
    assert.equal(bytes.toString('latin1', 32, 64), 'EURUSD'.padEnd(32, '\0'));
    assert.equal(bytes.toString('latin1', 64, 96), 'USDJPY.m'.padEnd(32, '\0'));
    assert.equal(bytes.readBigInt64LE(96), 1_736_121_601_791n);
    assert.equal(bytes.readDoubleLE(104), 150);
    assert.equal(bytes.readDoubleLE(112), 150.003);
    assert.equal(bytes.readUInt32LE(120), 1);
    assert.equal(bytes.readUInt32LE(124), 2);
    assert.equal(bytes.readBigInt64LE(128), 1_736_121_601_792n);
  });

  test('it is on the disk when it is said to be written', async (t) => {
    const path = newPath();
    writeFileSync(path, '');
    const handle = await open(path, 'r');
    const synced = t.mock.method(Object.getPrototypeOf(handle) as typeof handle, 'datasync');
    await handle.close();
    await writeTape(path, { series: [series('EURUSD', [[1_736_121_601_792, 1.1, 1.2, 6]])], utcOffsetS: 0 });
    assert.equal(synced.mock.callCount(), 1);
  });

  test('the merge is a stable sort by time, and each series keeps its order', async () => {
    const one = fc.record({
      symbol: fc.constantFrom('A', 'B', 'C'),
      gaps: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 30 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 9 }), async (parts) => {
        let id = 1;
        const input = parts.map(({ symbol, gaps }) => {
          let timeMs = 1000;
          return series(
            symbol,
            gaps.map((gap) => {
              timeMs += gap;
              const bid = id++;
              return [timeMs, bid, bid + 1, 6];
            }),
          );
        });
        const path = join(folder, 'merge.tape');
        await writeTape(path, { series: input, utcOffsetS: 0 });
        const names = [...new Set(parts.map(({ symbol }) => symbol))];
        const expected = input
          .flatMap(({ symbol, columns }) =>
            Array.from(columns.timeMs, (timeMs, i) => ({
              ...{ timeMs, bid: columns.bid[i]!, ask: columns.ask[i]!, symbol: names.indexOf(symbol as 'A'), flags: 6 },
            })),
          )
          .toSorted((a, b) => a.timeMs - b.timeMs);
        assert.deepEqual(await ticksOf(path), expected);
      }),
      { numRuns: 150 },
    );
  });

  test('more ticks than one chunk, progress up to the last', async () => {
    const many = series(
      'A',
      Array.from({ length: 70_000 }, (_, i) => [i * 10, 1 + i, 2 + i, 6]),
    );
    const few = series('B', [[5, 1, 2, 6]]);
    const path = newPath();
    const seen: number[] = [];
    const onProgress = (written: number, total: number) => seen.push(written, total);
    await writeTape(path, { series: [many, few], utcOffsetS: 0, onProgress });
    const ticks = await ticksOf(path);
    assert.equal(ticks.length, 70_001);
    assert.deepEqual([ticks[0]!.symbol, ticks[1]!.symbol, ticks[70_000]!.bid], [0, 1, 70_000]);
    assert.deepEqual(seen, [32_768, 70_001, 65_536, 70_001, 70_001, 70_001]);
  });

  const refused: [string, TapeSeries[], number, RegExp][] = [
    [
      'a series whose time falls',
      [
        series('A', [
          [2, 1, 2, 6],
          [1, 1, 2, 6],
        ]),
      ],
      0,
      /A: tick 1 is at 1 ms, after 2 ms/,
    ],
    ['a time that is not whole', [series('A', [[1.5, 1, 2, 6]])], 0, /A: tick 0 is at 1.5 ms/],
    ['a name of 32 bytes', [series('A'.repeat(32), [])], 0, /1 to 31 bytes/],
    ['an empty name', [series('', [])], 0, /1 to 31 bytes/],
    ['no symbol', [], 0, /at least one symbol/],
    ['an offset that no clock has', [series('A', [])], 90_000, /utcOffsetS is 90000/],
  ];
  for (const [title, input, utcOffsetS, says] of refused) {
    test(`refuses ${title} and leaves nothing behind`, async () => {
      const path = newPath();
      await assert.rejects(writeTape(path, { series: input, utcOffsetS }), faultCode('TAPE_INPUT', says));
      assert.ok(!existsSync(path));
    });
  }

  test('a tape that fails half-way leaves the old one, and no temporary file', async () => {
    const path = newPath();
    await writeTape(path, { series: [series('A', [[1, 1, 2, 6]])], utcOffsetS: 0 });
    const old = readFileSync(path);
    const options = { path, symbols: ['A'], utcOffsetS: 0, ticks: 40_000, digits: [0] };
    const fails = TapeWriter.write(options, async (writer) => {
      for (let i = 0; i < 40_000; i++) {
        if (writer.add(i < 39_000 ? i : 0, 1, 2, 0, 6)) await writer.flush();
      }
    });
    await assert.rejects(fails, faultCode('TAPE_INPUT', /tick 39000 of the tape is at 0 ms, before 38999 ms/));
    assert.deepEqual(readFileSync(path), old);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith('.part')),
      [],
    );
  });

  test('an abort is not dressed up as a fault of the file', async () => {
    const stop = new AbortController();
    stop.abort(new Error('stopped by hand'));
    const input = { series: [series('A', [[1, 1, 2, 6]])], utcOffsetS: 0, signal: stop.signal };
    await assert.rejects(writeTape(newPath(), input), /^Error: stopped by hand$/);
  });

  test('a full disk says so: before writing where it can be known, otherwise when it happens', async () => {
    const path = newPath();
    const options = { path, symbols: ['A'], utcOffsetS: 0, ticks: 2 ** 45, digits: [0] };
    const never = TapeWriter.write(options, async () => assert.fail('must not begin'));
    await assert.rejects(never, faultCode('TAPE_DISK_FULL', /needs \d+ MiB, the disk has \d+ MiB left/));

    const full = openSync('/dev/full', 'w');
    try {
      writeSync(full, 'x');
      assert.fail('/dev/full took a byte');
    } catch (error) {
      faultCode('TAPE_DISK_FULL', /a\.tape: the disk became full/)(explainWriteError('a.tape', error));
    } finally {
      closeSync(full);
    }
  });

  test('a path that cannot be written names it', async () => {
    const path = join(dirname(newPath()), 'file');
    writeFileSync(path, '');
    const input = { series: [series('A', [[1, 1, 2, 6]])], utcOffsetS: 0 };
    await assert.rejects(
      writeTape(join(path, 'x.tape'), input),
      faultCode('TAPE_NOT_WRITTEN', /x\.tape: cannot be written/),
    );
  });
});

describe('reading a tape', () => {
  const edit = (change: (bytes: Buffer) => void) => (bytes: Buffer) => {
    change(bytes);
    return bytes;
  };
  const damages: [string, (bytes: Buffer) => Buffer, RegExp][] = [
    ['another file', () => Buffer.from('<DATE>\t<TIME>'), /is no tape/],
    ['an empty file', () => Buffer.alloc(0), /is no tape/],
    ['a tape cut short', (bytes) => bytes.subarray(0, -1), /holds 159 bytes, but its header says 3 ticks from byte 64/],
    ['symbols beyond the file', edit((bytes) => bytes.writeUInt32LE(4_000_000_000, 8)), /header is damaged/],
    ['data within the header', edit((bytes) => bytes.writeUInt32LE(32, 24)), /header is damaged/],
    [
      'an unknown symbol',
      edit((bytes) => bytes.writeUInt32LE(1, 64 + 24)),
      /record 0: symbol 1 is not among the 1 names/,
    ],
    ['time that falls', edit((bytes) => bytes.writeBigInt64LE(7n, 128)), /record 2: time 7 ms is before/],
    [
      'a price that is none',
      edit((bytes) => bytes.writeDoubleLE(NaN, 104)),
      /record 1: bid NaN and ask 2 are no quote/,
    ],
    ['bid above ask', edit((bytes) => bytes.writeDoubleLE(3, 104)), /record 1: bid 3 and ask 2 are no quote/],
  ];
  for (const [title, damage, says] of damages) {
    test(`refuses ${title}`, async () => {
      const path = newPath();
      const rows: [number, number, number, number][] = [
        [8, 1, 2, 6],
        [8, 1, 2, 6],
        [9, 1, 2, 6],
      ];
      await writeTape(path, { series: [series('A', rows)], utcOffsetS: 0 });
      writeFileSync(path, damage(readFileSync(path)));
      await assert.rejects(readTape(path), faultCode('TAPE_INVALID', says));
    });
  }

  test('says that there is none', async () => {
    await assert.rejects(readTape(newPath()), faultCode('TAPE_NOT_FOUND', /there is no such tape/));
  });

  test('an empty tape holds nothing', async () => {
    const path = newPath();
    await writeTape(path, { series: [series('A', [])], utcOffsetS: 0 });
    const { ticks, firstMs, lastMs, perSymbol } = await readTape(path);
    assert.deepEqual({ ticks, firstMs, lastMs, perSymbol }, { ticks: 0, firstMs: NaN, lastMs: NaN, perSymbol: [0] });
  });

  test('decimals of a price', () => {
    for (const [price, digits] of [
      [150, 0],
      [1.1, 1],
      [1.12345, 5],
      [0.1 + 0.2, 10],
      [4697.39, 2],
    ]) {
      assert.equal(priceDigits(price!), digits, String(price));
    }
  });
});
