/** Holds the table of DESIGN.md's rooms: who may import whom, which packages live where, and how long files may be. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SourceFile } from './support/source.ts';
import { importsOf, sourceFiles } from './support/source.ts';

interface Room {
  /** Paths of the room begin with this; the longest that fits is a file's room. */
  readonly folder: string;
  /** Rooms it may import, besides itself. */
  readonly imports: readonly string[];
}

const everything = ['proto', 'runtime', 'supervisors', 'actors', 'backtest', 'node', 'cli'];

const rooms: readonly Room[] = [
  { folder: 'proto', imports: [] },
  { folder: 'runtime', imports: ['proto'] },
  { folder: 'supervisors', imports: ['runtime'] },
  { folder: 'actors', imports: ['runtime', 'proto'] }, // each kind is a room of its own, see roomOf
  { folder: 'backtest', imports: ['actors', 'runtime', 'supervisors'] },
  // Composition root of one process: the only place where actors, supervisors and the runtime meet.
  { folder: 'node', imports: ['actors', 'supervisors', 'runtime', 'proto'] },
  { folder: 'cli', imports: everything },
  // Runs before any package is installed, on whatever Node there is: nothing but Node's own modules.
  { folder: 'cli/setup', imports: [] },
  { folder: 'bench', imports: [...everything, 'test/support'] },
  { folder: 'test', imports: [...everything, 'bench'] },
];

/** Where a package may be imported; those that are not named are free. `test` may import all of them. */
const packages: readonly { readonly name: RegExp; readonly in: readonly string[]; readonly instead: string }[] = [
  { name: /^@nats-io\//, in: ['runtime/bus/'], instead: 'runtime/bus' },
  { name: /^xstate(\/|$)/, in: ['runtime/xstate.ts'], instead: 'runtime/xstate.ts' },
  { name: /^pino$/, in: ['runtime/telemetry/'], instead: 'runtime/telemetry/log.ts' },
  { name: /^prom-client$/, in: ['runtime/telemetry/'], instead: 'runtime/telemetry/metrics.ts' },
  { name: /^(pg|node-pg-migrate)$/, in: ['actors/recorder/', 'cli/', 'bench/'], instead: 'actors/recorder' },
  { name: /^(node:)?timers(\/|$)/, in: [], instead: 'runtime/clock.ts' },
  { name: /^(node:)?worker_threads$/, in: ['runtime/', 'node/thread/'], instead: 'node/thread' },
];

interface Located {
  readonly room: Room;
  /** Folder that files of the room share: `actors/symbol` for an actor. */
  readonly folder: string;
}

function roomOf(path: string): Located | undefined {
  const fitting = rooms.filter(({ folder }) => path.startsWith(`${folder}/`));
  const room = fitting.sort((a, b) => b.folder.length - a.folder.length)[0];
  if (!room) return undefined;
  const isActor = room.folder === 'actors';
  return { room, folder: isActor ? path.split('/').slice(0, 2).join('/') : room.folder };
}

function violations(file: SourceFile): string[] {
  const here = roomOf(file.path);
  if (!here) return [`${file.path}: stands in no room`];
  const found: string[] = [];
  for (const { written, path, line } of importsOf(file)) {
    const at = `${file.path}:${line}`;
    if (path === undefined) {
      const rule = packages.find(({ name }) => name.test(written));
      const free =
        here.room.folder === 'test' || rule === undefined || rule.in.some((place) => file.path.startsWith(place));
      if (!free)
        found.push(`${at}: ${written} is imported in ${rule.in.join(', ') || 'no room'} only; use ${rule.instead}`);
      if (here.room.folder === 'cli/setup' && !written.startsWith('node:'))
        found.push(`${at}: ${written}, only node: modules`);
      continue;
    }
    const there = roomOf(path);
    const own = there?.folder === here.folder;
    const allowed = own || here.room.imports.some((folder) => path.startsWith(`${folder}/`));
    // Whoever may import cli may import its set-up: the files are plain modules.
    if (!allowed) found.push(`${at}: ${here.folder} may not import ${there?.folder ?? path}`);
    if (!/\.(ts|js|mjs)$/.test(path)) found.push(`${at}: ${written} has no ending`);
  }
  return found;
}

const folders = ['proto', 'runtime', 'supervisors', 'actors', 'backtest', 'node', 'cli', 'bench', 'test'];
const files = sourceFiles(folders, ['.ts', '.mjs']).filter(({ path }) => !path.endsWith('.d.mts'));

describe('rooms', () => {
  test('every import is one that DESIGN.md allows', () => {
    assert.ok(files.length > 50);
    assert.deepEqual(files.flatMap(violations), []);
  });

  test('the rules catch what they are there for', () => {
    const cases: [string, string, RegExp][] = [
      ['runtime/a.ts', "import { b } from '../actors/symbol/b.ts';", /runtime may not import actors\/symbol/],
      [
        'actors/symbol/a.ts',
        "import type { b } from '../broker/b.ts';",
        /actors\/symbol may not import actors\/broker/,
      ],
      ['actors/symbol/a.ts', "export * from '../../supervisors/b.ts';", /may not import supervisors/],
      ['supervisors/a.ts', "import '../node/b.ts';", /may not import node/],
      ['cli/a.ts', "const b = await import('../test/b.ts');", /may not import test/],
      ['cli/setup/a.mjs', "import { b } from '../b.ts';", /may not import cli/],
      ['cli/setup/a.mjs', "import zod from 'zod';", /only node: modules/],
      ['node/a.ts', "import { connect } from '@nats-io/transport-node';", /runtime\/bus/],
      ['runtime/a.ts', "import { setup } from 'xstate';", /xstate\.ts/],
      ['actors/model/a.ts', "import { setTimeout } from 'node:timers/promises';", /runtime\/clock/],
      ['elsewhere/a.ts', '', /stands in no room/],
      ['runtime/a.ts', "import { b } from './b';", /has no ending/],
    ];
    for (const [path, text, wanted] of cases) assert.match(violations({ path, text }).join('\n'), wanted);
    const fine: [string, string][] = [
      ['actors/symbol/a.ts', "import { b } from './deep/b.ts';\nimport { c } from '../../runtime/c.ts';"],
      ['actors/symbol/a.ts', "// import { b } from '../broker/b.ts';\nconst text = `from '../broker/b.ts`;"],
      ['runtime/bus/a.ts', "import { connect } from '@nats-io/transport-node';"],
      ['test/a.test.ts', "import { connect } from '@nats-io/transport-node';\nimport { b } from '../cli/b.ts';"],
    ];
    for (const [path, text] of fine) assert.deepEqual(violations({ path, text }), []);
  });
});

describe('files stay small', () => {
  const endings = ['.ts', '.mjs', '.cpp', '.h', '.proto'];
  const measured = sourceFiles([...folders, 'native'], endings).map(({ path, text }) => ({
    path,
    lines: text.split('\n').length - 1,
  }));

  test('none has more than 600 lines', () => {
    assert.deepEqual(
      measured.filter(({ lines }) => lines > 600),
      [],
    );
  });

  test('half of them have at most 200', () => {
    const sorted = measured.map(({ lines }) => lines).sort((a, b) => a - b);
    assert.ok(sorted[Math.floor(sorted.length / 2)]! <= 200);
  });
});
