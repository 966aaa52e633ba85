import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stringify } from 'yaml';
import { linkOptions, trustEnvironment } from '../../../cli/start/fleet/link.ts';
import { runConfig } from '../../../cli/start/run-config.ts';
import { parseConfig } from '../../../runtime/config/index.ts';

const symbol = { digits: 5, contract_size: 100_000, currency_base: 'EUR', currency_profit: 'USD' };
const configOf = (bridge?: Record<string, unknown>) =>
  parseConfig(stringify({ market: { symbols: { EURUSD: symbol } }, ...(bridge && { bridge }) }), 'f.yaml');

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
