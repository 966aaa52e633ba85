import assert from 'node:assert/strict';
import { test } from 'node:test';
import v8 from 'node:v8';
import fc from 'fast-check';
import { Fifo } from '../../runtime/fifo.ts';
import { Mailbox } from '../../runtime/mailbox.ts';

test('whatever the order of pushes and shifts, it is what an array would be', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constant('push'), fc.constant('shift')), { maxLength: 3000 }), (steps) => {
      const fifo = new Fifo<number>();
      const model: number[] = [];
      let next = 0;
      for (const step of steps) {
        if (step === 'push') {
          fifo.push(next);
          model.push(next++);
        } else assert.equal(fifo.shift(), model.shift());
        assert.equal(fifo.length, model.length);
        for (const index of [0, 1, model.length - 1, model.length]) assert.equal(fifo.at(index), model[index]);
      }
      fifo.clear();
      assert.deepEqual([fifo.length, fifo.shift(), fifo.at(0)], [0, undefined, undefined]);
    }),
  );
});

test('what was taken out of a mailbox is let go of while others wait', () => {
  class Input {}
  const mailbox = new Mailbox<Input>();
  for (let i = 0; i < 500; i++) mailbox.offer(new Input());
  for (let i = 0; i < 499; i++) mailbox.take();
  // Collects first.
  assert.equal(v8.queryObjects(Input, { format: 'count' }), 1);
  assert.equal(mailbox.depth, 1);
});
