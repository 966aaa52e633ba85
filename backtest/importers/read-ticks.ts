// A file of ticks (or of bars, on request) into columns of one symbol on the clock of the tape.

import { BarCollector } from './bars.ts';
import type { TickColumns } from './columns.ts';
import { AsciiDecoder } from './encoding.ts';
import { ImportError } from './errors.ts';
import type { FormatName } from './formats/format.ts';
import { LineSplitter } from './lines.ts';
import { NumberReader } from './numbers.ts';
import { FORMATS, type NotRecognised, type Recognised, recognise } from './recognise.ts';
import { type ImportProblem, TickSink, type UnusableReason } from './sink.ts';
import { ByteSource, gzipUnpacker, plainUnpacker } from './source.ts';

export interface ImportOptions {
  /** Name of the symbol at the broker. Needed where the file does not say; wins where it does. */
  readonly symbol?: string;
  /** Seconds that the tape's clock (the broker's wall clock) is ahead of UTC; default 0. One for all files of a tape. */
  readonly utcOffsetS?: number;
  /**
   * Seconds that the file's clock is ahead of UTC. Default: what the format says (TrueFX 0, HistData -18000); for MT5
   * exports, which do not say, the same as the tape's.
   */
  readonly fileUtcOffsetS?: number;
  /** Turns bars into four ticks each; without it a bar file is an error. */
  readonly barsToTicks?: boolean;
  /** Spread of bars in points where the file has none (HistData); default 10. */
  readonly barSpreadPoints?: number;
  /** Decimals of the price; default: as many as the file shows. */
  readonly digits?: number;
  /** Called after each chunk. totalBytes is 0 where the size is not known; both count packed bytes for gzip. */
  readonly onProgress?: (readBytes: number, totalBytes: number) => void;
  /** Ends the import with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface ImportResult {
  readonly path: string;
  readonly format: FormatName;
  readonly symbol: string;
  /** Decimals of the price. */
  readonly digits: number;
  /** Clock of the columns, seconds ahead of UTC. */
  readonly utcOffsetS: number;
  readonly columns: TickColumns;
  readonly counts: ImportCounts;
  /** The first five unusable lines of each reason, in the order of the file. */
  readonly problems: readonly ImportProblem[];
  /** Set when the file ended before its end: what came before is kept. line is the last complete one. */
  readonly truncated?: { readonly line: number; readonly message: string };
}

export interface ImportCounts {
  /** Lines of data: without the header and without empty lines. lines = usable lines + sum of unusable. */
  readonly lines: number;
  /** Ticks in the columns: one per usable line, four per usable bar. */
  readonly ticks: number;
  /** Bars that became ticks; 0 for tick files. */
  readonly bars: number;
  readonly unusable: Readonly<Record<UnusableReason, number>>;
}

const MOST_OFFSET_S = 14 * 3600;
const DEFAULT_BAR_SPREAD_POINTS = 10;

/**
 * Reads one file in chunks; memory grows with its ticks, not with its text.
 * Throws ImportError when nothing can be read at all; single bad lines are counted in the result instead.
 */
export async function readTicks(path: string, options: ImportOptions = {}): Promise<ImportResult> {
  checkOptions(options);
  const source = await ByteSource.open(path);
  try {
    const first = await source.next().catch((error: Error) => {
      throw new ImportError('IMPORT_UNREADABLE', path, `cannot be read: ${error.message}`, { cause: error });
    });
    const found = recognise(first ?? new Uint8Array(0));
    if (found.kind !== 'recognised') throw notRecognised(path, found);
    return await readLines(source, first!, found, options);
  } finally {
    await source.close();
  }
}

