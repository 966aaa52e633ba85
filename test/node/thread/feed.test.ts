import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FEW_IN_FLIGHT, Feed, MOST_IN_FLIGHT } from '../../../node/thread/feed.ts';
import type { ToThread } from '../../../node/thread/protocol.ts';
import type { Delivered } from '../../../runtime/delivered.ts';
import type { Subscriber } from '../../../runtime/hub.ts';

/** Readers that hand out the numbers from a subscriber's own place on, as the hub does. */
class Readers {
  last = 0;
  subscriber: Subscriber | undefined;
  rewinds = 0;

  async subscribe(subscriber: Subscriber): Promise<void> {
    this.subscriber = subscriber;
    this.rewinds++;
    this.handOut(subscriber.taken('trading') + 1);
  }

  async unsubscribe(subscriber: Subscriber): Promise<void> {
    if (this.subscriber === subscriber) this.subscriber = undefined;
  }

  /** In one piece; resolves when whoever waits for its end has had its turn. */
  async tell(count: number): Promise<void> {
    this.last += count;
    this.handOut(this.last - count + 1);
    await undefined;
  }

  private handOut(from: number): void {
    for (let sequence = from; sequence <= this.last; sequence++) {
      const { subscriber } = this;
      if (subscriber === undefined) return;
      if (subscriber.taken('trading') < sequence) subscriber.deliver(delivered(sequence));
    }
  }
}

const chunk = new Uint8Array(64 * 1024);
const delivered = (sequence: number): Delivered => ({
  ...{ topic: 'order' as const, family: 'trading' as const, sequence, subject: 'trade.order.a.o' },
  message: { strategy: sequence % 3 === 0 ? 'other' : 'mine' },
  data: chunk.subarray(sequence % 100, (sequence % 100) + 8),
});

function feedOf(readers: Readers): { feed: Feed; handed: number[]; posts: number[]; sizes: Set<number> } {
  const handed: number[] = [];
  const posts: number[] = [];
  const sizes = new Set<number>();
  const feed = new Feed({
    hub: readers,
    inputs: [{ topic: 'order', key: { account: 'a' } }],
    taken: [['trading', 0]],
    wants: ({ message }) => (message as { strategy: string }).strategy === 'mine',
    post: (message: ToThread) => {
      assert.ok(message.type === 'inputs');
      posts.push(message.inputs.length);
      for (const { sequence, data } of message.inputs) {
        handed.push(sequence);
        sizes.add(data.buffer.byteLength);
      }
    },
    onFailure: (thrown) => assert.fail(String(thrown)),
  });
  return { feed, handed, posts, sizes };
}

describe('what a thread is handed', () => {
  test('is what it wants, in order, each in a buffer of its own', async () => {
    const readers = new Readers();
    const { feed, handed, posts, sizes } = feedOf(readers);
    await feed.begin();
    await readers.tell(7);
    assert.deepEqual(handed, [1, 2, 4, 5, 7]);
    assert.deepEqual([...sizes], [8]);
    assert.deepEqual(posts, [5], 'what came together is handed over together');
    assert.equal(feed.taken('trading'), 7);
    assert.ok(!feed.idle);
    feed.took(5);
    assert.ok(feed.idle);
  });

  test('is copied at once: nothing of it is held, whether the thread wanted it or not', async () => {
    const readers = new Readers();
    const { feed } = feedOf(readers);
    await feed.begin();
    const letGo: number[] = [];
    for (let sequence = 1; sequence <= 6; sequence++) {
      feed.deliver({ ...delivered(sequence), letGo: () => letGo.push(sequence) });
    }
    assert.deepEqual(letGo, [1, 2, 3, 4, 5, 6]);
    feed.end();
    feed.deliver({ ...delivered(7), letGo: () => letGo.push(7) });
    assert.deepEqual(letGo, [1, 2, 3, 4, 5, 6, 7]);
  });

  test('shows it what it does not want now and then, so that its place moves on', async () => {
    const readers = new Readers();
    const { feed, handed } = feedOf(readers);
    await feed.begin();
    await readers.tell(3 * 1024);
    feed.took(handed.length);
    assert.equal(handed.filter((sequence) => sequence % 3 === 0).length, 1);
  });

  test('stops at a bound, holds nobody up, and goes on from its own place without a gap', async () => {
    const readers = new Readers();
    const { feed, handed } = feedOf(readers);
    await feed.begin();
    await readers.tell(20_000);
    assert.equal(handed.length, MOST_IN_FLIGHT);
    assert.equal(readers.subscriber, undefined, 'the readers go on without it');
    assert.ok(!feed.idle);
    const before = readers.rewinds;
    feed.took(MOST_IN_FLIGHT - FEW_IN_FLIGHT - 1);
    assert.equal(readers.rewinds, before, 'it still has enough to do');
    while (feed.taken('trading') < 20_000) feed.took(64);
    await undefined;
    feed.took(handed.length - (handed.length - FEW_IN_FLIGHT));
    await undefined;
    const wanted = Array.from({ length: 20_000 }, (_, i) => i + 1).filter((sequence) => sequence % 3 !== 0);
    assert.deepEqual(
      handed.filter((sequence) => sequence % 3 !== 0),
      wanted,
    );
  });

  test('ends with its thread', async () => {
    const readers = new Readers();
    const { feed, handed } = feedOf(readers);
    await feed.begin();
    void readers.tell(2);
    feed.end();
    await readers.tell(5);
    assert.deepEqual(handed, [1, 2]);
    feed.took(2);
    assert.equal(readers.subscriber, undefined);
  });
});
