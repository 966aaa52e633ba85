/** Features by name: `ema_50` is EMA(50) of the closes. A plan turns names into one block of memory and one loop. */
import { TroupeError } from '../../runtime/errors.ts';
import {
  atr,
  bollinger,
  emaOfClose,
  macd,
  meanSpread,
  minSpread,
  realisedVolatility,
  returnOver,
  rsi,
  smaOfClose,
} from './indicators/indicators.ts';
import type { BarInput, Indicator } from './indicators/kernel.ts';

/** What every feature timeframe gives when nothing else is asked for. */
export const DEFAULT_FEATURES = [
  'sma_20',
  'ema_12',
  'ema_26',
  'rsi_14',
  'atr_14',
  'macd_12_26',
  'macd_signal_9',
  'macd_histogram',
  'bollinger_middle_20',
  'bollinger_upper_20',
  'bollinger_lower_20',
  'realised_volatility_20',
  'spread_mean',
  'return_1',
  'return_5',
] as const;

/** Longest look-back, bars. */
export const MAX_PERIOD = 10_000;

interface Family {
  /** As a person writes it, for the error text. */
  readonly form: string;
  readonly pattern: RegExp;
  /** `numbers` are the groups of the pattern, undefined where left out. */
  build(numbers: (number | undefined)[]): { unit: string; output: number; make: () => Indicator };
}

/** Indicators of equal `unit` are kept once, whichever of their outputs are asked for. */
const one = (unit: string, make: () => Indicator) => ({ unit, output: 0, make });

function macdOutput(output: number, fast: number, slow: number, signal: number) {
  if (fast >= slow) throw new RangeError(`the fast average (${fast}) must be shorter than the slow one (${slow})`);
  return { unit: `macd_${fast}_${slow}_${signal}`, output, make: () => macd(fast, slow, signal) };
}

const bollingerFamily = (name: string, output: number): Family => ({
  form: `bollinger_${name}_N[_WIDTH]`,
  pattern: new RegExp(`^bollinger_${name}_(\\d+)(?:_(\\d+(?:\\.\\d+)?))?$`),
  build: ([n, width = 2]) => {
    if (width <= 0 || width > 10) throw new RangeError(`width ${width} is outside 0..10 deviations`);
    return { unit: `bollinger_${n}_${width}`, output, make: () => bollinger(n!, width) };
  },
});

const families: readonly Family[] = [
  { form: 'sma_N', pattern: /^sma_(\d+)$/, build: ([n]) => one(`sma_${n}`, () => smaOfClose(n!)) },
  { form: 'ema_N', pattern: /^ema_(\d+)$/, build: ([n]) => one(`ema_${n}`, () => emaOfClose(n!)) },
  { form: 'rsi_N', pattern: /^rsi_(\d+)$/, build: ([n]) => one(`rsi_${n}`, () => rsi(n!)) },
  { form: 'atr_N', pattern: /^atr_(\d+)$/, build: ([n]) => one(`atr_${n}`, () => atr(n!)) },
  { form: 'macd_FAST_SLOW', pattern: /^macd_(\d+)_(\d+)$/, build: ([fast, slow]) => macdOutput(0, fast!, slow!, 9) },
  {
    form: 'macd_signal_SIGNAL',
    pattern: /^macd_signal_(\d+)$/,
    build: ([signal]) => macdOutput(1, 12, 26, signal!),
  },
  {
    form: 'macd_signal_FAST_SLOW_SIGNAL',
    pattern: /^macd_signal_(\d+)_(\d+)_(\d+)$/,
    build: ([fast, slow, signal]) => macdOutput(1, fast!, slow!, signal!),
  },
  {
    form: 'macd_histogram[_FAST_SLOW_SIGNAL]',
    pattern: /^macd_histogram(?:_(\d+)_(\d+)_(\d+))?$/,
    build: ([fast = 12, slow = 26, signal = 9]) => macdOutput(2, fast, slow, signal),
  },
  bollingerFamily('middle', 0),
  bollingerFamily('upper', 1),
  bollingerFamily('lower', 2),
  {
    form: 'realised_volatility_N',
    pattern: /^realised_volatility_(\d+)$/,
    build: ([n]) => one(`realised_volatility_${n}`, () => realisedVolatility(n!)),
  },
  { form: 'spread_mean', pattern: /^spread_mean$/, build: () => one('spread_mean', meanSpread) },
  { form: 'spread_min', pattern: /^spread_min$/, build: () => one('spread_min', minSpread) },
  { form: 'return_N', pattern: /^return_(\d+)$/, build: ([n]) => one(`return_${n}`, () => returnOver(n!)) },
];

