/**
 * Snapshots as JSON. JSON has no NaN, no infinities, no typed arrays, no Map and no bigint; they become tagged objects
 * and come back as what they were.
 */

const TAG = '$troupe';

type Tagged =
  | { [TAG]: 'number'; value: 'NaN' | 'Infinity' | '-Infinity' }
  | { [TAG]: 'f64'; value: string }
  | { [TAG]: 'u32'; value: string }
  | { [TAG]: 'bytes'; value: string }
  | { [TAG]: 'bigint'; value: string }
  | { [TAG]: 'map'; value: [unknown, unknown][] };

function base64(view: ArrayBufferView): string {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('base64');
}

function ownBuffer(text: string): ArrayBuffer {
  const bytes = Buffer.from(text, 'base64');
  const copy = new ArrayBuffer(bytes.length);
  new Uint8Array(copy).set(bytes);
  return copy;
}

/** What JSON cannot carry, tagged; everything else as it is, copied only where something inside had to be tagged. */
function tagged(value: unknown): unknown {
  if (typeof value === 'number') {
    return Number.isFinite(value) ? value : { [TAG]: 'number', value: String(value) };
  }
  if (typeof value === 'bigint') return { [TAG]: 'bigint', value: String(value) };
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return taggedList(value);
  if (value instanceof Float64Array) return { [TAG]: 'f64', value: base64(value) };
  if (value instanceof Uint32Array) return { [TAG]: 'u32', value: base64(value) };
  if (value instanceof Uint8Array) return { [TAG]: 'bytes', value: base64(value) };
  if (value instanceof Map) return { [TAG]: 'map', value: taggedList([...value]) };
  return taggedFields(value as Record<string, unknown>);
}

function taggedList(list: readonly unknown[]): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let i = 0; i < list.length; i++) {
    const as = tagged(list[i]);
    if (as === list[i]) continue;
    copy ??= [...list];
    copy[i] = as;
  }
  return copy ?? list;
}

function taggedFields(record: Readonly<Record<string, unknown>>): unknown {
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(record)) {
    const as = tagged(record[key]);
    if (as === record[key]) continue;
    copy ??= { ...record };
    copy[key] = as;
  }
  return copy ?? record;
}

function reviver(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !(TAG in value)) return value;
  const tagged = value as Tagged;
  switch (tagged[TAG]) {
    case 'number':
      return Number(tagged.value);
    case 'bigint':
      return BigInt(tagged.value);
    case 'f64':
      return new Float64Array(ownBuffer(tagged.value));
    case 'u32':
      return new Uint32Array(ownBuffer(tagged.value));
    case 'bytes':
      return new Uint8Array(ownBuffer(tagged.value));
    case 'map':
      return new Map(tagged.value);
    default:
      throw new SyntaxError(`unknown tag ${String((value as Record<string, unknown>)[TAG])} in a snapshot`);
  }
}

export function encodeSnapshot(value: unknown): Uint8Array {
  // Without a replacer and a TextEncoder: a broker waits for this before each order.
  return Buffer.from(JSON.stringify(tagged(value)));
}

/** Throws SyntaxError on anything that `encodeSnapshot` cannot have made. */
export function decodeSnapshot(data: Uint8Array): unknown {
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data), reviver);
}
