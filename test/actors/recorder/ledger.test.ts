/** The recorder against a real PostgreSQL. */
import assert from 'node:assert/strict';
import { chmodSync, cpSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { create } from '@bufbuild/protobuf';
import type { Pool } from 'pg';
import { createPool } from '../../../actors/recorder/connection.ts';
import { ledgerBalance, ledgerPositions } from '../../../actors/recorder/ledger.ts';
import { knownMigrations, migrate } from '../../../actors/recorder/migrate.ts';
import { monthOf, partitionName } from '../../../actors/recorder/partitions.ts';
import { orderRows } from '../../../actors/recorder/rows.ts';
import type { Row } from '../../../actors/recorder/tables.ts';
import { LedgerWriter } from '../../../actors/recorder/writer.ts';
import { freePort } from '../../../cli/servers/postgres.ts';
import { OrderEventSchema, OrderState } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { systemClock } from '../../../runtime/clock.ts';
import { seededRandom } from '../../../runtime/random.ts';
import { silentLogger } from '../../../runtime/telemetry/log.ts';
import type { TestPostgres } from '../../support/servers.ts';
import { scratchFolder, startPostgres } from '../../support/servers.ts';
import { ACCOUNT, count, digest, makeTrail, rowsOf, START_MS } from './trail.ts';

let server: TestPostgres;
let pool: Pool;

before(async () => {
  server = await startPostgres();
  pool = createPool(server.url);
});

after(async () => {
  await pool?.end();
  await server?.stop();
});

async function withWriter(
  work: (writer: LedgerWriter) => Promise<void>,
  options: { batchMs?: number; batchRows?: number } = {},
): Promise<void> {
  const signal = new AbortController().signal;
  const shared = { clock: systemClock, log: silentLogger, signal };
  const writer = new LedgerWriter({ pool: createPool(server.url), batchMs: 2, batchRows: 500, ...shared, ...options });
  try {
    await work(writer);
  } finally {
    await writer.close();
  }
}

const writeAll = async (writer: LedgerWriter, messages: readonly (readonly Row[])[]): Promise<void> => {
  await Promise.all(messages.map((rows) => writer.write(rows)));
};

async function fresh(): Promise<void> {
  await pool.query('DROP SCHEMA IF EXISTS troupe CASCADE');
}

describe('writing the trail', () => {
  test('balance, positions and every row are what the trail says', async () => {
    await fresh();
    const trail = makeTrail(11, 300);
    await withWriter(async (writer) => {
      await writeAll(writer, trail.events.map(rowsOf));
    });
    assert.equal(await ledgerBalance(pool, ACCOUNT), trail.balance);
    assert.deepEqual(await ledgerPositions(pool, ACCOUNT), trail.lots);
    assert.equal(await count(pool, 'orders'), trail.orders.size);
    assert.equal(await count(pool, 'fills'), trail.fills);
    assert.equal(await count(pool, 'trades'), trail.closing);
    assert.equal(await count(pool, 'cash_flows'), 1);
    const open = await pool.query("SELECT DISTINCT state FROM troupe.orders WHERE state NOT IN ('filled', 'denied')");
    assert.deepEqual(open.rows, [], 'every order shows its last state');
    const minutes = await pool.query("SELECT 1 FROM troupe.equity WHERE time <> date_trunc('minute', measured_at)");
    assert.equal(minutes.rowCount, 0);
    assert.ok((await count(pool, 'equity')) > 10);
    assert.equal(await ledgerBalance(pool, 'nobody'), 0);
    assert.deepEqual(await ledgerPositions(pool, 'nobody'), new Map());
  });

  test('replaying it, whole or in pieces and in any cut, changes nothing', async () => {
    await fresh();
    const trail = makeTrail(12, 60).events.map(rowsOf);
    await withWriter((writer) => writeAll(writer, trail));
    const once = await digest(pool);
    await withWriter((writer) => writeAll(writer, trail));
    assert.deepEqual(await digest(pool), once, 'the whole again');
    const random = seededRandom(3);
    for (let round = 0; round < 8; round++) {
      const batchRows = 1 + random.nextInt(40);
      const from = random.nextInt(trail.length);
      const to = from + random.nextInt(trail.length - from);
      await withWriter((writer) => writeAll(writer, trail.slice(from, to)), { batchRows });
      assert.deepEqual(await digest(pool), once, `messages ${from} to ${to} again in batches of ${batchRows}`);
    }
    // From nothing, as a recorder that is killed again and again: each life repeats the end of the one before.
    await fresh();
    for (let at = 0; at < trail.length; ) {
      const to = Math.min(trail.length, at + 1 + random.nextInt(60));
      const again = Math.max(0, at - random.nextInt(80));
      await withWriter((writer) => writeAll(writer, trail.slice(again, to)), {
        batchRows: 1 + random.nextInt(30),
      });
      at = to;
    }
    assert.deepEqual(await digest(pool), once, 'written by many short lives');
  });

  test('two recorders at once, from an empty database, neither fail nor differ', async () => {
    await fresh();
    const trail = makeTrail(13, 80).events.map(rowsOf);
    const life = (): Promise<void> => withWriter((w) => writeAll(w, trail), { batchRows: 7 });
    await Promise.all([life(), life()]);
    const both = await digest(pool);
    await fresh();
    await life();
    assert.deepEqual(await digest(pool), both);
  });

  test('numbers keep eight digits, tickets all 64 bits', async () => {
    await fresh();
    const init = { account: 'a', orderId: 'o', revision: 1, timeMs: START_MS, ticket: '18446744073709551615' };
    const numbers = { price: 9_999_999_998.123457, volumeLots: 1e-8, averagePrice: -0.1 };
    const message = create(OrderEventSchema, { ...init, ...numbers, state: OrderState.WORKING });
    await withWriter((writer) => writer.write(orderRows(message)));
    const { rows } = await pool.query('SELECT price, volume_lots, average_price, ticket FROM troupe.orders');
    assert.deepEqual(rows, [
      {
        price: '9999999998.12345700',
        volume_lots: '0.00000001',
        average_price: '-0.10000000',
        ticket: '18446744073709551615',
      },
    ]);
  });
});

describe('partitions', () => {
  const partitions = async (): Promise<string[]> => {
    const { rows } = await pool.query<{ name: string }>(
      "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'troupe.trades'::regclass ORDER BY 1",
    );
    return rows.map(({ name }) => name.replace('troupe.', ''));
  };

  const fillAt = (timeMs: number, dealTicket: string): Row[] => {
    const event = makeTrail(1, 20).events.find(({ topic, message }) => topic === 'fill' && message.entry === 'out')!;
    return rowsOf({ topic: 'fill', message: { ...event.message, timeMs, dealTicket } as never }, 0);
  };

  test('the month of every event and the next two, any year, the turn of the year and of the month in UTC', async () => {
    await fresh();
    await withWriter(async (writer) => {
      await writer.write(fillAt(Date.UTC(2019, 10, 30, 23, 59, 59, 999), '1'));
      assert.deepEqual(await partitions(), ['trades_2019_11', 'trades_2019_12', 'trades_2020_01']);
      await writer.write(fillAt(Date.UTC(2019, 11, 1), '2'));
      await writer.write(fillAt(Date.UTC(2003, 0, 1), '3'));
      await writer.write(
        orderRows(create(OrderEventSchema, { account: 'a', orderId: 'o', timeMs: Date.UTC(2031, 5, 1) })),
      );
      await writer.write(orderRows(create(OrderEventSchema, { account: 'a', orderId: 'p', timeMs: 0 })));
    });
    assert.deepEqual(await partitions(), [
      ...['trades_2003_01', 'trades_2003_02', 'trades_2003_03'],
      ...['trades_2019_11', 'trades_2019_12', 'trades_2020_01', 'trades_2020_02'],
      ...['trades_2031_06', 'trades_2031_07', 'trades_2031_08'],
    ]);
    const { rows } = await pool.query(
      'SELECT relname AS place, deal_ticket FROM troupe.trades t JOIN pg_class c ON c.oid = t.tableoid ORDER BY deal_ticket',
    );
    assert.deepEqual(rows, [
      { place: 'trades_2019_11', deal_ticket: '1' },
      { place: 'trades_2019_12', deal_ticket: '2' },
      { place: 'trades_2003_01', deal_ticket: '3' },
    ]);
    assert.equal(partitionName(monthOf(Date.UTC(9999, 11, 31))), 'trades_9999_12');
  });

  test('are bounded in UTC whatever time zone the server speaks', async () => {
    await fresh();
    await pool.query("ALTER ROLE troupe SET timezone TO 'Pacific/Auckland'");
    try {
      await withWriter((writer) => writer.write(fillAt(Date.UTC(2024, 0, 31, 23, 59), '1')));
      const { rows } = await pool.query(
        'SELECT relname AS place, executed_at FROM troupe.trades t JOIN pg_class c ON c.oid = t.tableoid',
      );
      assert.deepEqual(rows, [{ place: 'trades_2024_01', executed_at: new Date(Date.UTC(2024, 0, 31, 23, 59)) }]);
    } finally {
      await pool.query('ALTER ROLE troupe RESET timezone');
    }
  });

  test('a partition or the whole schema that somebody dropped is made again', async () => {
    await fresh();
    await withWriter(async (writer) => {
      await writer.write(fillAt(START_MS, '1'));
      await pool.query(`DROP TABLE troupe.${partitionName(monthOf(START_MS))}`);
      await writer.write(fillAt(START_MS, '2'));
      assert.equal(await count(pool, 'trades'), 1);
      await fresh();
      await writer.write(fillAt(START_MS, '3'));
      assert.equal(await count(pool, 'fills'), 1);
    });
  });
});

describe('the schema', () => {
  test('is made once, by whoever comes first, and kept', async () => {
    await fresh();
    await Promise.all([1, 2, 3].map(() => migrate(pool, silentLogger)));
    await migrate(pool, silentLogger);
    const { rows } = await pool.query<{ name: string }>('SELECT name FROM troupe.migrations ORDER BY id');
    assert.deepEqual(
      rows.map(({ name }) => name),
      knownMigrations(),
    );
    const partitioned = await pool.query(
      "SELECT 1 FROM pg_partitioned_table WHERE partrelid = 'troupe.trades'::regclass",
    );
    assert.equal(partitioned.rowCount, 1);
    const key = await pool.query<{ column: string }>(
      `SELECT a.attname AS column FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY k(attnum, n)
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE i.indrelid = 'troupe.trades'::regclass AND i.indisprimary ORDER BY k.n`,
    );
    assert.deepEqual(
      key.rows.map(({ column }) => column),
      ['account', 'deal_ticket', 'executed_at'],
    );
  });

  test('newer than the program is refused, and left alone', async () => {
    await fresh();
    await migrate(pool, silentLogger);
    await pool.query("INSERT INTO troupe.migrations (name, run_on) VALUES ('0099_later', now())");
    const newer = { code: 'LEDGER_SCHEMA', message: /newer than this program: it does not know 0099_later/ };
    await assert.rejects(migrate(pool, silentLogger), newer);
    await withWriter(async (writer) => {
      await assert.rejects(writer.probe(), newer);
      await assert.rejects(writer.write(orderRows(create(OrderEventSchema, { account: 'a', orderId: 'o' }))), newer);
    });
    assert.equal(await count(pool, 'orders'), 0);
    await fresh();
  });

  test('a migration that fails changes nothing and says why', async () => {
    await fresh();
    const scratch = scratchFolder('migrations');
    try {
      chmodSync(scratch.path, 0o755);
      const own = fileURLToPath(new URL('../../../actors/recorder/migrations', import.meta.url));
      cpSync(own, scratch.path, { recursive: true });
      writeFileSync(
        path.join(scratch.path, '0002_broken.sql'),
        '-- Up Migration\nCREATE TABLE troupe.nothing (x wrongtype);\n',
      );
      const failed = { code: 'LEDGER_SCHEMA', message: /cannot be migrated: type "wrongtype" does not exist/ };
      await assert.rejects(migrate(pool, silentLogger, scratch.path), failed);
      const { rows } = await pool.query("SELECT to_regclass('troupe.orders') AS there");
      assert.deepEqual(rows, [{ there: null }]);
      await migrate(pool, silentLogger);
    } finally {
      scratch.remove();
    }
  });
});

describe('errors', () => {
  test('a row that PostgreSQL refuses all the same is named; its neighbours are kept', async () => {
    await fresh();
    const good = (id: string): Row[] => orderRows(create(OrderEventSchema, { account: 'a', orderId: id, timeMs: 1 }));
    const [row] = good('bad');
    // Past the reader that would have refused it.
    const bad: Row = { ...row!, values: row!.values.map((value) => (value === '0' ? 'NaNsense' : value)) };
    await withWriter(async (writer) => {
      const outcomes = await Promise.allSettled([
        writer.write(good('x')),
        writer.write([bad]),
        writer.write(good('y')),
      ]);
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled'],
      );
      const { reason } = outcomes[1] as PromiseRejectedResult;
      assert.equal(reason.code, 'LEDGER_UNAVAILABLE');
      assert.match(reason.message, /^order bad of a: invalid input syntax for type bigint: "NaNsense"/);
    });
    const { rows } = await pool.query('SELECT order_id FROM troupe.orders ORDER BY 1');
    assert.deepEqual(rows, [{ order_id: 'x' }, { order_id: 'y' }]);
  });

  test('stopping ends the waiting for a server that is away', async () => {
    const stop = new AbortController();
    const shared = { clock: systemClock, log: silentLogger, signal: stop.signal, batchMs: 1, batchRows: 10 };
    const nowhere = `postgres://troupe:x@127.0.0.1:${await freePort()}/troupe`;
    const writer = new LedgerWriter({ pool: createPool(nowhere), ...shared });
    const written = writer.write(orderRows(create(OrderEventSchema, { account: 'a', orderId: 'o' })));
    const { up, reason } = await writer.probe();
    assert.equal(up, false);
    assert.match(reason, /ECONNREFUSED|not connected yet/);
    stop.abort();
    await assert.rejects(written, { name: 'AbortError' });
    await writer.close();
  });

  test('a wrong password is told at once, without the password', async () => {
    const url = new URL(server.url);
    url.password = 'hunter2secret';
    const signal = new AbortController().signal;
    const shared = { clock: systemClock, log: silentLogger, signal, batchMs: 2, batchRows: 10 };
    const writer = new LedgerWriter({ pool: createPool(url.href), ...shared });
    await assert.rejects(writer.probe(), (error: Error) => {
      assert.match(error.message, /password authentication failed for user "troupe" \(28P01\)/);
      assert.ok(!JSON.stringify([error, error.message, error.stack]).includes('hunter2'));
      return true;
    });
    await writer.close();
  });

  test('a text that is no PostgreSQL URL is refused without being shown', () => {
    for (const text of ['', 'hunter2', 'http://u:hunter2@h/d', 'postgres//u:hunter2@h']) {
      assert.throws(
        () => createPool(text),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, 'CONFIG_INVALID');
          assert.match(error.message, /not a PostgreSQL URL, allowed: postgres:\/\//);
          assert.ok(!`${error.message}${error.stack}${String(error.cause)}`.includes('hunter2'));
          return true;
        },
      );
    }
  });
});
