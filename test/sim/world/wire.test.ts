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

// Seed 16005: the server broke the connection between the first entry and its answer, and two nodes waited for ever.
test('a watch that is being opened when the server goes away is open when it is back, and hears each entry', async () => {
  let broken = 0;
  for (let atMs = 0; atMs < 20; atMs += 0.25) {
    const loop = new Loop();
    const network = new Network(loop, seededRandom(`network ${atMs}`));
    const busOf = (name: string): SimBus => new SimBus(network, new Host(name, loop, seededRandom(name)));
    const kv = await busOf('writer').kv('actors');
    void kv.put('symbol.A', Uint8Array.of(1));
    await loop.runUntil(1_000);
    const heard: string[] = [];
    let isOpen = false;
    const other = await busOf('reader').kv('actors');
    void other
      .watch('>', ({ key }) => heard.push(key))
      .then(() => {
        isOpen = true;
      });
    await loop.runUntil(1_000 + atMs);
    if (!isOpen) broken++;
    network.stopServer();
    await loop.runUntil(1_200 + atMs);
    network.startServer();
    await loop.runUntil(4_000);
    assert.ok(isOpen, `broken after ${atMs} ms`);
    void kv.put('symbol.B', Uint8Array.of(2));
    await loop.runUntil(6_000);
    assert.deepEqual([...new Set(heard)], ['symbol.A', 'symbol.B'], `broken after ${atMs} ms`);
    assert.equal(heard.filter((key) => key === 'symbol.B').length, 1, `broken after ${atMs} ms`);
  }
  assert.ok(broken > 0);
});
