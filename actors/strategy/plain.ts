/** Whether an author's state can be kept in a snapshot and come back as what it was. */

/** Throws TypeError naming the place of the first value that cannot be kept. */
export function assertPlain(value: unknown, path: string): void {
  if (value === null || value === undefined) return;
  const refused = (what: string): never => {
    throw new TypeError(`${path}: ${what} cannot be kept in a snapshot; use plain data`);
  };
  if (typeof value === 'function' || typeof value === 'symbol') refused(`a ${typeof value}`);
  if (typeof value !== 'object') return;
  if (value instanceof Float64Array || value instanceof Uint32Array || value instanceof Uint8Array) return;
  if (value instanceof Map) {
    for (const [key, inner] of value) assertPlain(inner, `${path}.get(${String(key)})`);
    return;
  }
  if (Array.isArray(value)) {
    value.forEach((inner, i) => {
      assertPlain(inner, `${path}[${i}]`);
    });
    return;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    refused(`an object of class ${(value as object).constructor?.name ?? '?'}`);
  }
  for (const [key, inner] of Object.entries(value)) assertPlain(inner, `${path}.${key}`);
}
