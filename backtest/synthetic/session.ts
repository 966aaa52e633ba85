// The shape of a trading day and week on the clock of a broker whose midnight is 17:00 in New York: the day's rollover
// is at 00:00, the week runs from Monday 00:00 to Friday 24:00.

export const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Ticks per hour of the day relative to the mean of the day: quiet Asia, London from 10:00, New York from 15:00. */
const ACTIVITY_BY_HOUR = [
  0.25, 0.35, 0.55, 0.65, 0.7, 0.6, 0.55, 0.55, 0.7, 1.1, 1.5, 1.5, 1.3, 1.15, 1.25, 1.8, 2.1, 2.1, 1.7, 1.2, 0.9, 0.7,
  0.5, 0.3,
];
const MEAN_ACTIVITY = ACTIVITY_BY_HOUR.reduce((sum, activity) => sum + activity, 0) / 24;

/** Activity at a time of day, 1 on average over a day; linear between the middles of the hours. */
export function activityAt(timeMs: number): number {
  const hours = positive(timeMs, DAY_MS) / HOUR_MS - 0.5;
  const hour = Math.floor(hours);
  const from = ACTIVITY_BY_HOUR[(hour + 24) % 24]!;
  const to = ACTIVITY_BY_HOUR[(hour + 25) % 24]!;
  return (from + (to - from) * (hours - hour)) / MEAN_ACTIVITY;
}

const ROLLOVER_BEFORE_MS = 5 * 60_000;
const ROLLOVER_AFTER_MS = 10 * 60_000;
const ROLLOVER_WIDENING = 5;

/** Times the usual spread: 1 by day, up to 6 at the rollover, when banks roll positions and liquidity leaves. */
export function rolloverWidening(timeMs: number): number {
  const ofDay = positive(timeMs, DAY_MS);
  if (ofDay < ROLLOVER_AFTER_MS) return 1 + ROLLOVER_WIDENING * (1 - ofDay / ROLLOVER_AFTER_MS);
  const left = DAY_MS - ofDay;
  return left < ROLLOVER_BEFORE_MS ? 1 + ROLLOVER_WIDENING * (1 - left / ROLLOVER_BEFORE_MS) : 1;
}

/** The same time, or Monday 00:00 if it falls on Saturday or Sunday. */
export function skipWeekend(timeMs: number): number {
  const day = Math.floor(timeMs / DAY_MS);
  // 1970-01-01 was a Thursday: 0 is Monday.
  const weekday = positive(day + 3, 7);
  return weekday < 5 ? timeMs : (day + 7 - weekday) * DAY_MS;
}

function positive(value: number, modulus: number): number {
  return ((value % modulus) + modulus) % modulus;
}
