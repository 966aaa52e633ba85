/** What a benchmark says: to a person, and as JSON. */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

export interface Result {
  readonly name: string;
  readonly value: number;
  readonly unit: 'ticks/s' | 'events/s' | 'ms' | '%';
  /** To the raw limit measured in the same run: for a rate the higher the better, for a time the lower. */
  readonly ratio: number;
  readonly rounds: number;
  /** Every unit of work was checked done; there is no result without. */
  readonly verified: true;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Work was not done as it should have been, so there is no figure. */
export class NotVerified extends Error {
  override readonly name = 'NotVerified';
  readonly faults: readonly string[];

  constructor(round: number, faults: readonly string[]) {
    super(`round ${round} cannot be counted:\n  ${faults.join('\n  ')}`);
    this.faults = faults;
  }
}

/** Cores that this process may use. */
export const cores = (): number => availableParallelism();

export function writeResult(file: string, result: Result, atMs: number): void {
  const { details, ...head } = result;
  const about = { cores: cores(), node: process.version, at: new Date(atMs).toISOString() };
  writeFileSync(file, `${JSON.stringify({ ...head, ...about, details }, null, 2)}\n`);
}

/** For a machine that reads the file: there was no figure, and why. */
export function writeNoResult(file: string, name: string, unit: Result['unit'], error: unknown): void {
  const faults = error instanceof NotVerified ? error.faults : [error instanceof Error ? error.message : String(error)];
  const none = { name, value: null, unit, ratio: null, rounds: 0, verified: false, cores: cores(), faults };
  writeFileSync(file, `${JSON.stringify(none, null, 2)}\n`);
}

export const perSecond = (n: number): string => `${Math.round(n).toLocaleString('en-US')} ticks/s`;
export const ms = (n: number): string => `${n < 10 ? n.toFixed(2) : n.toFixed(1)} ms`;
