/** A strategy's parameters from the configuration: every fault at once, each with its path and what is allowed. */
import { z } from 'zod';
import { TroupeError } from '../../runtime/errors.ts';
import type { Strategy } from './define.ts';

interface JsonSchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
}

/** Largest whole number that a double tells from its neighbours; zod names it as the limit where there is none. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;

/** What a field takes, for a person: `whole number 2..500`. Empty where the schema does not say. */
function allowed(schema: JsonSchema | undefined): string {
  if (schema === undefined) return '';
  if (schema.enum !== undefined) return schema.enum.map(String).join(', ');
  if (schema.type === 'boolean') return 'true, false';
  if (schema.type !== 'integer' && schema.type !== 'number') return schema.type ?? '';
  const parts: string[] = [];
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  const low = minimum !== undefined && minimum > -UNLIMITED ? minimum : undefined;
  const high = maximum !== undefined && maximum < UNLIMITED ? maximum : undefined;
  if (low !== undefined && high !== undefined) parts.push(`${low}..${high}`);
  else if (low !== undefined) parts.push(`${low} or more`);
  if (exclusiveMinimum !== undefined) parts.push(`over ${exclusiveMinimum}`);
  if (high !== undefined && low === undefined) parts.push(`at most ${high}`);
  if (exclusiveMaximum !== undefined) parts.push(`under ${exclusiveMaximum}`);
  return [schema.type === 'integer' ? 'whole number' : 'number', parts.join(', ')].join(' ').trim();
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
}

function shown(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return value === undefined ? 'nothing' : JSON.stringify(value);
}

export type ParsedParams =
  | { readonly params: unknown; readonly faults: readonly [] }
  | { readonly params?: undefined; readonly faults: readonly string[] };

/** Never throws: the caller may have other faults to report. `path` is where `raw` stands in the configuration. */
export function checkParams(strategy: Strategy, raw: unknown, path: string): ParsedParams {
  const parsed = strategy.params.safeParse(raw ?? {});
  if (parsed.success) return { params: parsed.data, faults: [] };
  const schema = z.toJSONSchema(strategy.params, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const faults: string[] = [];
  for (const issue of parsed.error.issues) {
    const where = [path, ...issue.path.map(String)].join('.');
    if (issue.code === 'unrecognized_keys') {
      const known = Object.keys(schema.properties ?? {}).join(', ');
      for (const key of issue.keys) faults.push(`${where}.${key}: no such parameter, allowed: ${known}`);
      continue;
    }
    const field = issue.path.reduce<JsonSchema | undefined>((inner, key) => inner?.properties?.[String(key)], schema);
    const range = allowed(field);
    const got = `got ${shown(at(raw, issue.path))}`;
    const said = issue.code === 'custom' || range === '' ? `${issue.message}, ${got}` : got;
    faults.push(`${where}: ${said}${range === '' ? '' : `, allowed: ${range}`}`);
  }
  return { faults };
}

/** Throws CONFIG_INVALID with all faults. */
export function parseParams(strategy: Strategy, raw: unknown, path: string): unknown {
  const { params, faults } = checkParams(strategy, raw, path);
  if (faults.length > 0)
    throw new TroupeError('CONFIG_INVALID', `strategy ${strategy.name}:\n  ${faults.join('\n  ')}`);
  return params;
}
