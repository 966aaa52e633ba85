/**
 * Commits rows in the order in which they come, many in one transaction. While PostgreSQL is away it waits and tries
 * again: a caller's promise resolves only when its rows are committed, so nobody moves on past what is not kept.
 */
import type { Pool, PoolClient } from 'pg';
import { TroupeError } from '../../runtime/errors.ts';
import type { Gathered } from './batch.ts';
import { columnsOf, gather } from './batch.ts';
import { causeOf, isDataFault, isMissing, isPassing } from './connection.ts';
import { migrate } from './migrate.ts';
import type { Month } from './partitions.ts';
import { createPartition, monthsFor } from './partitions.ts';
import type { Health, LedgerRun, LedgerStore } from './store.ts';
import type { Row } from './tables.ts';
import { upsert } from './tables.ts';

export interface WriterOptions extends LedgerRun {
  readonly pool: Pool;
}

interface Entry {
  readonly rows: readonly Row[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;
/** Somebody replaced the database: the schema is made again, but not for ever. */
const REMAKES = 3;
const PARTITION_LOCK = 7_265_820_734;

export class LedgerWriter implements LedgerStore {
  private readonly o: WriterOptions;
  private queue: Entry[] = [];
  private queuedRows = 0;
  private full: (() => void) | undefined;
  private running: Promise<void> | undefined;
  private migrated = false;
  private readonly months = new Set<Month>();
  private down: string | undefined;

  constructor(options: WriterOptions) {
    this.o = options;
    // An idle connection that breaks tells that the server is away before anything is written.
    options.pool.on('error', (error) => this.lost(error));
  }

  /** Resolves when the rows are committed. Rejects when they never can be, naming them, or when the signal aborts. */
  write(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.queue.push({ rows, resolve, reject });
      this.queuedRows += rows.length;
      if (this.queuedRows >= this.o.batchRows) this.full?.();
      this.running ??= this.run();
    });
  }

  /** What is known without asking where rows are under way, and by asking otherwise. Throws LEDGER_SCHEMA and refusals. */
  async probe(): Promise<Health> {
    if (this.running === undefined && (this.down !== undefined || !this.migrated)) {
      try {
        await this.prepare();
        await this.o.pool.query('SELECT 1');
        this.recovered();
      } catch (thrown) {
        if (!this.mayPass(thrown)) throw this.refusal(thrown);
        this.lost(thrown);
      }
    }
    const up = this.down === undefined && this.migrated;
    return { up, reason: up ? '' : (this.down ?? 'not connected yet') };
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    await this.running;
    await this.o.pool.end();
  }

  private async run(): Promise<void> {
    while (this.queue.length > 0) {
      await this.linger();
      const batch = this.take();
      try {
        await this.keepTrying(batch.flatMap(({ rows }) => rows));
        for (const { resolve } of batch) resolve();
      } catch (thrown) {
        await this.oneByOne(batch, thrown);
      }
    }
    // Here and not in a `finally`: a caller may write again before that had its turn, and nobody would take its rows.
    this.running = undefined;
  }

