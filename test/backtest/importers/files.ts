// Small files that the tests write themselves.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { ImportResult } from '../../../backtest/importers/index.ts';

/** A folder that goes away after the tests of this file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-backtest-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function fileMaker(): (content: string | Uint8Array, name?: string) => string {
  const folder = temporaryFolder();
  let count = 0;
  return (content, name = 'file.bin') => {
    const path = join(folder, `${count++}-${name}`);
    writeFileSync(path, content);
    return path;
  };
}

/** Ticks as rows: ISO time without zone, bid, ask, flags. */
export function rows(result: ImportResult): [string, number, number, number][] {
  const { timeMs, bid, ask, flags } = result.columns;
  return Array.from(timeMs, (ms, i) => [new Date(ms).toISOString().replace('Z', ''), bid[i]!, ask[i]!, flags[i]!]);
}

/** The reasons that occurred. */
export function reasons(result: ImportResult): Record<string, number> {
  return Object.fromEntries(Object.entries(result.counts.unusable).filter(([, count]) => count > 0));
}

export function utf16le(text: string, mark = true): Buffer {
  return Buffer.concat([mark ? Buffer.from([0xff, 0xfe]) : Buffer.alloc(0), Buffer.from(text, 'utf16le')]);
}
