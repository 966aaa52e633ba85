import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stringify } from 'yaml';
import { checkLink, linkOptions, trustEnvironment } from '../../../cli/start/fleet/link.ts';
import { runConfig } from '../../../cli/start/run-config.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { parseConfig } from '../../../runtime/config/index.ts';
import { writeCertificate } from '../../support/certificate.ts';
import { scratchFolder } from '../../support/servers.ts';

const symbol = { digits: 5, contract_size: 100_000, currency_base: 'EUR', currency_profit: 'USD' };
const configOf = (bridge?: Record<string, unknown>, terminal?: Record<string, unknown>) =>
  parseConfig(
    stringify({
      market: { symbols: { EURUSD: symbol } },
      ...(bridge && { bridge }),
      ...(terminal && { terminal }),
    }),
    'f.yaml',
  );

describe('the link of the fleet', () => {
  test('without settings: one offset all year, metrics on a free port, no TLS', () => {
    const config = configOf();
    assert.deepEqual(linkOptions(config), ['--daylight', 'fixed', '--metrics-port', '0']);
    assert.deepEqual(trustEnvironment(config), {});
  });

  test('settings reach the bridge, files from beside the configuration', () => {
    const bridge = { daylight: 'us', metrics_port: 'off', tls_cert: 'link.crt', tls_key: '/keys/link.key' };
    const tape = { symbols: ['EURUSD'] } as unknown as Parameters<typeof runConfig>[2];
    const config = runConfig(configOf(bridge), '/home/me/troupe.yaml', tape, 0);
    assert.deepEqual(linkOptions(config), [
      ...['--daylight', 'us', '--metrics-port', 'off'],
      ...['--link-tls-cert', '/home/me/link.crt', '--link-tls-key', '/keys/link.key'],
    ]);
  });

  test('whom the terminal trusts: by fingerprint, and without a DLL by what the machine trusts', () => {
    const folder = scratchFolder('link-trust');
    try {
      const { cert, key } = writeCertificate(folder.path, 'link');
      const bridge = { tls_cert: cert, tls_key: key };
      const [print] = Object.values(trustEnvironment(configOf(bridge)));
      assert.match(print!, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
      assert.deepEqual(trustEnvironment(configOf(bridge, { program: 'expert-sockets' })), {
        TROUPE_BRIDGE_TLS_CA: 'system',
        SSL_CERT_FILE: cert,
      });
    } finally {
      folder.remove();
    }
  });

  test('a link that could never stand is refused before anything is started', () => {
    const folder = scratchFolder('link-check');
    try {
      const { cert, key } = writeCertificate(folder.path, 'link');
      const other = writeCertificate(folder.path, 'other');
      const future = writeCertificate(folder.path, 'future', [1, 2]);
      const elsewhere = writeCertificate(folder.path, 'elsewhere', [-1, 1], [10, 0, 0, 1]);
      const sockets = { program: 'expert-sockets' };
      const now = systemClock.nowMs();
      const refused = (bridge: Record<string, unknown>, message: RegExp, terminal = {}): void =>
        assert.throws(() => checkLink(configOf(bridge, terminal), now), { code: 'CONFIG_INVALID', message });
      checkLink(configOf(), now);
      checkLink(configOf({ tls_cert: cert, tls_key: key }), now);
      checkLink(configOf({ tls_cert: cert, tls_key: key }, sockets), now);
      checkLink(configOf({ tls_cert: elsewhere.cert, tls_key: elsewhere.key }), now);
      refused({ tls_cert: '/nowhere.crt', tls_key: key }, /bridge\.tls_cert: \/nowhere\.crt: no certificate/);
      refused({ tls_cert: cert, tls_key: '/nowhere.key' }, /bridge\.tls_key: \/nowhere\.key: no key in PEM/);
      refused({ tls_cert: cert, tls_key: other.key }, /other\.key: is not the key of the certificate in .*link\.crt/);
      refused({ tls_cert: future.cert, tls_key: future.key }, /future\.crt: is valid from .*; it must be valid now/);
      refused({ tls_cert: elsewhere.cert, tls_key: elsewhere.key }, /needs IP Address:127\.0\.0\.1/, sockets);
    } finally {
      folder.remove();
    }
  });

  test('a certificate that cannot be read is a fault of the configuration', () => {
    const config = configOf({ tls_cert: '/nowhere.crt', tls_key: '/nowhere.key' });
    assert.throws(() => trustEnvironment(config), {
      code: 'CONFIG_INVALID',
      message: /bridge\.tls_cert: \/nowhere\.crt/,
    });
    const noCertificate = configOf({ tls_cert: import.meta.filename, tls_key: 'k' });
    assert.throws(() => trustEnvironment(noCertificate), { code: 'CONFIG_INVALID', message: /no certificate in PEM/ });
  });
});
