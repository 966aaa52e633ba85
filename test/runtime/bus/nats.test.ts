import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { NatsBus } from '../../../runtime/bus/nats.ts';
import { connectNats, ensureStreams } from '../../../runtime/bus/nats.ts';
import { buckets, streams } from '../../../runtime/bus/streams.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { createLogger, silentLogger } from '../../../runtime/telemetry/log.ts';
import { startNats } from '../../support/servers.ts';
import { conformance } from './conformance.ts';
import { TestNats, until } from './server.ts';

const settings = { name: 'test', clock: systemClock, log: silentLogger };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('bus over NATS', () => {
  let server: TestNats;
  before(async () => {
    server = await new TestNats().start();
    const bus = await connectNats({ ...settings, url: server.url });
    await ensureStreams(bus, { replay: true });
    await bus.drain();
  });
  // A bus left open by a failed test would reconnect for ever and keep this process alive.
  const open: NatsBus[] = [];
  after(async () => {
    await Promise.all(open.map((bus) => bus.drain()));
    await server.stop();
  });

  conformance(async () => ({
    connect: async () => {
      const bus = await connectNats({ ...settings, url: server.url, publishGiveUpMs: 500 });
      open.push(bus);
      return bus;
    },
    maxPayloadBytes: 1_048_576,
  }));
});

describe('NATS that is not there', () => {
  test('a refused connection and a wrong password have their codes and show no password', async () => {
    const refused = connectNats({ ...settings, url: 'nats://me:secret@127.0.0.1:1' });
    await assert.rejects(refused, (error: { code: string; message: string }) => {
      assert.equal(error.code, 'BUS_UNAVAILABLE');
      assert.ok(!error.message.includes('secret'), error.message);
      return true;
    });
  });
});

