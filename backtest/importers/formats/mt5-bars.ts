// MT5 bar export: `<DATE> <TIME> <OPEN> <HIGH> <LOW> <CLOSE> <TICKVOL> <VOL> <SPREAD>`, tabs between. Prices are bids,
// the spread is in points. Daily and longer bars have no <TIME>.

import { Cells } from '../cells.ts';
import { readDigits } from '../numbers.ts';
import { DateReader, readClock } from '../times.ts';
import type { Format, LineParser, ParserContext } from './format.ts';
import { DOT, mt5Header, TAB } from './mt5.ts';

export const mt5Bars: Format = {
  name: 'mt5-bars',
  title: 'MT5 bar export: <DATE> <TIME> <OPEN> <HIGH> <LOW> <CLOSE> <TICKVOL> <VOL> <SPREAD>, tab separated',
  kind: 'bars',
  padsPrices: false,
  match: (line) => mt5Header(line, ['DATE', 'OPEN', 'HIGH', 'LOW', 'CLOSE']),
  parser,
};

function parser({ match, sink, bars, numbers }: ParserContext): LineParser {
  const [date, time, spread, ...prices] = ['DATE', 'TIME', 'SPREAD', 'OPEN', 'HIGH', 'LOW', 'CLOSE'].map((name) =>
    match.columns.indexOf(name),
  ) as [number, number, number, number, number, number, number];
  const cells = new Cells(match.columns.length);
  const needed = Math.max(date, time, ...prices) + 1;
  const dates = new DateReader();
  const price = (bytes: Uint8Array, cell: number) => numbers.read(bytes, cells.start[cell]!, cells.end[cell]!);
  bars.defaultPeriodMs = time < 0 ? 86_400_000 : 60_000;

  return (bytes, start, end) => {
    if (!cells.split(bytes, start, end, TAB) || cells.count < needed) return sink.reject('malformed_line');
    if (cells.end[date]! - cells.start[date]! !== 10) return sink.reject('malformed_line');
    const day = dates.read(bytes, cells.start[date]!, DOT);
    const clock = time < 0 ? 0 : readClock(bytes, cells.start[time]!, cells.end[time]!);
    const points = cells.filled(spread) ? readDigits(bytes, cells.start[spread]!, cells.end[spread]!) : Number.NaN;
    if (day < 0 || clock < 0 || points < 0) return sink.reject('malformed_line');
    const [open, high, low, close] = prices;
    bars.bar(day + clock, price(bytes, open), price(bytes, high), price(bytes, low), price(bytes, close), points);
  };
}
