// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the fixtures are source text with templates in it
/** Calls that are allowed in one place only, because time, chance and exit must be injectable everywhere else. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SourceFile } from './support/source.ts';
import { codeOf, lineAt, sourceFiles } from './support/source.ts';

interface Ban {
  readonly call: string;
  readonly pattern: RegExp;
  readonly allowedIn: readonly string[];
  readonly instead: string;
}

/** Runs before the packages are there, on whatever Node the machine has: it cannot use the runtime. */
const SETUP = 'cli/setup/';
const CLOCK = ['runtime/clock.ts', SETUP];
const RANDOM = ['runtime/random.ts', SETUP];

const bans: readonly Ban[] = [
  { call: 'Date.now()', pattern: /\bDate\s*\.\s*now\b/g, allowedIn: CLOCK, instead: 'clock.nowMs()' },
  { call: 'new Date()', pattern: /\bnew\s+Date\s*(\(\s*\)|(?=[;,)\]]))/g, allowedIn: CLOCK, instead: 'clock.nowMs()' },
  { call: 'Date()', pattern: /(?<!new\s)(?<![.\w])Date\s*\(/g, allowedIn: CLOCK, instead: 'clock.nowMs()' },
  {
    call: 'performance.now()',
    pattern: /\bperformance\s*\.\s*(now|timeOrigin)\b/g,
    allowedIn: CLOCK,
    instead: 'clock.monotonicMs() or clock.nowUs()',
  },
  { call: 'process.hrtime()', pattern: /\bprocess\s*\.\s*hrtime\b/g, allowedIn: CLOCK, instead: 'clock.monotonicMs()' },
  {
    call: 'setTimeout',
    pattern: /(?<![.\w])setTimeout\b/g,
    allowedIn: CLOCK,
    instead: 'clock.setTimer or clock.sleep',
  },
  { call: 'setInterval', pattern: /(?<![.\w])setInterval\b/g, allowedIn: CLOCK, instead: 'clock.setTimer' },
  { call: 'setImmediate', pattern: /(?<![.\w])setImmediate\b/g, allowedIn: CLOCK, instead: 'clock.yield()' },
  {
    call: 'globalThis timers',
    pattern: /\bglobalThis\s*\.\s*set(Timeout|Interval|Immediate)\b/g,
    allowedIn: CLOCK,
    instead: 'clock',
  },
  {
    call: 'AbortSignal.timeout',
    pattern: /\bAbortSignal\s*\.\s*timeout\b/g,
    allowedIn: CLOCK,
    instead: 'clock.setTimer',
  },
  {
    call: 'Math.random()',
    pattern: /\bMath\s*\.\s*random\b/g,
    allowedIn: RANDOM,
    instead: 'a Random of runtime/random.ts',
  },
  {
    call: 'crypto randomness',
    pattern: /\b(randomUUID|randomBytes|randomInt|randomFill|randomFillSync|getRandomValues)\b/g,
    allowedIn: RANDOM,
    instead: 'secretToken of runtime/random.ts, or an id derived from what it names',
  },
  {
    call: 'process.exit()',
    pattern: /\bprocess\s*\.\s*exit\s*\(/g,
    allowedIn: ['cli/', 'node/', 'bench/', 'test/chaos/'],
    instead: 'an error that reaches the process’s main file',
  },
  {
    call: 'console',
    pattern: /(?<![.\w])console\s*\.\s*\w+/g,
    allowedIn: ['cli/', 'bench/', 'test/chaos/main.ts'],
    instead: 'the Logger of runtime/telemetry/log.ts',
  },
];

function violations(file: SourceFile): string[] {
  const code = codeOf(file.text, false);
  return bans.flatMap(({ call, pattern, allowedIn, instead }) =>
    allowedIn.some((place) => file.path.startsWith(place))
      ? []
      : [...code.matchAll(pattern)].map(
          ({ index }) =>
            `${file.path}:${lineAt(code, index)}: ${call} belongs into ${allowedIn[0]}; here use ${instead}`,
        ),
  );
}

const folders = ['runtime', 'supervisors', 'actors', 'backtest', 'node', 'cli', 'bench', 'test'];

describe('banned calls', () => {
  test('nobody makes them outside their rooms', () => {
    const files = sourceFiles(folders, ['.ts', '.mjs']);
    assert.ok(files.length > 50);
    assert.deepEqual(files.flatMap(violations), []);
  });

  const offences: [string, string][] = [
    ['Date.now()', 'const t = Date.now();'],
    ['Date.now()', 'const f = Date\n  .now;'],
    ['new Date()', 'const t = new Date();'],
    ['new Date()', 'send(new Date)'],
    ['Date()', 'log(Date());'],
    ['performance.now()', 'const t = performance.now();'],
    ['performance.now()', 'const t = performance.timeOrigin;'],
    ['process.hrtime()', 'process.hrtime.bigint();'],
    ['setTimeout', 'setTimeout(f, 10);'],
    ['setTimeout', 'const wait = setTimeout;'],
    ['setInterval', 'setInterval(f, 10);'],
    ['setImmediate', 'setImmediate(f);'],
    ['globalThis timers', 'globalThis.setTimeout(f, 1);'],
    ['AbortSignal.timeout', 'fetch(url, { signal: AbortSignal.timeout(5) });'],
    ['Math.random()', 'const x = Math.random();'],
    ['crypto randomness', 'const id = crypto.randomUUID();'],
    ['crypto randomness', "import { randomBytes } from 'node:crypto';"],
    ['process.exit()', 'process.exit(1);'],
    ['console', "console.log('x');"],
    ['Math.random()', 'const text = `a ${Math.random()} b`;'],
    ['Math.random()', 'const text = `a ${`b ${{ c: Math.random() }.c}`} d`;'],
    ['setTimeout', 'const ratio = a / b; setTimeout(f, 1); const c = d / e;'],
    ['setTimeout', 'const quote = /[\'"`]/; setTimeout(f, 1);'],
    ['setTimeout', '// a comment\nsetTimeout(f, 1);'],
  ];
  for (const [call, text] of offences) {
    test(`catches ${call} in ${JSON.stringify(text)}`, () => {
      const found = violations({ path: 'actors/symbol/x.ts', text });
      assert.equal(found.length, 1, found.join('\n'));
      assert.ok(found[0]!.includes(`: ${call} belongs`), found[0]);
    });
  }

  test('every ban is proved by at least one of these', () => {
    const proved = new Set(offences.map(([call]) => call));
    assert.deepEqual(
      bans.filter(({ call }) => !proved.has(call)),
      [],
    );
  });

  test('lets alone what only looks like it', () => {
    for (const text of [
      '// Date.now() is banned\n/* setTimeout */',
      "const text = 'Math.random()';",
      'const text = "console.log" + `setTimeout ${a} Date.now()`;',
      'const text = `a ${b ? `Math.random()` : "}"} Math.random()`;',
      'const day = new Date(timeMs);',
      'clock.setTimeout(f); const mySetTimeout = 1; this.console.log;',
      'const pattern = /Math.random()/;',
      'function dateOf(): Date { return new Date(0); }',
    ]) {
      assert.deepEqual(violations({ path: 'actors/symbol/x.ts', text }), [], text);
    }
  });

  test('and says where it is allowed', () => {
    assert.deepEqual(violations({ path: 'runtime/clock.ts', text: 'setTimeout(f, Date.now());' }), []);
    const [found] = violations({ path: 'node/x.ts', text: '\n\nDate.now();' });
    assert.equal(found, 'node/x.ts:3: Date.now() belongs into runtime/clock.ts; here use clock.nowMs()');
  });
});
