/**
 * Builders for the fields of the configuration. Each gives its schema one text that says what is allowed; every fault
 * of the field shows it, and docs/configuration.md is written from it.
 */
import { z } from 'zod';

/** What stands beside a field in the schema, for faults and documentation. */
export interface FieldMeta {
  readonly allowed: string;
  readonly unit?: string;
}

interface NumberRange {
  readonly min: number;
  readonly max: number;
  /** The lowest is not allowed itself. */
  readonly above?: boolean;
  readonly whole?: boolean;
  readonly unit?: string;
  /** Something else that is allowed, for the text. */
  readonly or?: string;
}

const plain = (n: number): string => (Math.abs(n) >= 1e9 ? n.toExponential().replace('e+', 'e') : String(n));

export function number(range: NumberRange, description: string): z.ZodNumber {
  const { min, max, above, whole, unit, or } = range;
  const kind = whole ? 'a whole number' : 'a number';
  const span = above ? `above ${plain(min)}, at most ${plain(max)}` : `${plain(min)}..${plain(max)}`;
  const allowed = `${kind}, ${span}${unit ? ` ${unit}` : ''}${or ? `, or ${or}` : ''}`;
  let schema = z.number(allowed).max(max, allowed);
  schema = above ? schema.gt(min, allowed) : schema.min(min, allowed);
  if (whole) schema = schema.int(allowed);
  return schema.meta({ description, allowed, ...(unit ? { unit } : {}) });
}

export const whole = (range: Omit<NumberRange, 'whole'>, description: string): z.ZodNumber =>
  number({ ...range, whole: true }, description);

export function oneOf<const T extends readonly [string, ...string[]]>(values: T, description: string) {
  const allowed = values.length === 1 ? values[0] : `one of ${values.join(', ')}`;
  return z.enum(values, allowed).meta({ description, allowed });
}

export function text(pattern: RegExp, allowed: string, description: string): z.ZodString {
  return z.string(allowed).regex(pattern, allowed).meta({ description, allowed });
}

/** Names that become subject tokens, file names and labels. */
export const name = (description: string): z.ZodString =>
  text(/^[\p{L}\p{N}][\p{L}\p{N} ._#+-]{0,30}$/u, '1..31 letters, digits, space or . _ # + -', description);

/** Brokers write `EURUSD.m`, `#AAPL`, `.US30Cash`, `BRK B`. */
export const SYMBOL = /^[\p{L}\p{N}#._$&!^@][\p{L}\p{N} #._$&!^@+/-]{0,30}$/u;

export const symbolName = (description: string): z.ZodString =>
  text(SYMBOL, '1..31 letters, digits, space or # . _ $ & ! ^ @ + / -', description);

export const currency = (description: string): z.ZodString =>
  text(/^[A-Z][A-Z0-9]{2,6}$/, 'a currency code such as USD', description);

export function list<T extends z.ZodType>(item: T, least: number, description: string) {
  const allowed = least > 0 ? `a list of at least ${least}, none twice` : 'a list, none twice';
  return z.array(item, allowed).min(least, allowed).meta({ description, allowed });
}

/** A section whose keys are all known; others are refused. */
export function section<T extends z.ZodRawShape>(shape: T, description: string) {
  return z.strictObject(shape, 'a section of keys').meta({ description, allowed: 'a section of keys' });
}

/** A section whose keys are names of the user's. */
export function named<T extends z.ZodType>(key: z.ZodString, value: T, description: string) {
  return z.record(key, value, 'a section by name').meta({ description, allowed: 'a section by name' });
}
