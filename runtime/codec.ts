/**
 * Snapshots as JSON. JSON has no NaN, no infinities, no typed arrays, no Map and no bigint; they become tagged objects
 * and come back as what they were. And because an order waits for every byte: of many records that are alike the names of
 * the fields are written once, and of many ascending whole numbers (tickets) the distances.
 */

const TAG = '$troupe';
/** So many make a table, or steps; with fewer the tag weighs as much as what it saves. */
const MANY = 8;
/** So deep a SnapshotWriter looks for what it has written before: envelope, context, and the entries of its fields. */
const DEPTH = 2;

type Tagged =
  | { [TAG]: 'number'; value: 'NaN' | 'Infinity' | '-Infinity' }
  | { [TAG]: 'f64'; value: string }
  | { [TAG]: 'u32'; value: string }
  | { [TAG]: 'bytes'; value: string }
  | { [TAG]: 'bigint'; value: string }
  | { [TAG]: 'map'; value: [unknown, unknown][] }
  | { [TAG]: 'list'; fields: string[]; value: unknown[][] }
  | { [TAG]: 'table'; fields: string[]; value: Record<string, unknown[]> }
  | { [TAG]: 'steps'; value: number[] };

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
  if (value instanceof Map) return { [TAG]: 'map', value: taggedItems([...value]) };
  return taggedFields(value as Record<string, unknown>);
}

function taggedList(list: readonly unknown[]): unknown {
  if (list.length >= MANY) {
    const steps = stepsOf(list);
    if (steps !== undefined) return { [TAG]: 'steps', value: steps };
    const fields = fieldsOf(list);
    if (fields !== undefined) return { [TAG]: 'list', fields, value: list.map((record) => rowOf(fields, record)) };
  }
  return taggedItems(list);
}

function taggedItems(list: readonly unknown[]): readonly unknown[] {
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
  const table = tableOf(record);
  if (table !== undefined) return table;
  const keys = Object.keys(record);
  let copy: Record<string, unknown> | undefined;
  for (const key of keys) {
    const as = tagged(record[key]);
    if (as === record[key]) continue;
    copy ??= { ...record };
    copy[key] = as;
  }
  return copy ?? record;
}

/** Many records that are alike, as a table; undefined where they are not. */
function tableOf(record: Readonly<Record<string, unknown>>): Tagged | undefined {
  const keys = Object.keys(record);
  if (keys.length < MANY || !isRecord(record[keys[0]!])) return undefined;
  const fields = fieldsOf(Object.values(record));
  if (fields === undefined) return undefined;
  return { [TAG]: 'table', fields, value: Object.fromEntries(keys.map((key) => [key, rowOf(fields, record[key])])) };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !ArrayBuffer.isView(value) &&
  !(value instanceof Map);

/** What JSON leaves out of an object, and makes null of in an array. */
const isLeftOut = (value: unknown): boolean =>
  value === undefined || typeof value === 'function' || typeof value === 'symbol';

/** The fields of records that all have the same, in the same order and each with a value; undefined otherwise. */
function fieldsOf(records: readonly unknown[]): string[] | undefined {
  const [first] = records;
  if (!isRecord(first)) return undefined;
  const fields = Object.keys(first);
  if (fields.length === 0 || fields.includes(TAG)) return undefined;
  for (const record of records) {
    if (!isRecord(record)) return undefined;
    const keys = Object.keys(record);
    if (keys.length !== fields.length) return undefined;
    if (keys.some((key, at) => key !== fields[at] || isLeftOut(record[key]))) return undefined;
  }
  return fields;
}

const rowOf = (fields: readonly string[], record: unknown): unknown[] =>
  fields.map((field) => tagged((record as Record<string, unknown>)[field]));

/** Each as its distance from the one before, the first from 0; undefined where they are not ascending whole numbers. */
function stepsOf(list: readonly unknown[]): number[] | undefined {
  const steps: number[] = [];
  let before = 0;
  for (const value of list) {
    if (!Number.isSafeInteger(value) || (value as number) < before) return undefined;
    steps.push((value as number) - before);
    before = value as number;
  }
  return steps;
}

function fromSteps(steps: readonly number[]): number[] {
  let sum = 0;
  return steps.map((step) => {
    sum += step;
    if (!(Number.isSafeInteger(step) && step >= 0 && Number.isSafeInteger(sum)))
      throw new SyntaxError('steps in a snapshot: not whole, or descending');
    return sum;
  });
}

function fromRow(fields: readonly string[], row: readonly unknown[]): Record<string, unknown> {
  if (row.length !== fields.length)
    throw new SyntaxError('a table in a snapshot: a row has too many or too few fields');
  // Not by assignment: a field may have any name.
  return Object.fromEntries(fields.map((field, at) => [field, row[at]]));
}

/** What `tagged` was made of. In place, and inside first; JSON.parse with a reviver takes many times as long. */
function untagged(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = untagged(value[i]);
    return value;
  }
  const record = value as Record<string, unknown>;
  for (const key of Object.keys(record)) {
    const inner = record[key];
    const as = untagged(inner);
    if (as !== inner) record[key] = as;
  }
  return TAG in record ? fromTag(record as Tagged) : record;
}

