/** Intents that are read in their strategy's commit, before their message: judged once, in their order, or later. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { orderIdOf } from '../../../actors/broker/ids.ts';
import { IntentAction, OrderIntentSchema, OrderType, Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { MachineEvent } from '../../../runtime/xstate.ts';
import { ACCOUNT, Rig } from './rig.ts';
import { PRICE, START_MS } from './terminal.ts';

interface Told {
  readonly strategy?: string;
  readonly account?: string;
}

const idOf = (intentId: string): string => orderIdOf(ACCOUNT, intentId);

/** The `number`-th intent of a strategy, as its commit and its message have it. */
function intent(rig: Rig, number: number, { strategy = 'alpha', account = ACCOUNT }: Told = {}) {
  return create(OrderIntentSchema, {
    ...{ intentId: `${strategy}-${number}`, account, strategy, number, symbol: 'EURUSD' },
    ...{ action: IntentAction.OPEN, side: Side.BUY, type: OrderType.MARKET, volumeLots: 0.01 },
    ...{ referencePrice: PRICE, decidedAtMs: rig.terminal.timeMs || START_MS },
  });
}

const ahead = (rig: Rig, number: number, told?: Told): void =>
  rig.tell({ type: 'intent.ahead', message: intent(rig, number, told) });
const message = (rig: Rig, number: number, told?: Told): void =>
  rig.hear({ type: 'intent', message: intent(rig, number, told) });
const placed = (rig: Rig, numbers: readonly number[]): void =>
  assert.deepEqual(
    rig.places(),
    numbers.map((number) => idOf(`alpha-${number}`)),
  );

/** A broker that trades, and has heard the first intent of the strategy. */
function trading(): Rig {
  const rig = new Rig();
  rig.quote();
  message(rig, 1);
  placed(rig, [1]);
  return rig;
}

describe('an intent that is read ahead of its message', () => {
  test('is judged at once, and its message repeats nothing; a second message does', () => {
    const rig = trading();
    ahead(rig, 2);
    placed(rig, [1, 2]);
    ahead(rig, 2);
    message(rig, 2);
    placed(rig, [1, 2]);
    assert.equal(rig.context.counters.duplicateIntents, 0);
    assert.equal(rig.context.counters.intended, 2);
    message(rig, 2);
    assert.equal(rig.context.counters.duplicateIntents, 1);
    placed(rig, [1, 2]);
  });

  test('waits for its message when it is not the very next one', () => {
    const rig = trading();
    ahead(rig, 3);
    placed(rig, [1]);
    message(rig, 2);
    ahead(rig, 3);
    placed(rig, [1, 2, 3]);
    message(rig, 3);
    placed(rig, [1, 2, 3]);
  });

  test('of a strategy of which nothing was heard waits: the commit may be of long ago', () => {
    const rig = new Rig();
    rig.quote();
    ahead(rig, 1);
    ahead(rig, 7);
    placed(rig, []);
    message(rig, 7);
    ahead(rig, 8);
    placed(rig, [7, 8]);
  });

  test('of a strategy that has begun anew is taken from its second on', () => {
    const rig = trading();
    for (const number of [2, 3, 4]) message(rig, number);
    const anew = (number: number): MachineEvent['message'] =>
      create(OrderIntentSchema, { ...intent(rig, number), intentId: `anew-${number}` });
    rig.tell({ type: 'intent.ahead', message: anew(1) });
    assert.equal(rig.places().length, 4);
    rig.hear({ type: 'intent', message: anew(1) });
    rig.tell({ type: 'intent.ahead', message: anew(2) });
    assert.deepEqual(rig.places().slice(4), [idOf('anew-1'), idOf('anew-2')]);
  });

  test("of another account, or without a number, is nobody's", () => {
    const rig = trading();
    ahead(rig, 2, { account: 'other' });
    ahead(rig, 0);
    placed(rig, [1]);
  });

  test('of one strategy does not count for another', () => {
    const rig = trading();
    ahead(rig, 2, { strategy: 'beta' });
    placed(rig, [1]);
  });

  test('waits like any other while the broker is paused', () => {
    const rig = trading();
    rig.tell({ type: 'control.pause' });
    ahead(rig, 2);
    placed(rig, [1]);
    message(rig, 2);
    placed(rig, [1]);
    rig.tell({ type: 'control.resume' });
    rig.settle();
    placed(rig, [1, 2]);
    ahead(rig, 3);
    placed(rig, [1, 2, 3]);
  });

  test('is denied like any other, and its message does not have it denied again', () => {
    const rig = trading();
    rig.tell({ type: 'control.halt', reason: 'test' });
    ahead(rig, 2);
    message(rig, 2);
    assert.deepEqual(rig.context.counters.denied, { RISK_HALTED: 1 });
    assert.equal(rig.topic('order').filter(({ intentId }) => intentId === 'alpha-2').length, 1);
  });

  test('is not carried out twice when the broker dies at any step of it', () => {
    let crashes = 0;
    for (let crashAt = 1; crashAt < 60; crashAt++) {
      const rig = trading();
      rig.steps = 0;
      rig.crashAt = crashAt;
      ahead(rig, 2);
      rig.advance(60_000);
      message(rig, 2);
      ahead(rig, 2);
      rig.advance(60_000);
      const ends = rig.topic('order').filter(({ intentId }) => intentId === 'alpha-2');
      assert.ok(rig.places().filter((id) => id === idOf('alpha-2')).length <= 1, `sent twice, crash at ${crashAt}`);
      assert.ok(ends.length > 0, `never answered, crash at ${crashAt}`);
      assert.ok((rig.terminal.placed.get(idOf('alpha-2')) ?? 0) <= 1, `carried out twice, crash at ${crashAt}`);
      crashes += rig.crashes;
    }
    assert.ok(crashes > 10, `${crashes} crashes`);
  });

  test("whatever is read ahead, missed or repeated: every intent once, and each strategy's in their order", () => {
    const step = fc.record({
      strategy: fc.constantFrom('alpha', 'beta'),
      // How many of its unread commits are read now, which of those are missed, and how many messages come.
      reads: fc.array(fc.boolean(), { maxLength: 4 }),
      repeat: fc.boolean(),
      messages: fc.nat({ max: 4 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const rig = new Rig();
        rig.quote();
        const at = { alpha: { read: 0, heard: 0 }, beta: { read: 0, heard: 0 } } as Record<
          string,
          { read: number; heard: number }
        >;
        for (const { strategy, reads, repeat, messages } of steps) {
          const place = at[strategy]!;
          for (const seen of reads) {
            place.read++;
            if (seen) ahead(rig, place.read, { strategy });
            if (seen && repeat) ahead(rig, place.read, { strategy });
          }
          for (let n = 0; n < messages && place.heard < place.read; n++) message(rig, ++place.heard, { strategy });
        }
        for (const [strategy, place] of Object.entries(at)) {
          while (place.heard < place.read) message(rig, ++place.heard, { strategy });
          const own = Array.from({ length: place.read }, (_, i) => idOf(`${strategy}-${i + 1}`));
          assert.deepEqual(
            rig.places().filter((id) => own.includes(id)),
            own,
          );
        }
        assert.equal(rig.context.counters.duplicateIntents, 0);
      }),
    );
  });
});
