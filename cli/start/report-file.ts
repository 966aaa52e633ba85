/** Where `--report` writes: looked at before the run, so that nobody plays for an hour and gets nothing. */
import { accessSync, constants, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { messageOf, TroupeError } from '../../runtime/errors.ts';
import { UsageError } from './options.ts';
import type { Report } from './report.ts';

/** Throws UsageError where the file could not be written later. Nothing is created. */
export function checkReportFile(file: string): void {
  const folder = path.dirname(path.resolve(file));
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`--report ${file}: there is no folder ${folder}; make it first, or name another`);
  }
  const there = statSync(file, { throwIfNoEntry: false });
  if (there?.isDirectory()) throw new UsageError(`--report ${file}: is a folder, want the name of a file`);
  try {
    accessSync(folder, constants.W_OK);
    if (there !== undefined) accessSync(file, constants.W_OK);
  } catch (error) {
    throw new UsageError(`--report ${file}: cannot be written (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** The whole report or, where that fails, what stood there before. Throws REPORT_NOT_WRITTEN. */
export function writeReport(file: string, report: Report): void {
  const text = `${JSON.stringify(report, null, 2)}\n`;
  // A pipe or /dev/stdout cannot be renamed onto.
  const whole = statSync(file, { throwIfNoEntry: false })?.isFile() ?? true;
  const scratch = whole ? `${file}.new` : file;
  try {
    writeFileSync(scratch, text);
    if (whole) renameSync(scratch, file);
  } catch (error) {
    if (whole) rmSync(scratch, { force: true });
    throw new TroupeError('REPORT_NOT_WRITTEN', `${file}: ${messageOf(error)}`, { cause: error });
  }
}
