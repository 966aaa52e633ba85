import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { pages } from '../cli/docs.ts';
import { denialTable, errorTable, TroupeError } from '../runtime/errors.ts';

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
