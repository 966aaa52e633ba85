import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { report } from './check.mjs';
import { endChildrenOnSignals, endingSignal, exitStatus } from './child.mjs';
import { projectRoot } from './find.mjs';
import { launch } from './launch.mjs';
import { takeLock } from './lock.mjs';
import { createProgress } from './progress.mjs';
import { formatStepError, StepError } from './step-error.mjs';
import { prepareAll, prepareCode, stepEnvironment, verbs, withoutNpmFolders } from './steps.mjs';

const USAGE = `Usage: npm run setup [-- --check]

Makes everything ready that npm start and npm test need, and does only what is missing:
npm packages, generated schemas, compilers and libraries, PostgreSQL, nats-server, the C++ side, the nats command.

  --check   say what is there and what is missing, change nothing (status 1 where something is missing)
  --help    this text

TROUPE_NATS_URL and TROUPE_POSTGRES_URL name servers to use instead of private ones.
What a step printed is in .run/logs/setup-<step>.log.`;

/**
 * @param {readonly string[]} argv the command and its own arguments
 * @returns {Promise<number>} exit status
 */
export async function run(argv) {
  const [verb = '', ...args] = argv;
  if (!(verb in verbs)) {
    console.error(`Unknown command "${verb}": it is one of ${Object.keys(verbs).join(', ')}.`);
    return 2;
  }
  return command(/** @type {import('./steps.mjs').Verb} */ (verb), args);
}

/**
 * @param {import('./steps.mjs').Verb} verb
 * @param {string[]} args
 */
async function command(verb, args) {
  const { entry, ownServers, noServers = false, kits = ['native'] } = verbs[verb];
  // What stands after `--` belongs to somebody else.
  const end = args.indexOf('--');
  const help = args.slice(0, end === -1 ? args.length : end).some((arg) => arg === '--help' || arg === '-h');
  if (entry === null && help) {
    console.log(USAGE);
    return 0;
  }
  const searchPath = withoutNpmFolders(process.env.PATH ?? '');
  const progress = createProgress(process.stderr);
  /** @type {import('./steps.mjs').Context} */
  const context = {
    root: projectRoot,
    env: stepEnvironment(process.env, searchPath),
    searchPath,
    progress,
    logFile: (step) => path.join(projectRoot, '.run/logs', `setup-${step}.log`),
    wants: {
      natsServer: !noServers && (ownServers || !process.env.TROUPE_NATS_URL),
      postgresPrograms: !noServers && (ownServers || !process.env.TROUPE_POSTGRES_URL),
      kits,
    },
  };
  if (entry === null) {
    const unknown = args.find((arg) => arg !== '--check');
    if (unknown !== undefined) {
      console.error(`Unknown option "${unknown}".\n\n${USAGE}`);
      return 2;
    }
    if (args.includes('--check')) {
      const { lines, ready } = report(context);
      console.log(lines.join('\n'));
      return ready ? 0 : 1;
    }
  }
  const status = await prepare(context, verb, help);
  if (status !== 0 || entry === null) return status;
  // The program counts from the command on.
  const env = { ...process.env, TROUPE_COMMAND_MS: (Date.now() - process.uptime() * 1000).toFixed(0) };
  return launch({ root: projectRoot, env, searchPath }, entry, args);
}

/**
 * @param {import('./steps.mjs').Context} context
 * @param {import('./steps.mjs').Verb} verb
 * @param {boolean} onlyCode
 */
async function prepare(context, verb, onlyCode) {
  const since = process.uptime();
  const run = path.join(context.root, '.run');
  mkdirSync(path.join(run, 'logs'), { recursive: true });
  const stopListening = endChildrenOnSignals();
  const release = await takeLock(path.join(run, 'setup.sock'), () => {
    console.error('Another set-up is at work in this folder; waiting for it …');
  });
  try {
    await (onlyCode ? prepareCode(context) : prepareAll(context, verb));
    const seconds = (process.uptime() - since).toFixed(1);
    if (context.progress.started > 0) console.error(`  Set-up took ${seconds} s.`);
    else if (verbs[verb].entry === null) console.log(`Everything is ready (looked at in ${seconds} s).`);
    return 0;
  } catch (error) {
    const signal = endingSignal();
    if (signal !== null) {
      console.error(`Set-up was ended by ${signal}; the same command goes on where it stopped.`);
      return exitStatus(null, signal);
    }
    if (!(error instanceof StepError)) throw error;
    console.error(formatStepError(error));
    return 1;
  } finally {
    release();
    stopListening();
  }
}
