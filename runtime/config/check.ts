/** What is wrong with a value, in the words of the schema: where, what was found, what is allowed. */
import { z } from 'zod';
import type { Path } from './rules.ts';
import { suggest } from './suggest.ts';

export interface ValueFault {
  readonly path: Path;
  readonly message: string;
}

/** `valueAt` gives what stands at a path, undefined for nothing. */
export function faultsOf(schema: z.ZodType, issue: z.core.$ZodIssue, valueAt: (path: Path) => unknown): ValueFault[] {
  const path = issue.path as Path;
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, path);
    return issue.keys.map((key) => {
      const close = suggest(key, known);
      const all = known.length === 0 ? 'there are none' : `allowed: ${known.join(', ')}`;
      const hint = close === undefined ? all : `did you mean ${close}?`;
      return { path: [...path, key], message: `unknown key; ${hint}` };
    });
  }
  if (issue.code === 'invalid_key') {
    return [{ path, message: `as a name, allowed: ${issue.issues[0]?.message}` }];
  }
  return [{ path, message: `${found(valueAt(path))}; allowed: ${issue.message}` }];
}

export const found = (value: unknown): string => (value === undefined ? 'missing' : `found ${shownValue(value)}`);

function shownValue(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'a section';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** A name that is no plain word stands in brackets: `market.symbols["EURUSD.m"].digits`. */
export const pathText = (path: Path): string =>
  path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    if (!/^[\w-]+$/.test(step)) return `${text}[${JSON.stringify(step)}]`;
    return text ? `${text}.${step}` : step;
  }, '');

/** The path of something inside `name`, which may be a path itself. */
export function inside(name: string, path: Path): string {
  const text = pathText(path);
  return text === '' || text.startsWith('[') ? `${name}${text}` : `${name}.${text}`;
}

export type Checked<T> = { readonly value: T } | { readonly faults: readonly string[] };

/** A plain value (of a message, of a live setting) against its schema. `name` stands before every path. */
export function checkValue<T>(schema: z.ZodType<T>, value: unknown, name: string): Checked<T> {
  const result = schema.safeParse(value);
  if (result.success) return { value: result.data };
  const valueAt = (path: Path): unknown =>
    path.reduce<unknown>((at, step) => (at as Record<string | number, unknown> | undefined | null)?.[step], value);
  const faults = result.error.issues.flatMap((issue) => faultsOf(schema, issue, valueAt));
  return { faults: faults.map(({ path, message }) => `${inside(name, path)}: ${message}`) };
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
}

/** Keys of the section at `path`. */
function knownKeys(root: z.ZodType, path: Path): string[] {
  let schema = z.toJSONSchema(root, { io: 'input', reused: 'inline' }) as JsonSchema;
  for (const step of path) {
    const { additionalProperties } = schema;
    const byName = typeof additionalProperties === 'object' ? additionalProperties : {};
    schema = (typeof step === 'number' ? schema.items : schema.properties?.[step]) ?? byName;
  }
  return Object.keys(schema.properties ?? {});
}
