// Checks that a server which the user named is there, before anything is started that needs it.
import net from 'node:net';
import { NATS_LEAST } from './find.mjs';
import { StepError } from './step-error.mjs';
import { atLeast, formatVersion, parseVersion } from './version.mjs';

const TIMEOUT_MS = 5_000;

/**
 * @param {string} variable name of the environment variable, for the message
 * @param {string} value one URL, or several with commas between
 * @param {{ schemes: string[], port: number }} defaults
 * @returns {Array<{ host: string, port: number }>}
 * @throws {StepError} where it is no such URL; the text never repeats a password
 */
export function endpoints(variable, value, defaults) {
  return value.split(',').map((text) => {
    const withScheme = text.includes('://') ? text.trim() : `${defaults.schemes[0]}://${text.trim()}`;
    const url = URL.canParse(withScheme) ? new URL(withScheme) : null;
    const host = url?.hostname.replace(/^\[(.*)\]$/, '$1');
    if (!url || !host || !defaults.schemes.includes(url.protocol.slice(0, -1))) {
      const shape = `${defaults.schemes[0]}://[user:password@]host[:port]`;
      throw new StepError(variable, `${variable} is not of the form ${shape}.`, {
        todo: 'Correct it, or unset it to use a private server.',
      });
    }
    return { host, port: url.port === '' ? defaults.port : Number(url.port) };
  });
}

/**
 * Connects, and waits for the server's first line where `greets`.
 * @param {{ host: string, port: number }} endpoint
 * @param {boolean} greets
 * @returns {Promise<{ line: string } | { failure: string }>}
 */
function knock(endpoint, greets) {
  return new Promise((resolve) => {
    let text = '';
    const socket = net.connect({ ...endpoint, timeout: TIMEOUT_MS });
    /** @param {{ line: string } | { failure: string }} result */
    const settle = (result) => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => greets || settle({ line: '' }));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (text.includes('\r\n')) settle({ line: text.slice(0, text.indexOf('\r\n')) });
    });
    socket.once('timeout', () => settle({ failure: `no answer within ${TIMEOUT_MS} ms` }));
    socket.once('end', () => settle({ failure: 'it closed the connection at once' }));
    socket.once('error', (error) => settle({ failure: error.message || String(error) }));
  });
}

/**
 * @param {string} value of TROUPE_NATS_URL
 * @throws {StepError} where no server of the list answers as NATS with JetStream
 */
export async function checkNatsUrl(value) {
  const variable = 'TROUPE_NATS_URL';
  const failures = [];
  for (const endpoint of endpoints(variable, value, { schemes: ['nats', 'tls'], port: 4222 })) {
    const answer = await knock(endpoint, true);
    const problem = 'failure' in answer ? answer.failure : natsProblem(answer.line);
    if (problem === null) return;
    failures.push(`${endpoint.host}:${endpoint.port}: ${problem}`);
  }
  throw unreachable(variable, failures);
}

/**
 * @param {string} line what a server says first
 * @returns {string | null} why Troupe cannot use it
 */
export function natsProblem(line) {
  const json = /^INFO (\{.*\})\s*$/.exec(line)?.[1];
  if (!json) return 'it does not answer as a NATS server';
  const info = JSON.parse(json);
  if (!atLeast(parseVersion(String(info.version)), NATS_LEAST))
    return `it is nats-server ${info.version}; ${formatVersion(NATS_LEAST)} is needed`;
  if (info.jetstream !== true) return 'it runs without JetStream';
  return null;
}

/** @param {string} value of TROUPE_POSTGRES_URL */
export async function checkPostgresUrl(value) {
  const variable = 'TROUPE_POSTGRES_URL';
  const failures = [];
  for (const endpoint of endpoints(variable, value, { schemes: ['postgres', 'postgresql'], port: 5432 })) {
    const answer = await knock(endpoint, false);
    if (!('failure' in answer)) return;
    failures.push(`${endpoint.host}:${endpoint.port}: ${answer.failure}`);
  }
  throw unreachable(variable, failures);
}

/**
 * @param {string} variable
 * @param {string[]} failures
 */
function unreachable(variable, failures) {
  return new StepError(variable, `the server that ${variable} names cannot be used (${failures.join('; ')}).`, {
    todo: `Start it, correct the URL, or unset ${variable}: then a private server is set up under .run/.`,
  });
}
