import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { activated, confirmed, halted, policies } from './halts.ts';
import type { AccountSeen, AccountWord, History } from './history.ts';

type Said = AccountWord extends infer W ? (W extends unknown ? Omit<W, 'atMs'> : never) : never;

const mode = (name: string): Said => ({ kind: 'mode', mode: name });
const opens = (intentId: string): Said => ({ kind: 'opens', orderId: `T${intentId}`, intentId });
const says = (event: string, cause: string): Said => ({ kind: 'event', event, cause });

/** One word a second, from 1 s on. */
function history(said: readonly Said[], more: Partial<AccountSeen> = {}): History {
  const words = said.map((word, i) => ({ ...word, atMs: (i + 1) * 1_000 }) as AccountWord);
  const nothing = { placed: new Map(), deals: [], positions: new Map(), balance: 0 };
  const account = { words, asked: [], shown: [], ...more };
  return { repeatsAllowed: false, intents: [], orders: [], fills: [], terminal: nothing, account };
}

const names = (found: readonly { invariant: string }[]): string[] => found.map(({ invariant }) => invariant);
const flat = 'confirmed by the terminal: no order and no position is left';
const cancelled = 'confirmed by the terminal: no order of ours is left; positions stand as they are';
const held = 'confirmed by the terminal: nothing is under way; orders and positions stand as they are';

describe('a halted account', () => {
  test('opens nothing; a correction is no opening', () => {
    assert.deepEqual(names(halted(history([mode('active'), opens('a'), mode('halted'), opens('correct-1.1')]))), []);
    assert.deepEqual(names(halted(history([mode('active'), mode('halted'), opens('a')]))), ['halted']);
    assert.deepEqual(names(halted(history([mode('halted'), mode('reducing'), mode('active'), opens('a')]))), []);
  });

  test('is active again as often as somebody has asked for it', () => {
    const twice = [mode('active'), mode('halted'), mode('active'), mode('reducing'), mode('active')];
    const asked = [{ atMs: 500, verb: 'activate' }];
    assert.deepEqual(names(activated(history([mode('active'), mode('active')]))), []);
    assert.deepEqual(names(activated(history(twice, { asked: [...asked, ...asked] }))), []);
    assert.deepEqual(names(activated(history(twice, { asked }))), ['activated']);
    const other = [...asked, { atMs: 600, verb: 'halt' }, { atMs: 9_000, verb: 'activate' }];
    assert.deepEqual(names(activated(history(twice, { asked: other }))), ['activated']);
  });
});

describe('what is said to be confirmed', () => {
  const shown = (positions: number, orders: number, atMs = 1_500) => ({ shown: [{ atMs, positions, orders }] });

  test('has been shown by the terminal', () => {
    const flattened = [mode('halted'), says('flattened', flat)];
    assert.deepEqual(names(confirmed(history(flattened, shown(0, 0)))), []);
    for (const other of [shown(1, 0), shown(0, 1), shown(0, 0, 2_500)])
      assert.deepEqual(names(confirmed(history(flattened, other))), ['confirmed']);
    assert.deepEqual(names(confirmed(history([says('safe_mode', cancelled)], shown(1, 0, 0)))), []);
    assert.deepEqual(names(confirmed(history([says('safe_mode', cancelled)], shown(0, 1, 0)))), ['confirmed']);
    assert.deepEqual(names(confirmed(history([says('safe_mode', held)]))), []);
  });

  test('not before the account was activated for the last time', () => {
    const late = Array.from({ length: 40 }, () => mode('halted'));
    const asked = [{ atMs: 2_000, verb: 'activate' }];
    assert.deepEqual(names(confirmed(history([...late, says('flattened', flat)], { ...shown(0, 0), asked }))), [
      'confirmed',
    ]);
  });

  test('is what the policy says, or more; looked at again it needs to be no more than looked at', () => {
    const begun = (policy: string): Said => says('safe_mode', `begun, policy ${policy}: the budget is spent`);
    for (const [policy, text] of [
      ['cancel', cancelled],
      ['flatten', flat],
      ['hold', held],
      ['cancel', flat],
      ['hold', flat],
    ] as const)
      assert.deepEqual(policies(history([begun(policy), says('safe_mode', text), says('safe_mode', held)])), []);
    for (const [policy, text] of [
      ['cancel', held],
      ['flatten', held],
      ['flatten', cancelled],
    ] as const)
      assert.deepEqual(names(policies(history([begun(policy), says('safe_mode', text)]))), ['policy']);
  });
});
