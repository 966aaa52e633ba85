/** TLS on the link between bridge and terminal, as `npm start` has it from the configuration. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { ManagedProcess } from '../../cli/processes.ts';
import { connectNats } from '../../runtime/bus/nats.ts';
import { controlSubject } from '../../runtime/bus/topics.ts';
import { systemClock as clock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/telemetry/log.ts';
import { writeCertificate } from '../support/certificate.ts';
import { allIsWell } from './all-is-well.ts';
import { Company, writeConfig } from './rig.ts';
import { endAll, noneLeft, start, stateFolder, tickLines, until, writeTicks } from './support.ts';

const scratch = stateFolder('link-tls');
after(async () => {
  endAll();
  await noneLeft(scratch.path);
  scratch.remove();
});

const LIMIT = { timeout: 300_000 };
const made = tickLines({ seed: 'link tls', fromMs: Date.UTC(2026, 4, 12), ticks: 24_000, everyMs: 900 });
const ticks = writeTicks(scratch.file('EURUSD.csv'), made);
const strategies = [
  '{ id: quick, use: ema-cross, symbol: EURUSD, params: { timeframe: 1m, fast: 2, slow: 5, lots: 0.1 } }',
  '{ id: slow, use: ema-cross, symbol: EURUSD, params: { timeframe: 1m, fast: 3, slow: 8, lots: 0.1 } }',
];

/** What the bridge itself says of its link. */
async function overTls({ fleet, account }: Company): Promise<boolean> {
  const bus = await connectNats({ ...fleet.operatorLogin!, name: 'operator', clock, log: silentLogger });
  try {
    const answer = await bus.request(controlSubject('bridge', account, 'status'), new Uint8Array(), 5_000);
    return JSON.parse(new TextDecoder().decode(answer)).tls === 1;
  } finally {
    await bus.drain();
  }
}

describe('a company whose link is TLS', () => {
  for (const program of ['expert', 'expert-sockets', 'native']) {
    test(`${program}: every book agrees at the end`, LIMIT, async () => {
      writeCertificate(scratch.path, program);
      // Files are named as a user does, from beside the configuration.
      const configFile = writeConfig(scratch.file(`${program}.yaml`), strategies, [
        `bridge: { tls_cert: ${program}.crt, tls_key: ${program}.key }`,
        `terminal: { program: ${program}, commission_per_lot: 3.5 }`,
      ]);
      const args = ['--ticks', ticks, '--symbol', 'EURUSD', '--speed', '2400'];
      const company = await Company.make({ state: scratch.file(`state-${program}`), configFile, args });
      try {
        await company.play();
        assert.equal(await overTls(company), true);
        await allIsWell(company, made.length - 1);
      } finally {
        await company.stop();
      }
    });
  }
});

/** SHA-256 of the certificate that whoever comes now is shown. */
async function shown(port: number): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
  try {
    await once(socket, 'secureConnect');
    return socket.getPeerCertificate().fingerprint256;
  } finally {
    socket.destroy();
  }
}

const fingerprintOf = (file: string): string => new X509Certificate(readFileSync(file)).fingerprint256;

test(
  'a certificate that is renewed while the company trades: the link that stands goes on, the next has the new one',
  LIMIT,
  async () => {
    const { cert } = writeCertificate(scratch.path, 'renewed');
    const configFile = writeConfig(scratch.file('renewed.yaml'), strategies, [
      'bridge: { tls_cert: renewed.crt, tls_key: renewed.key }',
      'terminal: { commission_per_lot: 3.5 }',
    ]);
    let port = 0;
    const route = async (from: string, to: string, at: number): Promise<number> => {
      if (from === 'terminal' && to === 'bridge') port = at;
      return at;
    };
    const company = await Company.make({
      state: scratch.file('state-renewed'),
      configFile,
      args: ['--ticks', ticks, '--symbol', 'EURUSD', '--speed', '600'],
      fleet: { route },
    });
    const bridge = (): ManagedProcess => company.fleet.processOf('bridge')!;
    const terminal = (): ManagedProcess => company.fleet.processOf('terminal')!;
    const orders = async (more: number): Promise<void> => {
      const before = company.status!.orders.filled;
      await company.reaches('it trades', () => company.status!.orders.filled >= before + more);
    };
    try {
      await company.play();
      await orders(2);
      const old = fingerprintOf(cert);
      assert.equal(await shown(port), old);
      writeCertificate(scratch.path, 'renewed');
      const renewed = fingerprintOf(cert);
      assert.notEqual(renewed, old);
      assert.equal(await shown(port), old, 'nobody has asked the bridge to look');
      const [bridgePid, terminalPid] = [bridge().pid, terminal().pid];
      bridge().signal('SIGHUP');
      await until('it shows the renewed certificate', async () => (await shown(port)) === renewed);
      await orders(2);
      assert.deepEqual(company.mended, [], 'the link that stood goes on');

      // Silent for more than 5 s the link is lost. The terminal comes back, at first with the fingerprint of its start.
      terminal().signal('SIGSTOP');
      await company.reaches('the link is lost', () => company.status?.account.state.startsWith('trading') === false);
      terminal().signal('SIGCONT');
      await company.reaches('the terminal has begun anew', () => company.fleet.restartsOf('terminal').length > 0);
      await company.reaches('the broker trades', () => company.status?.account.state.startsWith('trading') === true);
      assert.notEqual(terminal().pid, terminalPid);
      assert.equal(bridge().pid, bridgePid, 'it has read the certificate, not been started again');
      assert.equal(await overTls(company), true);
      await orders(2);
      await allIsWell(company, made.length - 1);
    } finally {
      await company.stop();
    }
  },
);

describe('what npm start says of a link that cannot be', () => {
  const valid = writeCertificate(scratch.path, 'valid');
  const other = writeCertificate(scratch.path, 'other');
  const expired = writeCertificate(scratch.path, 'expired', [-2, -1]);
  const cases = [
    {
      name: 'a certificate that is not there',
      bridge: `tls_cert: nowhere.crt, tls_key: ${valid.key}`,
      says: /CONFIG_INVALID: bridge\.tls_cert: .*nowhere\.crt: no certificate in PEM format/,
    },
    {
      name: 'a key that is not there',
      bridge: `tls_cert: ${valid.cert}, tls_key: nowhere.key`,
      says: /CONFIG_INVALID: bridge\.tls_key: .*nowhere\.key: no key in PEM format/,
    },
    {
      name: "another certificate's key",
      bridge: `tls_cert: ${valid.cert}, tls_key: ${other.key}`,
      says: /bridge\.tls_key: .*other\.key: is not the key of the certificate in .*valid\.crt/,
    },
    {
      name: 'a certificate that has expired',
      bridge: `tls_cert: ${expired.cert}, tls_key: ${expired.key}`,
      says: /bridge\.tls_cert: .*expired\.crt: is valid from .* to .*; it must be valid now/,
    },
  ];
  for (const { name, bridge, says } of cases) {
    test(name, LIMIT, async () => {
      const configFile = writeConfig(scratch.file('bad.yaml'), strategies, [`bridge: { ${bridge} }`]);
      const args = ['--config', configFile, '--ticks', ticks, '--symbol', 'EURUSD', '--speed', 'max'];
      const ended = await start(scratch.file('state-bad'), args);
      const all = `${ended.stdout}${ended.stderr}`;
      assert.equal(ended.status, 1, all);
      assert.match(ended.stderr, says);
      assert.doesNotMatch(all, /^\s+at .*:\d+:\d+\)?$/m, 'a stack trace is not for the user');
    });
  }
});
