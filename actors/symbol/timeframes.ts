/** The lengths of bars, and the grid that their slots stand on. */
import { TroupeError } from '../../runtime/errors.ts';

/** Every timeframe, shortest first. A longer one is always a whole number of seconds. */
export const TIMEFRAMES = ['1s', '1m', '5m', '15m', '1h', '4h', '1d'] as const;
export type Timeframe = (typeof TIMEFRAMES)[number];

/** Which midnight the 4h and 1d slots begin at: UTC's, or the broker's own (frame.utcOffsetS). */
export type DayGrid = 'utc' | 'broker';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

export const TIMEFRAME_MS: Readonly<Record<Timeframe, number>> = {
  '1s': 1000,
  '1m': MINUTE_MS,
  '5m': 5 * MINUTE_MS,
  '15m': 15 * MINUTE_MS,
  '1h': HOUR_MS,
  '4h': 4 * HOUR_MS,
  '1d': 24 * HOUR_MS,
};

/** Only these follow the broker's day; shorter slots are the same in every whole-hour zone and stay on UTC. */
export function followsBrokerDay(timeframe: Timeframe, day: DayGrid): boolean {
  return day === 'broker' && (timeframe === '4h' || timeframe === '1d');
}

/**
 * Number of the slot that `timeMs` (UTC) falls into, on a grid that is `offsetMs` ahead of UTC (0 for the UTC grid).
 * Its start is `slot * lengthMs - offsetMs`.
 */
export function slotOf(timeMs: number, lengthMs: number, offsetMs: number): number {
  return Math.floor((timeMs + offsetMs) / lengthMs);
}

/** The given names in order of length, each once. Throws CONFIG_INVALID on a name that is no timeframe. */
export function sortTimeframes(names: readonly string[], field: string): Timeframe[] {
  for (const name of names) {
    if (!(TIMEFRAMES as readonly string[]).includes(name)) {
      throw new TroupeError('CONFIG_INVALID', `${field}: ${name} is no timeframe; known are ${TIMEFRAMES.join(', ')}`);
    }
  }
  return TIMEFRAMES.filter((timeframe) => names.includes(timeframe));
}
