/** Finds a strategy by what the configuration's `use` says: a built-in name, or the path of the user's own file. */
import { existsSync, statSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf, TroupeError } from '../../runtime/errors.ts';
import type { Strategy } from './define.ts';
import { isStrategy } from './define.ts';
import { emaCross } from './examples/ema-cross.ts';
import { meanReversion } from './examples/mean-reversion.ts';

export const builtIn: ReadonlyMap<string, Strategy> = new Map([emaCross, meanReversion].map((s) => [s.name, s]));

const EXTENSIONS = ['.ts', '.mts', '.js', '.mjs'];

/** Whether `use` names a file, and not a built-in strategy. */
export const isStrategyFile = (use: string): boolean => use.includes('/') || EXTENSIONS.includes(extname(use));

let hooked = false;

/** A user's file may stand anywhere and still say `import … from 'troupe/strategy'`. */
function offerAuthorApi(): void {
  if (hooked) return;
  hooked = true;
  const url = new URL('./index.ts', import.meta.url).href;
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'troupe/strategy'
        ? { url, format: 'module-typescript', shortCircuit: true }
        : next(specifier, context),
  });
}

/**
 * `use` is a built-in name (`ema-cross`), or a path with a slash or an extension (`./mine.ts`), relative to `folder`,
 * the folder of the configuration file. The file's default export, or its only exported strategy, is taken.
 * Throws CONFIG_INVALID or CONFIG_NOT_FOUND, naming `path` (where `use` stands in the configuration).
 */
export async function loadStrategy(use: string, folder: string, path = 'strategies.use'): Promise<Strategy> {
  const known = builtIn.get(use);
  if (known !== undefined) return known;
  if (!isStrategyFile(use)) {
    const names = [...builtIn.keys()].join(', ');
    throw new TroupeError('CONFIG_INVALID', `${path}: no strategy "${use}", allowed: ${names}, or the path of a file`);
  }
  const file = resolve(folder, use);
  if (!EXTENSIONS.includes(extname(file))) {
    throw new TroupeError('CONFIG_INVALID', `${path}: ${file}, allowed: a file ending in ${EXTENSIONS.join(', ')}`);
  }
  if (!existsSync(file) || !statSync(file).isFile()) {
    throw new TroupeError('CONFIG_NOT_FOUND', `${path}: there is no file ${file}`);
  }
  return theStrategyOf(await importFile(file, path), file, path);
}

async function importFile(file: string, path: string): Promise<Readonly<Record<string, unknown>>> {
  offerAuthorApi();
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (thrown) {
    throw new TroupeError('CONFIG_INVALID', `${path}: ${file} cannot be loaded: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

function theStrategyOf(module: Readonly<Record<string, unknown>>, file: string, path: string): Strategy {
  if (isStrategy(module.default)) return module.default;
  const found = Object.values(module).filter(isStrategy);
  if (found.length === 1) return found[0]!;
  const said = found.length === 0 ? 'exports no strategy made by defineStrategy' : `exports ${found.length} strategies`;
  throw new TroupeError('CONFIG_INVALID', `${path}: ${file} ${said}; make one its default export`);
}