  /** Gives others the time to join the batch. */
  private async linger(): Promise<void> {
    const { clock, batchMs, batchRows, signal } = this.o;
    if (this.queuedRows >= batchRows || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const cancel = clock.setTimer(batchMs, resolve);
      this.full = () => {
        cancel();
        resolve();
      };
    });
    this.full = undefined;
  }

  private take(): Entry[] {
    let rows = 0;
    let entries = 0;
    while (entries < this.queue.length && rows < this.o.batchRows) rows += this.queue[entries++]!.rows.length;
    this.queuedRows -= rows;
    return this.queue.splice(0, entries);
  }

  /** A batch that can never be committed is split, so that the error names the row and the others are kept. */
  private async oneByOne(batch: readonly Entry[], thrown: unknown): Promise<void> {
    if (batch.length === 1 || !isDataFault(thrown)) {
      for (const { rows, reject } of batch) reject(this.refusal(thrown, rows));
      return;
    }
    for (const { rows, resolve, reject } of batch) {
      try {
        await this.keepTrying(rows);
        resolve();
      } catch (cause) {
        reject(this.refusal(cause, rows));
      }
    }
  }

  private async keepTrying(rows: readonly Row[]): Promise<void> {
    let remakes = 0;
    for (let attempt = 0; ; attempt++) {
      this.o.signal.throwIfAborted();
      try {
        await this.prepare();
        await this.commit(rows);
        this.recovered();
        return;
      } catch (thrown) {
        if (isMissing(thrown) && remakes++ < REMAKES) {
          this.migrated = false;
          this.months.clear();
          continue;
        }
        if (!this.mayPass(thrown)) throw thrown;
        this.lost(thrown);
        await this.pause(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, 10)));
      }
    }
  }

  private async prepare(): Promise<void> {
    if (this.migrated) return;
    await migrate(this.o.pool, this.o.log);
    this.migrated = true;
  }

  private async commit(rows: readonly Row[]): Promise<void> {
    await this.makePartitions(rows);
    const gathered = gather(rows);
    await this.transaction(async (client) => {
      for (const part of gathered) await client.query(statementOf(part));
    });
  }

  /** In a transaction of its own: it locks the table, and the rows should not wait under that lock. */
  private async makePartitions(rows: readonly Row[]): Promise<void> {
    // Levels told before the market has a time carry 0; nothing was executed then.
    const dated = rows.filter(({ table, timeMs }) => timeMs > 0 || table === 'trades');
    const months = monthsFor(dated.map(({ timeMs }) => timeMs)).filter((month) => !this.months.has(month));
    if (months.length === 0) return;
    await this.transaction(async (client) => {
      await client.query(`SELECT pg_advisory_xact_lock(${PARTITION_LOCK})`);
      for (const month of months) await client.query(createPartition(month));
    });
    for (const month of months) this.months.add(month);
  }

  private async transaction(work: (client: PoolClient) => Promise<void>): Promise<void> {
    const client = await this.o.pool.connect();
    let failed: Error | undefined;
    // While it is checked out, a connection that breaks tells so here; the statement under way fails as well.
    const broken = (error: Error): void => {
      failed = error;
    };
    client.on('error', broken);
    try {
      await client.query('BEGIN');
      await work(client);
      await client.query('COMMIT');
    } catch (thrown) {
      failed = thrown as Error;
      throw thrown;
    } finally {
      client.off('error', broken);
      // Thrown away after any failure: the server rolls back, and no half-done transaction is used again.
      client.release(failed);
    }
  }

  private pause(delayMs: number): Promise<void> {
    const { clock, signal } = this.o;
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const cancel = clock.setTimer(delayMs, end);
      signal.addEventListener('abort', end);
    });
  }

  /** A refusal of the user or database is a wrong configuration at first, and passes once it has worked. */
  private mayPass(thrown: unknown): boolean {
    return isPassing(thrown) || (this.migrated && /^(28|3D)/.test(String((thrown as { code?: unknown })?.code)));
  }

  private refusal(thrown: unknown, rows: readonly Row[] = []): unknown {
    if (this.o.signal.aborted || thrown instanceof TroupeError) return thrown;
    const about = rows.length === 0 ? 'PostgreSQL' : [...new Set(rows.map((row) => row.about))].join(', ');
    const column = (thrown as { column?: string }).column;
    const field = column === undefined ? '' : `${column}: `;
    return new TroupeError('LEDGER_UNAVAILABLE', `${about}: ${field}${causeOf(thrown)}`, { cause: thrown });
  }

  private lost(thrown: unknown): void {
    const reason = causeOf(thrown);
    if (this.down === undefined) {
      this.o.log.warn({ code: 'LEDGER_UNAVAILABLE', cause: reason }, 'ledger is away; its position waits');
    }
    this.down = reason;
  }

  private recovered(): void {
    if (this.down !== undefined) this.o.log.info('ledger is back');
    this.down = undefined;
  }
}

const statements = new Map<string, string>();

/** Named, so that the server keeps its plan. */
function statementOf(part: Gathered): { name: string; text: string; values: string[][] } {
  let text = statements.get(part.table);
  if (text === undefined) {
    text = upsert(part.table);
    statements.set(part.table, text);
  }
  return { name: `troupe_${part.table}`, text, values: columnsOf(part) };
}
