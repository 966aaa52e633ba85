/** One run at a time in one folder: what the next one begins with is the end of the one before. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { TroupeError } from '../runtime/errors.ts';
import { tryLock } from './setup/lock.mjs';

/**
 * Claims `folder`, which is made where it is missing, for this process until the release or its death, however that
 * comes. Throws ALREADY_RUNNING where another run has it.
 */
export async function claimState(folder: string, command: string): Promise<() => void> {
  mkdirSync(folder, { recursive: true });
  const release = await tryLock(path.join(folder, 'run.sock'));
  if (release !== null) return release;
  throw new TroupeError(
    'ALREADY_RUNNING',
    `another \`${command}\` is running with its state in ${folder}: stop that one first, or name another folder in TROUPE_STATE`,
  );
}
