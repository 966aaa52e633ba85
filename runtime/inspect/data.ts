/** Whatever a machine holds, as JSON that a person can read: bounded, and without secrets. Pure. */

/** Values that one message shows at most; a context of thousands of orders would cost milliseconds each time. */
const MOST_VALUES = 1_500;
const MOST_ITEMS = 40;
const MOST_CHARS = 500;
const MOST_DEPTH = 12;

const SECRET = /passw|secret|token$|api_?key|private_?key|credential|authorization|connection_?string/i;
const HIDDEN = '(hidden)';

class TooMuch extends Error {}

/** Throws TooMuch where the value holds more than one message may show. */
function copy(value: unknown, left: { values: number }, depth: number): unknown {
  if (--left.values < 0) throw new TooMuch();
  if (typeof value === 'string') return withoutLogins(shortened(value));
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'boolean' || value === null || value === undefined) return value;
  if (typeof value !== 'object') return `(${typeof value})`;
  if (depth > MOST_DEPTH) return '(deeper)';
  if (ArrayBuffer.isView(value)) return numbers(value);
  if (value instanceof Error) return { name: value.name, message: withoutLogins(shortened(value.message)) };
  if (value instanceof Map) return copy([...value.entries()], left, depth);
  if (value instanceof Set) return copy([...value], left, depth);
  if (Array.isArray(value)) {
    const shown: unknown[] = value.slice(0, MOST_ITEMS).map((item) => copy(item, left, depth + 1));
    if (value.length > MOST_ITEMS) shown.push(`(${value.length - MOST_ITEMS} more)`);
    return shown;
  }
  const shown: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    // What protobuf and XState keep for themselves.
    if (key.startsWith('$')) continue;
    shown[key] = SECRET.test(key) && inner !== undefined ? HIDDEN : copy(inner, left, depth + 1);
  }
  return shown;
}

/** Columns of ticks: how many, and the ends. */
function numbers(view: ArrayBufferView): unknown {
  if (view instanceof Uint8Array || !('length' in view)) return `(${view.byteLength} bytes)`;
  const values = view as unknown as ArrayLike<number | bigint>;
  const plain = (value: number | bigint | undefined): unknown => (typeof value === 'bigint' ? String(value) : value);
  return { length: values.length, first: plain(values[0]), last: plain(values[values.length - 1]) };
}

const shortened = (text: string): string =>
  text.length > MOST_CHARS ? `${text.slice(0, MOST_CHARS)}… (${text.length - MOST_CHARS} more)` : text;
/** A user and password in an address. */
const withoutLogins = (text: string): string =>
  text.includes('@') ? text.replace(/\/\/[^\s@/]*@/g, `//${HIDDEN}@`) : text;

/** A copy that may be shown, or undefined where there is too much of it. */
export function shown(value: unknown): { readonly value: unknown } | undefined {
  try {
    return { value: copy(value, { values: MOST_VALUES }, 0) };
  } catch (thrown) {
    if (thrown instanceof TooMuch) return undefined;
    throw thrown;
  }
}
