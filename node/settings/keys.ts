/**
 * Live settings: what each key of KV `config` means and what its value may be. Pure. A value changes what it names; all
 * else stays as the configuration file has it.
 */
import type { z } from 'zod';
import { escapeToken, unescapeToken } from '../../runtime/bus/subjects.ts';
import { checkValue, inside } from '../../runtime/config/check.ts';
import { section } from '../../runtime/config/fields.ts';
import type { Config } from '../../runtime/config/index.ts';
import { rulesBetween } from '../../runtime/config/rules.ts';
import { logLevelSchema, paramsSchema, riskSchema } from '../../runtime/config/schema.ts';
import { suggest } from '../../runtime/config/suggest.ts';
import { messageOf } from '../../runtime/errors.ts';

export type Risk = z.infer<typeof riskSchema>;
export type Params = Readonly<Record<string, unknown>>;

export type Setting =
  | { readonly about: 'risk'; readonly account: string; readonly risk: Risk }
  | { readonly about: 'strategy'; readonly id: string; readonly params: Params }
  | { readonly about: 'log'; readonly level: z.infer<typeof logLevelSchema> };

export type Read = { readonly setting: Setting } | { readonly faults: readonly string[] };

const strategySchema = section({ params: paramsSchema }, 'Parameters of a strategy');

/** Longest value, bytes. */
const MOST_BYTES = 64 * 1024;

/**
 * The setting behind a key, with the file's own values filled in. `value` undefined: the key was deleted, so the file
 * holds again. A strategy's own schema is not asked here.
 */
export function readSetting(file: Config, key: string, value: Uint8Array | undefined): Read {
  const [head = '', token = '', ...more] = key.split('.');
  const known = knownKeys(file);
  const unknown = (): Read => {
    const close = suggest(key, known);
    const hint = close === undefined ? '' : `; did you mean ${close}?`;
    return { faults: [`${key}: no such setting; allowed: ${known.join(', ')}${hint}`] };
  };
  let name: string;
  try {
    name = token === '' ? '' : unescapeToken(token);
  } catch (error) {
    return { faults: [`${key}: ${messageOf(error)}`] };
  }
  if (more.length > 0) return unknown();
  if (head === 'log' && name === 'level') {
    return over(key, value, logLevelSchema, (level) => ({ about: 'log', level: level ?? file.log.level }));
  }
  const { account } = file;
  if (head === 'risk' && account !== undefined && name === account.id) {
    const read = over(key, value, riskSchema, (risk) => ({
      ...{ about: 'risk', account: account.id },
      risk: { ...account.risk, ...risk },
    }));
    return 'setting' in read && read.setting.about === 'risk' ? between(file, key, read.setting) : read;
  }
  const strategy = file.strategies.find(({ id }) => id === name);
  if (head === 'strategy' && strategy !== undefined) {
    return over(key, value, strategySchema, (section) => ({
      ...{ about: 'strategy', id: strategy.id },
      params: { ...strategy.params, ...section?.params },
    }));
  }
  return unknown();
}

function over<T>(
  key: string,
  value: Uint8Array | undefined,
  schema: z.ZodType<T>,
  make: (value: T | undefined) => Setting,
): Read {
  if (value === undefined) return { setting: make(undefined) };
  if (value.length > MOST_BYTES) return { faults: [`${key}: ${value.length} bytes; allowed: at most ${MOST_BYTES}`] };
  let raw: unknown;
  try {
    raw = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(value));
  } catch (error) {
    return { faults: [`${key}: not JSON: ${messageOf(error)}`] };
  }
  const checked = checkValue(schema, raw, key);
  return 'value' in checked ? { setting: make(checked.value) } : checked;
}

/** The rules between fields, such as symbols that trading hours name. */
function between(file: Config, key: string, setting: Setting & { about: 'risk' }): Read {
  const faults: string[] = [];
  for (const { path, allowed } of rulesBetween({ ...file, account: { ...file.account, risk: setting.risk } })) {
    if (path[0] === 'account' && path[1] === 'risk') faults.push(`${inside(key, path.slice(2))}: ${allowed}`);
  }
  return faults.length > 0 ? { faults } : { setting };
}

function knownKeys({ account, strategies }: Config): string[] {
  const risk = account === undefined ? [] : [`risk.${escapeToken(account.id)}`];
  return [...risk, ...strategies.map(({ id }) => `strategy.${escapeToken(id)}`), 'log.level'];
}
