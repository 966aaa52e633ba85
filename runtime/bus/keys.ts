/** Small rules that the buses share. */

const VALID_KEY = /^[-/_=.a-zA-Z0-9]+$/;

/** What a key of a bucket may look like (the rule of the NATS key-value store). Throws RangeError. `actorKey` of topics.ts makes such keys of any names. */
export function checkKey(key: string): void {
  if (!VALID_KEY.test(key) || key.startsWith('.') || key.endsWith('.')) {
    throw new RangeError(`key ${JSON.stringify(key)}: tokens of [A-Za-z0-9_=/-] joined by dots`);
  }
}

/** The same bytes as a plain Uint8Array: a Buffer's `slice` shares memory, and nobody who is given bytes expects that. */
export function plainBytes(data: Uint8Array): Uint8Array {
  return data.constructor === Uint8Array ? data : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
