/**
 * The terminal with the MQL5 expert inside is killed while it trades, at brokers of both kinds: it comes back with its
 * account, its orders and its place in the tape, no order is executed twice, and every book agrees.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { disagreements } from '../../cli/start/report.ts';
import { allIsWell } from './all-is-well.ts';
import { Company, writeConfig } from './rig.ts';
import { noneLeft, stateFolder, tickLines, writeTicks } from './support.ts';

const scratch = stateFolder('expert');
after(async () => {
  await noneLeft(scratch.path);
  scratch.remove();
});

const KILLS = 3;
const LIMIT = { timeout: 300_000 };
/** Six hours of a Tuesday, in which every broker's market is open. */
const made = tickLines({ seed: 'expert', fromMs: Date.UTC(2026, 4, 12, 10), ticks: 24_000, everyMs: 900 });
const ticks = writeTicks(scratch.file('EURUSD.csv'), made);
const strategy = (id: string, fast: number, slow: number): string =>
  `{ id: ${id}, use: ema-cross, symbol: EURUSD, params: { timeframe: 1m, fast: ${fast}, slow: ${slow}, lots: 0.1 } }`;

const brokers = [
  { profile: 'retail-hedging', marginMode: 'hedging' },
  { profile: 'exchange', marginMode: 'netting' },
];

/** How many orders were executed; each of them once. */
async function ordersOnce(company: Company): Promise<number> {
  const orders = new Map<string, Set<string>>();
  for (const { orderId, orderTicket } of await company.terminalDeals()) {
    if (orderId === '') continue;
    orders.set(orderId, (orders.get(orderId) ?? new Set()).add(String(orderTicket)));
  }
  const doubled = [...orders].filter(([, tickets]) => tickets.size > 1);
  assert.deepEqual(doubled, []);
  return orders.size;
}

describe('kill -9 of the terminal while the expert trades', () => {
  for (const { profile, marginMode } of brokers) {
    test(profile, LIMIT, async () => {
      const configFile = writeConfig(
        scratch.file(`${profile}.yaml`),
        [strategy('quick', 2, 5), strategy('slow', 3, 8)],
        [`terminal: { profile: ${profile}, commission_per_lot: 3.5, partial_fill_probability: 0.2 }`],
        marginMode,
      );
      const args = ['--ticks', ticks, '--symbol', 'EURUSD', '--speed', '1200'];
      const company = await Company.make({ state: scratch.file(profile), configFile, args });
      try {
        await company.play();
        for (let kill = 0; kill < KILLS; kill++) {
          // With the first order that the terminal may not have answered yet.
          const intended = company.status!.orders.intended;
          await company.reaches('an order is on its way', () => company.status!.orders.intended > intended);
          const victim = company.fleet.processOf('terminal')!;
          victim.signal('SIGKILL');
          await company.reaches('the terminal is back', () => company.fleet.restartsOf('terminal').length > kill);
        }
        await allIsWell(company, made.length - 1);
        assert.ok((await ordersOnce(company)) > 10);
      } finally {
        await company.stop();
      }
    });
  }
});

describe('brokers that do not make it easy, and a kill besides: the books agree, and nothing is done twice', () => {
  const hard = [
    // Lost and late answers, rewritten comments, ticks that come late, a connection that breaks.
    { profile: 'hostile', marginMode: 'hedging' },
    // Requotes, comments that are cut, answers in any order, ticks that come late.
    { profile: 'instant-netting', marginMode: 'netting' },
  ];
  for (const { profile, marginMode } of hard) {
    test(profile, LIMIT, async () => {
      const configFile = writeConfig(
        scratch.file(`${profile}.yaml`),
        [strategy('quick', 2, 5), strategy('slow', 3, 8)],
        [`terminal: { profile: ${profile}, commission_per_lot: 3.5 }`],
        marginMode,
      );
      const args = ['--ticks', ticks, '--symbol', 'EURUSD', '--speed', '800'];
      const company = await Company.make({ state: scratch.file(profile), configFile, args });
      try {
        await company.play();
        await company.reaches('orders are filled', () => company.status!.fills > 3);
        company.fleet.processOf('terminal')!.signal('SIGKILL');
        const { report } = await company.finish();
        assert.deepEqual(disagreements(report), []);
        assert.equal(report.ticks.sent, made.length - 1);
        assert.equal(report.orders.unknown, 0);
        assert.ok((await ordersOnce(company)) > 3);
      } finally {
        await company.stop();
      }
    });
  }
});

// It opens at 10:00 and closes at 18:50 of the broker's clock; ticks come from 8:30 to 20:30.
test('an exchange that is closed: orders are rejected then, for that reason, and the books agree', LIMIT, async () => {
  const configFile = writeConfig(
    scratch.file('closed.yaml'),
    [strategy('quick', 2, 5), strategy('slow', 3, 8)],
    ['terminal: { profile: exchange, commission_per_lot: 3.5 }'],
    'netting',
  );
  const fromMs = Date.UTC(2026, 4, 12, 8, 30);
  const lines = tickLines({ seed: 'closed', fromMs, ticks: 24_000, everyMs: 1_800 });
  const file = writeTicks(scratch.file('closed.csv'), lines);
  const args = ['--ticks', file, '--symbol', 'EURUSD', '--speed', '2400'];
  const company = await Company.make({ state: scratch.file('closed'), configFile, args });
  try {
    await company.play();
    const status = await allIsWell(company, lines.length - 1);
    const rejected = await company.ledger<{ reason: string }>(
      "SELECT reason FROM troupe.orders WHERE account = $1 AND state = 'rejected'",
      [company.account],
    );
    assert.ok(rejected.length > 5, JSON.stringify(status.orders));
    for (const { reason } of rejected) assert.match(reason, /MARKET_CLOSED|Market closed/);
    const minutes = (await company.terminalDeals())
      .filter(({ orderId }) => orderId !== '')
      .map(({ timeMs }) => (timeMs / 60_000) % 1_440);
    assert.ok(minutes.length > 10);
    assert.ok(
      Math.min(...minutes) >= 600 && Math.max(...minutes) < 1_130,
      `${Math.min(...minutes)} to ${Math.max(...minutes)}`,
    );
  } finally {
    await company.stop();
  }
});
