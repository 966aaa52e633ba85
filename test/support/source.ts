/** The project's own source, as text, for the tests that read it. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectFolder = fileURLToPath(new URL('../..', import.meta.url));

export interface SourceFile {
  /** Relative to the project, with slashes. */
  readonly path: string;
  readonly text: string;
}

const SKIPPED = new Set(['node_modules', 'gen', 'build', '.git', '.run', '.tools']);

/** Files of the given folders whose name ends in one of `endings`. */
export function sourceFiles(folders: readonly string[], endings: readonly string[]): SourceFile[] {
  const files: SourceFile[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!SKIPPED.has(entry.name)) visit(path);
      } else if (endings.some((ending) => entry.name.endsWith(ending))) {
        files.push({ path: relative(projectFolder, path), text: readFileSync(path, 'utf8') });
      }
    }
  };
  const present = readdirSync(projectFolder);
  for (const folder of folders) if (present.includes(folder)) visit(join(projectFolder, folder));
  return files;
}

/** A slash after one of these, or after such a word, begins a regular expression; after anything else it divides. */
const BEFORE_REGEX = /(^|[(,=:[!&|?{};+\-*%<>~^]|\b(return|typeof|case|in|of|do|else|yield|await|void|throw))\s*$/;

/**
 * The code without comments, and without what stands inside strings where `strings` is false. Blanked characters
 * become spaces, so that positions and lines stay. Expressions inside templates are code.
 */
export function codeOf(text: string, strings: boolean): string {
  const out: string[] = [];
  /** Depth of braces at which each open template's expression ends. */
  const templates: number[] = [];
  let depth = 0;
  let i = 0;
  const copy = (n: number): void => {
    out.push(text.slice(i, i + n));
    i += n;
  };
  const blank = (n: number, keep: boolean): void => {
    const part = text.slice(i, i + n);
    out.push(keep ? part : part.replace(/[^\n]/g, ' '));
    i += n;
  };
  const template = (): void => {
    while (i < text.length) {
      if (text[i] === '\\') blank(2, strings);
      else if (text[i] === '`') {
        copy(1);
        return;
      } else if (text.startsWith('${', i)) {
        templates.push(depth);
        copy(2);
        return;
      } else blank(1, strings);
    }
  };
  const quoted = (end: string): void => {
    copy(1);
    while (i < text.length && text[i] !== end && text[i] !== '\n') blank(text[i] === '\\' ? 2 : 1, strings);
    copy(1);
  };
  const regex = (): void => {
    let inClass = false;
    blank(1, false);
    while (i < text.length && text[i] !== '\n' && (inClass || text[i] !== '/')) {
      if (text[i] === '[') inClass = true;
      else if (text[i] === ']') inClass = false;
      blank(text[i] === '\\' ? 2 : 1, false);
    }
    blank(1, false);
  };
  while (i < text.length) {
    const char = text[i]!;
    if (text.startsWith('//', i)) blank(until(text, '\n', i) - i, false);
    else if (text.startsWith('/*', i)) blank(until(text, '*/', i + 2) + 2 - i, false);
    else if (char === "'" || char === '"') quoted(char);
    else if (char === '`') {
      copy(1);
      template();
    } else if (char === '/' && BEFORE_REGEX.test(out.slice(-40).join('').slice(-40))) regex();
    else if (char === '{') {
      depth++;
      copy(1);
    } else if (char === '}') {
      copy(1);
      if (templates.length > 0 && templates.at(-1) === depth) {
        templates.pop();
        template();
      } else depth--;
    } else copy(1);
  }
  return out.join('');
}

/** Position of `mark` from `start` on; the end of the text where there is none. */
function until(text: string, mark: string, start: number): number {
  const found = text.indexOf(mark, start);
  return found < 0 ? text.length : found;
}

/** What a file imports: as written, and, where it is a file of the project, its path in it. */
export function importsOf(
  file: SourceFile,
): { readonly written: string; readonly path: string | undefined; readonly line: number }[] {
  const code = codeOf(file.text, true);
  const bare = codeOf(file.text, false);
  const pattern = /(?:\bfrom\s*|\bimport\s*\(\s*|^\s*import\s+)(['"])([^'"\n]+)\1/gm;
  // A keyword that is blank in `bare` stands inside a string.
  const real = [...code.matchAll(pattern)].filter(({ 0: text, index }) =>
    /\S/.test(bare.slice(index, index + text.indexOf('m'))),
  );
  return real.map((match) => {
    const written = match[2]!;
    const absolute = resolve(projectFolder, dirname(file.path), written);
    const path = written.startsWith('.') ? relative(projectFolder, absolute) : undefined;
    return { written, path, line: lineAt(code, match.index + match[0].length) };
  });
}

export const lineAt = (text: string, position: number): number => text.slice(0, position).split('\n').length;
