/** The bus over NATS while servers are killed, frozen and started again. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { NatsBus, NatsOptions } from '../../../runtime/bus/nats.ts';
import { connectNats, ensureStreams } from '../../../runtime/bus/nats.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { silentLogger } from '../../../runtime/telemetry/log.ts';
import { TestNats, TestProxy, until } from './server.ts';

const number = (i: number): Uint8Array => new TextEncoder().encode(String(i));
const toNumber = (data: Uint8Array): number => Number(new TextDecoder().decode(data));

describe('outages of NATS', () => {
  let server: TestNats;
  const open: NatsBus[] = [];
  const connect = async (more: Partial<NatsOptions> = {}): Promise<NatsBus> => {
    const bus = await connectNats({ url: server.url, name: 'test', clock: systemClock, log: silentLogger, ...more });
    open.push(bus);
    return bus;
  };
  before(async () => {
    server = await new TestNats().start();
  });
  beforeEach(async () => {
    const bus = await connect();
    await ensureStreams(bus, { replay: true });
  });
  after(async () => {
    await Promise.all(open.map((bus) => bus.drain()));
    await server.stop();
  });

  test('kill -9 and restart in the middle: no message lost, none doubled, order kept, both told', async () => {
    const told: string[] = [];
    const writer = await connect({ onLost: () => told.push('lost'), onRestored: () => told.push('restored') });
    const reader = await connect();
    const got: number[] = [];
    const sequences: number[] = [];
    const reading = await reader.read({
      stream: 'MARKET',
      filters: ['md.1.bars.>'],
      fromSequence: 1,
      onMessage: (message) => {
        got.push(toNumber(message.data));
        sequences.push(message.sequence);
        return got.length % 100 === 0 ? systemClock.yield() : undefined;
      },
      onError: (error) => assert.fail(error),
    });
    const total = 30_000;
    let acknowledged = 0;
    const write = async (): Promise<void> => {
      const inFlight = new Set<Promise<void>>();
      for (let i = 0; i < total; i++) {
        const ack = writer
          .publish({ subject: 'md.1.bars.X.1s', data: number(i), messageId: `outage-${i}` })
          .then(() => {
            acknowledged++;
            inFlight.delete(ack);
          });
        inFlight.add(ack);
        if (inFlight.size >= 500) await Promise.race(inFlight);
      }
      await Promise.all(inFlight);
    };
    const writing = write();
    for (const stop of [5_000, 15_000]) {
      await until(`${stop} acknowledged`, () => acknowledged >= stop);
      await server.kill('SIGKILL');
      await server.start();
    }
    await writing;
    await until('everything read', () => got.length >= total);
    assert.deepEqual(
      got,
      Array.from({ length: total }, (_, i) => i),
    );
    assert.equal(sequences.at(-1), await writer.lastSequence('MARKET'));
    assert.deepEqual(told, ['lost', 'restored', 'lost', 'restored']);
    await reading.stop();
  });

  test('stop while disconnected resolves, and nothing comes afterwards', async () => {
    const bus = await connect();
    const other = await connect();
    let got = 0;
    const reading = await bus.read({
      stream: 'MARKET',
      filters: ['md.>'],
      fromSequence: 1,
      onMessage: () => void got++,
      onError: (error) => assert.fail(error),
    });
    await bus.publish({ subject: 'md.1.bars.X.1s', data: number(0), messageId: 'stop-0' });
    await until('the first', () => got === 1);
    await server.kill();
    await reading.stop();
    await server.start();
    await other.publish({ subject: 'md.1.bars.X.1s', data: number(1), messageId: 'stop-1' });
    let heard = 0;
    await bus.read({
      stream: 'MARKET',
      filters: ['md.>'],
      fromSequence: 1,
      onMessage: () => void heard++,
      onError: (error) => assert.fail(error),
    });
    await until('another reader of the same connection has both', () => heard === 2);
    assert.equal(got, 1);
  });

  test('a stream read aside: it comes by a connection of its own, and goes on after kill -9', async () => {
    const writer = await connect();
    const bus = await connect({ aside: 'MARKET' });
    const got: number[] = [];
    await bus.read({
      stream: 'MARKET',
      filters: ['md.>'],
      fromSequence: 1,
      onMessage: (message) => void got.push(message.data.length),
      onError: (error) => assert.fail(error),
    });
    const bytes = 100_000;
    const publish = (i: number): Promise<unknown> =>
      writer.publish({ subject: 'md.1.bars.X.1s', data: new Uint8Array(bytes), messageId: `aside-${i}` });
    const heardMain = (): number => bus.connection.stats().inBytes;
    const before = heardMain();
    await Promise.all([publish(0), publish(1)]);
    await until('the first two', () => got.length === 2);
    assert.ok(heardMain() - before < bytes, `${heardMain() - before} bytes of it came by the other connection`);
    await server.kill('SIGKILL');
    await server.start();
    await publish(2);
    await until('the third', () => got.length === 3);
    assert.deepEqual(got, [bytes, bytes, bytes]);
    // The main connection is not the one that reads, and works as well.
    assert.equal(await bus.lastSequence('MARKET'), 3);
    await bus.drain();
  });

  test('a consumer deleted behind our back is made anew', async () => {
    const bus = await connect();
    const got: number[] = [];
    await bus.read({
      stream: 'MARKET',
      filters: ['md.>'],
      fromSequence: 1,
      onMessage: (message) => void got.push(toNumber(message.data)),
      onError: (error) => assert.fail(error),
    });
    await bus.publish({ subject: 'md.1.bars.X.1s', data: number(0), messageId: 'gone-0' });
    await until('the first', () => got.length === 1);
    for await (const consumer of bus.manager.consumers.list('MARKET')) {
      await bus.manager.consumers.delete('MARKET', consumer.name);
    }
    await bus.publish({ subject: 'md.1.bars.X.1s', data: number(1), messageId: 'gone-1' });
    await until('the second', () => got.length === 2);
    assert.deepEqual(got, [0, 1]);
  });

  for (const [name, duplicateWindowMs] of [
    ['within the duplicate window', 120_000],
    ['beyond the duplicate window', 100],
  ] as const) {
    test(`a compare-and-set whose acknowledgement was lost is no conflict, ${name}; a real one is`, async () => {
      const proxy = await new TestProxy(server.url).start();
      const [bus, other] = [await connect({ url: proxy.url }), await connect()];
      await bus.manager.streams.update('KV_snapshots', { duplicate_window: duplicateWindowMs * 1e6 });
      const [kv, theirs] = [await bus.kv('snapshots'), await other.kv('snapshots')];
      const first = await kv.put('strategy.a', number(1));
      proxy.deafen();
      const update = kv.update('strategy.a', number(2), first);
      await until('stored', async () => (await theirs.get('strategy.a'))?.revision !== first);
      if (duplicateWindowMs < 1_000) await systemClock.sleep(3 * duplicateWindowMs);
      proxy.cut();
      const second = await update;
      assert.equal((await kv.get('strategy.a'))?.revision, second);
      await assert.rejects(kv.update('strategy.a', number(3), first), { code: 'BUS_CONFLICT' });
      await bus.drain();
      await proxy.stop();
    });
  }

  test('the acknowledgement was lost and somebody else has written since: a conflict', async () => {
    const proxy = await new TestProxy(server.url).start();
    const [bus, other] = [await connect({ url: proxy.url }), await connect()];
    const [kv, theirs] = [await bus.kv('snapshots'), await other.kv('snapshots')];
    const first = await kv.put('strategy.a', number(1));
    proxy.silence();
    const update = kv.update('strategy.a', number(2), first);
    await theirs.put('strategy.a', number(3));
    proxy.cut();
    await assert.rejects(update, { code: 'BUS_CONFLICT' });
    await bus.drain();
    await proxy.stop();
  });

  test('a frozen server: a publish gives up in time with its code, later ones go on when it thaws', async () => {
    const bus = await connect({ publishGiveUpMs: 700 });
    const publish = (i: number): ReturnType<NatsBus['publish']> =>
      bus.publish({ subject: 'trade.account.x', data: number(i), messageId: `frozen-${i}` });
    let frozen = 0;
    server.signal('SIGSTOP');
    try {
      // The signal takes a moment to arrive, so the first publishes may still be answered.
      const freeze = async (): Promise<void> => {
        for (; frozen < 1_000; frozen++) await publish(frozen);
      };
      await assert.rejects(freeze(), { code: 'BUS_TIMEOUT' });
    } finally {
      server.signal('SIGCONT');
    }
    const ack = await publish(frozen);
    assert.equal(ack.duplicate, true, 'the copy that timed out had been stored after all');
  });

  test('published while disconnected: waits, then arrives in order', async () => {
    const bus = await connect();
    const before = await bus.lastSequence('TRADING');
    await server.kill();
    const publishing = Array.from({ length: 50 }, (_, i) =>
      bus.publish({ subject: 'trade.account.y', data: number(i), messageId: `away-${i}` }),
    );
    await server.start();
    const acks = await Promise.all(publishing);
    assert.deepEqual(
      acks.map((ack) => ack.sequence),
      Array.from({ length: 50 }, (_, i) => before + 1 + i),
    );
  });

  test('disconnected for too long: BUS_UNAVAILABLE; drain ends all the same', async () => {
    const bus = await connect({ publishGiveUpMs: 300 });
    await server.kill();
    const publish = bus.publish({ subject: 'trade.account.y', data: number(0), messageId: 'never' });
    await assert.rejects(publish, (error: { code: string }) => /^BUS_(UNAVAILABLE|TIMEOUT)$/.test(error.code));
    await bus.drain();
    await server.start();
  });

  test('a stream that is missing for a moment: publishes wait and keep their order, other streams go on', async () => {
    const bus = await connect();
    const { config } = await bus.manager.streams.info('MODELS');
    await bus.manager.streams.delete('MODELS');
    let stored = 0;
    const publishing = Array.from({ length: 30 }, async (_, i) => {
      const ack = await bus.publish({ subject: 'model.drift.m', data: number(i), messageId: `missing-${i}` });
      stored++;
      return ack.sequence;
    });
    for (let i = 0; i < 20; i++) {
      await bus.publish({ subject: 'trade.account.z', data: number(i), messageId: `beside-${i}` });
    }
    assert.equal(stored, 0);
    await bus.manager.streams.add({ ...config, name: 'MODELS' });
    const sequences = await Promise.all(publishing);
    assert.deepEqual(
      sequences,
      Array.from({ length: 30 }, (_, i) => i + 1),
    );
  });

  test('a reader that is not let go on holds a bounded part of the stream, and the rest comes when it is', async () => {
    const writer = await connect();
    const messages = 1_600; // 80 MB
    const data = new Uint8Array(50_000);
    for (let i = 0; i < messages; i += 100) {
      const batch = Array.from({ length: 100 }, (_, j) =>
        writer.publish({ subject: 'md.1.bars.X.1d', data, messageId: `bulk-${i + j}` }),
      );
      await Promise.all(batch);
    }
    const bus = await connect();
    let letGo = (): void => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    let got = 0;
    await bus.read({
      stream: 'MARKET',
      filters: ['md.1.bars.X.1d'],
      fromSequence: 1,
      onMessage: () => (++got === 1 ? held : undefined),
      onError: (error) => assert.fail(error),
    });
    // Silence of the connection: as much has come as will come. Heartbeats are small.
    let before = -1;
    const quiet = async (): Promise<boolean> => {
      const { inBytes } = bus.connection.stats();
      const still = inBytes - before < 1_000 && inBytes > 100_000;
      before = inBytes;
      await systemClock.sleep(300);
      return still;
    };
    await until('the server to stop sending', quiet);
    assert.equal(got, 1);
    assert.ok(before < 40 * 2 ** 20, `${before} bytes were sent to a reader that takes none`);
    letGo();
    await until('all of it', () => got === messages);
  });

  test('a watcher hears what changed while the server was away', async () => {
    const bus = await connect();
    const other = await connect();
    const [here, there] = [await bus.kv('actors'), await other.kv('actors')];
    await here.put('symbol.a', number(1));
    const seen: string[] = [];
    await here.watch('symbol.*', (change) => {
      seen.push('deleted' in change ? `${change.key} deleted` : `${change.key}=${toNumber(change.value)}`);
    });
    await server.kill();
    await server.start();
    await there.put('symbol.b', number(2));
    await there.delete('symbol.a');
    await until('both changes', () => seen.length >= 3);
    assert.deepEqual(seen, ['symbol.a=1', 'symbol.b=2', 'symbol.a deleted']);
  });
});

describe('a NATS server with users', () => {
  let server: TestNats;
  before(async () => {
    const { mkdtempSync, writeFileSync } = await import('node:fs');
    const { tmpdir } = await import('node:os');
    const { join } = await import('node:path');
    const file = join(mkdtempSync(join(tmpdir(), 'troupe-nats-conf-')), 'nats.conf');
    writeFileSync(
      file,
      `authorization { users = [
         { user: full, password: right },
         { user: narrow, password: right, permissions: {
             publish: { deny: ["trade.>"] }, subscribe: ["_MINE.>"] } } ] }`,
    );
    server = await new TestNats(file).start();
  });
  after(() => server.stop());

  const settings = { name: 'test', clock: systemClock, log: silentLogger };

  test('a wrong password is BUS_DENIED', async () => {
    const wrong = connectNats({ ...settings, url: server.url, user: 'full', password: 'wrong' });
    await assert.rejects(wrong, { code: 'BUS_DENIED' });
  });

  test('a subject that the user may not publish to is BUS_DENIED at once; the inbox prefix is obeyed', async () => {
    const full = await connectNats({ ...settings, url: server.url, user: 'full', password: 'right' });
    await ensureStreams(full, { replay: true });
    const narrow = await connectNats({
      ...settings,
      url: server.url,
      user: 'narrow',
      password: 'right',
      inboxPrefix: '_MINE',
    });
    const denied = narrow.publish({ subject: 'trade.account.x', data: number(1), messageId: 'd' });
    await assert.rejects(denied, { code: 'BUS_DENIED' });
    await narrow.publish({ subject: 'md.1.bars.X.1s', data: number(1), messageId: 'e' });
    let got = 0;
    await narrow.read({
      stream: 'MARKET',
      filters: ['md.>'],
      fromSequence: 1,
      onMessage: () => void got++,
      onError: (error) => assert.fail(error),
    });
    await until('the message', () => got === 1);
    await narrow.drain();
    await full.drain();
  });
});
