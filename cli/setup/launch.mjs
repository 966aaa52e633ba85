// Runs the pinned Node on the command itself, and stands aside.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { exitStatus } from './child.mjs';
import { pinnedNode } from './npm.mjs';

/** Closer together than this, two equal signals are one: Ctrl-C reaches us from the terminal and again through npm. */
const SAME_SIGNAL_SECONDS = 0.3;

/**
 * The child has a process group of its own, so that Ctrl-C in the terminal reaches only us and we pass it on once; a
 * second, later one is passed on too. It is told of our death by the closing of its IPC channel.
 *
 * @param {{ root: string, env: NodeJS.ProcessEnv, searchPath: string }} where
 * @param {string} entry file to run, relative to the root
 * @param {readonly string[]} args
 * @returns {Promise<number>} exit status; 128 + n where a signal ended it
 */
export function launch({ root, env, searchPath }, entry, args) {
  const bin = path.join(root, 'node_modules/.bin');
  const child = spawn(pinnedNode(root), [path.join(root, entry), ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...env, PATH: `${bin}${path.delimiter}${searchPath}` },
    detached: true,
  });
  /** @type {Map<NodeJS.Signals, number>} */
  const passed = new Map();
  /** @param {NodeJS.Signals} signal */
  const pass = (signal) => {
    const now = process.uptime();
    if (signal !== 'SIGWINCH' && now - (passed.get(signal) ?? Number.NEGATIVE_INFINITY) < SAME_SIGNAL_SECONDS) return;
    passed.set(signal, now);
    child.kill(signal);
  };
  /** @type {NodeJS.Signals[]} */
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGWINCH'];
  for (const signal of signals) process.on(signal, pass);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      for (const name of signals) process.removeListener(name, pass);
      resolve(exitStatus(code, signal));
    });
  });
}