function fromTag(tagged: Tagged): unknown {
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
    case 'list':
      return tagged.value.map((row) => fromRow(tagged.fields, row));
    case 'table':
      return Object.fromEntries(Object.entries(tagged.value).map(([key, row]) => [key, fromRow(tagged.fields, row)]));
    case 'steps':
      return fromSteps(tagged.value);
    default:
      throw new SyntaxError(`unknown tag ${String((tagged as Record<string, unknown>)[TAG])} in a snapshot`);
  }
}

export function encodeSnapshot(value: unknown): Uint8Array {
  // Without a replacer and a TextEncoder: a broker waits for this before each order.
  return Buffer.from(JSON.stringify(tagged(value)));
}

/**
 * Encodes the same record again and again, where what it holds is replaced and never changed inside: of an object that it
 * has written before, it writes the same text. What comes back of it is what comes back of `encodeSnapshot`. Fields that are
 * called like one of `except` may be changed inside, and are written anew each time.
 */
export class SnapshotWriter {
  private readonly texts = new WeakMap<object, string>();
  private readonly except: readonly string[];

  constructor(except: readonly string[] = []) {
    this.except = except;
  }

  encode(record: object): Buffer {
    return Buffer.from(this.fieldsText(record as Readonly<Record<string, unknown>>, DEPTH));
  }

  private fieldsText(record: Readonly<Record<string, unknown>>, depth: number): string {
    const fields: string[] = [];
    for (const key of Object.keys(record)) {
      const value = record[key];
      if (isLeftOut(value)) continue;
      const text = this.except.includes(key) ? JSON.stringify(tagged(value)) : this.textOf(value, depth);
      fields.push(`${JSON.stringify(key)}:${text}`);
    }
    return `{${fields.join()}}`;
  }

  private textOf(value: unknown, depth: number): string {
    if (typeof value !== 'object' || value === null) return JSON.stringify(tagged(value));
    const known = this.texts.get(value);
    if (known !== undefined) return known;
    const text = depth > 0 && isRecord(value) ? this.recordText(value, depth) : JSON.stringify(tagged(value));
    if (!this.except.some((key) => Object.hasOwn(value, key))) this.texts.set(value, text);
    return text;
  }

  private recordText(record: Readonly<Record<string, unknown>>, depth: number): string {
    const table = tableOf(record);
    return table === undefined ? this.fieldsText(record, depth - 1) : JSON.stringify(table);
  }
}

/** Throws SyntaxError on anything that `encodeSnapshot` cannot have made. */
export function decodeSnapshot(data: Uint8Array): unknown {
  return untagged(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data)));
}
