import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Ctx } from '../../../actors/strategy/author.ts';
import { defineStrategy } from '../../../actors/strategy/define.ts';
import { z } from '../../../actors/strategy/index.ts';
import { applyExecution, flat } from '../../../actors/strategy/position.ts';
import type { OrderIntent } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { IntentAction, OrderState, Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { Stage, signedLots } from './stage.ts';

const lots = fc.integer({ min: 1, max: 500 }).map((hundredths) => hundredths / 100);
const fill = fc.record({
  side: fc.constantFrom(Side.BUY, Side.SELL),
  volumeLots: lots,
  price: fc.double({ min: 0.5, max: 2, noNaN: true }),
});

test('the position is the signed sum of the fills, whatever their order and however often they are told', () => {
  const definition = defineStrategy({ name: 'idle', params: z.object({}), timeframes: ['1m'], onBar() {} });
  fc.assert(
    fc.property(fc.array(fc.tuple(fill, fc.nat(2), fc.boolean())), (told) => {
      const stage = new Stage({ definition, params: {} });
      told.forEach(([init, repeats, pause], i) => {
        stage.tell({ type: pause ? 'control.pause' : 'control.resume' });
        for (let n = 0; n <= repeats; n++) stage.fill({ ...init, dealTicket: String(i + 1) });
      });
      const expected = signedLots(told.map(([init]) => init));
      assert.ok(Math.abs(stage.memory.holding.lots - expected) < 1e-9);
      assert.equal(stage.memory.counters.fills, told.length);
      stage.tell({ type: 'control.resume' });
      const side = Math.abs(expected) < 1e-9 ? 'flat' : expected > 0 ? 'long' : 'short';
      assert.equal(stage.state, side);
    }),
  );
});

test('what is gained by price is the same whether counted deal by deal or at the end', () => {
  fc.assert(
    fc.property(fc.array(fill, { maxLength: 40 }), fc.double({ min: 0.5, max: 2, noNaN: true }), (fills, last) => {
      let held = flat;
      let realised = 0;
      let cash = 0;
      for (const { side, volumeLots, price } of fills) {
        const next = applyExecution(held, { side: side === Side.BUY ? 'buy' : 'sell', lots: volumeLots, price });
        const change = next.lots - held.lots;
        const closed =
          Math.sign(change) === -Math.sign(held.lots) ? Math.min(Math.abs(change), Math.abs(held.lots)) : 0;
        realised += closed * Math.sign(held.lots) * (price - held.openPrice);
        cash -= change * price;
        held = next;
      }
      const open = held.lots * (last - held.openPrice);
      assert.ok(Math.abs(realised + open - (cash + held.lots * last)) < 1e-6);
    }),
  );
});

/** What the market does next with one of the intents that it has got. */
const answer = fc.record({
  bar: fc.boolean(),
  act: fc.constantFrom('buy', 'sell', 'close', 'turn'),
  pick: fc.nat(5),
  state: fc.constantFrom(
    'SUBMITTING',
    'UNKNOWN',
    'WORKING',
    'PARTIAL',
    'FILLED',
    'DENIED',
    'CANCELLED',
    'REJECTED',
    'EXPIRED',
  ),
  fillFirst: fc.boolean(),
});

interface Played {
  stage: Stage;
  mostOpens: number;
}

function play(script: readonly (typeof answer extends fc.Arbitrary<infer T> ? T : never)[], repeat: boolean): Played {
  let act = 'buy';
  const onBar = (ctx: Ctx): void => {
    if (act === 'buy' || act === 'sell') ctx[act](1);
    if (act === 'close' || act === 'turn') ctx.close();
    if (act === 'turn') ctx.sell(1);
  };
  const stage = new Stage({
    definition: defineStrategy({ name: 'played', params: z.object({}), timeframes: ['1m'], onBar }),
    params: {},
  });
  const live = new Map<OrderIntent, number>();
  let minute = 0;
  let mostOpens = 0;
  let deal = 1000;
  for (const { bar, act: wanted, pick, state, fillFirst } of script) {
    if (bar || live.size === 0) {
      act = wanted;
      for (const intent of stage.bar(minute++, 1)) live.set(intent, 0);
      if (repeat) assert.deepEqual(stage.bar(minute - 1, 1), []);
    } else {
      const intent = [...live.keys()][pick % live.size]!;
      const revision = live.get(intent)! + 1;
      live.set(intent, revision);
      const orderId = `o-${intent.intentId}`;
      const dealTicket = String(++deal);
      const fillIt = (): void => {
        stage.fill({ orderId, side: intent.side, volumeLots: intent.volumeLots, price: 1, dealTicket });
        if (repeat) stage.fill({ orderId, side: intent.side, volumeLots: intent.volumeLots, price: 1, dealTicket });
      };
      const filled = state === 'FILLED';
      if (filled && fillFirst) fillIt();
      stage.order(intent, OrderState[state], revision, filled ? intent.volumeLots : 0);
      if (repeat) stage.order(intent, OrderState[state], revision, filled ? intent.volumeLots : 0);
      if (filled && !fillFirst) fillIt();
      if (['FILLED', 'DENIED', 'CANCELLED', 'REJECTED', 'EXPIRED'].includes(state)) live.delete(intent);
    }
    const opens = [...live.keys()].filter(({ action }) => action === IntentAction.OPEN).length;
    mostOpens = Math.max(mostOpens, opens);
  }
  return { stage, mostOpens };
}

test('never two opens in flight, and the same events give the same intents, told once or twice', () => {
  fc.assert(
    fc.property(fc.array(answer, { maxLength: 60 }), (script) => {
      const { stage, mostOpens } = play(script, false);
      assert.ok(mostOpens <= 1);
      assert.deepEqual(play(script, true).stage.intents, stage.intents);
      assert.equal(new Set(stage.intents.map(({ intentId }) => intentId)).size, stage.intents.length, 'ids are unique');
    }),
  );
});
