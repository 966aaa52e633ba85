// One set-up at a time in one folder: two at once would build into the same folders.

import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Longest path that the system takes for a Unix socket, less some room. */
const LONGEST = 100;

/**
 * Waits until no other process holds it. The lock is a listening Unix socket: the system closes it when its holder
 * dies, however it dies, so a lock is never left behind.
 *
 * @param {string} file where the socket lies
 * @param {() => void} onWait called once when another process holds it
 * @returns {Promise<() => void>} release
 */
export async function takeLock(file, onWait) {
  const address = addressOf(file);
  let waited = false;
  for (;;) {
    const release = await listen(address);
    if (release) return release;
    const held = await untilClosed(address, () => {
      if (!waited) onWait();
      waited = true;
    });
    // Nobody answers: its holder died. Two waiters may both see that; then both go on, as without a lock.
    if (!held) rmSync(address, { force: true });
  }
}

/**
 * As `takeLock`, without waiting.
 * @param {string} file
 * @returns {Promise<(() => void) | null>} release; null where a living process holds it
 */
export async function tryLock(file) {
  const address = addressOf(file);
  for (;;) {
    const release = await listen(address);
    if (release) return release;
    const held = await new Promise((resolve) => {
      const socket = net.connect(address, () => resolve(socket.destroy() !== null));
      socket.once('error', () => resolve(false));
    });
    if (held) return null;
    rmSync(address, { force: true });
  }
}

/**
 * The system takes only short paths for sockets: relative where that helps, else one under the temporary folder.
 * @param {string} file
 */
function addressOf(file) {
  const relative = path.relative(process.cwd(), file);
  const short = relative.length < file.length ? relative : file;
  if (short.length <= LONGEST) return short;
  return path.join(tmpdir(), `troupe-${createHash('sha256').update(file).digest('hex').slice(0, 16)}.sock`);
}

/**
 * @param {string} address
 * @returns {Promise<(() => void) | null>} gives it up again; null where the address is taken
 */
function listen(address) {
  return new Promise((resolve, reject) => {
    /** @type {Set<net.Socket>} */
    const waiting = new Set();
    const server = net.createServer((socket) => {
      waiting.add(socket.unref());
      socket.on('error', () => {}).on('close', () => waiting.delete(socket));
    });
    server.once('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      if (error.code === 'EADDRINUSE') resolve(null);
      else reject(error);
    });
    server.listen(address, () => {
      server.unref();
      resolve(() => {
        server.close();
        for (const socket of waiting) socket.destroy();
      });
    });
  });
}

/**
 * @param {string} address
 * @param {() => void} onHeld
 * @returns {Promise<boolean>} false where nobody listens; true once the holder has gone
 */
function untilClosed(address, onHeld) {
  return new Promise((resolve) => {
    let connected = false;
    const socket = net.connect(address);
    socket.once('connect', () => {
      connected = true;
      onHeld();
      socket.resume();
    });
    socket.once('error', () => resolve(connected));
    socket.once('close', () => resolve(connected));
  });
}
