/** A claim of which nobody knows whether it was stored, given up by the node that made it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Levels, parseLevel } from '../../node/levels.ts';
import type { KeyValue } from '../../runtime/bus/bus.ts';
import { MemoryServer } from '../../runtime/bus/memory.ts';
import { VirtualClock } from '../../runtime/clock.ts';
import { TroupeError } from '../../runtime/errors.ts';
import { silentLogger as log } from '../../runtime/telemetry/log.ts';

const KEY = 'symbol.EURUSD';

/** A node's levels over a store whose next write stays on its way until `arrive`, while the node hears of a timeout. */
async function stage(before?: string) {
  const clock = new VirtualClock(0);
  const server = new MemoryServer({ clock });
  const store = await server.connect().kv('actors');
  let onItsWay: (() => Promise<number>) | undefined;
  let isLost = true;
  const slow = (write: () => Promise<number>): Promise<number> => {
    if (!isLost) return write();
    isLost = false;
    onItsWay = write;
    return Promise.reject(new TroupeError('BUS_TIMEOUT', 'no answer'));
  };
  const actors: KeyValue = Object.assign(Object.create(store) as KeyValue, {
    create: (key: string, value: Uint8Array) => slow(() => store.create(key, value)),
    update: (key: string, value: Uint8Array, revision: number) => slow(() => store.update(key, value, revision)),
  });
  const levels = new Levels({
    ...{ node: 'node-1', instance: 'run-1', bus: server.connect(), actors, clock, log, layout: { partitions: 12 } },
    onFenced: () => undefined,
  });
  const value = JSON.stringify({ node: '', instance: '', state: 'released', detail: 'by node-0' });
  const revision = before === undefined ? 0 : await store.put(KEY, new TextEncoder().encode(value));
  await assert.rejects(levels.claim('symbol', 'EURUSD', revision), { code: 'BUS_TIMEOUT' });
  assert.equal(levels.mayHold('symbol', 'EURUSD'), true);
  const owner = async (): Promise<string | undefined> => {
    const entry = await store.get(KEY);
    return entry && parseLevel(entry)?.node;
  };
  return { levels, store, owner, arrive: () => onItsWay!() };
}

describe('a claim whose outcome is unknown is given up', () => {
  for (const [what, before] of [
    ['over nothing', undefined],
    ['over what another gave back', 'node-0'],
  ] as const) {
    test(`${what}, before it is stored: it is not stored any more`, async () => {
      const { levels, owner, arrive } = await stage(before);
      await levels.release('symbol', 'EURUSD');
      assert.equal(levels.mayHold('symbol', 'EURUSD'), false);
      await assert.rejects(arrive(), { code: 'BUS_CONFLICT' });
      assert.equal(await owner(), '');
    });

    test(`${what}, after it was stored: it is given back`, async () => {
      const { levels, owner, arrive } = await stage(before);
      await arrive();
      assert.equal(await owner(), 'node-1');
      await levels.release('symbol', 'EURUSD');
      assert.equal(await owner(), '');
    });

    test(`${what}, when it is somebody else's: it stays theirs`, async () => {
      const { levels, store, owner } = await stage(before);
      const theirs = JSON.stringify({ node: 'node-2', instance: 'run-2', state: 'live', detail: '' });
      const revision = await store.put(KEY, new TextEncoder().encode(theirs));
      await levels.release('symbol', 'EURUSD');
      assert.equal(await owner(), 'node-2');
      assert.equal((await store.get(KEY))?.revision, revision);
    });
  }

  test('made again, it is held without a doubt', async () => {
    const { levels, owner } = await stage();
    await levels.claim('symbol', 'EURUSD', 0);
    assert.equal(levels.holds('symbol', 'EURUSD'), true);
    assert.equal(await owner(), 'node-1');
  });
});

test("given up while its supervisor still tells of it: it is nobody's, and what is told does not hold it back", async () => {
  const clock = new VirtualClock(0);
  const server = new MemoryServer({ clock });
  const actors = await server.connect().kv('actors');
  const levels = new Levels({
    ...{ node: 'node-1', instance: 'run-1', bus: server.connect(), actors, clock, log, layout: { partitions: 12 } },
    onFenced: () => undefined,
  });
  const [kind, id] = ['symbol', 'EURUSD'];
  await levels.claim(kind, id, 0);
  clock.advance(60_000);
  // Its last write is on its way, and an operator has asked for a restart of what is being stopped.
  levels.state(kind, id, 'live', '');
  const released = levels.release(kind, id);
  levels.edge({ kind, id, event: 'stopped', cause: 'restart', attempt: 0, remaining: 5 });
  await released;
  const entry = await actors.get(KEY);
  assert.equal(entry && parseLevel(entry)?.node, '');
});
