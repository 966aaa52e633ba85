/** docs/operations.md as data: everything on the page that somebody could type, wherever it stands. */
import { accessSync, constants, readFileSync } from 'node:fs';
import path from 'node:path';
import { projectFolder } from '../support/source.ts';

export interface Example {
  readonly command: string;
  /** Lines that it prints, among others. */
  readonly prints: readonly string[];
}

export interface MetricRow {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export class Runbook {
  /** Examples by block: those of one block follow each other. */
  readonly blocks: readonly (readonly Example[])[];
  /** Lines of indented blocks: an operator types them once. */
  readonly lines: readonly string[];
  /** Commands in the middle of a sentence. */
  readonly inline: readonly string[];
  /** First column of the table of the broker's states. */
  readonly brokerStates: readonly string[];
  readonly metrics: readonly MetricRow[];
  readonly text: string;

  constructor(text = readFileSync(path.join(projectFolder, 'docs', 'operations.md'), 'utf8')) {
    this.text = text;
    this.blocks = consoleBlocks(text);
    const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, '');
    this.lines = [...prose.matchAll(/^ {4}(\S.*)$/gm)].map(([, line = '']) => line);
    this.inline = [...new Set([...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span).filter(isCommand))];
    this.brokerStates = rows(prose, 'state of the broker').flatMap(([states = '']) => codes(states));
    this.metrics = rows(prose, 'metric').map(([cell = '']) => metricOf(codes(cell)[0] ?? cell));
  }

  get commands(): readonly string[] {
    return this.blocks.flat().map(({ command }) => command);
  }
}

function consoleBlocks(text: string): Example[][] {
  return [...text.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map(([, block = '']) => {
    const found: { command: string; prints: string[] }[] = [];
    for (const line of block.trimEnd().split('\n')) {
      if (line.startsWith('$ ')) found.push({ command: line.slice(2), prints: [] });
      else found.at(-1)!.prints.push(line);
    }
    return found;
  });
}

/** Two words, the first of which can be started here: `nats micro ls` is one, `kill` and `trading.active` are none. */
function isCommand(span: string): boolean {
  const [program = '', ...rest] = span.split(' ');
  if (rest.length === 0 || !/^[\w.-]+$/.test(program)) return false;
  const folders = [path.join(projectFolder, '.tools', 'bin'), ...(process.env.PATH ?? '').split(':')];
  return folders.some((folder) => {
    try {
      accessSync(path.join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Cells of the table whose first heading this is. */
function rows(text: string, heading: string): string[][] {
  const lines = text.split('\n');
  const found: string[][] = [];
  for (let at = lines.findIndex((line) => line.startsWith(`| ${heading} |`)) + 2; lines[at]?.startsWith('|'); at++) {
    const cells = lines[at]!.slice(1, -1).split('|');
    found.push(cells.map((cell) => cell.trim()));
  }
  return found;
}

const codes = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);

function metricOf(cell: string): MetricRow {
  const [, name = '', labels = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(cell) ?? [];
  const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value] as const);
  return { name, labels: Object.fromEntries(pairs) };
}
