import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fenceOf } from '../../../actors/broker/actor.ts';
import { addTicket, hasTicket, noTickets, remember } from '../../../actors/broker/bounded.ts';
import { compactId, fnv1a64, isOrderId, magicOf, orderIdOf } from '../../../actors/broker/ids.ts';

test('FNV-1a 64 gives the published values', () => {
  assert.equal(fnv1a64(''), 0xcbf29ce484222325n);
  assert.equal(fnv1a64('a'), 0xaf63dc4c8601ec8cn);
  assert.equal(fnv1a64('foobar'), 0x85944171f73967e8n);
});

test('order ids are deterministic, short, and of their own shape', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.nat(9), (account, intent, part) => {
      const id = orderIdOf(account, intent, part);
      assert.equal(id, orderIdOf(account, intent, part));
      assert.ok(isOrderId(id) && id.length <= 20);
      assert.ok(Number.isSafeInteger(compactId(id)));
      assert.ok(magicOf(intent) >= 1 && magicOf(intent) <= 2 ** 32);
    }),
  );
  assert.notEqual(orderIdOf('a', 'i', 1), orderIdOf('a', 'i', 2));
  assert.ok(!isOrderId('[sl 1.08639]') && !isOrderId(''));
});

test('tickets: in any order, each is new once; what is forgotten counts as seen', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 200 })), fc.integer({ min: 1, max: 20 }), (tickets, limit) => {
      let memory = noTickets;
      const seen = new Set<number>();
      for (const ticket of tickets) {
        if (seen.has(ticket)) assert.ok(hasTicket(memory, ticket), `${ticket} would be booked twice`);
        else if (ticket > memory.floor) assert.ok(!hasTicket(memory, ticket), `${ticket} would be lost`);
        memory = addTicket(memory, ticket, limit);
        seen.add(ticket);
        assert.ok(memory.seen.length <= limit);
        assert.deepEqual(
          memory.seen,
          memory.seen.toSorted((a, b) => a - b),
        );
      }
    }),
  );
});

test('finished orders: the newest are kept, and the older snapshot is not touched', () => {
  const first = remember(new Float64Array(0), 1, 2);
  const second = remember(first, 2, 2);
  assert.deepEqual([...remember(second, 3, 2)], [2, 3]);
  assert.deepEqual([...second], [1, 2]);
});

test('fences rise with every seal, stay below the next claim whatever their number, and are exact', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 32 }), fc.nat(2 ** 21), (claim, seals) => {
      const fence = fenceOf(claim, seals);
      assert.ok(fence >= claim && fence < claim + 1, `${claim} ${seals}`);
      if (seals + 1 < 2 ** 20) assert.ok(fenceOf(claim, seals + 1) > fence);
      else assert.equal(fenceOf(claim, seals + 1), fenceOf(claim, 2 ** 20), 'the seals have run out');
      assert.ok(fenceOf(claim + 1, 0) > fence, 'a newer claim stands above all of them');
    }),
  );
});
