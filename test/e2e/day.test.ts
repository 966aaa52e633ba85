/** A day of EURUSD from its file to the ledger: every bar is what the file says, and every book agrees. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { Deal } from '../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { Side } from '../../proto/gen/troupe/trading/v1/trading_pb.js';
import { Company, faultsOf, writeConfig } from './rig.ts';
import { noneLeft, stateFolder, tickLines, writeTicks } from './support.ts';

const BROKER_AHEAD_H = 3;
const FROM_MS = Date.UTC(2026, 4, 12);
const TICKS = 60_000;

interface PlainBar {
  timeframe: string;
  openTimeMs: number;
  closeTimeMs: number;
  open: number;
  high: number;
  low: number;
  close: number;
  askClose: number;
  ticks: number;
  spreadMin: number;
  lastTickMs: number;
}

const LENGTH_MS = { '1s': 1e3, '1m': 6e4, '5m': 3e5, '15m': 9e5, '1h': 36e5, '4h': 144e5, '1d': 864e5 };

/** Ticks of the file's own text, read the plain way: an empty cell is what that side was before. */
function ticksOf(file: string): { brokerMs: number; bid: number; ask: number }[] {
  const [, ...lines] = gunzipSync(readFileSync(file)).toString('utf8').trimEnd().split('\r\n');
  let [bid, ask] = [0, 0];
  return lines.map((line) => {
    const [date, time, bidText, askText] = line.split('\t') as [string, string, string, string];
    if (bidText !== '') bid = Number(bidText);
    if (askText !== '') ask = Number(askText);
    return { brokerMs: Date.parse(`${date.replaceAll('.', '-')}T${time}Z`), bid, ask };
  });
}

function barsOf(file: string): Map<string, PlainBar> {
  const bars = new Map<string, PlainBar>();
  const aheadMs = BROKER_AHEAD_H * 36e5;
  for (const { brokerMs, bid, ask } of ticksOf(file)) {
    for (const [timeframe, lengthMs] of Object.entries(LENGTH_MS)) {
      // With `day: broker`, four hours and days begin by the broker's clock.
      const shiftMs = timeframe === '4h' || timeframe === '1d' ? 0 : aheadMs;
      const slotMs = brokerMs - shiftMs - ((brokerMs - shiftMs) % lengthMs);
      const openTimeMs = slotMs - (aheadMs - shiftMs);
      const key = `${timeframe} ${openTimeMs}`;
      const bar = bars.get(key);
      const last = { close: bid, askClose: ask, lastTickMs: brokerMs - aheadMs };
      if (bar === undefined) {
        const first = { open: bid, high: bid, low: bid, ticks: 1, spreadMin: ask - bid };
        bars.set(key, { timeframe, openTimeMs, closeTimeMs: openTimeMs + lengthMs, ...first, ...last });
      } else {
        Object.assign(bar, last);
        bar.high = Math.max(bar.high, bid);
        bar.low = Math.min(bar.low, bid);
        bar.spreadMin = Math.min(bar.spreadMin, ask - bid);
        bar.ticks++;
      }
    }
  }
  return bars;
}

