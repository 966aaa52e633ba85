/** TROUPE_NATS_URL and TROUPE_POSTGRES_URL: servers that the user already has, and what is on them. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { pino } from 'pino';
import { type PostgresServer, startPostgres } from '../../cli/servers/postgres.ts';
import type { Report } from '../../cli/start/report.ts';
import { connectNats, ensureStreams, type NatsBus } from '../../runtime/bus/nats.ts';
import { systemClock as clock } from '../../runtime/clock.ts';
import { writeConfig } from './rig.ts';
import { type Ended, endAll, noneLeft, start, startPlainNats, stateFolder, tickLines, writeTicks } from './support.ts';

const scratch = stateFolder('own');
const LIMIT = { timeout: 300_000 };
const config = writeConfig(
  scratch.file('config.yaml'),
  ['{ id: cross, use: ema-cross, symbol: EURUSD, params: { timeframe: 1m, fast: 3, slow: 8, lots: 0.1 } }'],
  ['terminal: { latency_ms: 1 }'],
);
const lines = tickLines({ seed: 'own servers', fromMs: Date.UTC(2026, 4, 12), ticks: 3_000, everyMs: 5_000 });
const ticks = writeTicks(scratch.file('EURUSD.csv'), lines);
const reportFile = scratch.file('report.json');

let nats: Awaited<ReturnType<typeof startPlainNats>>;
let ledger: PostgresServer;
before(async () => {
  nats = await startPlainNats(scratch.file('nats'));
  ledger = await startPostgres({
    ...{ folder: scratch.file('postgres'), logFile: scratch.file('postgres.log'), durable: false },
  });
});
after(async () => {
  endAll();
  await Promise.all([nats?.process.stop(), ledger?.stop()]);
  await noneLeft(scratch.path);
  scratch.remove();
});

const play = (): Promise<Ended> =>
  start(
    scratch.state,
    ['--config', config, '--ticks', ticks, '--symbol', 'EURUSD', '--speed', 'max', '--report', reportFile],
    { TROUPE_NATS_URL: nats.url, TROUPE_POSTGRES_URL: ledger.url },
  );

async function withBus<T>(work: (bus: NatsBus) => Promise<T>): Promise<T> {
  const bus = await connectNats({ url: nats.url, name: 'test', clock, log: pino({ level: 'silent' }) });
  try {
    return await work(bus);
  } finally {
    await bus.connection.close();
  }
}

const frames = (): Promise<number> =>
  withBus(async ({ manager }) => {
    const { state } = await manager.streams.info('MARKET', { subjects_filter: 'md.*.ticks.>' });
    return Object.values(state.subjects ?? {}).reduce((sum, n) => sum + n, 0);
  });

interface Kept {
  readonly account: string;
  readonly fills: number;
  readonly cents: number;
}

async function accounts(): Promise<Kept[]> {
  const client = new pg.Client({ connectionString: ledger.url });
  await client.connect();
  try {
    const { rows } = await client.query<{ account: string; fills: string; balance: string }>(
      `SELECT account, count(*) AS fills, 50000 + sum(profit + commission + swap + fee) AS balance
         FROM troupe.fills GROUP BY account ORDER BY account`,
    );
    return rows.map(({ account, fills, balance }) => ({
      ...{ account, fills: Number(fills), cents: Math.round(Number(balance) * 100) },
    }));
  } finally {
    await client.end();
  }
}

test('two runs: the streams are made anew, the ledger keeps both accounts', LIMIT, async () => {
  const reports: Report[] = [];
  const stored: number[] = [];
  for (let run = 0; run < 2; run++) {
    const ended = await play();
    assert.equal(ended.status, 0, `${ended.stdout}${ended.stderr}`);
    assert.doesNotMatch(ended.stdout, /^(NATS|PostgreSQL) /m, 'no server of its own is started');
    assert.ok(!ended.stdout.includes(ledger.credentials.password));
    reports.push(JSON.parse(readFileSync(reportFile, 'utf8')) as Report);
    stored.push(await frames());
  }
  for (const report of reports) {
    assert.equal(report.ticks.applied, lines.length - 1);
    assert.equal(report.balance.ledger, report.balance.terminal);
    assert.ok(report.fills > 10);
  }
  const kept = await accounts();
  assert.deepEqual(
    kept.map(({ fills, cents }) => ({ fills, cents })),
    reports.map(({ fills, balance }) => ({ fills, cents: Math.round(balance.ledger * 100) })),
  );
  assert.match(kept[0]!.account, /^e2e-\d{8}T\d{6}$/);
  // Had the second run continued the first one's streams, they would hold twice the ticks.
  const [first, second] = stored as [number, number];
  assert.ok(second > 0 && second < first * 1.5, `${first} frames after the first run, ${second} after the second`);
  const firstSequence = await withBus(async ({ manager }) => (await manager.streams.info('TRADING')).state.first_seq);
  assert.equal(firstSequence, 1);
});

test('streams of a live company are not touched', LIMIT, async () => {
  const folder = scratch.file('live-nats');
  mkdirSync(folder);
  await nats.process.stop();
  nats = await startPlainNats(folder);
  const before = await withBus(async (bus) => {
    await ensureStreams(bus, { replay: false });
    await bus.publish({ subject: 'trade.intent.live.mine', data: new TextEncoder().encode('{}'), messageId: 'one' });
    return (await bus.manager.streams.info('TRADING')).created;
  });
  const known = await accounts();
  const ended = await play();
  assert.equal(ended.status, 1, ended.stdout);
  assert.match(ended.stderr, /^BUS_FOREIGN_STREAMS: .*TRADING/m);
  const { created, state } = await withBus(({ manager }) => manager.streams.info('TRADING'));
  assert.deepEqual({ created, messages: state.messages }, { created: before, messages: 1 });
  assert.deepEqual(await accounts(), known);
});
