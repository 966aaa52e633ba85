// TrueFX ticks, UTC: `EUR/USD,20130101 21:59:59.981,1.32023,1.32054` without header, or the header `timestamp,bid,ask`
// with ISO times, whose fraction is absent where it is zero.

import { Cells } from '../cells.ts';
import { latin1 } from '../numbers.ts';
import { DateReader, readClock, readZoneMs } from '../times.ts';
import type { Format, LineParser, ParserContext } from './format.ts';

const COMMA = 44;
const BOTH_SIDES = 6;
const PAIR = /^[A-Z0-9]{2,12}\/[A-Z0-9]{2,12}$/i;
const PAIR_LINE = /^([A-Z0-9]{2,12}\/[A-Z0-9]{2,12}),\d{8} \d\d:\d\d:\d\d/i;
const ISO_LINE = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?,[^,]+,[^,]+$/i;
const ISO_HEADER = /^timestamp,bid,ask$/i;

export const trueFx: Format = {
  name: 'truefx',
  title: 'TrueFX ticks: EUR/USD,20130101 21:59:59.981,1.32023,1.32054',
  kind: 'ticks',
  utcOffsetS: 0,
  padsPrices: false,
  match(line) {
    const pair = PAIR_LINE.exec(line)?.[1];
    return pair === undefined ? undefined : { header: false, columns: [], symbol: symbolOf(pair) };
  },
  parser: pairParser,
};

export const trueFxIso: Format = {
  name: 'truefx-iso',
  title: 'TrueFX ticks with a header: timestamp,bid,ask and 2013-01-01 22:00:00.295000+00:00,86.655,86.728',
  kind: 'ticks',
  utcOffsetS: 0,
  padsPrices: false,
  match(line) {
    if (ISO_HEADER.test(line)) return { header: true, columns: ['TIMESTAMP', 'BID', 'ASK'] };
    return ISO_LINE.test(line) ? { header: false, columns: [] } : undefined;
  },
  parser: isoParser,
};

function symbolOf(pair: string): string {
  return pair.replace('/', '').toUpperCase();
}

function pairParser({ match, sink, numbers }: ParserContext): LineParser {
  const cells = new Cells(4);
  const dates = new DateReader();
  let pair = new Uint8Array(0);

  /** Whether the first cell is the file's pair; remembers its bytes, so that most lines only compare these. */
  const isPair = (bytes: Uint8Array): boolean => {
    const start = cells.start[0]!;
    const length = cells.end[0]! - start;
    let same = length === pair.length;
    for (let i = 0; same && i < length; i++) same = bytes[start + i] === pair[i];
    if (same) return true;
    if (symbolOf(latin1(bytes, start, start + length)) !== match.symbol) return false;
    pair = bytes.slice(start, start + length);
    return true;
  };

  return (bytes, start, end) => {
    if (!cells.split(bytes, start, end, COMMA) || cells.count !== 4) return sink.reject('malformed_line');
    if (!isPair(bytes)) {
      const known = PAIR.test(latin1(bytes, cells.start[0]!, cells.end[0]!));
      return sink.reject(known ? 'other_symbol' : 'malformed_line');
    }
    const at = cells.start[1]!;
    const day = dates.read(bytes, at, 0);
    const clock = bytes[at + 8] === 32 ? readClock(bytes, at + 9, cells.end[1]!) : -1;
    const bid = numbers.read(bytes, cells.start[2]!, cells.end[2]!);
    const ask = numbers.read(bytes, cells.start[3]!, cells.end[3]!);
    if (day < 0 || clock < 0 || Number.isNaN(bid) || Number.isNaN(ask)) return sink.reject('malformed_line');
    sink.tick(day + clock, bid, ask, BOTH_SIDES);
  };
}

function isoParser({ sink, numbers }: ParserContext): LineParser {
  const cells = new Cells(3);
  const dates = new DateReader();
  return (bytes, start, end) => {
    if (!cells.split(bytes, start, end, COMMA) || cells.count !== 3) return sink.reject('malformed_line');
    const cellEnd = cells.end[0]!;
    const separator = bytes[start + 10];
    // The clock ends where the zone begins: after the seconds, or after the digits of the fraction.
    let zone = start + 19;
    if (zone < cellEnd && bytes[zone] === 46) {
      zone++;
      while (zone < cellEnd && bytes[zone]! >= 48 && bytes[zone]! <= 57) zone++;
    }
    if (zone > cellEnd || (separator !== 32 && separator !== 84)) return sink.reject('malformed_line');
    const day = dates.read(bytes, start, 45);
    const clock = readClock(bytes, start + 11, zone);
    const zoneMs = readZoneMs(bytes, zone, cellEnd);
    const bid = numbers.read(bytes, cells.start[1]!, cells.end[1]!);
    const ask = numbers.read(bytes, cells.start[2]!, cells.end[2]!);
    if (day < 0 || clock < 0 || Number.isNaN(zoneMs + bid + ask)) return sink.reject('malformed_line');
    sink.tick(day + clock - zoneMs, bid, ask, BOTH_SIDES);
  };
}
