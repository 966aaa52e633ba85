import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { atLeast, formatVersion, parseVersion, type Version } from '../../../cli/setup/version.mjs';

describe('versions', () => {
  const cases: Array<[string, Version | null]> = [
    ['nats-server: v2.10.27', [2, 10, 27]],
    ['nats-server: v2.12.15-RC.1', [2, 12, 15]],
    ['postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)', [15, 18, 0]],
    ['postgres (PostgreSQL) 18beta1', [18, 0, 0]],
    ['go1.26.8', [1, 26, 8]],
    ['2.9.10-1+b3', [2, 9, 10]],
    ['15+248+deb12u1', [15, 0, 0]],
    ['', null],
    ['no version here', null],
  ];
  for (const [text, version] of cases) {
    test(`"${text}" is ${version === null ? 'none' : formatVersion(version)}`, () => {
      assert.deepEqual(parseVersion(text), version);
    });
  }

  test('are compared as numbers, part by part', () => {
    assert.equal(atLeast([2, 10, 0], [2, 9, 99]), true);
    assert.equal(atLeast([2, 9, 99], [2, 10, 0]), false);
    assert.equal(atLeast([2, 10, 0], [2, 10, 0]), true);
    assert.equal(atLeast(null, [0, 0, 0]), false);
  });
});
