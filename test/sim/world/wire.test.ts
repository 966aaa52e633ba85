import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../runtime/random.ts';
import { Host } from './host.ts';
import { Loop } from './loop.ts';
import { Network } from './network.ts';
import { SimBus } from './wire.ts';

// Seed 101172: a bridge that began while the server was away gave up serving, and its account had no bridge any more.
test('what is served while the server is away is served when it comes, however late, and once', async () => {
  const loop = new Loop();
  const network = new Network(loop, seededRandom('network'));
  const busOf = (name: string): SimBus => new SimBus(network, new Host(name, loop, seededRandom(name)));
  network.stopServer();
  let times = 0;
  void busOf('bridge').serve('bridge.a.command', async (data) => {
    times++;
    return data;
  });
  await loop.runUntil(60_000);
  network.startServer();
  await loop.runUntil(70_000);
  const answer = busOf('node').request('bridge.a.command', Uint8Array.of(7), 1_000);
  await loop.runUntil(72_000);
  assert.deepEqual(await answer, Uint8Array.of(7));
  assert.equal(times, 1);
});
