/** What the recorder writes to. PostgreSQL is behind it in a company (`writer.ts`), memory in the simulation. */
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/telemetry/log.ts';
import type { Row } from './tables.ts';

export interface Health {
  readonly up: boolean;
  /** Why not; empty when up. */
  readonly reason: string;
}

export interface LedgerStore {
  /** Resolves when the rows are committed. Rejects when they never can be, or when the run's signal aborts. */
  write(rows: readonly Row[]): Promise<void>;
  /** Whether rows can be written now. */
  probe(): Promise<Health>;
  close(): Promise<void>;
}

/** One run of the recorder. */
export interface LedgerRun {
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborted when the actor stops: waiting ends, what is not committed is rejected. */
  readonly signal: AbortSignal;
  /** A batch is closed after so many milliseconds or rows, whichever comes first. */
  readonly batchMs: number;
  readonly batchRows: number;
}

/** Called at each start of the recorder. */
export type OpenLedger = (run: LedgerRun) => LedgerStore;
