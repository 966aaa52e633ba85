/** What both private servers need of their folder: that nobody else uses it, that it has room, and secrets kept in it. */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { TroupeError } from '../../runtime/errors.ts';
import { tryLock } from '../setup/lock.mjs';

const LEAST_FREE_BYTES = 128 * 2 ** 20;
const MIB = 2 ** 20;

/** Resolves to the release. Throws ALREADY_RUNNING where a living process of Troupe has the folder. */
export async function claimFolder(folder: string, server: string): Promise<() => void> {
  const release = await tryLock(path.join(folder, 'owner.sock'));
  if (release === null) {
    throw new TroupeError(
      'ALREADY_RUNNING',
      `${server} of ${folder} is in use by another run of Troupe; stop that first`,
    );
  }
  return release;
}

/** Throws DISK_FULL where less than `leastBytes` are free for this user. */
export function checkRoom(folder: string, server: string, leastBytes = LEAST_FREE_BYTES): void {
  const { bavail, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes < leastBytes) {
    throw new TroupeError(
      'DISK_FULL',
      `${server} needs ${Math.ceil(leastBytes / MIB)} MiB free for ${folder}, there are ${Math.floor(freeBytes / MIB)} MiB`,
    );
  }
}

/** Whether a server's line says that the disk is full. */
export function saysDiskFull(line: string): boolean {
  return /no space left on device|disk quota exceeded|insufficient storage/i.test(line);
}

/** Watches a running server's lines: on a disk that becomes full it lives on and stores nothing more. */
export function whenDiskFull(
  folder: string,
  server: string,
  tell: ((error: TroupeError) => void) | undefined,
): (line: string) => void {
  return (line) => {
    if (tell === undefined || !saysDiskFull(line)) return;
    const text = `the disk became full: ${server} finds no space left for ${folder}; free some and start again`;
    tell(new TroupeError('DISK_FULL', text));
  };
}

/** Writes so that a reader sees the old or the new text, and only this user can read it. */
export function writePrivate(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  const scratch = `${file}.new`;
  writeFileSync(scratch, text, { mode: 0o600 });
  chmodSync(scratch, 0o600); // An existing scratch file keeps its own mode.
  renameSync(scratch, file);
}

/** The secrets in `file`, made by `create` where there are none yet or not all of `names`. */
export function keptSecrets<N extends string>(
  file: string,
  names: readonly N[],
  create: () => string,
): Record<N, string> {
  const kept = existsSync(file) ? readSecrets(file) : {};
  const secrets = Object.fromEntries(names.map((name) => [name, kept[name] ?? create()])) as Record<N, string>;
  if (names.some((name) => kept[name] === undefined)) writePrivate(file, `${JSON.stringify(secrets, null, 2)}\n`);
  return secrets;
}

function readSecrets(file: string): Record<string, string | undefined> {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, string>) : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
