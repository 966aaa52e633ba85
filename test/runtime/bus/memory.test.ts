import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryServer, memoryBus } from '../../../runtime/bus/memory.ts';
import { systemClock, VirtualClock } from '../../../runtime/clock.ts';
import { conformance } from './conformance.ts';

const maxPayloadBytes = 100_000;
const server = new MemoryServer({ clock: systemClock, maxPayloadBytes });

describe('bus in memory', () => {
  conformance(async () => ({ connect: async () => server.connect(), maxPayloadBytes }));
});

const data = new Uint8Array([1]);
const settled = async (): Promise<void> => {
  for (let i = 0; i < 200; i++) await Promise.resolve();
};

describe('bus in memory on virtual time', () => {
  test('a message id is forgotten after the duplicate window', async () => {
    const clock = new VirtualClock(0);
    const bus = memoryBus({ clock });
    const request = { subject: 'trade.account.a', data, messageId: 'one' };
    assert.equal((await bus.publish(request)).duplicate, false);
    clock.advance(599_999);
    assert.equal((await bus.publish(request)).duplicate, true);
    clock.advance(1);
    assert.equal((await bus.publish(request)).duplicate, false);
  });

  test('a lease ends after its lifetime, and renewing it then is a conflict', async () => {
    const clock = new VirtualClock(0);
    const kv = await memoryBus({ clock }).kv('leases');
    const revision = await kv.create('node.a', data);
    clock.advance(9_999);
    const renewed = await kv.update('node.a', data, revision);
    clock.advance(10_000);
    assert.equal(await kv.get('node.a'), undefined);
    await assert.rejects(kv.update('node.a', data, renewed), { code: 'BUS_CONFLICT' });
    assert.ok((await kv.create('node.a', data)) > renewed);
  });

  test('a request times out by the virtual clock', async () => {
    const clock = new VirtualClock(0);
    const bus = memoryBus({ clock });
    await bus.serve('bridge.a.command', async () => undefined);
    let outcome = '';
    bus.request('bridge.a.command', data, 1_000).catch((error: { code: string }) => {
      outcome = error.code;
    });
    await settled();
    clock.advance(999);
    await settled();
    assert.equal(outcome, '');
    clock.advance(1);
    await settled();
    assert.equal(outcome, 'BUS_TIMEOUT');
  });

  test('the same calls give the same history', async () => {
    const history = async (): Promise<string[]> => {
      const clock = new VirtualClock(0);
      const memory = new MemoryServer({ clock });
      const [a, b] = [memory.connect(), memory.connect()];
      const log: string[] = [];
      const read = (bus: typeof a, name: string, filter: string): Promise<unknown> =>
        bus.read({
          stream: 'MARKET',
          filters: [filter],
          fromSequence: 1,
          onMessage: (m) => {
            log.push(`${name} ${m.sequence}`);
            return m.sequence % 5 === 0 ? clock.yield() : undefined;
          },
          onError: assert.fail,
        });
      await read(a, 'a', 'md.>');
      await read(b, 'b', 'md.1.>');
      for (let i = 0; i < 300; i++) {
        void b.publish({ subject: `md.${i % 3}.bars.X.1s`, data, messageId: `${i}` });
        if (i % 50 === 0) await settled();
      }
      for (let i = 0; i < 20; i++) await settled();
      return log;
    };
    const first = await history();
    assert.equal(first.length, 400);
    assert.deepEqual(await history(), first);
  });
});
