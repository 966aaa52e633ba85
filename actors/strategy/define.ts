/** `defineStrategy`: checks a definition once, where it is written. */
import type { z } from 'zod';
import { TroupeError } from '../../runtime/errors.ts';
import type { BarCtx, FillCtx, StrategySpec, TickCtx } from './author.ts';
import { timeframeNames } from './timeframes.ts';

/** Told by a registered symbol, so that it is known also when a user's file brought its own copy of this module. */
const BRAND = Symbol.for('troupe.strategy');

/** A checked strategy with its types folded away: what registry, machine and node work with. */
export interface Strategy {
  readonly name: string;
  readonly params: z.ZodObject;
  readonly version: number;
  readonly timeframes: (params: unknown) => readonly string[];
  readonly features: (params: unknown) => readonly string[];
  readonly state: (params: unknown) => unknown;
  readonly onBar: (ctx: BarCtx) => unknown;
  readonly onTick: ((ctx: TickCtx) => unknown) | undefined;
  readonly onFill: ((ctx: FillCtx) => unknown) | undefined;
}

const KEYS = new Set(['name', 'params', 'timeframes', 'features', 'state', 'version', 'onBar', 'onTick', 'onFill']);

function faultsOf(spec: Partial<StrategySpec<z.ZodObject, unknown>>): string[] {
  const faults: string[] = [];
  const { name, version } = spec;
  if (typeof name !== 'string' || !/^[a-z][a-z0-9-]{0,39}$/.test(name)) {
    faults.push(`name: ${JSON.stringify(name)}, allowed: 1 to 40 of a-z, 0-9 and -, a letter first`);
  }
  if (typeof spec.params?.safeParse !== 'function' || typeof spec.params.strict !== 'function') {
    faults.push('params: must be a zod object');
  }
  if (typeof spec.timeframes !== 'function' && !Array.isArray(spec.timeframes)) {
    faults.push('timeframes: must be a list or a function of the params');
  }
  if (version !== undefined && !(Number.isInteger(version) && version >= 1 && version <= 999)) {
    faults.push(`version: ${version}, allowed: 1..999`);
  }
  if (typeof spec.onBar !== 'function') faults.push('onBar: must be a function');
  for (const key of ['features', 'state', 'onTick', 'onFill'] as const) {
    if (spec[key] !== undefined && typeof spec[key] !== 'function') faults.push(`${key}: must be a function`);
  }
  for (const key of Object.keys(spec)) if (!KEYS.has(key)) faults.push(`${key}: no such key`);
  return faults;
}

/** Throws CONFIG_INVALID with every fault of the definition. */
export function defineStrategy<Schema extends z.ZodObject, S = null>(spec: StrategySpec<Schema, S>): Strategy {
  const faults = faultsOf(spec as unknown as Partial<StrategySpec<z.ZodObject, unknown>>);
  if (faults.length > 0) {
    throw new TroupeError('CONFIG_INVALID', `strategy ${String(spec.name)}:\n  ${faults.join('\n  ')}`);
  }
  const { timeframes, features, state } = spec;
  const strategy = {
    name: spec.name,
    // Unknown keys are refused: a misspelt parameter would silently be its default.
    params: spec.params.strict(),
    version: spec.version ?? 1,
    timeframes: typeof timeframes === 'function' ? timeframes : () => timeframes,
    features: features ?? (() => []),
    state: state ?? (() => null),
    onBar: spec.onBar,
    onTick: spec.onTick,
    onFill: spec.onFill,
  };
  Object.defineProperty(strategy, BRAND, { value: true });
  return Object.freeze(strategy) as unknown as Strategy;
}

export function isStrategy(value: unknown): value is Strategy {
  return typeof value === 'object' && value !== null && BRAND in value;
}

/** What the symbol actor must compute for this strategy. `params` are parsed ones. */
export function requiredFeatures(strategy: Strategy, params: unknown): readonly string[] {
  return [...new Set(strategy.features(params))];
}

/** Timeframes that the strategy hears. Throws CONFIG_INVALID on none or on one that does not exist. */
export function requiredTimeframes(strategy: Strategy, params: unknown): readonly string[] {
  const names = [...new Set(strategy.timeframes(params))];
  const unknown = names.filter((name) => !(timeframeNames as readonly string[]).includes(name));
  if (names.length === 0 || unknown.length > 0) {
    const got = names.length === 0 ? 'none' : unknown.map((name) => JSON.stringify(name)).join(', ');
    throw new TroupeError(
      'CONFIG_INVALID',
      `strategy ${strategy.name}: timeframes: got ${got}, allowed: ${timeframeNames.join(', ')}`,
    );
  }
  return names;
}
