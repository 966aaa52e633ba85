import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { gather } from '../../../actors/recorder/batch.ts';
import { accountRows, fillRows, orderRows, positionRows } from '../../../actors/recorder/rows.ts';
import type { Row, TableName } from '../../../actors/recorder/tables.ts';
import { tables, upsert } from '../../../actors/recorder/tables.ts';
import {
  AccountEventSchema,
  FillEventSchema,
  OrderEventSchema,
  OrderState,
  PositionEventSchema,
  Side,
} from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { makeTrail, rowsOf } from './trail.ts';

const named = ({ table, values }: Row): Record<string, string> =>
  Object.fromEntries(Object.keys(tables[table].columns).map((name, i) => [name, values[i]!]));

const order = { account: 'a', orderId: 'o1', state: OrderState.WORKING, revision: 3, timeMs: 1000 };
const fill = {
  account: 'a',
  dealTicket: '7',
  symbol: 'EURUSD',
  side: Side.BUY,
  timeMs: 1000,
  price: 1.1,
  volumeLots: 0.5,
};

describe('each message becomes its rows', () => {
  test('an order', () => {
    const [row, ...more] = orderRows(create(OrderEventSchema, { ...order, side: Side.SELL, averagePrice: 1e-7 }));
    assert.deepEqual(more, []);
    const { state, side, type, ticket, revision, average_price, changed_at } = named(row!);
    assert.deepEqual([state, side, type, ticket, revision], ['working', 'sell', 'none', '0', '3']);
    assert.equal(Number(average_price), 1e-7);
    assert.equal(changed_at, '1970-01-01T00:00:01.000Z');
  });

  test('a fill that opens is no trade; one that closes is', () => {
    assert.deepEqual(
      fillRows(create(FillEventSchema, { ...fill, entry: 'in' })).map(({ table }) => table),
      ['fills'],
    );
    for (const entry of ['out', 'inout', 'out_by']) {
      const money = { profit: 12.5, commission: -0.5, swap: -0.25, fee: -0.125 };
      const rows = fillRows(create(FillEventSchema, { ...fill, ...money, entry }));
      assert.deepEqual(
        rows.map(({ table }) => table),
        ['fills', 'trades'],
      );
      const { profit, costs, deal_ticket } = named(rows[1]!);
      assert.deepEqual([profit, costs, deal_ticket], ['12.5', '-0.875', '7']);
    }
  });

  test('an account event is a level of its minute, or a movement of money and nothing else', () => {
    const event = { account: 'a', currency: 'USD', balance: 5, timeMs: 123_456 };
    const [level, ...more] = accountRows(create(AccountEventSchema, event), 9);
    assert.deepEqual(more, []);
    const { time, measured_at, stream_sequence } = named(level!);
    assert.deepEqual(
      [time, measured_at, stream_sequence],
      ['1970-01-01T00:02:00.000Z', '1970-01-01T00:02:03.456Z', '9'],
    );
    const cashFlow = { dealTicket: '3', amount: -50, kind: 'withdrawal' };
    const rows = accountRows(create(AccountEventSchema, { ...event, cashFlow }), 9);
    assert.deepEqual(
      rows.map((row) => [row.table, named(row).amount]),
      [['cash_flows', '-50']],
    );
  });
});

