/** Certificates for tests, which sign themselves: DER by hand, because Node.js makes keys but no certificates. */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { systemClock } from '../../runtime/clock.ts';

const DAY_MS = 86_400_000;

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), body]);
  if (length < 0x100) return Buffer.concat([Buffer.from([tag, 0x81, length]), body]);
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 0xff]), body]);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const integer = (value: number): Buffer => der(0x02, Buffer.from([value]));
const bits = (body: Uint8Array): Buffer => der(0x03, Buffer.from([0]), body);
const octets = (body: Uint8Array): Buffer => der(0x04, body);
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));

const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'));
const COMMON_NAME = oid('550403');
const BASIC_CONSTRAINTS = oid('551d13');
const ALTERNATIVE_NAMES = oid('551d11');

const utcTime = (ms: number): Buffer => {
  const text = new Date(ms).toISOString();
  return der(0x17, Buffer.from(`${text.slice(2, 19).replaceAll(/[-T:]/g, '')}Z`));
};

function selfSigned(key: KeyObject, name: string, ip: readonly number[], fromMs: number, untilMs: number): Buffer {
  const subject = sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(name)))));
  const isCa = sequence(BASIC_CONSTRAINTS, octets(sequence(der(0x01, Buffer.from([0xff])))));
  const address = sequence(ALTERNATIVE_NAMES, octets(sequence(der(0x87, Buffer.from(ip)))));
  const body = sequence(
    der(0xa0, integer(2)), // version 3
    integer(1),
    ECDSA_SHA256,
    subject,
    sequence(utcTime(fromMs), utcTime(untilMs)),
    subject,
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(isCa, address)),
  );
  return sequence(body, ECDSA_SHA256, bits(sign('sha256', body, key)));
}

/** For this IPv4 address, in `folder`; valid for these days from now (negative: in the past). Names of both files. */
export function writeCertificate(
  folder: string,
  name: string,
  days: readonly [number, number] = [-1, 1],
  address: readonly number[] = [127, 0, 0, 1],
): { cert: string; key: string } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = systemClock.nowMs();
  const made = selfSigned(privateKey, name, address, now + days[0] * DAY_MS, now + days[1] * DAY_MS);
  const lines = made.toString('base64').match(/.{1,64}/g)!;
  const [cert, key] = [path.join(folder, `${name}.crt`), path.join(folder, `${name}.key`)];
  writeFileSync(cert, `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`);
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  return { cert, key };
}