test('a day of EURUSD: bars, ticks, balance, positions and every fill', async () => {
  const scratch = stateFolder('day');
  const lines = tickLines({ seed: 'a day', fromMs: FROM_MS, ticks: TICKS, everyMs: 1435 });
  const file = writeTicks(scratch.file('EURUSD_day.csv.gz'), lines);
  const configFile = writeConfig(
    scratch.file('config.yaml'),
    [
      '{ id: cross, use: ema-cross, symbol: EURUSD, params: { timeframe: 1m, lots: 0.3 } }',
      '{ id: revert, use: mean-reversion, symbol: EURUSD, params: { timeframe: 1m, lots: 0.2 } }',
    ],
    [
      'terminal:',
      '  latency_ms: 1',
      '  slippage_max_points: 3',
      '  reject_probability: 0.2',
      '  partial_fill_probability: 0.3',
      '  commission_per_lot: 3.5',
    ],
  );
  const company = await Company.make({
    state: scratch.state,
    configFile,
    args: ['--ticks', file, '--symbol', 'EURUSD', '--speed', 'max', '--utc-offset', String(BROKER_AHEAD_H)],
  });
  try {
    await company.play();
    const { status, report } = await company.finish(120_000);

    const expected = barsOf(file);
    const ticksInFile = ticksOf(file).length;
    assert.deepEqual(
      { sent: report.ticks.sent, applied: report.ticks.applied, unusable: report.ticks.unusable },
      { sent: ticksInFile, applied: ticksInFile, unusable: {} },
    );
    assert.deepEqual(faultsOf(report, status), []);

    const bars = await company.stored('bar');
    const published = new Map<string, PlainBar>();
    for (const bar of bars) {
      const { timeframe, openTimeMs, closeTimeMs, open, high, low, close, askClose, ticks, spreadMin, lastTickMs } =
        bar;
      const key = `${timeframe} ${openTimeMs}`;
      assert.ok(!published.has(key), `${key} was published twice`);
      published.set(key, {
        ...{ timeframe, openTimeMs, closeTimeMs, open, high, low, close, askClose, ticks, spreadMin, lastTickMs },
      });
    }
    for (const timeframe of Object.keys(LENGTH_MS)) {
      const of = (all: Map<string, PlainBar>): PlainBar[] =>
        [...all.values()].filter((bar) => bar.timeframe === timeframe);
      assert.deepEqual(of(published), of(expected), timeframe);
      assert.equal(report.bars.EURUSD?.[timeframe], of(expected).length, timeframe);
      assert.equal(
        of(published).reduce((sum, { ticks }) => sum + ticks, 0),
        ticksInFile,
        `ticks of all ${timeframe} bars`,
      );
    }

    // About 150, by when the fills come. One rejected in fifty left none rejected in one run of twenty; one in five never does.
    assert.ok(report.orders.intended > 10, `${report.orders.intended} orders intended`);
    assert.ok(report.orders.rejected > 0, 'the broker rejects one order in five');
    const { filled, rejected, denied, cancelled, unknown, intended } = report.orders;
    assert.equal(unknown, 0);
    assert.equal(status.orders.open, 0);
    assert.equal(filled + rejected + denied + cancelled, intended, JSON.stringify(report.orders));

    const deals = (await company.terminalDeals()).filter(({ symbol }) => symbol !== '');
    const fills = await company.ledger<Record<string, string>>(
      `SELECT deal_ticket, order_id, side, volume_lots, price, profit, commission, swap, fee FROM troupe.fills
        WHERE account = $1 ORDER BY deal_ticket`,
      [company.account],
    );
    const ofDeal = (d: Deal) => ({
      ticket: String(d.ticket),
      // An order of the terminal's own (a stop that was hit) goes by its ticket.
      order: d.orderId.startsWith('[') ? `#${d.orderTicket}` : d.orderId,
      side: d.side === Side.BUY ? 'buy' : 'sell',
      ...{ lots: d.volumeLots, price: d.price, profit: d.profit, commission: d.commission, swap: d.swap, fee: d.fee },
    });
    const ofRow = (row: Record<string, string>) => ({
      ticket: row.deal_ticket!,
      order: row.order_id!,
      side: row.side!,
      ...{ lots: Number(row.volume_lots), price: Number(row.price), profit: Number(row.profit) },
      ...{ commission: Number(row.commission), swap: Number(row.swap), fee: Number(row.fee) },
    });
    const byTicket = (a: Deal, b: Deal): number => Number(BigInt(a.ticket) - BigInt(b.ticket));
    assert.deepEqual(fills.map(ofRow), deals.sort(byTicket).map(ofDeal));
    assert.equal(report.fills, deals.length);
    assert.ok(deals.length > filled, 'some orders fill in parts');
  } finally {
    await company.stop();
    await noneLeft(scratch.path);
    scratch.remove();
  }
});
