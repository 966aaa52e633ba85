/** What a thread is made of: a worker of Node.js. The simulation has another, on virtual time. */
import { Worker } from 'node:worker_threads';
import type { Logger } from '../../runtime/telemetry/log.ts';
import type { Birth, FromThread, ToThread } from './protocol.ts';
import type { Heap, Limits } from './watchdog.ts';

const MB = 2 ** 20;
/**
 * V8's own limit on a thread's heap lies this far above ours. When a single large allocation (an array or a map that
 * doubles) does not fit below V8's limit, V8 ends the whole process, not the thread; with this room our looks, every
 * 50 ms, come first. Without it `new Map()` that grows for ever kills the node.
 */
const ROOM_MB = 768;
const YOUNG_MB = 16;

export interface BodyHooks {
  onMessage(message: FromThread): void;
  /** An error that nobody caught; its end follows. */
  onError(error: unknown): void;
  /** Nothing of it runs any more. */
  onExit(code: number): void;
}

export interface Body {
  post(message: ToThread, transfer: readonly ArrayBuffer[]): void;
  /** Resolves when it has ended. */
  terminate(): Promise<unknown>;
  /** Rejects where it has ended. */
  heap(): Promise<Heap>;
}

/** Makes a thread that is alive at once. */
export type Bear = (birth: Birth, limits: Limits, log: Logger, hooks: BodyHooks) => Body;

export const bearWorker: Bear = (birth, limits, log, hooks) => {
  const { TZ, LANG } = process.env;
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: birth,
    // Nothing of the node's own environment: there are passwords in it.
    env: { ...(TZ === undefined ? {} : { TZ }), ...(LANG === undefined ? {} : { LANG }) },
    execArgv: [],
    argv: [],
    // What it writes by itself goes to the log; the node's own standard output is for its status lines.
    stdout: true,
    stderr: true,
    resourceLimits: {
      maxOldGenerationSizeMb: Math.ceil(limits.memoryBytes / MB) + ROOM_MB,
      maxYoungGenerationSizeMb: YOUNG_MB,
    },
  });
  for (const stream of [worker.stdout, worker.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => log.warn({ text: text.slice(0, 1_000) }, 'from a thread'));
  }
  worker.on('message', (message: FromThread) => hooks.onMessage(message));
  worker.on('error', (error) => hooks.onError(error));
  worker.on('exit', (code) => hooks.onExit(code));
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    terminate: () => worker.terminate(),
    heap: () => worker.getHeapStatistics(),
  };
};