/** The forms of all names that `planFeatures` knows. */
export const FEATURE_FORMS: readonly string[] = families.map((family) => family.form);

export interface FeaturePlan {
  readonly names: readonly string[];
  /** Doubles of the state; fresh state is `emptyFeatures(plan)`. */
  readonly size: number;
  /** Bars until the slowest feature is a number. */
  readonly warmup: number;
  readonly units: readonly { readonly indicator: Indicator; readonly at: number }[];
  /** Where each name's reading stands in the state. */
  readonly readAt: readonly number[];
}

function parse(name: string): { unit: string; output: number; make: () => Indicator } {
  for (const family of families) {
    const match = family.pattern.exec(name);
    if (!match) continue;
    const numbers = match.slice(1).map((text) => (text === undefined ? undefined : Number(text)));
    const periods = family.form.endsWith('[_WIDTH]') ? numbers.slice(0, 1) : numbers;
    for (const period of periods) {
      if (period !== undefined && (period < 1 || period > MAX_PERIOD)) {
        throw new TroupeError('CONFIG_INVALID', `features: ${name}: ${period} bars is outside 1..${MAX_PERIOD}`);
      }
    }
    try {
      return family.build(numbers);
    } catch (cause) {
      throw new TroupeError('CONFIG_INVALID', `features: ${name}: ${(cause as Error).message}`, { cause });
    }
  }
  throw new TroupeError('CONFIG_INVALID', `features: ${name} is unknown; known are ${FEATURE_FORMS.join(', ')}`);
}

/** Throws CONFIG_INVALID on a name that is unknown or a number out of range. A name given twice counts once. */
export function planFeatures(names: readonly string[]): FeaturePlan {
  const distinct = [...new Set(names)];
  const units = new Map<string, { indicator: Indicator; at: number }>();
  const readAt: number[] = [];
  let size = 0;
  let warmup = 0;
  for (const name of distinct) {
    const { unit, output, make } = parse(name);
    let placed = units.get(unit);
    if (!placed) {
      placed = { indicator: make(), at: size };
      size += placed.indicator.size;
      units.set(unit, placed);
    }
    readAt.push(placed.at + output);
    warmup = Math.max(warmup, placed.indicator.warmup[output]!);
  }
  return { names: distinct, size, warmup, units: [...units.values()], readAt };
}

/** State before the first bar: nothing seen, every reading NaN. */
export function emptyFeatures(plan: FeaturePlan): Float64Array {
  const state = new Float64Array(plan.size);
  for (const { indicator, at } of plan.units) state.fill(Number.NaN, at, at + indicator.outputs);
  return state;
}

/** Takes one closed bar. Writes into `state`: give it a copy of what must stay. */
export function updateFeatures(plan: FeaturePlan, state: Float64Array, bar: Readonly<BarInput>): void {
  for (const { indicator, at } of plan.units) indicator.update(state, at, bar);
}

/** Name to reading, and whether all of them are numbers. */
export function readFeatures(
  plan: FeaturePlan,
  state: Float64Array,
): { values: Record<string, number>; warm: boolean } {
  const values: Record<string, number> = {};
  let warm = true;
  for (let i = 0; i < plan.names.length; i++) {
    const value = state[plan.readAt[i]!]!;
    values[plan.names[i]!] = value;
    if (Number.isNaN(value)) warm = false;
  }
  return { values, warm };
}
