import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LateOrders } from './late-orders.ts';

/** One broker on node-1 whose claim is 5, and which has decided T1. */
function decided(): LateOrders {
  const orders = new LateOrders();
  orders.claimed('node-1#1', 5);
  orders.claimed('node-1#1', 7);
  orders.committed('node-1#1', ['T1']);
  return orders;
}

describe('orders that are sent late', () => {
  test('the life that decided it sends it, under any seal', () => {
    const orders = decided();
    orders.sent('T1', 5 + 2 ** -20);
    assert.deepEqual(orders.late, []);
  });

  test('the next life sends it, on another node or on the same', () => {
    for (const run of ['node-2#1', 'node-1#1', 'node-1#2']) {
      const orders = decided();
      orders.claimed(run, 8);
      orders.sent('T1', 8);
      assert.deepEqual(orders.late, ['T1'], run);
    }
  });

  test('a later one commits it again and sends it: it has not decided it', () => {
    const orders = decided();
    orders.claimed('node-2#1', 8);
    orders.committed('node-2#1', ['T1']);
    orders.sent('T1', 8.5);
    assert.deepEqual(orders.late, ['T1']);
  });

  test('a life that was frozen goes on with its own order, although others have claimed and committed since', () => {
    const orders = decided();
    orders.claimed('node-2#1', 8);
    orders.committed('node-2#1', ['T1', 'T2']);
    orders.sent('T1', 5);
    assert.deepEqual(orders.late, []);
    orders.sent('T2', 8);
    assert.deepEqual(orders.late, []);
  });

  // It had been heard of by nobody before: neither the bridge nor anybody else knows of its claim.
  test('a life whose very first command is the order that it decided before it was frozen', () => {
    const orders = new LateOrders();
    orders.claimed('node-2#1', 3);
    orders.claimed('node-1#1', 5);
    orders.committed('node-1#1', ['T1']);
    orders.claimed('node-2#1', 8);
    orders.sent('T1', 5);
    assert.deepEqual(orders.late, []);
  });

  test('of an order that no commit has held nothing is said', () => {
    const orders = decided();
    orders.sent('T9', 99);
    assert.deepEqual(orders.late, []);
  });
});
