/** The link between bridge and terminal: what each of them is told of it by the configuration. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Config } from '../../../runtime/config/index.ts';
import { TroupeError } from '../../../runtime/errors.ts';

/** Arguments of the bridge. */
export function linkOptions({ bridge }: Config): string[] {
  const { tls_cert, tls_key } = bridge;
  return [
    ...['--daylight', bridge.daylight, '--metrics-port', String(bridge.metrics_port)],
    ...(tls_cert === undefined || tls_key === undefined
      ? []
      : ['--link-tls-cert', tls_cert, '--link-tls-key', tls_key]),
  ];
}

/** Environment of the terminal: this very certificate is the bridge's, whoever has signed it. Throws CONFIG_INVALID. */
export function trustEnvironment({ bridge }: Config): NodeJS.ProcessEnv {
  if (bridge.tls_cert === undefined) return {};
  try {
    return { TROUPE_BRIDGE_TLS_FINGERPRINT: new X509Certificate(readFileSync(bridge.tls_cert)).fingerprint256 };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TroupeError(
      'CONFIG_INVALID',
      `bridge.tls_cert: ${bridge.tls_cert}: no certificate in PEM format: ${why}`,
    );
  }
}
