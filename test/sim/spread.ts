/** Seeds over several processes: one process is one event loop, and a simulation wants one for itself. */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../runtime/clock.ts';
import { systemClock } from '../../runtime/clock.ts';
import type { SeedResult } from './run.ts';

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));
/** A seed takes a fraction of a second; one that takes so many looks turns in a circle. */
const STUCK_LOOKS = 120;
const LOOK_MS = 1_000;

/** A world is forgotten as a whole: what survives a small young generation would only be copied. */
const FLAGS = ['--min-semi-space-size=32', '--max-semi-space-size=32'];

export interface SpreadOptions {
  readonly from: number;
  readonly seeds: number;
  readonly broken: string | undefined;
  /** Ends the run early: enough has been seen. */
  readonly enough?: (result: SeedResult) => boolean;
  readonly onProgress?: (done: number, failed: number) => void;
  /** Told at once: a long run need not come to its end before somebody looks at what it has found. */
  readonly onFailed?: (result: SeedResult) => void;
}

export interface Report {
  readonly done: number;
  readonly violations: readonly { readonly seed: number; readonly invariant: string; readonly detail: string }[];
  /** Over the digests of all seeds, in their order. */
  readonly digest: string;
  readonly intents: number;
  readonly simulatedMs: number;
  readonly tookMs: number;
  /** Number of seeds in which each of these was tried and came to its end. */
  readonly endings: Readonly<Record<string, number>>;
}

/** What one process is asked to run. */
export interface Task {
  readonly seed: string;
  readonly broken: string | undefined;
}

/**
 * Calls `fire` after so many looks, unless it is cancelled. Time in which this process was stopped, and its workers with
 * it, is one look: nothing was stuck then.
 */
export function afterLooks(looks: number, everyMs: number, clock: Clock, fire: () => void): () => void {
  let left = looks;
  let cancel = (): void => undefined;
  const look = (): void => {
    if (--left === 0) fire();
    else cancel = clock.setTimer(everyMs, look);
  };
  cancel = clock.setTimer(everyMs, look);
  return () => cancel();
}

/** One process that runs seed after seed. It stays as long as it is of use: its code gets quicker with every seed. */
class Worker {
  private child: ChildProcess | undefined;

  run(seed: number, broken: string | undefined): Promise<SeedResult> {
    this.child ??= fork(WORKER, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: FLAGS });
    const { child } = this;
    return new Promise((resolve, reject) => {
      const done = (): void => {
        cancel();
        child.removeAllListeners();
      };
      const cancel = afterLooks(STUCK_LOOKS, LOOK_MS, systemClock, () => {
        done();
        this.child = undefined;
        child.kill('SIGKILL');
        resolve(stuck(seed));
      });
      child.once('message', (result: SeedResult) => {
        done();
        resolve(result);
      });
      child.once('error', (error) => {
        done();
        reject(error);
      });
      child.once('exit', (code, signal) => {
        done();
        this.child = undefined;
        reject(new Error(`a worker ended with ${signal ?? `status ${code}`} at seed ${seed}`));
      });
      const task: Task = { seed: String(seed), broken };
      child.send(task);
    });
  }

  /** Resolves when the process has ended. */
  close(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.disconnect();
    });
  }
}

/** Processes side by side, for one run of seeds after the other. */
export class Workers {
  private readonly workers: readonly Worker[];

  constructor(jobs: number) {
    this.workers = Array.from({ length: jobs }, () => new Worker());
  }

  async spread({ from, seeds, broken, enough, onProgress, onFailed }: SpreadOptions): Promise<Report> {
    const sinceMs = systemClock.monotonicMs();
    const results = new Map<number, SeedResult>();
    let next = from;
    let failed = 0;
    let stop = false;
    const work = async (worker: Worker): Promise<void> => {
      while (!stop && next < from + seeds) {
        const seed = next++;
        const result = await worker.run(seed, broken);
        results.set(seed, result);
        if (result.violations.length > 0) {
          failed++;
          onFailed?.(result);
        }
        if (enough?.(result)) stop = true;
        onProgress?.(results.size, failed);
      }
    };
    await Promise.all(this.workers.map(work));
    return reportOf(results, systemClock.monotonicMs() - sinceMs);
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.close()));
  }
}

function reportOf(results: ReadonlyMap<number, SeedResult>, tookMs: number): Report {
  const ordered = [...results].sort(([a], [b]) => a - b);
  const endings = new Map<string, number>();
  for (const [, { done }] of ordered) for (const ending of done) endings.set(ending, (endings.get(ending) ?? 0) + 1);
  const hash = createHash('sha256');
  for (const [, { digest }] of ordered) hash.update(digest);
  return {
    done: ordered.length,
    violations: ordered.flatMap(([seed, { violations }]) => violations.map((found) => ({ seed, ...found }))),
    digest: hash.digest('hex'),
    intents: ordered.reduce((sum, [, { intents }]) => sum + intents, 0),
    simulatedMs: ordered.reduce((sum, [, { restMs }]) => sum + restMs, 0),
    tookMs,
    endings: Object.fromEntries([...endings].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

function stuck(seed: number): SeedResult {
  const detail = `the simulation has not moved on for ${(STUCK_LOOKS * LOOK_MS) / 1_000} s`;
  return {
    seed: String(seed),
    violations: [{ invariant: 'stuck', detail }],
    digest: '',
    events: 0,
    intents: 0,
    restMs: 0,
    done: [],
  };
}
