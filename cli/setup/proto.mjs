// The step that generates TypeScript from the schemas, when they or the generator have changed.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from './child.mjs';

const STEP = 'proto';
/** Lies among the generated files, because `buf generate` removes it: a stamp is never older than what it speaks of. */
const STAMP = 'proto/gen/.stamp';

/**
 * Files below a folder, sorted, relative to it.
 * @param {string} folder
 * @param {string} suffix
 */
function filesBelow(folder, suffix) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(suffix))
    .sort();
}

/**
 * Hash of all that the generated code depends on.
 * @param {string} root
 */
export function protoKey(root) {
  const hash = createHash('sha256');
  const proto = path.join(root, 'proto');
  for (const name of filesBelow(proto, '.proto'))
    hash
      .update(`${name}\0`)
      .update(readFileSync(path.join(proto, name)))
      .update('\0');
  for (const name of ['buf.gen.yaml', 'buf.yaml']) hash.update(readFileSync(path.join(root, name))).update('\0');
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
  for (const name of ['@bufbuild/buf', '@bufbuild/protoc-gen-es']) {
    hash.update(`${name}@${lock.packages?.[`node_modules/${name}`]?.version}\0`);
  }
  return hash.digest('hex');
}

/** @param {string} root */
export function protoReady(root) {
  const stamp = path.join(root, STAMP);
  if (!existsSync(stamp)) return false;
  const [key, count] = readFileSync(stamp, 'utf8').trim().split(' ');
  return key === protoKey(root) && Number(count) === filesBelow(path.join(root, 'proto/gen'), '.js').length;
}

/** @param {import('./steps.mjs').Context} context */
export async function ensureProto(context) {
  const { root } = context;
  if (protoReady(root)) return;
  const progress = context.progress.step(STEP);
  progress.start('buf generate');
  const bin = path.join(root, 'node_modules/.bin');
  const env = { ...context.env, PATH: `${bin}${path.delimiter}${context.searchPath}` };
  await run({ step: STEP, log: context.logFile(STEP), progress }, path.join(bin, 'buf'), ['generate'], {
    cwd: root,
    env,
  });
  const count = filesBelow(path.join(root, 'proto/gen'), '.js').length;
  writeFileSync(path.join(root, STAMP), `${protoKey(root)} ${count}\n`);
  progress.done('schemas generated');
}
