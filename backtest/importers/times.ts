// Dates and times straight from bytes, to milliseconds as if the clock were UTC. Days are counted with the proleptic
// Gregorian calendar by integer arithmetic; the last day is remembered because almost every line repeats it.

import { readDigits } from './numbers.ts';

const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const DAY_MS = 86_400_000;
const FIRST_YEAR = 1970;
const LAST_YEAR = 2199;

/** Days from 1970-01-01; -1 if there is no such day in the years 1970 to 2199. */
export function daysFromCivil(year: number, month: number, day: number): number {
  if (year < FIRST_YEAR || year > LAST_YEAR || month < 1 || month > 12 || day < 1) return -1;
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  if (day > DAYS_IN_MONTH[month - 1]! + (leap && month === 2 ? 1 : 0)) return -1;
  // The year is taken to begin in March, so that the leap day is its last.
  const y = month <= 2 ? year - 1 : year;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return y * 365 + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + dayOfYear - 719_468;
}

export class DateReader {
  #key = -1;
  #ms = -1;

  /** `YYYYMMDD`, or `YYYY-MM-DD` with any separator byte given; midnight in ms, -1 if it is no date. */
  read(bytes: Uint8Array, start: number, separator: number): number {
    let year: number;
    let month: number;
    let day: number;
    if (separator === 0) {
      year = readDigits(bytes, start, start + 4);
      month = readDigits(bytes, start + 4, start + 6);
      day = readDigits(bytes, start + 6, start + 8);
    } else {
      if (bytes[start + 4] !== separator || bytes[start + 7] !== separator) return -1;
      year = readDigits(bytes, start, start + 4);
      month = readDigits(bytes, start + 5, start + 7);
      day = readDigits(bytes, start + 8, start + 10);
    }
    if (year < 0 || month < 0 || day < 0) return -1;
    const key = (year * 100 + month) * 100 + day;
    if (key === this.#key) return this.#ms;
    const days = daysFromCivil(year, month, day);
    if (days < 0) return -1;
    this.#key = key;
    this.#ms = days * DAY_MS;
    return this.#ms;
  }
}

/**
 * `HH:MM`, `HH:MM:SS` or `HH:MM:SS.f…` filling [start, end): ms since midnight, -1 if it is no time.
 * Fractions finer than a millisecond are cut, never rounded up, so that order is kept.
 */
export function readClock(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length < 5 || bytes[start + 2] !== 58) return -1;
  const hours = readDigits(bytes, start, start + 2);
  const minutes = readDigits(bytes, start + 3, start + 5);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return -1;
  const ms = (hours * 60 + minutes) * 60_000;
  if (length === 5) return ms;
  if (length < 8 || bytes[start + 5] !== 58) return -1;
  const seconds = readDigits(bytes, start + 6, start + 8);
  if (seconds < 0 || seconds > 59) return -1;
  if (length === 8) return ms + seconds * 1000;
  if (bytes[start + 8] !== 46) return -1;
  const fraction = readFractionMs(bytes, start + 9, end);
  return fraction < 0 ? -1 : ms + seconds * 1000 + fraction;
}

/** `HHMMSS` or `HHMMSSmmm` filling [start, end): ms since midnight, -1 if it is no time. */
export function readCompactClock(bytes: Uint8Array, start: number, end: number): number {
  if (end - start !== 6 && end - start !== 9) return -1;
  const hours = readDigits(bytes, start, start + 2);
  const minutes = readDigits(bytes, start + 2, start + 4);
  const seconds = readDigits(bytes, start + 4, start + 6);
  const ms = end - start === 9 ? readDigits(bytes, start + 6, end) : 0;
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 59 || ms < 0) return -1;
  return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms;
}

function readFractionMs(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length < 1 || readDigits(bytes, start, end) < 0) return -1;
  const ms = readDigits(bytes, start, Math.min(end, start + 3));
  return length === 1 ? ms * 100 : length === 2 ? ms * 10 : ms;
}

/**
 * Zone suffix of an ISO time filling [start, end): nothing, `Z`, `+HH:MM`, `-HH:MM`, `+HHMM`: ms east of UTC; NaN if it
 * is none of these. Nothing counts as UTC.
 */
export function readZoneMs(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length === 0 || (length === 1 && (bytes[start]! | 32) === 122)) return 0;
  const sign = bytes[start] === 43 ? 1 : bytes[start] === 45 ? -1 : 0;
  if (sign === 0 || (length !== 5 && !(length === 6 && bytes[start + 3] === 58))) return Number.NaN;
  const hours = readDigits(bytes, start + 1, start + 3);
  const minutes = readDigits(bytes, end - 2, end);
  if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59) return Number.NaN;
  return sign * (hours * 60 + minutes) * 60_000;
}
