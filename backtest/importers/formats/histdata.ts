// HistData generic ASCII: ticks `20120201 000003660,1.306600,1.306770,0` and one-minute bid bars
// `20120201 000000;O;H;L;C;V`. The clock is EST without daylight saving, as HistData documents it (UTC-5).

import { Cells } from '../cells.ts';
import { DateReader, readCompactClock } from '../times.ts';
import type { Format, LineParser, ParserContext } from './format.ts';

const COMMA = 44;
const SEMICOLON = 59;
const BOTH_SIDES = 6;
const EST_S = -5 * 3600;
const TICK_LINE = /^\d{8} \d{9},[^,]+,[^,]+(,[^,]*)?$/;
const BAR_LINE = /^\d{8} \d{6}(;[^;]+){4}(;[^;]*)?$/;

export const histDataTicks: Format = {
  name: 'histdata-ticks',
  title: 'HistData ASCII ticks: 20120201 000003660,1.306600,1.306770,0',
  kind: 'ticks',
  utcOffsetS: EST_S,
  padsPrices: true,
  match: (line) => (TICK_LINE.test(line) ? { header: false, columns: [] } : undefined),
  parser: tickParser,
};

export const histDataBars: Format = {
  name: 'histdata-bars',
  title: 'HistData ASCII one-minute bars: 20120201 000000;1.306600;1.306600;1.306560;1.306560;0',
  kind: 'bars',
  utcOffsetS: EST_S,
  padsPrices: true,
  match: (line) => (BAR_LINE.test(line) ? { header: false, columns: [] } : undefined),
  parser: barParser,
};

function tickParser({ sink, numbers }: ParserContext): LineParser {
  const cells = new Cells(4);
  const dates = new DateReader();
  return (bytes, start, end) => {
    if (!cells.split(bytes, start, end, COMMA) || cells.count < 3) return sink.reject('malformed_line');
    const timeMs = dayAndClock(dates, bytes, start, cells.end[0]!);
    const bid = numbers.read(bytes, cells.start[1]!, cells.end[1]!);
    const ask = numbers.read(bytes, cells.start[2]!, cells.end[2]!);
    if (timeMs < 0 || Number.isNaN(bid) || Number.isNaN(ask)) return sink.reject('malformed_line');
    sink.tick(timeMs, bid, ask, BOTH_SIDES);
  };
}

function barParser({ sink, bars, numbers }: ParserContext): LineParser {
  const cells = new Cells(6);
  const dates = new DateReader();
  const price = (bytes: Uint8Array, cell: number) => numbers.read(bytes, cells.start[cell]!, cells.end[cell]!);
  return (bytes, start, end) => {
    if (!cells.split(bytes, start, end, SEMICOLON) || cells.count < 5) return sink.reject('malformed_line');
    const timeMs = dayAndClock(dates, bytes, start, cells.end[0]!);
    if (timeMs < 0) return sink.reject('malformed_line');
    bars.bar(timeMs, price(bytes, 1), price(bytes, 2), price(bytes, 3), price(bytes, 4), Number.NaN);
  };
}

/** `YYYYMMDD HHMMSS[mmm]`: ms on the file's clock, -1 if it is no time. */
function dayAndClock(dates: DateReader, bytes: Uint8Array, start: number, end: number): number {
  if (bytes[start + 8] !== 32) return -1;
  const day = dates.read(bytes, start, 0);
  const clock = readCompactClock(bytes, start + 9, end);
  return day < 0 || clock < 0 ? -1 : day + clock;
}
