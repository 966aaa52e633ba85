/** Seeds over several processes: one process is one event loop, and a simulation wants one for itself. */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../runtime/clock.ts';
import type { SeedResult } from './run.ts';

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));
/** A seed takes a fraction of a second; one that takes so long turns in a circle. */
const STUCK_MS = 120_000;

export interface SpreadOptions {
  readonly from: number;
  readonly seeds: number;
  readonly jobs: number;
  readonly broken: string | undefined;
  /** Ends the run early: enough has been seen. */
  readonly enough?: (result: SeedResult) => boolean;
  readonly onProgress?: (done: number, failed: number) => void;
}

export interface Report {
  readonly done: number;
  readonly violations: readonly { readonly seed: number; readonly invariant: string; readonly detail: string }[];
  /** Over the digests of all seeds, in their order. */
  readonly digest: string;
  readonly intents: number;
  readonly simulatedMs: number;
  readonly tookMs: number;
}

export async function spread(options: SpreadOptions): Promise<Report> {
  const { from, seeds, broken, enough, onProgress } = options;
  const sinceMs = systemClock.monotonicMs();
  const results = new Map<number, SeedResult>();
  let next = from;
  let failed = 0;
  let stop = false;
  const take = (result: SeedResult): void => {
    results.set(Number(result.seed), result);
    if (result.violations.length > 0) failed++;
    if (enough?.(result)) stop = true;
    onProgress?.(results.size, failed);
  };
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      let child: ChildProcess | undefined;
      let cancel = (): void => undefined;
      const give = (): void => {
        cancel();
        if (stop || next >= from + seeds) {
          child?.disconnect();
          return;
        }
        const seed = next++;
        cancel = systemClock.setTimer(STUCK_MS, () => {
          take(stuck(seed));
          child?.kill('SIGKILL');
          child = undefined;
          start();
        });
        child?.send({ seed: String(seed), broken });
      };
      const start = (): void => {
        const own = fork(WORKER, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
        child = own;
        own.on('message', (result: SeedResult) => {
          take(result);
          give();
        });
        own.once('error', reject);
        own.once('exit', (code) => {
          if (child !== own) return;
          cancel();
          if (code === 0) resolve();
          else reject(new Error(`a worker ended with status ${code}`));
        });
        give();
      };
      start();
    });
  await Promise.all(Array.from({ length: Math.min(options.jobs, seeds) }, one));
  const ordered = [...results].sort(([a], [b]) => a - b);
  const hash = createHash('sha256');
  for (const [, { digest }] of ordered) hash.update(digest);
  return {
    done: ordered.length,
    violations: ordered.flatMap(([seed, { violations }]) => violations.map((found) => ({ seed, ...found }))),
    digest: hash.digest('hex'),
    intents: ordered.reduce((sum, [, { intents }]) => sum + intents, 0),
    simulatedMs: ordered.reduce((sum, [, { restMs }]) => sum + restMs, 0),
    tookMs: systemClock.monotonicMs() - sinceMs,
  };
}

function stuck(seed: number): SeedResult {
  const detail = `the simulation has not moved on for ${STUCK_MS / 1_000} s`;
  return {
    seed: String(seed),
    violations: [{ invariant: 'stuck', detail }],
    digest: '',
    events: 0,
    intents: 0,
    restMs: 0,
  };
}
