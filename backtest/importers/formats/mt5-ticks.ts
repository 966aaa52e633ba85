// MT5 tick export (Symbols > Ticks > Export): `2022.11.10 15:00:00.017 0.86682 0.86712 (LAST) (VOLUME) 6`, tabs between.
// An empty bid or ask means that this side did not change, so the last one is carried forward.

import { Cells } from '../cells.ts';
import { readDigits } from '../numbers.ts';
import { isPrice } from '../sink.ts';
import { DateReader, readClock } from '../times.ts';
import type { Format, LineParser, ParserContext } from './format.ts';
import { DOT, mt5Header, TAB } from './mt5.ts';

const BID_CHANGED = 2;
const ASK_CHANGED = 4;

export const mt5Ticks: Format = {
  name: 'mt5-ticks',
  title: 'MT5 tick export: <DATE> <TIME> <BID> <ASK> <LAST> <VOLUME> <FLAGS>, tab separated',
  kind: 'ticks',
  padsPrices: false,
  match: (line) => mt5Header(line, ['DATE', 'TIME', 'BID', 'ASK']),
  parser,
};

function parser({ match, sink, numbers }: ParserContext): LineParser {
  const [date, time, bid, ask, flags, timeMsc] = ['DATE', 'TIME', 'BID', 'ASK', 'FLAGS', 'TIME_MSC'].map((name) =>
    match.columns.indexOf(name),
  ) as [number, number, number, number, number, number];
  const cells = new Cells(match.columns.length);
  const dates = new DateReader();
  let lastBid = Number.NaN;
  let lastAsk = Number.NaN;

  return (bytes, start, end) => {
    if (!cells.split(bytes, start, end, TAB) || cells.count <= Math.min(bid, ask)) return sink.reject('malformed_line');
    if (cells.count <= time || cells.end[date]! - cells.start[date]! !== 10) return sink.reject('malformed_line');
    const day = dates.read(bytes, cells.start[date]!, DOT);
    const clock = readClock(bytes, cells.start[time]!, cells.end[time]!);
    if (day < 0 || clock < 0) return sink.reject('malformed_line');
    let timeMs = day + clock;
    // Files written through the API may have whole seconds in TIME and the milliseconds only in TIME_MSC.
    if (cells.filled(timeMsc) && cells.end[time]! - cells.start[time]! <= 8) {
      const msc = readDigits(bytes, cells.start[timeMsc]!, cells.end[timeMsc]!);
      if (msc < 0) return sink.reject('malformed_line');
      timeMs += msc % 1000;
    }

    const hasBid = cells.filled(bid);
    const hasAsk = cells.filled(ask);
    const newBid = hasBid ? numbers.read(bytes, cells.start[bid]!, cells.end[bid]!) : lastBid;
    const newAsk = hasAsk ? numbers.read(bytes, cells.start[ask]!, cells.end[ask]!) : lastAsk;
    if ((hasBid && Number.isNaN(newBid)) || (hasAsk && Number.isNaN(newAsk))) return sink.reject('malformed_line');
    let changed = (hasBid ? BID_CHANGED : 0) | (hasAsk ? ASK_CHANGED : 0);
    if (cells.filled(flags)) {
      changed = readDigits(bytes, cells.start[flags]!, cells.end[flags]!);
      if (changed < 0 || changed > 0xffff_ffff) return sink.reject('malformed_line');
    }

    // A line that cannot be used must not leave its prices behind for the lines after it. A crossed quote may: its
    // prices are real, and one of them can be the side that the next line leaves empty.
    if (timeMs < sink.lastMs) return sink.reject('time_backwards');
    if ((hasBid && !isPrice(newBid)) || (hasAsk && !isPrice(newAsk))) return sink.reject('bad_price');
    lastBid = newBid;
    lastAsk = newAsk;
    if (Number.isNaN(newBid) || Number.isNaN(newAsk)) return sink.reject('no_other_side');
    sink.tick(timeMs, newBid, newAsk, changed);
  };
}
