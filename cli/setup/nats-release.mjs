// nats-server out of its makers' own release archive, checked against the SHA-256 that they publish beside it.
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from './child.mjs';
import { NATS_PINNED } from './find.mjs';
import { StepError } from './step-error.mjs';

const BASE = 'https://github.com/nats-io/nats-server/releases/download';
const TIMEOUT_MS = 120_000;

/**
 * @param {string} platform as `process.platform`
 * @param {string} arch as `process.arch`
 * @param {string} version
 * @returns {string | null} name of the archive without its ending; null where none is published
 */
export function archiveName(platform, arch, version) {
  /** @type {Record<string, string>} */
  const architectures = { x64: 'amd64', arm64: 'arm64', arm: 'arm7', ia32: '386', s390x: 's390x', ppc64: 'ppc64le' };
  const known = platform === 'linux' || platform === 'darwin' ? architectures[arch] : undefined;
  return known ? `nats-server-v${version}-${platform}-${known}` : null;
}

/**
 * @param {string} sums a SHA256SUMS file
 * @param {string} name
 * @returns {string | null} the hash in lower-case hex
 */
export function publishedSum(sums, name) {
  for (const line of sums.split('\n')) {
    const match = /^([0-9a-fA-F]{64})\s+\*?(.+?)\s*$/.exec(line);
    if (match?.[2] === name) return (match[1] ?? '').toLowerCase();
  }
  return null;
}

/**
 * @param {import('./steps.mjs').Context} context
 * @param {import('./ways.mjs').About} about
 * @param {string} [base] where the releases lie
 */
export async function fromRelease(context, about, base = BASE) {
  const name = archiveName(process.platform, process.arch, NATS_PINNED.version);
  if (name === null) throw new StepError(about.step, `none is published for ${process.platform} ${process.arch}.`);
  const folder = `${base}/v${NATS_PINNED.version}`;
  const wanted = publishedSum((await fetched(about, `${folder}/SHA256SUMS`)).toString('utf8'), `${name}.tar.gz`);
  if (wanted === null) throw new StepError(about.step, `SHA256SUMS does not name ${name}.tar.gz.`);
  const archive = await fetched(about, `${folder}/${name}.tar.gz`);
  const sum = createHash('sha256').update(archive).digest('hex');
  if (sum !== wanted) throw new StepError(about.step, `SHA-256 of ${name}.tar.gz is ${sum}, published is ${wanted}.`);

  const scratch = path.join(context.root, '.tools/nats-release');
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  const file = path.join(scratch, `${name}.tar.gz`);
  writeFileSync(file, archive);
  await run(about, 'tar', ['-xzf', file, '-C', scratch]);
  const target = path.join(context.root, '.tools/bin/nats-server');
  copyFileSync(path.join(scratch, name, 'nats-server'), target);
  chmodSync(target, 0o755);
  rmSync(scratch, { recursive: true, force: true });
}

/**
 * @param {import('./ways.mjs').About} about
 * @param {string} url
 * @returns {Promise<Buffer>}
 */
async function fetched(about, url) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new StepError(about.step, `${url}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
