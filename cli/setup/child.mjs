import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { StepError } from './step-error.mjs';

const TAIL_LINES = 20;

/** @type {Set<{ child: import('node:child_process').ChildProcess, grouped: boolean }>} */
const running = new Set();

/**
 * The status that a shell gives for the end of a process.
 * @param {number | null} code
 * @param {NodeJS.Signals | null} signal
 */
export function exitStatus(code, signal) {
  return code ?? 128 + (signal ? constants.signals[signal] : 0);
}

/** Logs of this run; each is begun anew by its first command. */
const begun = new Set();

/** @type {NodeJS.Signals | null} */
let endedBy = null;

/** The signal that is ending set-up, if one came. */
export function endingSignal() {
  return endedBy;
}

/**
 * Lets SIGINT, SIGTERM and SIGHUP end set-up: what runs is ended first, so that no compiler or package manager is left
 * behind; then the step unwinds as it does after any failure (taking back what it put up for the duration).
 * @returns {() => void} takes the handlers away again
 */
export function endChildrenOnSignals() {
  /** @param {NodeJS.Signals} signal */
  const handler = (signal) => {
    if (endedBy === null && running.size > 0) {
      endedBy = signal;
      for (const { child, grouped } of running) {
        // A package manager shares our group and has had Ctrl-C from the terminal; SIGTERM it gets only from us.
        if (grouped && child.pid) process.kill(-child.pid, 'SIGTERM');
        else if (signal !== 'SIGINT') child.kill(signal);
      }
    } else if (endedBy === null) process.exit(exitStatus(null, signal));
  };
  /** @type {NodeJS.Signals[]} */
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, handler);
  return () => {
    for (const signal of signals) process.removeListener(signal, handler);
  };
}

/**
 * Runs one command of a step. All output goes to the log; the last lines are kept for the error.
 *
 * @param {{ step: string, log: string, progress?: import('./progress.mjs').Step }} about
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, sharesGroup?: boolean, input?: string, cleansUp?: boolean }} [options]
 *   sharesGroup: stays in our process group, because sudo looks up its ticket by the terminal;
 *   cleansUp: is run even while a signal is ending set-up
 * @returns {Promise<string[]>} lines of stdout
 * @throws {StepError} when it cannot be started or ends with another status than 0
 */
export function run(about, command, args, options = {}) {
  if (endedBy !== null && options.cleansUp !== true) {
    return Promise.reject(new StepError(about.step, `ended by ${endedBy}.`));
  }
  mkdirSync(path.dirname(about.log), { recursive: true });
  const log = createWriteStream(about.log, { flags: begun.has(about.log) ? 'a' : 'w' });
  begun.add(about.log);
  log.write(`$ ${[command, ...args].join(' ')}\n`);
  const grouped = options.sharesGroup !== true;
  const child = spawn(command, args, {
    ...(options.cwd ? { cwd: options.cwd } : {}),
    env: options.env ?? process.env,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    detached: grouped,
  });
  const entry = { child, grouped };
  running.add(entry);
  if (options.input !== undefined) child.stdin?.end(options.input);

  /** @type {string[]} */
  const stdout = [];
  /** @type {string[]} */
  const tail = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
      log.write(`${line}\n`);
      if (stream === child.stdout) stdout.push(line);
      tail.push(line);
      if (tail.length > TAIL_LINES) tail.shift();
      about.progress?.output(line);
    });
  }
  const name = [path.basename(command), ...args.slice(0, 2)].join(' ');
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      running.delete(entry);
      log.end();
      reject(new StepError(about.step, `\`${name}\` could not be started: ${error.message}`));
    });
    child.once('close', (code, signal) => {
      running.delete(entry);
      log.end();
      if (code === 0) resolve(stdout);
      else {
        const how = signal ? `was ended by ${signal}` : `ended with status ${code}`;
        reject(new StepError(about.step, `\`${name}\` ${how}.`, { log: about.log, tail }));
      }
    });
  });
}
