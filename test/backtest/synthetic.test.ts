import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  type MarketOptions,
  SYNTHETIC_DEFAULTS,
  SyntheticMarket,
  type SyntheticOptions,
  wideSymbols,
  writeSyntheticTape,
} from '../../backtest/synthetic/index.ts';
import { activityAt, rolloverWidening, skipWeekend } from '../../backtest/synthetic/session.ts';
import { readTape, TapeError } from '../../backtest/tape.ts';
import { temporaryFolder } from './importers/files.ts';

const folder = temporaryFolder();
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

async function digestOf(name: string, options: SyntheticOptions): Promise<string> {
  const path = join(folder, name);
  await writeSyntheticTape(path, options);
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

describe('the synthetic tape', () => {
  test('one seed gives one tape, another seed another', async () => {
    const options = { ticks: 50_000, seed: 'first light' };
    const first = await digestOf('a', options);
    assert.equal(await digestOf('b', options), first);
    assert.notEqual(await digestOf('c', { ...options, seed: 'second light' }), first);
  });

  test('a longer tape begins with the ticks of a shorter one', async () => {
    await writeSyntheticTape(join(folder, 'short'), { ticks: 1000 });
    await writeSyntheticTape(join(folder, 'long'), { ticks: 40_000 });
    const short = readFileSync(join(folder, 'short'));
    const long = readFileSync(join(folder, 'long'));
    const dataOffset = 32 + 3 * 32;
    assert.deepEqual(long.subarray(dataOffset, short.length), short.subarray(dataOffset));
  });

  test('a day and a half: quotes are sound, on the grid, at plausible levels', async () => {
    const path = join(folder, 'days');
    const written = await writeSyntheticTape(path, { ticks: 1_000_000 });
    const prices = [
      [1.085, 5],
      [1.265, 5],
      [150, 3],
    ] as const;
    const last = prices.map(() => ({ bid: 0, ask: 0 }));
    let sameMs = 0;
    let before = 0;
    let faults = 0;
    const read = await readTape(path, (tick) => {
      const [level, digits] = prices[tick.symbol]!;
      const scale = 10 ** digits;
      const spread = Math.round((tick.ask - tick.bid) * scale);
      const onGrid =
        Math.round(tick.bid * scale) / scale === tick.bid && Math.round(tick.ask * scale) / scale === tick.ask;
      if (!onGrid || spread < 1 || spread > 300 || Math.abs(tick.bid / level - 1) > 0.08) faults++;
      const { bid, ask } = last[tick.symbol]!;
      if (tick.flags !== (bid === tick.bid ? 0 : 2) + (ask === tick.ask ? 0 : 4) || tick.flags === 0) faults++;
      last[tick.symbol] = { bid: tick.bid, ask: tick.ask };
      if (tick.timeMs === before) sameMs++;
      before = tick.timeMs;
    });
    assert.equal(faults, 0);
    assert.deepEqual(read, written);
    assert.deepEqual([read.symbols, read.ticks, read.utcOffsetS], [['EURUSD', 'GBPUSD', 'USDJPY'], 1_000_000, 7200]);
    for (const ticks of read.perSymbol) assert.ok(ticks > 320_000, String(ticks));
    assert.ok(sameMs > 10_000 && sameMs < 100_000, `${sameMs} ticks in the millisecond of the one before`);
    const days = (read.lastMs - read.firstMs) / DAY_MS;
    assert.ok(Math.abs(days - 1_000_000 / SYNTHETIC_DEFAULTS.ticksPerSecond / 86_400) < 0.2, `${days} days`);
  });

  test('wide and dense: 500 symbols, a million ticks in about a second of market time', async () => {
    const path = join(folder, 'wide');
    const symbols = wideSymbols(500);
    const written = await writeSyntheticTape(path, {
      symbols,
      ticks: 1_000_000,
      ticksPerSecond: 1_000_000,
      shape: 'flat',
    });
    const read = await readTape(path);
    assert.deepEqual([read.symbols[0], read.symbols[499], read.symbols.length], ['SYM001', 'SYM500', 500]);
    assert.deepEqual(read.perSymbol, written.perSymbol);
    assert.ok(Math.min(...read.perSymbol) > 1500);
    const spanMs = read.lastMs - read.firstMs;
    assert.ok(spanMs > 950 && spanMs < 1050, `${spanMs} ms`);
  });

  const refused: [SyntheticOptions, RegExp][] = [
    [{ ticks: 0 }, /ticks is 0; it must be a whole number from 1 to/],
    [{ ticks: 1.5 }, /ticks is 1.5/],
    [{ ticksPerSecond: Number.NaN }, /ticksPerSecond is NaN; it must be a number from 0.001/],
    [{ symbols: [] }, /symbols is empty/],
    [{ symbols: ['A', 'A'] }, /symbol "A" is named twice/],
    [{ startMs: -1 }, /startMs is -1/],
  ];
  for (const [options, says] of refused) {
    test(`refuses ${JSON.stringify(options)}`, async () => {
      await assert.rejects(writeSyntheticTape(join(folder, 'refused'), options), (error) => {
        assert.ok(error instanceof TapeError && error.code === 'TAPE_INPUT', String(error));
        assert.match(error.message, says);
        return true;
      });
    });
  }
});

describe('the synthetic market', () => {
  const options: MarketOptions = { ...SYNTHETIC_DEFAULTS, symbols: ['EURUSD'], ticksPerSecond: 1, seed: 7 };

  test('regimes differ in spread and volatility, and all occur', () => {
    const market = new SyntheticMarket(options);
    const seen = { quiet: [0, 0, 0], trend: [0, 0, 0], volatile: [0, 0, 0] };
    let bid = 1.085;
    for (let i = 0; i < 400_000; i++) {
      market.next();
      // Hours without the rollover, whose spreads are wide in every regime.
      const hour = Math.floor((market.timeMs % DAY_MS) / HOUR_MS);
      if (hour >= 1 && hour < 23) {
        const sums = seen[market.regime];
        sums[0]!++;
        sums[1]! += market.ask - market.bid;
        sums[2]! += Math.abs(market.bid - bid);
      }
      bid = market.bid;
    }
    const mean = (regime: keyof typeof seen, of: 1 | 2) => seen[regime][of]! / seen[regime][0]!;
    for (const [count] of Object.values(seen)) assert.ok(count! > 10_000, JSON.stringify(seen));
    assert.ok(mean('volatile', 1) > 2 * mean('quiet', 1));
    assert.ok(mean('volatile', 2) > 1.5 * mean('trend', 2));
    assert.ok(mean('trend', 2) > 1.1 * mean('quiet', 2));
  });

  test('spreads widen at the rollover, ticks are thickest in the afternoon', () => {
    const market = new SyntheticMarket(options);
    const hours = Array.from({ length: 24 }, () => 0);
    const rollover = { ticks: 0, spread: 0 };
    const noon = { ticks: 0, spread: 0 };
    for (let i = 0; i < 400_000; i++) {
      market.next();
      const ofDay = market.timeMs % DAY_MS;
      hours[Math.floor(ofDay / HOUR_MS)]!++;
      const sums = ofDay < 5 * 60_000 ? rollover : ofDay > 12 * HOUR_MS && ofDay < 13 * HOUR_MS ? noon : undefined;
      if (sums !== undefined) {
        sums.ticks++;
        sums.spread += market.ask - market.bid;
      }
    }
    assert.ok(rollover.spread / rollover.ticks > 2 * (noon.spread / noon.ticks));
    assert.ok(hours[17]! > 2.5 * hours[5]!, hours.join(' '));
  });

  test('weekends are passed over', () => {
    const friday = Date.UTC(2025, 0, 10, 23, 59, 59);
    const monday = Date.UTC(2025, 0, 13);
    assert.equal(skipWeekend(friday), friday);
    for (const day of [11, 12]) assert.equal(skipWeekend(Date.UTC(2025, 0, day, 5)), monday);
    assert.equal(skipWeekend(monday), monday);

    const market = new SyntheticMarket({ ...options, startMs: friday });
    const days = new Set<number>();
    for (let i = 0; i < 600_000; i++) {
      market.next();
      days.add(new Date(market.timeMs).getUTCDay());
    }
    assert.deepEqual([...days].toSorted(), [1, 2, 3, 4, 5]);
  });

  test('the shape of the day', () => {
    const minutes = Array.from({ length: 1440 }, (_, i) => activityAt(i * 60_000));
    assert.ok(Math.abs(minutes.reduce((sum, activity) => sum + activity, 0) / 1440 - 1) < 0.001);
    assert.deepEqual([rolloverWidening(0), rolloverWidening(12 * HOUR_MS), rolloverWidening(5 * 60_000)], [6, 1, 3.5]);
    assert.ok(rolloverWidening(DAY_MS - 60_000) > 4);
  });
});
