// Importers: files of market data into columns of ticks. Everything that other rooms use.

export type { TickColumns } from './columns.ts';
export { ImportError, type ImportErrorCode } from './errors.ts';
export type { FormatName } from './formats/format.ts';
export { type ImportCounts, type ImportOptions, type ImportResult, readTicks } from './read-ticks.ts';
export { type NotRecognised, type Recognised, recognise } from './recognise.ts';
export { type ImportProblem, PROBLEMS_PER_REASON, UNUSABLE_REASONS, type UnusableReason } from './sink.ts';
