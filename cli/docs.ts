/** `npm run docs`: writes the pages that are generated from the code. test/docs.test.ts holds them together. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configurationPage } from '../runtime/config/index.ts';
import type { ErrorEntry } from '../runtime/errors.ts';
import { denialTable, errorTable } from '../runtime/errors.ts';
import { nativeTable, replyTable } from '../runtime/native-errors.ts';
import { watchEventLoop } from '../runtime/telemetry/event-loop.ts';
import { createMetrics } from '../runtime/telemetry/metrics.ts';

const row = ([code, entry]: [string, ErrorEntry]): string =>
  `| \`${code}\` | ${entry.class} | ${entry.meaning.replaceAll('|', '\\|')} |`;

interface LinkClientError {
  readonly name: string;
  readonly number: number;
  readonly code: string;
  readonly text: string;
}

/** The one table of them is in C, because an expert in MQL5 mirrors it and the DLL is built from it. */
export function linkClientErrors(): readonly LinkClientError[] {
  const url = new URL('../native/mt5-bridge/dll/troupe_link.h', import.meta.url);
  const entry = /X\((TROUPE_E_\w+), (-\d+), "(E_\w+)",[\s\\]*"([^"]+)"\)/g;
  return [...readFileSync(url, 'utf8').matchAll(entry)].map(([, name = '', number, code = '', text = '']) => ({
    name,
    number: Number(number),
    code,
    text,
  }));
}

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
    '',
    '## Link client',
    '',
    'What the functions of `troupe-link.dll` return and what stands in `TroupeLinkLost::error`; generated from',
    '`native/mt5-bridge/dll/troupe_link.h`.',
    '',
    '| number | code | meaning |',
    '|---|---|---|',
    ...linkClientErrors().map(({ number, code, text }) => `| ${number} | \`${code}\` | ${text} |`),
  ];
  return `${parts.join('\n')}\n`;
}

interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labelNames?: readonly string[];
}

/** The table of the C++ source, which is the one place where they stand. */
function bridgeMetrics(): Described[] {
  const source = readFileSync(new URL('../native/mt5-bridge/bridge/metrics_page.cpp', import.meta.url), 'utf8');
  const rows = source.matchAll(/\{"(troupe_bridge_\w+)",\s*"(\w+)",\s*"([\w, ]*)",\s*"([^"]+)"\}/g);
  return [...rows].map(([, name = '', type = '', labels = '', help = '']) => ({
    name,
    type,
    labelNames: labels === '' ? [] : labels.split(', '),
    help,
  }));
}

export function metricsPage(): string {
  const { registry } = createMetrics();
  // The process adds its own to the registry of the node.
  watchEventLoop(registry, () => 0)();
  const all = registry.getMetricsAsArray() as unknown as Described[];
  const isOurs = ({ name }: Described): boolean => !/^troupe_(nodejs|process)_/.test(name);
  const line = ({ name, type, labelNames = [], help }: Described): string =>
    `| \`${name}\` | ${type} | ${labelNames.join(', ')} | ${help}. |`;
  const parts = [
    '# Metrics',
    '',
    '<!-- Generated from runtime/telemetry/metrics.ts, event-loop.ts and native/mt5-bridge/bridge/metrics_page.cpp by `npm run docs`. Do not edit. -->',
    '',
    'Each node serves them at `/metrics` on 127.0.0.1 for Prometheus (`node.metrics_port`), and `/health` beside. Names and',
    'labels are a promise: dashboards and alert rules use them. Besides these there is what Node.js tells of itself, as',
    '`troupe_process_*` and `troupe_nodejs_*`: memory, garbage collection, `troupe_nodejs_eventloop_lag_p99_seconds`.',
    '',
    '| metric | type | labels | meaning |',
    '|---|---|---|---|',
    ...all.filter(isOurs).map(line),
    '',
    '## Bridge',
    '',
    'The bridge serves its own at `/metrics` on 127.0.0.1 (`--metrics-port`, off unless it is given), and `/health` beside,',
    'which is 503 while an account has no terminal linked. `npm start` lets it take a free port: `metrics_port` in the answer of',
    '`control.bridge.<account>.status`. `npm run bridge:doctor` reads the same figures and says what they mean.',
    '',
    '| metric | type | labels | meaning |',
    '|---|---|---|---|',
    ...bridgeMetrics().map(line),
  ];
  return `${parts.join('\n')}\n`;
}

/** Page by path, relative to the project. */
export const pages = (): ReadonlyMap<string, string> =>
  new Map([
    ['docs/errors.md', errorsPage()],
    ['docs/configuration.md', configurationPage()],
    ['docs/metrics.md', metricsPage()],
  ]);

if (import.meta.main) {
  for (const [path, page] of pages()) {
    writeFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), page);
    process.stdout.write(`${path}\n`);
  }
}
