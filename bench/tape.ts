/** The market that a benchmark plays: seeded, the same every time, kept between runs. */
import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { wideSymbols, writeSyntheticTape } from '../backtest/synthetic/index.ts';
import type { TapeInfo } from '../backtest/tape.ts';
import { readTape } from '../backtest/tape.ts';
import type { Stage } from './stage.ts';

export interface TapeSpec {
  readonly symbols: number;
  readonly ticks: number;
  /** Ticks of all symbols together per second of market time, the same all day. */
  readonly ticksPerSecond: number;
}

export async function benchTape(stage: Stage, spec: TapeSpec): Promise<TapeInfo> {
  const { symbols, ticks, ticksPerSecond } = spec;
  const folder = path.join(stage.folder, 'tapes');
  const file = path.join(folder, `flat-${symbols}-${ticksPerSecond}-${ticks}.tape`);
  if (statSync(file, { throwIfNoEntry: false })?.isFile()) return readTape(file);
  mkdirSync(folder, { recursive: true });
  stage.say(`making a market of ${ticks.toLocaleString('en-US')} ticks of ${symbols} symbols ...`);
  return writeSyntheticTape(file, {
    seed: 'bench',
    symbols: wideSymbols(symbols),
    ticks,
    ticksPerSecond,
    shape: 'flat',
    utcOffsetS: 0,
  });
}