async function readLines(
  source: ByteSource,
  first: Buffer,
  found: Recognised,
  options: ImportOptions,
): Promise<ImportResult> {
  const { path } = source;
  const { format, match } = found;
  const symbol = options.symbol ?? match.symbol;
  if (symbol === undefined) {
    throw new ImportError(
      'IMPORT_NEEDS_SYMBOL',
      path,
      `this format (${format.name}) does not say which symbol its prices are of; name it with --symbol NAME`,
    );
  }
  if (format.kind === 'bars' && options.barsToTicks !== true) {
    throw new ImportError(
      'IMPORT_BARS_NOT_REQUESTED',
      path,
      `holds bars (${format.name}), not ticks; --bars-as-ticks turns each bar into four ticks`,
    );
  }

  const utcOffsetS = options.utcOffsetS ?? 0;
  const fileUtcOffsetS = options.fileUtcOffsetS ?? format.utcOffsetS ?? utcOffsetS;
  const sink = new TickSink(path, (utcOffsetS - fileUtcOffsetS) * 1000);
  const numbers = new NumberReader();
  const bars = new BarCollector(sink);
  const parse = format.parser({ match, sink, bars, numbers });
  const headerLine = match.header ? found.line : 0;
  let lines = 0;

  const splitter = new LineSplitter((bytes, start, end, whole) => {
    sink.line++;
    if (end === start || sink.line === headerLine) return;
    lines++;
    sink.bytes = bytes;
    sink.start = start;
    sink.end = end;
    if (!whole || sink.line < headerLine) sink.reject('malformed_line');
    else parse(bytes, start, end);
  });
  const decoder = new AsciiDecoder(found.encoding);
  const onBytes = (chunk: Buffer) => splitter.push(decoder.decode(chunk));
  const unpacker = found.gzip ? gzipUnpacker(onBytes) : plainUnpacker(onBytes);

  let failure: Error | undefined;
  for (let chunk: Buffer | undefined = first; chunk !== undefined; ) {
    await unpacker.write(chunk);
    options.onProgress?.(source.readBytes, source.totalBytes);
    options.signal?.throwIfAborted();
    chunk = await source.next().catch((error: Error) => {
      failure = error;
      return undefined;
    });
  }
  failure = (await unpacker.finish()) ?? failure;

  let truncated: ImportResult['truncated'];
  if (failure === undefined) {
    splitter.end();
  } else {
    truncated = { line: sink.line, message: cutMessage(path, sink.line, failure) };
    const rest = splitter.rest;
    if (rest.length > 0) {
      lines++;
      sink.line++;
      sink.bytes = rest;
      sink.start = 0;
      sink.end = rest.length;
      sink.reject('cut_short');
    }
  }
  if (lines === 0) {
    if (truncated !== undefined) throw new ImportError('IMPORT_TRUNCATED', '', truncated.message);
    throw new ImportError('IMPORT_EMPTY', path, 'has a header, but no line after it');
  }

  const digits = options.digits ?? (format.padsPrices ? numbers.trimmedDecimals : numbers.decimals);
  bars.flush({ digits, spreadPoints: options.barSpreadPoints ?? DEFAULT_BAR_SPREAD_POINTS });
  return {
    path,
    format: format.name,
    symbol,
    digits,
    utcOffsetS,
    columns: sink.builder.columns(),
    counts: { lines, ticks: sink.builder.length, bars: bars.count, unusable: sink.unusable },
    problems: sink.problems,
    ...(truncated === undefined ? {} : { truncated }),
  };
}

function cutMessage(path: string, line: number, failure: Error): string {
  const { code } = failure as NodeJS.ErrnoException;
  const why =
    code === 'Z_BUF_ERROR'
      ? 'the gzip file is cut short'
      : code?.startsWith('Z_')
        ? `the gzip file is damaged (${failure.message})`
        : `reading failed (${failure.message})`;
  return `${path}: ${why}; the last complete line is ${line}, what was read up to it is kept`;
}

function notRecognised(path: string, found: NotRecognised): ImportError {
  switch (found.kind) {
    case 'empty':
      return new ImportError('IMPORT_EMPTY', path, 'is empty');
    case 'zip':
      return new ImportError('IMPORT_ZIP', path, 'is a zip archive; unpack it first and name the file inside');
    case 'truncated':
      return new ImportError('IMPORT_TRUNCATED', path, 'the gzip file is cut short or damaged before its first line');
    case 'unrecognised': {
      const known = FORMATS.map((format) => `  - ${format.title}`).join('\n');
      const text = `its content is of no known format; it begins with "${found.firstLine}". Known, also as gzip:\n${known}`;
      return new ImportError('IMPORT_UNRECOGNISED', path, text);
    }
  }
}

function checkOptions(options: ImportOptions): void {
  const check = (name: string, value: number | undefined, low: number, high: number) => {
    if (value === undefined || (Number.isInteger(value) && value >= low && value <= high)) return;
    throw new ImportError('IMPORT_OPTION', '', `${name} is ${value}; it must be a whole number from ${low} to ${high}`);
  };
  check('utcOffsetS', options.utcOffsetS, -MOST_OFFSET_S, MOST_OFFSET_S);
  check('fileUtcOffsetS', options.fileUtcOffsetS, -MOST_OFFSET_S, MOST_OFFSET_S);
  check('barSpreadPoints', options.barSpreadPoints, 0, 1_000_000);
  check('digits', options.digits, 0, 10);
  if (options.symbol === '') throw new ImportError('IMPORT_OPTION', '', 'symbol is empty; it must be a name');
}