describe('streams on the server', () => {
  let server: TestNats;
  let bus: NatsBus;
  before(async () => {
    server = await new TestNats().start();
    bus = await connectNats({ ...settings, url: server.url });
  });
  after(async () => {
    await bus.drain();
    await server.stop();
  });

  const deleteAll = async (): Promise<void> => {
    const names = [...streams.map((s) => s.name), ...buckets.map((b) => `KV_${b.name}`)];
    for (const name of names) await bus.manager.streams.delete(name).catch(() => {});
  };

  test('a replay makes them, and makes its own ones anew', async () => {
    await ensureStreams(bus, { replay: true });
    await bus.publish({ subject: 'trade.account.a', data: bytes('x'), messageId: 'x' });
    await (await bus.kv('snapshots')).put('a.b', bytes('x'));
    await ensureStreams(bus, { replay: true });
    assert.equal(await bus.lastSequence('TRADING'), 0);
    assert.equal(await (await bus.kv('snapshots')).get('a.b'), undefined);
    const { config } = await bus.manager.streams.info('TRADING');
    assert.equal(config.storage, 'file');
    assert.equal(config.discard, 'new');
    assert.equal(config.duplicate_window, 600_000 * 1e6);
    assert.equal((await bus.manager.streams.info('KV_leases')).config.max_age, 10_000 * 1e6);
  });

  test('a live company refuses a replay’s streams, naming them', async () => {
    await deleteAll();
    await ensureStreams(bus, { replay: true });
    await assert.rejects(ensureStreams(bus, { replay: false }), (error: { code: string; message: string }) => {
      assert.equal(error.code, 'BUS_FOREIGN_STREAMS');
      for (const spec of streams) assert.ok(error.message.includes(spec.name));
      return true;
    });
  });

  test('a live company keeps what is there; a replay refuses it and deletes nothing', async () => {
    await deleteAll();
    await ensureStreams(bus, { replay: false });
    await bus.publish({ subject: 'trade.account.a', data: bytes('x'), messageId: 'y' });
    await ensureStreams(bus, { replay: false });
    assert.equal(await bus.lastSequence('TRADING'), 1);
    await assert.rejects(ensureStreams(bus, { replay: true }), { code: 'BUS_FOREIGN_STREAMS' });
    assert.equal(await bus.lastSequence('TRADING'), 1);
  });

  test('snapshots of a company that knew no foretelling keep their values, and foretell from then on', async () => {
    await deleteAll();
    await ensureStreams(bus, { replay: false });
    const { config } = await bus.manager.streams.info('KV_snapshots');
    await bus.manager.streams.delete('KV_snapshots');
    const { republish, ...before } = config;
    assert.deepEqual(republish, { src: '$KV.snapshots.>', dest: 'ahead.>', headers_only: true });
    await bus.manager.streams.add(before);
    const kv = await bus.kv('snapshots');
    const revision = await kv.create('a.b', bytes('x'));
    await ensureStreams(bus, { replay: false });
    const heard: string[] = [];
    const stop = await kv.listen('a.b', (foretold) => heard.push(new TextDecoder().decode(foretold)));
    await kv.update('a.b', bytes('y'), revision, [bytes('soon')]);
    await until('what is foretold', () => heard.length > 0);
    assert.deepEqual(heard, ['soon']);
    await stop();
  });

  test('somebody else’s stream on our subjects is named, not touched', async () => {
    await deleteAll();
    await bus.manager.streams.add({ name: 'THEIRS', subjects: ['md.theirs'] });
    await assert.rejects(ensureStreams(bus, { replay: true }), { code: 'BUS_FOREIGN_STREAMS' });
    assert.ok(await bus.manager.streams.info('THEIRS'));
    await bus.manager.streams.delete('THEIRS');
  });

  test('replicas on a single server are refused with JetStream’s own words', async () => {
    await deleteAll();
    await assert.rejects(
      ensureStreams(bus, { replay: true, replicas: 3 }),
      (error: { code: string; message: string }) => {
        assert.equal(error.code, 'BUS_REFUSED');
        assert.match(error.message, /replicas/);
        return true;
      },
    );
  });

  test('a full stream is BUS_STORAGE_FULL, at once', async () => {
    await deleteAll();
    await ensureStreams(bus, { replay: true });
    await bus.manager.streams.update('TRADING', { max_bytes: 1_000 });
    const fill = async (): Promise<void> => {
      for (let i = 0; i < 100; i++) {
        await bus.publish({ subject: 'trade.account.a', data: new Uint8Array(200), messageId: `fill-${i}` });
      }
    };
    await assert.rejects(fill(), { code: 'BUS_STORAGE_FULL' });
  });

  test('what a reader gives back is read into again, what it keeps stays as it is', async () => {
    await deleteAll();
    await ensureStreams(bus, { replay: true });
    const content = (i: number): Uint8Array => new Uint8Array(2_000).fill(i % 251);
    const subject = 'md.0.ticks.mt5.EURUSD';
    const count = 5_000;
    for (let from = 0; from < count; from += 500) {
      const some = Array.from({ length: 500 }, (_, i) => from + i);
      await Promise.all(some.map((i) => bus.publish({ subject, data: content(i), messageId: `${i}` })));
    }
    const kept: { readonly i: number; readonly data: Uint8Array }[] = [];
    const given: Uint8Array[] = [];
    let next = 0;
    const reader = await bus.read({
      stream: 'MARKET',
      filters: ['md.*.ticks.>'],
      fromSequence: 1,
      onMessage: ({ subject: its, data, sequence, loan }) => {
        assert.deepEqual([its, sequence], [subject, next + 1]);
        assert.deepEqual(data, content(next));
        if (next % 500 === 250) kept.push({ i: next, data });
        else {
          given.push(data);
          loan?.giveBack();
        }
        next++;
      },
      onError: (error) => assert.fail(error),
    });
    await until('everything is read', () => next === count);
    await reader.stop();
    for (const { i, data } of kept) assert.deepEqual(data, content(i));
    const gone = given.filter(({ length }) => length === 0).length;
    assert.ok(gone > (count * 2) / 3, `of ${given.length} parts the memory of ${gone} is used again`);
  });

  test('messages that one piece of the socket does not hold come in their place among the others', async () => {
    await deleteAll();
    await ensureStreams(bus, { replay: true });
    const subject = 'md.0.ticks.mt5.EURUSD';
    const lengths = Array.from({ length: 600 }, (_, i) => (i % 7 === 3 ? 100_000 : i % 5 === 0 ? 33_000 : 300));
    for (const [i, length] of lengths.entries()) {
      await bus.publish({ subject, data: new Uint8Array(length).fill(i % 251), messageId: `${i}` });
    }
    const heard: string[] = [];
    const { consumers } = bus.manager;
    const add = consumers.add.bind(consumers);
    let made = 0;
    consumers.add = (...request) => {
      made++;
      return add(...request);
    };
    const reader = await bus.read({
      stream: 'MARKET',
      filters: ['md.*.ticks.>'],
      fromSequence: 1,
      onMessage: ({ data, sequence }) => {
        const isWhole = data.every((byte) => byte === (sequence - 1) % 251);
        heard.push(`${sequence} ${data.length} ${isWhole}`);
      },
      onError: (error) => assert.fail(error),
    });
    await until('everything is read', () => heard.length === lengths.length);
    await reader.stop();
    consumers.add = add;
    assert.equal(made, 1, 'a message out of its place would have the reader begin again behind the last one in place');
    assert.deepEqual(
      heard,
      lengths.map((length, i) => `${i + 1} ${length} true`),
    );
  });

  test('a deleted stream ends the reading with BUS_NO_STREAM or BUS_REWOUND', async () => {
    await deleteAll();
    await ensureStreams(bus, { replay: true });
    await bus.publish({ subject: 'trade.account.a', data: bytes('x'), messageId: 'z' });
    const errors: unknown[] = [];
    let got = 0;
    await bus.read({
      stream: 'TRADING',
      filters: ['trade.>'],
      fromSequence: 1,
      onMessage: () => void got++,
      onError: (error) => errors.push((error as unknown as { code: string }).code),
    });
    await until('the message', () => got === 1);
    await bus.manager.streams.delete('TRADING');
    await until('the error', () => errors.length > 0);
    assert.deepEqual(errors, ['BUS_NO_STREAM']);
  });
});

