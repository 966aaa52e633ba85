/** The ledger in memory: the same rows, keys and rule of the newer row as PostgreSQL has them in `writer.ts`. */
import { gather } from '../../actors/recorder/batch.ts';
import type { Health, LedgerRun, LedgerStore } from '../../actors/recorder/store.ts';
import type { Row, Table, TableName } from '../../actors/recorder/tables.ts';
import { tableNames, tables } from '../../actors/recorder/tables.ts';
import type { Random } from '../../runtime/random.ts';
import type { Host } from './world/host.ts';
import type { Loop } from './world/loop.ts';

const RETRY_MS = 250;

export type Record_ = Readonly<Record<string, string>>;

/** The database: survives everybody. */
export class Ledger {
  down = false;
  private readonly rows = new Map<TableName, Map<string, Row>>(tableNames.map((name) => [name, new Map()]));

  commit(rows: readonly Row[]): void {
    for (const { table, rows: gathered } of gather(rows)) {
      const { columns, key, newest }: Table = tables[table];
      const names = Object.keys(columns);
      const stored = this.rows.get(table)!;
      for (const row of gathered) {
        const id = JSON.stringify(key.map((name) => row.values[names.indexOf(name)]));
        const known = stored.get(id);
        if (known === undefined || (newest.length > 0 && isNewer(row, known))) stored.set(id, row);
      }
    }
  }

  /** Rows by column name. */
  table(name: TableName): Record_[] {
    const columns = Object.keys(tables[name].columns);
    return [...this.rows.get(name)!.values()].map(({ values }) =>
      Object.fromEntries(columns.map((column, i) => [column, values[i]!])),
    );
  }
}

function isNewer(a: Row, b: Row): boolean {
  for (let i = 0; i < a.rank.length; i++) if (a.rank[i] !== b.rank[i]) return a.rank[i]! > b.rank[i]!;
  return false;
}

/** One recorder's connection to it. */
export function openLedger(ledger: Ledger, loop: Loop, random: Random, host: Host): (run: LedgerRun) => LedgerStore {
  return ({ signal, batchMs }) => {
    const attempt = (rows: readonly Row[], resolve: () => void, reject: (error: unknown) => void): void => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      loop.after(0.2 + random.next(), () => {
        if (ledger.down) {
          host.clock.setTimer(RETRY_MS, () => attempt(rows, resolve, reject));
          return;
        }
        // What has arrived is committed, whether or not somebody still waits for the answer.
        ledger.commit(rows);
        loop.after(0.2 + random.next(), () => host.receive(resolve));
      });
    };
    let queue: { rows: readonly Row[]; resolve: () => void; reject: (error: unknown) => void }[] = [];
    const write = (rows: readonly Row[]): Promise<void> =>
      new Promise((resolve, reject) => {
        queue.push({ rows, resolve, reject });
        if (queue.length > 1) return;
        host.clock.setTimer(batchMs, () => {
          const batch = queue;
          queue = [];
          attempt(
            batch.flatMap((entry) => entry.rows),
            () => {
              for (const entry of batch) entry.resolve();
            },
            (error) => {
              for (const entry of batch) entry.reject(error);
            },
          );
        });
      });
    const probe = async (): Promise<Health> =>
      ledger.down ? { up: false, reason: 'connection refused' } : { up: true, reason: '' };
    return { write, probe, close: async () => undefined };
  };
}
