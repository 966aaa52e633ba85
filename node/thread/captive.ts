/** User code in a thread: what it writes becomes lines of the log, and what it runs cannot block the thread for ever. */
import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import type { Logger } from '../../runtime/telemetry/log.ts';

/** Longer lines are cut. */
const LONGEST_LINE = 2_000;
/** Lines of one burst; what is written beyond them until the next turn of the clock is counted, not logged. */
const MOST_LINES = 100;

export class Captive {
  private lines = 0;
  private dropped = 0;
  private readonly log: Logger;

  constructor(log: Logger) {
    this.log = log;
  }

  /** `console.log` of a strategy would otherwise reach the node's standard output, where its status lines stand. */
  captureOutput(): void {
    for (const stream of [process.stdout, process.stderr]) {
      stream.write = (chunk: unknown, ...rest: unknown[]): boolean => {
        this.write(typeof chunk === 'string' ? chunk : Buffer.from(chunk as Uint8Array).toString('utf8'));
        const done = rest.find((argument) => typeof argument === 'function') as (() => void) | undefined;
        done?.();
        return true;
      };
    }
  }

  /**
   * A thread that waits in a system call for a command cannot be ended by anybody, and the process cannot end
   * meanwhile either: no command may run for longer than the watchdog's patience.
   */
  limitCommands(longestMs: number): void {
    const { execFileSync, execSync, spawnSync } = childProcess;
    const limited = (options: unknown): object => {
      const given = typeof options === 'object' && options !== null ? (options as { timeout?: number }) : {};
      const timeout = given.timeout !== undefined && given.timeout > 0 ? Math.min(given.timeout, longestMs) : longestMs;
      return { ...given, timeout, killSignal: 'SIGKILL' };
    };
    childProcess.execSync = ((command: string, options?: object) =>
      execSync(command, limited(options))) as typeof execSync;
    const withArguments = (run: (file: string, args: readonly string[], options: object) => unknown) => {
      return (file: string, args?: readonly string[] | object, options?: object) =>
        Array.isArray(args) ? run(file, args, limited(options)) : run(file, [], limited(args ?? options));
    };
    childProcess.execFileSync = withArguments(execFileSync) as typeof execFileSync;
    childProcess.spawnSync = withArguments(spawnSync as never) as typeof spawnSync;
    syncBuiltinESMExports();
  }

  /** A second has passed: there is room for lines again. */
  breathe(): void {
    if (this.dropped > 0) this.log.warn({ lines: this.dropped }, 'the strategy wrote more lines than are kept');
    this.lines = 0;
    this.dropped = 0;
  }

  private write(text: string): void {
    for (const line of text.split('\n', MOST_LINES + 1)) {
      if (line === '') continue;
      if (++this.lines > MOST_LINES) this.dropped++;
      else this.log.info({ output: line.slice(0, LONGEST_LINE) }, 'the strategy wrote');
    }
  }
}
