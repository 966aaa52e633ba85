/** What is played: the user's files, or the built-in synthetic market, as one tape. */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import type { ImportResult } from '../../backtest/importers/index.ts';
import { readTicks } from '../../backtest/importers/index.ts';
import { SYNTHETIC_DEFAULTS, writeSyntheticTape } from '../../backtest/synthetic/index.ts';
import type { TapeInfo } from '../../backtest/tape.ts';
import { readTape, writeTape } from '../../backtest/tape.ts';
import type { StartOptions } from './options.ts';
import { formatCount } from './view.ts';

export interface Market {
  readonly tape: TapeInfo;
  /** Ticks of the files that could not be used, by reason. */
  readonly unusable: Readonly<Record<string, number>>;
  /** What a person should know before the run begins. */
  readonly notes: readonly string[];
}

/** A busy FX day: eight ticks a second and symbol, so that two million ticks are one day. */
const TICKS_PER_SECOND = 24;

export type OnProgress = (text: string) => void;

export interface MarketRequest {
  readonly start: StartOptions;
  /** Where tapes are kept; nobody else uses it meanwhile. */
  readonly folder: string;
  /** The broker's clock where the command line does not say, seconds ahead of UTC. */
  readonly utcOffsetS: number;
  readonly onProgress: OnProgress;
  /** Ends the work with its reason; no half-written tape is left. */
  readonly signal: AbortSignal;
}

/** Throws ImportError and TapeError, whose messages name the file. */
export function prepareMarket(request: MarketRequest): Promise<Market> {
  const { start, folder } = request;
  mkdirSync(folder, { recursive: true });
  // What a killed run has half written: it may be as large as its tick files.
  for (const name of readdirSync(folder)) if (name.endsWith('.part')) rmSync(path.join(folder, name), { force: true });
  return start.ticks.length === 0 ? syntheticMarket(request) : importedMarket(request);
}

async function syntheticMarket({ start, folder, onProgress, signal }: MarketRequest): Promise<Market> {
  const { seed } = start;
  const { ticks, symbols } = SYNTHETIC_DEFAULTS;
  const file = path.join(folder, `synthetic-${Buffer.from(seed).toString('base64url')}-${ticks}.tape`);
  const about = `built-in market, seed ${seed}: ${symbols.join(', ')}, ${formatCount(ticks)} ticks`;
  if (statSync(file, { throwIfNoEntry: false })?.isFile()) {
    return { tape: await readTape(file), unusable: {}, notes: [about] };
  }
  const tape = await writeSyntheticTape(file, {
    seed,
    ticksPerSecond: TICKS_PER_SECOND,
    signal,
    onProgress: (written, total) => onProgress(`making the ${about} ${Math.floor((100 * written) / total)} %`),
  });
  return { tape, unusable: {}, notes: [about] };
}

async function importedMarket({
  start,
  folder,
  utcOffsetS: usual,
  onProgress,
  signal,
}: MarketRequest): Promise<Market> {
  const utcOffsetS = start.utcOffsetS ?? usual;
  const results: ImportResult[] = [];
  for (const file of start.ticks) {
    const result = await readTicks(file, {
      utcOffsetS,
      barsToTicks: start.barsAsTicks,
      ...(start.symbol === undefined ? {} : { symbol: start.symbol }),
      signal,
      onProgress: (read, total) => {
        const share = total > 0 ? ` ${Math.floor((100 * read) / total)} %` : '';
        onProgress(`reading ${file}${share}`);
      },
    });
    results.push(result);
  }
  const tape = await writeTape(path.join(folder, 'import.tape'), {
    series: results.map(({ symbol, columns, digits }) => ({ symbol, columns, digits })),
    utcOffsetS,
    signal,
    onProgress: (written, total) => onProgress(`writing the tape ${Math.floor((100 * written) / total)} %`),
  });
  return { tape, unusable: sumOf(results), notes: results.flatMap(notesOf) };
}

function sumOf(results: readonly ImportResult[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const { counts } of results) {
    for (const [reason, n] of Object.entries(counts.unusable)) if (n > 0) sum[reason] = (sum[reason] ?? 0) + n;
  }
  return sum;
}

function notesOf({ path: file, format, symbol, counts, problems, truncated }: ImportResult): string[] {
  const unusable = counts.lines - (counts.bars > 0 ? counts.bars : counts.ticks);
  return [
    `${file}: ${format}, ${symbol}, ${formatCount(counts.ticks)} ticks` +
      (unusable > 0 ? `, ${formatCount(unusable)} of ${formatCount(counts.lines)} lines unusable` : ''),
    ...problems.map(({ reason, file: where, line, text }) => `  ${where}:${line}: ${reason}: ${text}`),
    ...(truncated === undefined ? [] : [`  ${file}:${truncated.line}: ${truncated.message}; what came before is kept`]),
  ];
}
