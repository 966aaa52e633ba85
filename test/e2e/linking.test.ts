/** A terminal that is never linked: `npm start` says which party is missing, why, and what to do, whatever the cause. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import type { FleetOptions } from '../../cli/start/fleet/options.ts';
import { systemClock as clock } from '../../runtime/clock.ts';
import { TroupeError } from '../../runtime/errors.ts';
import { writeCertificate } from '../support/certificate.ts';
import { projectFolder } from '../support/source.ts';
import { Company, writeConfig } from './rig.ts';
import { endAll, noneLeft, stateFolder, tickLines, writeTicks } from './support.ts';

const scratch = stateFolder('linking');
after(async () => {
  endAll();
  await noneLeft(scratch.path);
  scratch.remove();
});

const LIMIT = { timeout: 120_000 };
const made = tickLines({ seed: 'linking', fromMs: Date.UTC(2026, 4, 12), ticks: 20, everyMs: 900 });
const ticks = writeTicks(scratch.file('EURUSD.csv'), made);
const strategies = ['{ id: cross, use: ema-cross, symbol: EURUSD, params: { fast: 2, slow: 5, lots: 0.1 } }'];
const REAL = path.join(projectFolder, 'build', 'native');
const { cert, key } = writeCertificate(scratch.path, 'link');
/** A real terminal takes up to two seconds to be there. */
const LIMITS = { withinMs: 12_000, hopelessMs: 500 };

/** A folder like the project's in which this program is a script of the test, and all others are the real ones. */
function projectWith(program: 'terminal' | 'bridge', script: readonly string[]): string {
  const root = scratch.file('project');
  rmSync(root, { recursive: true, force: true });
  mkdirSync(path.join(root, 'build', 'native'), { recursive: true });
  symlinkSync(path.join(projectFolder, 'node'), path.join(root, 'node'));
  for (const name of ['bridge', 'terminal']) {
    const file = path.join(root, 'build', 'native', name);
    if (name !== program) symlinkSync(path.join(REAL, name), file);
    else {
      writeFileSync(file, ['#!/bin/sh', ...script, ''].join('\n'));
      chmodSync(file, 0o755);
    }
  }
  return root;
}

/** The words with which the start is given up, and how long that took. */
async function givenUp(
  more: readonly string[],
  options: Partial<FleetOptions>,
): Promise<{ error: TroupeError; tookMs: number }> {
  const configFile = writeConfig(scratch.file('config.yaml'), strategies, more);
  const args = ['--ticks', ticks, '--symbol', 'EURUSD', '--speed', 'max'];
  const fleet = { ledger: false, link: LIMITS, ...options };
  const company = await Company.make({ state: scratch.file('state'), configFile, args, fleet });
  const sinceMs = clock.monotonicMs();
  try {
    await company.fleet.start();
  } catch (error) {
    assert.ok(error instanceof TroupeError, String(error));
    return { error, tookMs: clock.monotonicMs() - sinceMs };
  } finally {
    await company.stop();
  }
  throw new Error('it is linked');
}

const run = `exec ${REAL}/terminal "$@"`;

describe('a terminal that knows another key', () => {
  for (const program of ['native', 'expert', 'expert-sockets']) {
    test(program, LIMIT, async () => {
      const root = projectWith('terminal', [`export TROUPE_BRIDGE_KEY=${'5a'.repeat(32)}`, run]);
      const { error } = await givenUp([`terminal: { program: ${program} }`], { root });
      assert.equal(error.code, 'LINK_REFUSED', error.message);
      assert.match(error.message, /the terminal says E_LINK_KEY: .*same TROUPE_BRIDGE_KEY/);
    });
  }
});

describe('what else one of them refuses', () => {
  const cases: { name: string; script: readonly string[]; more?: string; says: RegExp }[] = [
    {
      name: 'an account that the bridge does not have',
      script: [`sed -i 's/"login": *"[0-9]*"/"login": "999"/' "$2"`, run],
      says: /the terminal says E_LINK_WRONG_ACCOUNT: .*999/,
    },
    {
      name: 'another margin mode',
      script: [`sed -i 's/"marginMode": *"netting"/"marginMode": "hedging"/' "$2"`, run],
      says: /the terminal says E_LINK_MARGIN_MODE: .*hedging/,
    },
    {
      name: 'no TLS at a bridge that has a certificate',
      script: ['unset TROUPE_BRIDGE_TLS_FINGERPRINT', run],
      more: `bridge: { tls_cert: ${cert}, tls_key: ${key} }`,
      says: /the terminal says E_LINK_TLS_MISSING: .*give the terminal its fingerprint or CA/,
    },
    {
      name: 'a certificate that the terminal was not told of',
      script: [`export TROUPE_BRIDGE_TLS_FINGERPRINT=${'5'.repeat(64)}`, run],
      more: `bridge: { tls_cert: ${cert}, tls_key: ${key} }`,
      says: /the terminal says E_LINK_TLS_CERTIFICATE: .*of a terminal says E_LINK_TLS_REJECTED: .*new fingerprint/,
    },
  ];
  for (const { name, script, more, says } of cases) {
    test(name, LIMIT, async () => {
      const root = projectWith('terminal', script);
      const { error } = await givenUp(more === undefined ? [] : [more], { root });
      assert.equal(error.code, 'LINK_REFUSED', error.message);
      assert.match(error.message, says);
    });
  }
});

describe('nobody refuses anything, and yet they do not meet', () => {
  test('a terminal that does not come', LIMIT, async () => {
    const root = projectWith('terminal', ['exec sleep 600']);
    const { error, tookMs } = await givenUp([], { root, link: { withinMs: 3_000, hopelessMs: 500 } });
    assert.equal(error.code, 'LINK_NO_TERMINAL', error.message);
    assert.match(error.message, /^no terminal has come to the bridge at 127\.0\.0\.1:\d+ after 3 s; .* said nothing/);
    assert.ok(tookMs >= 3_000, 'it may still come');
  });

  test('a terminal that looks for the bridge where it is not', LIMIT, async () => {
    const route = async (_: string, to: string, port: number): Promise<number> => (to === 'bridge' ? 1 : port);
    for (const program of ['native', 'expert', 'expert-sockets']) {
      const options = { route, link: { withinMs: 3_000, hopelessMs: 500 } };
      const { error } = await givenUp([`terminal: { program: ${program} }`], options);
      assert.equal(error.code, 'LINK_NO_TERMINAL', error.message);
      assert.match(error.message, /the terminal says E_(LINK_LOST|DLL_CONNECT): nobody answers/);
    }
  });

  test('a bridge that takes no terminal', LIMIT, async () => {
    const waits = '{"level":"warn","time":1,"code":"E_NATS_NO_STREAM","message":"waiting: stream TRADING"}';
    const script = [`echo '{"event":"listening","port":1}'`, `echo '${waits}' >&2`, 'exec sleep 600'];
    const root = projectWith('bridge', script);
    const { error } = await givenUp([], { root, link: { withinMs: 3_000, hopelessMs: 500 } });
    assert.equal(error.code, 'LINK_NO_BRIDGE', error.message);
    assert.match(error.message, /the bridge takes no terminal after 3 s; the bridge says E_NATS_NO_STREAM: .*TRADING/);
  });
});
