/** The ledger's tables as data: columns, keys, and what happens when a row comes again. */

export type ColumnType = 'text' | 'numeric' | 'bigint' | 'timestamptz';

export interface Table {
  readonly columns: Readonly<Record<string, ColumnType>>;
  readonly key: readonly string[];
  /**
   * Columns that tell which of two rows of one key is the newer: the newer stands. Empty: a row never changes, and
   * the one that is there stands.
   */
  readonly newest: readonly string[];
}

const text = 'text';
const numeric = 'numeric';
const bigint = 'bigint';
const timestamptz = 'timestamptz';

export const tables = {
  orders: {
    columns: {
      account: text,
      order_id: text,
      revision: bigint,
      intent_id: text,
      strategy: text,
      symbol: text,
      action: text,
      side: text,
      type: text,
      state: text,
      volume_lots: numeric,
      filled_lots: numeric,
      average_price: numeric,
      price: numeric,
      stop_loss: numeric,
      take_profit: numeric,
      ticket: numeric,
      code: text,
      reason: text,
      changed_at: timestamptz,
    },
    key: ['account', 'order_id'],
    newest: ['revision'],
  },
  fills: {
    columns: {
      account: text,
      deal_ticket: numeric,
      order_id: text,
      strategy: text,
      symbol: text,
      side: text,
      entry: text,
      volume_lots: numeric,
      price: numeric,
      profit: numeric,
      commission: numeric,
      swap: numeric,
      fee: numeric,
      order_ticket: numeric,
      position_id: numeric,
      magic: numeric,
      reason: text,
      executed_at: timestamptz,
    },
    key: ['account', 'deal_ticket'],
    newest: [],
  },
  trades: {
    columns: {
      account: text,
      deal_ticket: numeric,
      executed_at: timestamptz,
      symbol: text,
      strategy: text,
      order_id: text,
      position_id: numeric,
      side: text,
      entry: text,
      volume_lots: numeric,
      price: numeric,
      profit: numeric,
      costs: numeric,
      reason: text,
    },
    key: ['account', 'deal_ticket', 'executed_at'],
    newest: [],
  },
  positions: {
    columns: {
      account: text,
      position_id: numeric,
      symbol: text,
      strategy: text,
      side: text,
      volume_lots: numeric,
      open_price: numeric,
      stop_loss: numeric,
      take_profit: numeric,
      changed_at: timestamptz,
      stream_sequence: bigint,
    },
    key: ['account', 'position_id'],
    newest: ['changed_at', 'stream_sequence'],
  },
  equity: {
    columns: {
      account: text,
      time: timestamptz,
      currency: text,
      balance: numeric,
      equity: numeric,
      margin: numeric,
      free_margin: numeric,
      trading_mode: text,
      measured_at: timestamptz,
      stream_sequence: bigint,
    },
    key: ['account', 'time'],
    newest: ['measured_at', 'stream_sequence'],
  },
  cash_flows: {
    columns: {
      account: text,
      deal_ticket: numeric,
      kind: text,
      amount: numeric,
      currency: text,
      booked_at: timestamptz,
    },
    key: ['account', 'deal_ticket'],
    newest: [],
  },
} as const satisfies Record<string, Table>;

export type TableName = keyof typeof tables;
export const tableNames = Object.keys(tables) as readonly TableName[];

/** Values of one row as PostgreSQL reads them: text, in the order of the table's columns. */
export type Fields<N extends TableName> = { readonly [K in keyof (typeof tables)[N]['columns']]: string };

export interface Row {
  readonly table: TableName;
  /** In the order of the table's columns. */
  readonly values: readonly string[];
  /** What `newest` compares, as numbers: two rows of one key may stand in one batch. */
  readonly rank: readonly number[];
  /** Market time, UTC milliseconds: partitions are made by it. */
  readonly timeMs: number;
  /** For errors: `fill 4711 of demo`. */
  readonly about: string;
}

/** One row. Columns are named where it is made and put in order here. */
export function row<N extends TableName>(
  table: N,
  about: string,
  timeMs: number,
  fields: Fields<N>,
  rank: readonly number[] = [],
): Row {
  const named = fields as Readonly<Record<string, string>>;
  return { table, about, timeMs, rank, values: Object.keys(tables[table].columns).map((name) => named[name]!) };
}

/**
 * The statement that writes any number of rows: one array per column, so that its text, and with it the server's
 * plan, is always the same.
 */
export function upsert(name: TableName): string {
  const { columns, key, newest }: Table = tables[name];
  const names = Object.keys(columns);
  const arrays = names.map((column, i) => `$${i + 1}::${columns[column]}[]`);
  const insert = `INSERT INTO troupe.${name} AS old (${names.join(', ')}) SELECT * FROM unnest(${arrays.join(', ')})`;
  if (newest.length === 0) return `${insert} ON CONFLICT (${key.join(', ')}) DO NOTHING`;
  const set = names.filter((column) => !key.includes(column)).map((column) => `${column} = excluded.${column}`);
  const rank = (row: string): string => newest.map((column) => `${row}.${column}`).join(', ');
  const newer = `(${rank('excluded')}) > (${rank('old')})`;
  return `${insert} ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${set.join(', ')} WHERE ${newer}`;
}
