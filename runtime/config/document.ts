/** docs/configuration.md, written from the schema. */
import { z } from 'zod';
import { configSchema } from './schema.ts';

interface Field {
  readonly description?: string;
  readonly allowed?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Field>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Field | boolean;
  readonly items?: Field;
}

interface Section {
  readonly path: string;
  readonly field: Field;
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function shownDefault(field: Field, required: boolean): string {
  if (field.default === undefined) return required ? '**required**' : '';
  if (field.properties && JSON.stringify(field.default) === '{}') return '';
  return `\`${JSON.stringify(field.default)}\``;
}

function* rows({ path, field }: Section): Generator<string> {
  for (const [key, child] of Object.entries(field.properties ?? {})) {
    const required = field.required?.includes(key) === true;
    const name = path ? `${path}.${key}` : key;
    yield `| \`${name}\` | ${cell(child.description ?? '')} | ${cell(child.allowed ?? '')} | ${cell(shownDefault(child, required))} |`;
  }
}

/** Every section of the schema, outer before inner. */
function* sections(path: string, field: Field): Generator<Section> {
  if (field.properties) yield { path, field };
  for (const [key, child] of Object.entries(field.properties ?? {}))
    yield* sections(path ? `${path}.${key}` : key, child);
  if (field.items) yield* sections(`${path}[]`, field.items);
  if (typeof field.additionalProperties === 'object') yield* sections(`${path}.NAME`, field.additionalProperties);
}

export function configurationPage(): string {
  const schema = z.toJSONSchema(configSchema, { io: 'input', reused: 'inline', unrepresentable: 'any' }) as Field;
  const parts = [
    '# Configuration',
    '',
    '<!-- Generated from runtime/config/schema.ts by `npm run docs`. Do not edit. -->',
    '',
    'One YAML file, `config/demo.yaml` unless `--config FILE` names another. Keys that do not stand here are refused; all',
    'faults of a file are reported at once, each with its line, what was found and what is allowed. Durations end in',
    '`_ms` or `_s`, volumes in `_lots`.',
  ];
  for (const section of sections('', schema)) {
    parts.push('', `## ${section.path ? `\`${section.path}\`` : 'Sections'}`, '');
    if (section.path) parts.push(`${section.field.description ?? ''}.`, '');
    parts.push('| key | what it is | allowed | default |', '|---|---|---|---|', ...rows(section));
  }
  return `${parts.join('\n')}\n`;
}
