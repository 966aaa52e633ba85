// The step that makes sure of compilers, libraries and PostgreSQL, from the distribution.
import { run } from './child.mjs';
import { findCommand, findPostgresAll, hasLibFuzzer, outputOf, POSTGRES_LEAST_MAJOR } from './find.mjs';
import { aptCandidate, installCommands, needs, notInstalled, packagesFor, simulatedPackages } from './packages.mjs';
import { StepError } from './step-error.mjs';
import { parseVersion } from './version.mjs';

const STEP = 'system';

/**
 * Debian's own switch against the cluster that installing `postgresql` would create and start: a file that
 * createcluster.conf includes. It is there only while we install; existing clusters are never touched.
 */
const NO_CLUSTER_FILE = '/etc/postgresql-common/createcluster.d/troupe-setup.conf';

/** @typedef {import('./packages.mjs').Need} Need */

/**
 * What the machine lacks, looked up by commands and pkg-config, so that a machine that has them from elsewhere passes.
 * @param {import('./steps.mjs').Context} context
 * @returns {Need[]}
 */
export function missingNeeds(context) {
  const pkgConfig = findCommand('pkg-config', context.searchPath);
  const { kits } = context.wants;
  return needs.filter(({ probe, kits: of = ['native'] }) => {
    if (!of.some((kit) => kits.includes(kit))) return false;
    if ('fuzzer' in probe) return !hasLibFuzzer(context.searchPath);
    if ('command' in probe) return findCommand(probe.command, context.searchPath) === null;
    if ('anyCommand' in probe) return probe.anyCommand.every((name) => findCommand(name, context.searchPath) === null);
    if ('pkgConfig' in probe) return pkgConfig === null || outputOf(pkgConfig, ['--exists', probe.pkgConfig]) === null;
    return context.wants.postgresPrograms && findPostgresAll(context.searchPath).length === 0;
  });
}

/**
 * How this user may install packages: [] as root, through sudo where that asks nothing, null otherwise.
 * @param {import('./steps.mjs').Context} context
 */
function privilege(context) {
  if (process.getuid?.() === 0) return [];
  const sudo = findCommand('sudo', context.searchPath);
  return sudo && outputOf(sudo, ['-n', 'true']) !== null ? [sudo, '-n'] : null;
}

/**
 * @param {import('./steps.mjs').Context} context
 * @throws {StepError} with the exact commands for apt, dnf and brew where it may not install
 */
export async function ensureSystem(context) {
  const missing = missingNeeds(context);
  if (missing.length === 0) return;
  const names = missing.map((need) => need.name).join(', ');
  const apt = findCommand('apt-get', context.searchPath);
  const prefix = apt ? privilege(context) : null;
  if (apt === null || prefix === null) {
    const why = apt === null ? 'this machine has no apt-get' : 'installing needs root, or a sudo that asks no password';
    throw new StepError(STEP, `${names}: not found, and ${why}.`, {
      todo: ['Install them, then run the same command again:', ...installCommands(missing)],
    });
  }
  await installWithApt(context, prefix, apt, missing);
  const still = missingNeeds(context);
  if (still.length > 0) {
    throw new StepError(STEP, `${still.map((need) => need.name).join(', ')}: still not found after installing.`, {
      todo: ['Look at the log, or install them yourself:', ...installCommands(still)],
      log: context.logFile(STEP),
    });
  }
}

/**
 * @param {import('./steps.mjs').Context} context
 * @param {string[]} prefix
 * @param {string} apt
 * @param {Need[]} missing
 */
async function installWithApt(context, prefix, apt, missing) {
  const progress = context.progress.step(STEP);
  const about = { step: STEP, log: context.logFile(STEP), progress };
  const env = { ...context.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  const query = outputOf('dpkg-query', ['-W', `-f=\${Package} \${db:Status-Status}\n`]) ?? '';
  const wanted = notInstalled(packagesFor(missing, 'apt'), query);
  const install = ['install', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300', ...wanted];
  /** @param {string[]} args */
  const asRoot = (args) => {
    const line = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C', apt, ...args];
    return run(about, /** @type {string} */ (line[0]), line.slice(1), { env, sharesGroup: true });
  };
  const simulate = () => run(about, apt, [...install, '--simulate'], { env });
  const update = async () => {
    progress.start('apt-get update (the package lists are missing or old)');
    await asRoot(['update', '-o', 'DPkg::Lock::Timeout=300']);
    progress.done();
  };

  let updated = false;
  let plan = await simulate().catch(() => null);
  if (plan === null) {
    await update();
    updated = true;
    plan = await simulate();
  }
  if (wanted.includes('postgresql')) checkPostgresCandidate(missing);
  const others = simulatedPackages(plan).filter((name) => !wanted.includes(name));
  progress.note(`these Debian packages will be installed: ${wanted.join(' ')}`);
  if (others.length > 0) progress.note(`and ${others.length} that they depend on: ${others.join(' ')}`);
  progress.start(`apt-get install${prefix.length > 0 ? ' (through sudo)' : ''}`);
  await withoutNewCluster(about, prefix, wanted, async () => {
    try {
      await asRoot(install);
    } catch (error) {
      if (updated) throw error;
      // Lists may name versions that the mirror has replaced since.
      await update();
      await asRoot(install);
    }
  });
  progress.done('installed');
}

/** @param {Need[]} missing */
function checkPostgresCandidate(missing) {
  const candidate = aptCandidate(
    outputOf('apt-cache', ['policy', 'postgresql'], { ...process.env, LC_ALL: 'C' }) ?? '',
  );
  const version = parseVersion(candidate ?? '');
  if (version && version[0] >= POSTGRES_LEAST_MAJOR) return;
  throw new StepError(STEP, `this distribution offers PostgreSQL ${candidate ?? '(none)'}; Troupe needs 15 or newer.`, {
    todo: [
      'Add a repository with a newer one (PGDG), or set TROUPE_POSTGRES_URL to a server that you have.',
      ...installCommands(missing),
    ],
  });
}

/**
 * @param {{ step: string, log: string }} about
 * @param {string[]} prefix
 * @param {string[]} wanted
 * @param {() => Promise<void>} install
 */
async function withoutNewCluster(about, prefix, wanted, install) {
  if (!wanted.includes('postgresql')) return install();
  /** @param {string} script @param {{ input?: string, cleansUp?: boolean }} options */
  const shell = (script, options) => {
    const line = [...prefix, 'sh', '-c', script];
    return run(about, /** @type {string} */ (line[0]), line.slice(1), { sharesGroup: true, ...options });
  };
  await shell(`mkdir -p "$(dirname ${NO_CLUSTER_FILE})" && cat > ${NO_CLUSTER_FILE}`, {
    input: '# Written by the set-up of Troupe while it installs; safe to delete.\ncreate_main_cluster = false\n',
  });
  try {
    await install();
  } finally {
    await shell(`rm -f ${NO_CLUSTER_FILE}`, { cleansUp: true });
  }
}
