/** Reads a configuration file, and says everything that is wrong with it at once. */
import { readFileSync } from 'node:fs';
import type { Document, Node, ParsedNode } from 'yaml';
import { isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import { messageOf, TroupeError } from '../errors.ts';
import { faultsOf, found, pathText } from './check.ts';
import type { Path } from './rules.ts';
import { rulesBetween } from './rules.ts';
import { type Config, configSchema } from './schema.ts';

export interface Fault {
  /** Line in the file, from 1. */
  readonly line: number;
  /** `account.risk.max_order_lots`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

/** Throws TroupeError CONFIG_NOT_FOUND, or CONFIG_INVALID with every fault on a line of its own. */
export function loadConfig(file: string): Config {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    if (error instanceof TypeError) throw new TroupeError('CONFIG_INVALID', `${file}: is not UTF-8 text`);
    throw new TroupeError('CONFIG_NOT_FOUND', `${file}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
  return parseConfig(text, file);
}

/** The same for text that is already there; `file` is what faults call it. */
export function parseConfig(text: string, file: string): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const faults: Fault[] = [...document.errors, ...document.warnings].map((error) => ({
    line: lines.linePos(error.pos[0]).line,
    path: '',
    message: `YAML: ${error.message}`,
  }));
  let config: Config | undefined;
  if (faults.length === 0) {
    const raw = toValue(document, faults);
    const result = configSchema.safeParse(raw);
    if (result.success) config = result.data;
    else {
      const wrong = result.error.issues.flatMap((issue) =>
        faultsOf(configSchema, issue, (path) => valueAt(document, path)),
      );
      for (const { path, message } of wrong) {
        faults.push({ line: lineOf(document, lines, path), path: pathText(path), message });
      }
    }
    for (const { path, allowed } of rulesBetween(raw)) faults.push(faultAt(document, lines, path, allowed));
  }
  if (config && faults.length === 0) return config;
  throw new TroupeError('CONFIG_INVALID', describe(file, faults));
}

function toValue(document: Document.Parsed, faults: Fault[]): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    faults.push({ line: 1, path: '', message: `YAML: ${messageOf(error)}` });
    return {};
  }
}

function describe(file: string, faults: readonly Fault[]): string {
  const unique = new Map(faults.map((fault) => [`${fault.line} ${fault.path} ${fault.message}`, fault]));
  const sorted = [...unique.values()].sort((a, b) => a.line - b.line);
  const title = sorted.length === 1 ? '1 fault' : `${sorted.length} faults`;
  const list = sorted.map(({ line, path, message }) => `  ${file}:${line}: ${path ? `${path}: ` : ''}${message}`);
  return `${file}: ${title}\n${list.join('\n')}`;
}

function faultAt(document: Document.Parsed, lines: LineCounter, path: Path, allowed: string): Fault {
  const message = `${found(valueAt(document, path))}; allowed: ${allowed}`;
  return { line: lineOf(document, lines, path), path: pathText(path), message };
}

function valueAt(document: Document.Parsed, path: Path): unknown {
  const node = path.length === 0 ? document.contents : document.getIn(path, true);
  return isNode(node) ? (node as Node & { toJSON(): unknown }).toJSON() : (node ?? undefined);
}

/** Line of the key at `path`, or of the nearest thing above it that stands in the file. */
function lineOf(document: Document.Parsed, lines: LineCounter, path: Path): number {
  for (let depth = path.length; depth > 0; depth--) {
    const parent = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    const last = path[depth - 1];
    const pair = isMap(parent)
      ? parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(last))
      : undefined;
    const node = (pair?.key ?? document.getIn(path.slice(0, depth), true)) as ParsedNode | null | undefined;
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}
