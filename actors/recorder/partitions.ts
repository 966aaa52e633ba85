/** Monthly partitions of `troupe.trades`, by month of `executed_at` in UTC. */

/** Months made ahead of the one that is needed, so that a turn of the month finds its partition. */
const MONTHS_AHEAD = 2;

/** Running number of a month: year times twelve plus month from 0. */
export type Month = number;

export function monthOf(timeMs: number): Month {
  const date = new Date(timeMs);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

/** The month of each time and those ahead of it, each once, in order. */
export function monthsFor(timesMs: readonly number[]): Month[] {
  const months = new Set<Month>();
  for (const timeMs of timesMs) {
    const first = monthOf(timeMs);
    for (let ahead = 0; ahead <= MONTHS_AHEAD; ahead++) months.add(first + ahead);
  }
  return [...months].sort((a, b) => a - b);
}

const parts = (month: Month): [string, string] => [
  String(Math.floor(month / 12)).padStart(4, '0'),
  String((month % 12) + 1).padStart(2, '0'),
];

/** `trades_2024_03` */
export function partitionName(month: Month): string {
  return `trades_${parts(month).join('_')}`;
}

/** Start of the month in UTC, whatever the session's time zone. */
const bound = (month: Month): string => `${parts(month).join('-')}-01 00:00:00+00`;

export function createPartition(month: Month): string {
  return (
    `CREATE TABLE IF NOT EXISTS troupe.${partitionName(month)} PARTITION OF troupe.trades ` +
    `FOR VALUES FROM ('${bound(month)}') TO ('${bound(month + 1)}')`
  );
}
