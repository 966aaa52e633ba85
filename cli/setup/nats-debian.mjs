// nats-server out of a Debian package, unpacked into .tools/ and not installed: no root, and no system service started.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { debianMirrors, parseDeb822, parseOneLine, parseOsRelease } from './apt-sources.mjs';
import { run } from './child.mjs';
import { findCommand, NATS_LEAST, outputOf } from './find.mjs';
import { aptCandidate } from './packages.mjs';
import { StepError } from './step-error.mjs';
import { atLeast, formatVersion, parseVersion } from './version.mjs';

/** The release after Debian 12; its nats-server is 2.10 and is linked against a C library no newer than 12's. */
const NEWER_RELEASE = 'trixie';
const DEBIAN_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** @typedef {import('./ways.mjs').About} About */
/** @typedef {import('./steps.mjs').Context} Context */

/**
 * @param {Context} context
 * @param {About} about
 */
export async function fromDistribution(context, about) {
  const apt = aptTools(context, about);
  const policy = outputOf(apt.cache, ['policy', 'nats-server'], { ...context.env, LC_ALL: 'C' }) ?? '';
  const candidate = aptCandidate(policy);
  if (!atLeast(parseVersion(candidate ?? ''), NATS_LEAST)) {
    throw new StepError(about.step, `it is ${candidate ?? 'not offered'}; ${formatVersion(NATS_LEAST)} is needed.`);
  }
  const folder = emptyFolder(context, 'nats-package');
  await run(about, apt.get, ['download', '-o', 'APT::Sandbox::User=root', 'nats-server'], {
    cwd: folder,
    env: context.env,
  });
  await unpack(context, about, folder);
}

/**
 * @param {Context} context
 * @param {About} about
 */
export async function fromNewerDebian(context, about) {
  await unpack(context, about, await newerPackages(context, about, ['nats-server']));
}

/**
 * Fetches packages of the newer release; nothing is installed. apt itself fetches and checks the signatures and hashes,
 * with a configuration and state of its own under .tools/, so that the machine's package lists stay as they are and its
 * proxy settings hold.
 * @param {Context} context
 * @param {About} about
 * @param {readonly string[]} names
 * @returns {Promise<string>} folder that holds the .deb files and nothing else
 */
export async function newerPackages(context, about, names) {
  const apt = aptTools(context, about);
  const release = parseOsRelease(existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '');
  if (release.id !== 'debian')
    throw new StepError(about.step, `this is ${release.id || 'another system'}, not Debian.`);
  const mirrors = debianMirrors(readSources('/etc/apt'), release.codename);
  if (mirrors.length === 0) throw new StepError(about.step, `/etc/apt names no mirror of ${release.codename} main.`);
  /** @type {unknown} */
  let failure;
  for (const mirror of mirrors) {
    try {
      const folder = emptyFolder(context, 'packages');
      const state = emptyFolder(context, 'apt');
      for (const sub of ['lists/partial', 'cache/archives/partial'])
        mkdirSync(path.join(state, sub), { recursive: true });
      const keyrings = [...mirror.signedBy, DEBIAN_KEYRING].filter(
        (file, i, all) => existsSync(file) && all.indexOf(file) === i,
      );
      const signed = keyrings.length > 0 ? `[signed-by=${keyrings.join(',')}] ` : '';
      writeFileSync(path.join(state, 'sources.list'), `deb ${signed}${mirror.uri} ${NEWER_RELEASE} main\n`);
      const options = [
        `Dir::Etc::SourceList=${path.join(state, 'sources.list')}`,
        'Dir::Etc::SourceParts=-',
        `Dir::State::Lists=${path.join(state, 'lists')}`,
        `Dir::Cache=${path.join(state, 'cache')}`,
        'Acquire::Languages=none',
        'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false',
        'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false',
        'APT::Sandbox::User=root',
        'APT::Update::Error-Mode=any',
      ].flatMap((option) => ['-o', option]);
      await run(about, apt.get, ['update', ...options], { env: context.env });
      await run(about, apt.get, ['download', ...options, ...names], { cwd: folder, env: context.env });
      rmSync(state, { recursive: true, force: true });
      return folder;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/**
 * @param {Context} context
 * @param {About} about
 */
function aptTools(context, about) {
  const get = findCommand('apt-get', context.searchPath);
  const cache = findCommand('apt-cache', context.searchPath);
  if (get === null || cache === null || findCommand('dpkg-deb', context.searchPath) === null) {
    throw new StepError(about.step, 'this machine has no apt-get and dpkg-deb.');
  }
  return { get, cache };
}

/**
 * @param {string} etc folder of apt's configuration
 */
export function readSources(etc) {
  const sources = [];
  const list = path.join(etc, 'sources.list');
  if (existsSync(list)) sources.push(...parseOneLine(readFileSync(list, 'utf8')));
  const parts = path.join(etc, 'sources.list.d');
  for (const name of existsSync(parts) ? readdirSync(parts).sort() : []) {
    const file = path.join(parts, name);
    if (name.endsWith('.list')) sources.push(...parseOneLine(readFileSync(file, 'utf8')));
    if (name.endsWith('.sources')) sources.push(...parseDeb822(readFileSync(file, 'utf8')));
  }
  return sources;
}

/**
 * @param {Context} context
 * @param {string} name
 */
function emptyFolder(context, name) {
  const folder = path.join(context.root, '.tools', name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

/**
 * @param {Context} context
 * @param {About} about
 * @param {string} folder holds one .deb
 */
async function unpack(context, about, folder) {
  const file = readdirSync(folder).find((name) => name.endsWith('.deb'));
  if (!file) throw new StepError(about.step, 'apt-get brought no package.');
  const out = path.join(folder, 'root');
  await run(about, 'dpkg-deb', ['-x', path.join(folder, file), out]);
  const inside = ['usr/sbin/nats-server', 'usr/bin/nats-server'].map((name) => path.join(out, name)).find(existsSync);
  if (!inside) throw new StepError(about.step, `${file} holds no nats-server.`);
  const target = path.join(context.root, '.tools/bin/nats-server');
  copyFileSync(inside, target);
  chmodSync(target, 0o755);
  rmSync(folder, { recursive: true, force: true });
}
