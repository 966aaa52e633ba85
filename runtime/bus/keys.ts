/** What a key of a bucket may look like: the rule of the NATS key-value store. */

const VALID_KEY = /^[-/_=.a-zA-Z0-9]+$/;

/** Throws RangeError. `actorKey` of topics.ts makes such keys of any names. */
export function checkKey(key: string): void {
  if (!VALID_KEY.test(key) || key.startsWith('.') || key.endsWith('.')) {
    throw new RangeError(`key ${JSON.stringify(key)}: tokens of [A-Za-z0-9_=/-] joined by dots`);
  }
}
