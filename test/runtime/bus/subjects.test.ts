import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { matchesSubject } from '../../../runtime/bus/subjects.ts';

/** The rule as NATS words it: token by token. */
function byTokens(filter: string, subject: string): boolean {
  const want = filter.split('.');
  const have = subject.split('.');
  const rest = want.indexOf('>');
  if (rest < 0 && want.length !== have.length) return false;
  if (rest >= 0 && have.length <= rest) return false;
  return (rest < 0 ? want : want.slice(0, rest)).every((token, i) => token === '*' || token === have[i]);
}

const tokens = (...words: string[]) =>
  fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 5 }).map((parts) => parts.join('.'));

describe('matching of subjects', () => {
  test('is by tokens, whatever the filter', () => {
    fc.assert(
      fc.property(tokens('a', 'ab', 'b', '*', '>', '*a', 'a>'), tokens('a', 'ab', 'b', '*a', 'a>'), (filter, subject) =>
        assert.equal(matchesSubject(filter, subject), byTokens(filter, subject)),
      ),
      { numRuns: 2_000 },
    );
  });

  for (const [filter, subject, want] of [
    ['>', 'a', true],
    ['a.>', 'a', false],
    ['a.>', 'a.b.c', true],
    ['a.*.c', 'a.b.c', true],
    ['*', 'a.b', false],
    ['a.b', 'a.bc', false],
    ['a.bc', 'a.b', false],
  ] as const) {
    test(`${filter} and ${subject}`, () => assert.equal(matchesSubject(filter, subject), want));
  }
});