describe('what PostgreSQL would refuse is refused here, by name and field', () => {
  const cases: [() => Row[], RegExp][] = [
    [
      () => orderRows(create(OrderEventSchema, { ...order, averagePrice: Number.NaN })),
      /^order o1 of a: average_price is NaN, allowed: a number from -9999999999 to 9999999999$/,
    ],
    [
      () => orderRows(create(OrderEventSchema, { ...order, volumeLots: 1e10 })),
      /order o1 of a: volume_lots is 10000000000/,
    ],
    [() => orderRows(create(OrderEventSchema, { ...order, timeMs: Number.POSITIVE_INFINITY })), /time_ms is Infinity/],
    [() => orderRows(create(OrderEventSchema, { ...order, timeMs: -1 })), /time_ms is -1/],
    [
      () => orderRows(create(OrderEventSchema, { ...order, reason: 'a\0b' })),
      /reason is "a\\u0000b", allowed: text without NUL/,
    ],
    [() => orderRows(create(OrderEventSchema, { ...order, reason: '\ud800' })), /reason is .* lone surrogates/],
    [
      () => orderRows(create(OrderEventSchema, { ...order, state: 99 as OrderState })),
      /state is 99, allowed: 1 \(CREATED\)/,
    ],
    [() => orderRows(create(OrderEventSchema, { ...order, account: '' })), /account is empty/],
    [
      () => fillRows(create(FillEventSchema, { ...fill, profit: Number.NEGATIVE_INFINITY })),
      /fill 7 of a: profit is -Infinity/,
    ],
    [
      () => fillRows(create(FillEventSchema, { ...fill, dealTicket: '18446744073709551616' })),
      /deal_ticket is "18446744073709551616"/,
    ],
    [() => fillRows(create(FillEventSchema, { ...fill, positionId: '-1' })), /position_id is "-1"/],
    [
      () => positionRows(create(PositionEventSchema, { account: 'a', positionId: '2' }), 1),
      /position 2 of a: symbol is empty/,
    ],
    [
      () => accountRows(create(AccountEventSchema, { account: 'a', equity: Number.NaN }), 1),
      /account a: equity is NaN/,
    ],
    [
      () => accountRows(create(AccountEventSchema, { account: 'a', cashFlow: { amount: 1e11 } }), 1),
      /cash flow .* amount is 100000000000/,
    ],
  ];
  for (const [make, message] of cases) {
    test(String(message), () => assert.throws(make, { name: 'RangeError', message }));
  }
});

describe('a batch', () => {
  /** What the upserts say, row by row, as a plain map. */
  const write = (ledger: Map<string, Row>, row: Row): void => {
    const { columns, key, newest } = tables[row.table] as {
      columns: object;
      key: readonly string[];
      newest: readonly string[];
    };
    const names = Object.keys(columns);
    const id = JSON.stringify([row.table, ...key.map((name) => row.values[names.indexOf(name)])]);
    const old = ledger.get(id);
    if (old !== undefined) {
      if (newest.length === 0) return;
      const differing = row.rank.findIndex((rank, i) => rank !== old.rank[i]);
      if (differing < 0 || row.rank[differing]! < old.rank[differing]!) return;
    }
    ledger.set(id, row);
  };

  test('gathered or one by one, in any order and any cut, comes to the same ledger', () => {
    const all = makeTrail(1, 25).events.flatMap((event, i) => rowsOf(event, i));
    fc.assert(
      fc.property(
        fc.array(fc.nat(all.length - 1), { maxLength: 200 }),
        fc.integer({ min: 1, max: 50 }),
        (picks, size) => {
          const rows = picks.map((i) => all[i]!);
          const single = new Map<string, Row>();
          for (const row of rows) write(single, row);
          const batched = new Map<string, Row>();
          for (let at = 0; at < rows.length; at += size) {
            for (const part of gather(rows.slice(at, at + size))) for (const row of part.rows) write(batched, row);
          }
          assert.deepEqual(new Map([...batched].sort()), new Map([...single].sort()));
        },
      ),
    );
  });

  test('ranks agree with the columns that the statement compares', () => {
    for (const name of Object.keys(tables) as TableName[]) {
      const { newest } = tables[name] as { newest: readonly string[] };
      assert.equal(/DO NOTHING$/.test(upsert(name)), newest.length === 0, name);
    }
    for (const row of makeTrail(2, 5).events.flatMap((event, i) => rowsOf(event, i))) {
      const newest: readonly string[] = tables[row.table].newest;
      const fields = named(row);
      const told = newest.map((column) =>
        column.endsWith('_at') ? Date.parse(fields[column]!) : Number(fields[column]),
      );
      assert.deepEqual(row.rank, told, row.about);
    }
  });
});
