// What each format tells the reader about itself. The formats are listed in recognise.ts.

import type { BarCollector } from '../bars.ts';
import type { NumberReader } from '../numbers.ts';
import type { TickSink } from '../sink.ts';

export type FormatName = 'mt5-ticks' | 'mt5-bars' | 'truefx' | 'truefx-iso' | 'histdata-ticks' | 'histdata-bars';

/** What the first line of the format that a file has tells. */
export interface FormatMatch {
  /** True if the line is a header, false if it is the first line of data. */
  readonly header: boolean;
  /** Column names in order, upper case without brackets; empty where the format has no header. */
  readonly columns: readonly string[];
  /** The symbol that the file names, without separators; undefined where the format does not say. */
  readonly symbol?: string;
}

export interface ParserContext {
  readonly match: FormatMatch;
  readonly sink: TickSink;
  readonly bars: BarCollector;
  readonly numbers: NumberReader;
}

/** Takes one data line, bytes [start, end) without its line end, and ends in exactly one call to sink or bars. */
export type LineParser = (bytes: Uint8Array, start: number, end: number) => void;

export interface Format {
  readonly name: FormatName;
  /** As shown in messages: whose format, and what a line looks like. */
  readonly title: string;
  readonly kind: 'ticks' | 'bars';
  /** Seconds that the file's clock is ahead of UTC; undefined where the clock is the broker's server. */
  readonly utcOffsetS?: number;
  /** True where the format pads all prices with zeros to a fixed width, so that trailing zeros say nothing. */
  readonly padsPrices: boolean;
  match(line: string): FormatMatch | undefined;
  parser(context: ParserContext): LineParser;
}
