import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CONTROL_CAPACITY, MAILBOX_CAPACITY, Mailbox } from '../../runtime/mailbox.ts';

test('the bounds are the ones of the design', () => {
  assert.equal(MAILBOX_CAPACITY, 4096);
  assert.equal(CONTROL_CAPACITY, 128);
});

test('control overtakes everything, each lane keeps its order', () => {
  const mailbox = new Mailbox<string>(10);
  for (const event of ['a', 'b']) mailbox.offer(event);
  for (const event of ['X', 'Y']) mailbox.offerControl(event);
  const taken = Array.from({ length: 5 }, () => mailbox.take());
  assert.deepEqual(taken, ['X', 'Y', 'a', 'b', undefined]);
});

test('a full mailbox refuses, tells when there is room, and still takes control and own answers', async () => {
  const mailbox = new Mailbox<number>(2);
  assert.ok(mailbox.offer(1) && mailbox.offer(2));
  assert.equal(mailbox.offer(3), false);
  assert.equal(mailbox.offerControl(9), true);
  mailbox.push(4);
  let woke = false;
  const space = mailbox.space().then(() => {
    woke = true;
  });
  await Promise.resolve();
  assert.equal(woke, false);
  assert.deepEqual([mailbox.take(), mailbox.take()], [9, 4]);
  assert.equal(mailbox.full, true);
  assert.equal(mailbox.take(), 1);
  await space;
  assert.equal(mailbox.offer(5), true);
});

test('whatever the order of offers and takes, it is a queue that never holds more than its capacity', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 5000 }), fc.integer({ min: 1, max: 2000 }), (steps, capacity) => {
      const mailbox = new Mailbox<number>(capacity);
      const model: number[] = [];
      let next = 0;
      for (const offer of steps) {
        if (offer) {
          const taken = mailbox.offer(next);
          assert.equal(taken, model.length < capacity);
          if (taken) model.push(next);
          next++;
        } else assert.equal(mailbox.take(), model.shift());
        assert.equal(mailbox.depth, model.length);
      }
    }),
  );
});
