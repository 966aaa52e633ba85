/** Rows of one transaction, gathered by table. Pure. */
import type { Row, Table, TableName } from './tables.ts';
import { tableNames, tables } from './tables.ts';

export interface Gathered {
  readonly table: TableName;
  readonly rows: readonly Row[];
}

function isNewer(a: Row, b: Row): boolean {
  for (let i = 0; i < a.rank.length; i++) {
    if (a.rank[i] !== b.rank[i]) return a.rank[i]! > b.rank[i]!;
  }
  return false;
}

/**
 * At most one row per key and table, because one statement cannot touch a row twice: of several the newest, and of
 * equally new ones the first, exactly as if they had been written one by one. Tables come in a fixed order, and rows
 * by key, so that two writers take their locks in the same order.
 */
export function gather(rows: readonly Row[]): Gathered[] {
  const byTable = new Map<TableName, Map<string, Row>>();
  for (const row of rows) {
    const { columns, key }: Table = tables[row.table];
    const names = Object.keys(columns);
    const id = JSON.stringify(key.map((name) => row.values[names.indexOf(name)]));
    let byKey = byTable.get(row.table);
    if (byKey === undefined) {
      byKey = new Map();
      byTable.set(row.table, byKey);
    }
    const known = byKey.get(id);
    if (known === undefined || isNewer(row, known)) byKey.set(id, row);
  }
  return tableNames.flatMap((table) => {
    const byKey = byTable.get(table);
    if (byKey === undefined) return [];
    const sorted = [...byKey].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return [{ table, rows: sorted.map(([, row]) => row) }];
  });
}

/** One array per column, as `upsert` wants them. */
export function columnsOf({ table, rows }: Gathered): string[][] {
  return Object.keys(tables[table].columns).map((_, i) => rows.map(({ values }) => values[i]!));
}
