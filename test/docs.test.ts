import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { linkClientErrors, pages } from '../cli/docs.ts';
import { denialTable, errorTable, TroupeError } from '../runtime/errors.ts';
import { nativeTable, replyTable } from '../runtime/native-errors.ts';

describe('generated pages', () => {
  for (const [path, page] of pages()) {
    test(`${path} is what the code says; run \`npm run docs\` after a change`, () => {
      assert.equal(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8'), page);
    });
  }

  test('every code stands in docs/errors.md once, with its meaning', () => {
    const page = pages().get('docs/errors.md')!;
    for (const [code, entry] of Object.entries({ ...errorTable, ...denialTable })) {
      assert.equal(page.split(`| \`${code}\` |`).length, 2, code);
      assert.ok(page.includes(entry.meaning), code);
    }
  });
});

test('every error of the link client stands on the page', () => {
  const header = readFileSync(new URL('../native/mt5-bridge/dll/troupe_link.h', import.meta.url), 'utf8');
  const names = [...header.matchAll(/X\((TROUPE_E_\w+),/g)].map((match) => match[1]);
  assert.ok(names.length > 30, `only ${names.length} found`);
  assert.deepEqual(
    linkClientErrors().map(({ name }) => name),
    names,
  );
});

test('every test that docs/guarantees.md names is there', () => {
  const page = readFileSync(new URL('../docs/guarantees.md', import.meta.url), 'utf8');
  const named = [...page.matchAll(/`((?:test|native)\/[^`]+)`\s+"([^"]+)"/g)];
  assert.ok(named.length > 20, `only ${named.length} found`);
  for (const [, path = '', name = ''] of named) {
    const source = readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
    assert.ok(source.includes(name), `${path}: ${name}`);
  }
});

describe('codes of the C++ programs', () => {
  const root = fileURLToPath(new URL('../native/mt5-bridge/', import.meta.url));
  const sources = globSync(['{link,bridge,terminal}/**/*.{h,cpp}', 'expert/**/*.mqh'], { cwd: root }).map((file) =>
    readFileSync(`${root}${file}`, 'utf8'),
  );
  const said = new Set(sources.flatMap((text) => [...text.matchAll(/"(E_[A-Z_]+)"/g)].map((match) => match[1]!)));

  test('each code that the sources say stands in the table, and none besides', () => {
    assert.ok(said.size > 40, `only ${said.size} codes found: are the sources there?`);
    assert.deepEqual([...said].sort(), Object.keys(nativeTable).sort());
  });

  test('each reply code of the table is said by the bridge', () => {
    for (const code of Object.keys(replyTable)) {
      assert.ok(
        sources.some((text) => text.includes(`"${code}"`)),
        code,
      );
    }
  });
});

describe('error table', () => {
  test('codes are words in capitals, unique over both tables, and every meaning is a sentence', () => {
    const codes = [...Object.keys(errorTable), ...Object.keys(denialTable)];
    assert.equal(new Set(codes).size, codes.length);
    for (const code of codes) assert.match(code, /^[A-Z]+(_[A-Z]+)*$/);
    for (const entry of [...Object.values(errorTable), ...Object.values(denialTable)]) {
      assert.match(entry.meaning, /^\S.*\.$/);
      assert.ok(entry.meaning.length >= 20, entry.meaning);
    }
    for (const code of Object.keys(denialTable)) assert.match(code, /^RISK_/);
    for (const entry of Object.values(denialTable)) assert.equal(entry.class, 'denial');
  });

  test('an error carries its code and class', () => {
    const cause = new Error('below');
    const error = new TroupeError('BUS_TIMEOUT', 'here', { cause });
    assert.deepEqual([error.code, error.class, error.message, error.cause], ['BUS_TIMEOUT', 'retry', 'here', cause]);
    assert.ok(error instanceof Error);
  });
});
