/**
 * Ends a server that an earlier run left behind because that run was killed (SIGKILL, power). A process is believed to
 * be ours only when its command line names our own folder: a number in a file may have gone to another program since.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { systemClock } from '../../runtime/clock.ts';

const POLL_MS = 20;

/** Arguments of a running process joined by spaces; undefined where there is none. */
export function commandLine(pid: number): string | undefined {
  if (existsSync('/proc/self/cmdline')) {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim() || undefined;
    } catch {
      return undefined;
    }
  }
  try {
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

export interface Orphan {
  /** File whose first line is the process number. */
  readonly pidFile: string;
  /** Text that its command line must contain: the path of our own folder. */
  readonly owns: string;
  /** Asks it to stop. */
  readonly signal: NodeJS.Signals;
  /** Forced with SIGKILL after this long. */
  readonly deadlineMs: number;
}

/** Resolves to the number of the process that was ended, undefined where there was none. */
export async function stopOrphan(orphan: Orphan): Promise<number | undefined> {
  if (!existsSync(orphan.pidFile)) return undefined;
  const pid = Number(readFileSync(orphan.pidFile, 'utf8').split('\n')[0]);
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  const isOurs = (): boolean => commandLine(pid)?.includes(orphan.owns) === true;
  if (!isOurs()) return undefined;
  const deadlineMs = systemClock.monotonicMs() + orphan.deadlineMs;
  process.kill(pid, orphan.signal);
  process.kill(pid, 'SIGCONT');
  let killed = false;
  while (isOurs()) {
    if (!killed && systemClock.monotonicMs() > deadlineMs) {
      process.kill(pid, 'SIGKILL');
      killed = true;
    }
    await systemClock.sleep(POLL_MS);
  }
  return pid;
}