describe('services on the server', () => {
  let server: TestNats;
  let bus: NatsBus;
  before(async () => {
    server = await new TestNats().start();
    bus = await connectNats({ ...settings, url: server.url });
  });
  after(async () => {
    await bus.drain();
    await server.stop();
  });

  test('a refusal carries the headers of the protocol, and the service outlives the server', async () => {
    await bus.service({
      ...{ name: 'refuser', version: '1.0.0', description: '' },
      endpoints: [
        {
          ...{ name: 'no', subject: 'control.no' },
          handler: async () => ({ data: bytes('{}'), error: { code: 404, message: 'no\nüber' } }),
        },
      ],
    });
    const refusal = await bus.connection.request('control.no');
    assert.equal(refusal.headers?.get('Nats-Service-Error-Code'), '404');
    assert.equal(refusal.headers?.get('Nats-Service-Error'), 'no ber');
    assert.equal(refusal.string(), '{}');
    await server.kill();
    await server.start();
    const answered = async (): Promise<boolean> =>
      bus.request('control.no', bytes(''), 1_000).then(
        () => true,
        () => false,
      );
    await until('the service answers again', answered);
  });
});

describe('the private server that `npm start` runs', () => {
  let server: Awaited<ReturnType<typeof startNats>>;
  before(async () => {
    const program = process.env.NATS_SERVER;
    server = await startNats(program === undefined ? {} : { program });
  });
  after(() => server.stop());

  test('its user for nodes may do everything that the bus does', async (t) => {
    const { user, password } = server.credentials.node;
    const denied: string[] = [];
    const log = createLogger({ level: 'silent', service: 'test' });
    log.error = (...words: unknown[]) => void denied.push(JSON.stringify(words));
    const bus = await connectNats({ ...settings, log, url: server.url, user, password });
    t.after(() => bus.drain());
    await ensureStreams(bus, { replay: true });
    const data = new Uint8Array(10_000);
    const count = 1_000; // more than the first window of flow control, 2 MiB
    await Promise.all(
      Array.from({ length: count }, (_, i) =>
        bus.publish({ subject: 'md.1.ticks.mt5.EURUSD', data, messageId: `frame-${i}` }),
      ),
    );
    let got = 0;
    const reader = await bus.read({
      stream: 'MARKET',
      filters: ['md.1.>'],
      fromSequence: 1,
      onMessage: () => void got++,
      onError: (error) => assert.fail(error),
    });
    await until('all frames', () => got === count);
    const kv = await bus.kv('leases');
    const changes: string[] = [];
    const unwatch = await kv.watch('>', ({ key }) => void changes.push(key));
    await kv.update('node.a', bytes('2'), await kv.create('node.a', bytes('1')));
    await kv.delete('node.a');
    await until('the changes', () => changes.length === 3);
    await bus.serve('inspect.symbol.EURUSD', async () => bytes('live'));
    assert.deepEqual(await bus.request('inspect.symbol.EURUSD', bytes(''), 2_000), bytes('live'));
    await unwatch();
    await reader.stop();
    assert.deepEqual(denied, []);
  });
});
