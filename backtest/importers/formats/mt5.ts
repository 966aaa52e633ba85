// What both exports of MetaTrader 5 share: tab separated, a header of names in angle brackets, dates `YYYY.MM.DD`, the
// clock of the broker's server. Columns are found by name, because their number differs between builds.

import type { FormatMatch } from './format.ts';

export const TAB = 9;
export const DOT = 46;

export function mt5Header(line: string, wanted: readonly string[]): FormatMatch | undefined {
  if (!line.startsWith('<')) return undefined;
  const columns = line.split('\t').map((name) =>
    name
      .trim()
      .replace(/^<(.*)>$/, '$1')
      .toUpperCase(),
  );
  return wanted.every((name) => columns.includes(name)) ? { header: true, columns } : undefined;
}
