/** The link between bridge and terminal: what each of them is told of it by the configuration. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
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

/** Of the terminal that is started beside the bridge, and the name that its certificate must have without a DLL. */
const BRIDGE_ADDRESS = '127.0.0.1';

/**
 * Whether bridge and terminal will be able to use what the configuration names, before anything is started: otherwise a
 * terminal would try in vain until the start is given up. Throws CONFIG_INVALID.
 */
export function checkLink(config: Config, nowMs: number): void {
  const { tls_cert, tls_key } = config.bridge;
  if (tls_cert === undefined || tls_key === undefined) return;
  const certificate = certificateOf(tls_cert);
  const fault = (what: string): never => {
    throw new TroupeError('CONFIG_INVALID', what);
  };
  let matches = false;
  try {
    matches = certificate.checkPrivateKey(createPrivateKey(readFileSync(tls_key)));
  } catch (error) {
    fault(`bridge.tls_key: ${tls_key}: no key in PEM format: ${messageOf(error)}`);
  }
  if (!matches) fault(`bridge.tls_key: ${tls_key}: is not the key of the certificate in ${tls_cert}`);
  const { validFrom, validTo } = certificate;
  if (nowMs < Date.parse(validFrom) || nowMs > Date.parse(validTo)) {
    fault(`bridge.tls_cert: ${tls_cert}: is valid from ${validFrom} to ${validTo}; it must be valid now`);
  }
  const named = config.terminal.program !== 'expert-sockets' || certificate.checkIP(BRIDGE_ADDRESS) !== undefined;
  if (!named) {
    fault(
      `bridge.tls_cert: ${tls_cert}: is for ${certificate.subjectAltName ?? 'no address'}; terminal.program ` +
        `expert-sockets needs IP Address:${BRIDGE_ADDRESS} among its subjectAltNames`,
    );
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function certificateOf(file: string): X509Certificate {
  try {
    return new X509Certificate(readFileSync(file));
  } catch (error) {
    const why = `no certificate in PEM format: ${messageOf(error)}`;
    throw new TroupeError('CONFIG_INVALID', `bridge.tls_cert: ${file}: ${why}`);
  }
}

/**
 * Environment of the terminal: this very certificate is the bridge's, whoever has signed it. MQL5's own sockets know no
 * fingerprints: there the machine trusts this file alone. Throws CONFIG_INVALID.
 */
export function trustEnvironment({ bridge, terminal }: Config): NodeJS.ProcessEnv {
  if (bridge.tls_cert === undefined) return {};
  const { fingerprint256 } = certificateOf(bridge.tls_cert);
  return terminal.program === 'expert-sockets'
    ? { TROUPE_BRIDGE_TLS_CA: 'system', SSL_CERT_FILE: bridge.tls_cert }
    : { TROUPE_BRIDGE_TLS_FINGERPRINT: fingerprint256 };
}

/** Whether a terminal that was started with this environment is told of the certificate that the file holds now. */
export function trustsStill(config: Config, trust: NodeJS.ProcessEnv): boolean {
  try {
    return trustEnvironment(config).TROUPE_BRIDGE_TLS_FINGERPRINT === trust.TROUPE_BRIDGE_TLS_FINGERPRINT;
  } catch {
    // Half written, or gone: nothing that could be trusted instead.
    return true;
  }
}
