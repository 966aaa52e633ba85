/** Where the private cluster lies and as whom it runs: PostgreSQL refuses to run as root. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chownSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { TroupeError } from '../../runtime/errors.ts';

export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export interface ClusterPlace {
  /** Holds the data directory and what belongs to it. */
  readonly folder: string;
  /** Set where this process is root. */
  readonly user: SystemUser | undefined;
  /** Why it is not in the folder asked for; undefined where it is. */
  readonly moved: string | undefined;
}

/** Users without rights of their own, in the order in which they are tried. */
const UNPRIVILEGED = ['postgres', 'nobody'];

/**
 * Decides the place and makes its folder.
 * `wanted` is used where the server's user can enter and write it; else a state folder of the system, the same one
 * each time. Throws SERVER_FAILED where there is neither.
 */
export function clusterPlace(wanted: string, stateRoots = ['/var/lib/troupe', '/var/tmp/troupe']): ClusterPlace {
  mkdirSync(wanted, { recursive: true });
  if (process.getuid?.() !== 0) return { folder: wanted, user: undefined, moved: undefined };
  const user = unprivilegedUser(readFileSync('/etc/passwd', 'utf8'));
  if (user === undefined) {
    throw new TroupeError(
      'SERVER_FAILED',
      `PostgreSQL cannot run as root, and there is no user ${UNPRIVILEGED.join(' or ')}`,
    );
  }
  // The project's path names the cluster, so that two projects never share one.
  const id = createHash('sha256').update(path.resolve(wanted)).digest('hex').slice(0, 12);
  for (const folder of [path.join(wanted, 'cluster'), ...stateRoots.map((root) => path.join(root, id))]) {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o755 });
      chownSync(folder, user.uid, user.gid);
    } catch {
      continue;
    }
    if (!canUse(folder, user)) continue;
    const inside = folder.startsWith(wanted);
    return { folder, user, moved: inside ? undefined : `user ${user.name} cannot enter ${wanted}` };
  }
  throw new TroupeError(
    'SERVER_FAILED',
    `user ${user.name} can enter neither ${wanted} nor ${stateRoots.join(' nor ')}`,
  );
}

/** From the text of /etc/passwd. */
export function unprivilegedUser(passwd: string): SystemUser | undefined {
  for (const name of UNPRIVILEGED) {
    const fields = passwd
      .split('\n')
      .find((line) => line.startsWith(`${name}:`))
      ?.split(':');
    const [uid, gid] = [Number(fields?.[2]), Number(fields?.[3])];
    if (fields && Number.isInteger(uid) && Number.isInteger(gid)) return { name, uid, gid };
  }
  return undefined;
}

/** Asks the system itself, so that access lists and mount options count too. */
function canUse(folder: string, user: SystemUser): boolean {
  const { status } = spawnSync('/bin/sh', ['-c', 'cd -- "$1" && test -w . && test -x .', 'sh', folder], {
    cwd: '/',
    uid: user.uid,
    gid: user.gid,
    stdio: 'ignore',
  });
  return status === 0;
}
