/** `npm run docs`: writes the pages that are generated from the code. test/docs.test.ts holds them together. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configurationPage } from '../runtime/config/index.ts';
import type { ErrorEntry } from '../runtime/errors.ts';
import { denialTable, errorTable } from '../runtime/errors.ts';
import { nativeTable, replyTable } from '../runtime/native-errors.ts';

const row = ([code, entry]: [string, ErrorEntry]): string =>
  `| \`${code}\` | ${entry.class} | ${entry.meaning.replaceAll('|', '\\|')} |`;

export function errorsPage(): string {
  const parts = [
    '# Errors',
    '',
    '<!-- Generated from runtime/errors.ts by `npm run docs`. Do not edit. -->',
    '',
    'Every error that Troupe reports has one of these codes, in logs, events and metrics. A code never changes its meaning',
    'and is never used again for another.',
    '',
    '- **retry**: may succeed when tried again; Troupe does so by itself.',
    '- **fatal**: will not succeed until something is changed.',
    '- **operator**: needs a person’s decision.',
    '',
    '| code | class | meaning, and what to do |',
    '|---|---|---|',
    ...Object.entries<ErrorEntry>(errorTable).map(row),
    '',
    '## Denials',
    '',
    'The risk gate’s reasons for not sending an order. Nothing is wrong with the system: the order was not sent.',
    '',
    '| code | class | meaning, and what to do |',
    '|---|---|---|',
    ...Object.entries<ErrorEntry>(denialTable).map(row),
    '',
    '## Bridge and terminal',
    '',
    'Codes in the logs of the C++ programs.',
    '',
    '| code | class | meaning, and what to do |',
    '|---|---|---|',
    ...Object.entries<ErrorEntry>(nativeTable).map(row),
    '',
    'Codes in the bridge’s replies to the broker, besides `FENCED`, `NO_TERMINAL` and the names of MetaTrader’s return',
    'codes.',
    '',
    '| code | class | meaning, and what to do |',
    '|---|---|---|',
    ...Object.entries<ErrorEntry>(replyTable).map(row),
  ];
  return `${parts.join('\n')}\n`;
}

/** Page by path, relative to the project. */
export const pages = (): ReadonlyMap<string, string> =>
  new Map([
    ['docs/errors.md', errorsPage()],
    ['docs/configuration.md', configurationPage()],
  ]);

if (import.meta.main) {
  for (const [path, page] of pages()) {
    writeFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), page);
    process.stdout.write(`${path}\n`);
  }
}
