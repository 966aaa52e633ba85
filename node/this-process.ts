/** What a lease says of the process that holds it, and whether that process is still there. */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import process from 'node:process';
import type { LeaseValue } from '../runtime/lease.ts';

/** Where a node runs. */
export interface Place {
  readonly host: string;
  readonly pid: number;
  readonly boot: string;
  /** Only ever true of a process that is certainly gone. */
  isDead(lease: LeaseValue): boolean;
}

/** Machine, boot and process namespace: within these a process id means one process. Empty where Linux is not there. */
function bootOf(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return '';
  }
}

export function thisProcess(): Place {
  const place = { host: hostname(), pid: process.pid, boot: bootOf() };
  return {
    ...place,
    isDead: ({ host, boot, pid }) => {
      if (place.boot === '' || host !== place.host || boot !== place.boot) return false;
      // Its number is ours now: then it is not its own any more.
      if (pid === place.pid) return true;
      try {
        process.kill(pid, 0);
        return false;
      } catch (error) {
        return (error as NodeJS.ErrnoException).code === 'ESRCH';
      }
    },
  };
}
