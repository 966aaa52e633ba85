/** What every bus promises: one suite, run against NATS and against the bus in memory. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Bus, KvEntry, ReadRequest, StoredMessage, StreamReader } from '../../../runtime/bus/bus.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { until } from './server.ts';

export interface Subject {
  /** A new connection to the one server of this suite. */
  readonly connect: () => Promise<Bus>;
  readonly maxPayloadBytes: number;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);
const hasCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code;

/** Names are used once, so that the tests do not depend on each other's leftovers. */
let names = 0;
const fresh = (): string => `n${++names}`;

interface Reading {
  readonly got: StoredMessage[];
  readonly reader: StreamReader;
}

async function collect(bus: Bus, request: Omit<ReadRequest, 'onMessage' | 'onError'>): Promise<Reading> {
  const got: StoredMessage[] = [];
  const reader = await bus.read({
    ...request,
    onMessage: (message) => void got.push(message),
    onError: (error) => assert.fail(error),
  });
  return { got, reader };
}

export function conformance(subject: () => Promise<Subject>): void {
  let bus: Bus;
  const setUp = async (): Promise<Bus> => {
    bus ??= await (await subject()).connect();
    return bus;
  };

  describe('streams', () => {
    test('acknowledges with rising sequences and reads back subject, bytes and order', async () => {
      const bus = await setUp();
      const name = fresh();
      const before = await bus.lastSequence('TRADING');
      for (let i = 0; i < 3; i++) {
        const subject = `trade.account.${name}`;
        const ack = await bus.publish({ subject, data: bytes(`m${i}`), messageId: `${name}-${i}` });
        assert.deepEqual(ack, { sequence: before + 1 + i, duplicate: false });
      }
      assert.equal(await bus.lastSequence('TRADING'), before + 3);
      await bus.publish({ subject: `trade.account.${fresh()}`, data: bytes('other'), messageId: fresh() });
      assert.equal(await bus.lastSequence('TRADING', `trade.account.${name}`), before + 3);
      assert.equal(await bus.lastSequence('TRADING', `trade.account.${fresh()}`), 0);
      const { got, reader } = await collect(bus, {
        stream: 'TRADING',
        filters: [`trade.account.${name}`],
        fromSequence: 1,
      });
      await until('three messages', () => got.length >= 3);
      for (const { data } of got) assert.equal(data.constructor, Uint8Array);
      assert.deepEqual(
        got.map((m) => [m.subject, text(m.data), m.sequence]),
        [0, 1, 2].map((i) => [`trade.account.${name}`, `m${i}`, before + 1 + i]),
      );
      await reader.stop();
    });

    test('a message id is stored once; the second copy learns the sequence of the first', async () => {
      const bus = await setUp();
      const request = { subject: `trade.account.${fresh()}`, data: bytes('x'), messageId: fresh() };
      const first = await bus.publish(request);
      const second = await bus.publish(request);
      assert.deepEqual(second, { sequence: first.sequence, duplicate: true });
      assert.equal(await bus.lastSequence('TRADING'), first.sequence);
    });

    test('what is patient and what is not keep their order', async () => {
      const bus = await setUp();
      const subject = `trade.account.${fresh()}`;
      const acks = await Promise.all(
        Array.from({ length: 60 }, (_, i) =>
          bus.publish({ subject, data: bytes(`${i}`), messageId: fresh(), patient: i % 7 !== 3 }),
        ),
      );
      const alone = await bus.publish({ subject, data: bytes('60'), messageId: fresh(), patient: true });
      const sequences = [...acks, alone].map(({ sequence }) => sequence);
      assert.deepEqual(
        sequences,
        sequences.map((_, i) => sequences[0]! + i),
      );
    });

    test('many publishes in flight keep their order', async () => {
      const bus = await setUp();
      const name = fresh();
      const acks = await Promise.all(
        Array.from({ length: 500 }, (_, i) =>
          bus.publish({ subject: `md.1.bars.${name}.1s`, data: bytes(String(i)), messageId: `${name}-${i}` }),
        ),
      );
      for (let i = 1; i < acks.length; i++) assert.equal(acks[i]!.sequence, acks[0]!.sequence + i);
    });

    test('reads from the sequence asked for, only what the filters name, and then what comes', async () => {
      const bus = await setUp();
      const [a, b, c] = [fresh(), fresh(), fresh()];
      const sequences: number[] = [];
      for (const [i, name] of [a, b, c, a, b, c].entries()) {
        const request = { subject: `md.1.bars.${name}.1m`, data: bytes(`${i}`), messageId: `${name}-${i}` };
        sequences.push((await bus.publish(request)).sequence);
      }
      const { got, reader } = await collect(bus, {
        stream: 'MARKET',
        filters: [`md.*.bars.${a}.>`, `md.*.bars.${c}.*`],
        fromSequence: sequences[1]!,
      });
      await until('what is there', () => got.length >= 3);
      await bus.publish({ subject: `md.1.bars.${b}.1m`, data: bytes('6'), messageId: `${b}-6` });
      await bus.publish({ subject: `md.1.bars.${a}.1m`, data: bytes('7'), messageId: `${a}-7` });
      await until('what comes', () => got.length >= 4);
      assert.deepEqual(
        got.map((m) => text(m.data)),
        ['2', '3', '5', '7'],
      );
      await reader.stop();
    });

    test('a reader may begin one past the end, and gets the next message', async () => {
      const bus = await setUp();
      const name = fresh();
      const fromSequence = (await bus.lastSequence('MODELS')) + 1;
      const { got, reader } = await collect(bus, { stream: 'MODELS', filters: [`model.drift.${name}`], fromSequence });
      await bus.publish({ subject: `model.drift.${name}`, data: bytes('now'), messageId: name });
      await until('the message', () => got.length === 1);
      assert.equal(got[0]!.sequence, fromSequence);
      await reader.stop();
    });

    test('waits for a promise before it hands out the next message', async () => {
      const bus = await setUp();
      const name = fresh();
      const subject = `md.1.bars.${name}.5m`;
      for (let i = 0; i < 200; i++) await bus.publish({ subject, data: bytes(`${i}`), messageId: `${name}-${i}` });
      let inHand = 0;
      let most = 0;
      const got: string[] = [];
      const reader = await bus.read({
        stream: 'MARKET',
        filters: [subject],
        fromSequence: 1,
        onMessage: (message) => {
          most = Math.max(most, ++inHand);
          got.push(text(message.data));
          if (got.length % 3 === 0) {
            inHand--;
            return undefined; // both kinds mixed
          }
          return systemClock.yield().then(() => {
            inHand--;
          });
        },
        onError: (error) => assert.fail(error),
      });
      await until('all of them', () => got.length >= 200);
      assert.equal(most, 1);
      assert.deepEqual(
        got,
        Array.from({ length: 200 }, (_, i) => `${i}`),
      );
      await reader.stop();
    });

    test('hands out nothing after stop, even from within a message', async () => {
      const bus = await setUp();
      const name = fresh();
      const subject = `md.1.bars.${name}.1h`;
      for (let i = 0; i < 10; i++) await bus.publish({ subject, data: bytes(`${i}`), messageId: `${name}-${i}` });
      let got = 0;
      const reader: StreamReader = await bus.read({
        stream: 'MARKET',
        filters: [subject],
        fromSequence: 1,
        onMessage: async () => {
          if (++got === 3) await reader.stop();
        },
        onError: (error) => assert.fail(error),
      });
      await until('the third', () => got >= 3);
      const after = await collect(bus, { stream: 'MARKET', filters: [subject], fromSequence: 1 });
      await until('another reader has had all ten', () => after.got.length === 10);
      assert.equal(got, 3);
      await after.reader.stop();
    });

    test('a handler that throws ends its reading with that error and harms no other', async () => {
      const bus = await setUp();
      const name = fresh();
      const subject = `md.1.bars.${name}.4h`;
      const faults: string[] = [];
      const fault = async (onMessage: ReadRequest['onMessage']): Promise<void> => {
        const onError = (error: Error): void => void faults.push(error.message);
        await bus.read({ stream: 'MARKET', filters: [subject], fromSequence: 1, onMessage, onError });
      };
      await fault(() => {
        throw new Error('thrown');
      });
      await fault(() => Promise.reject(new Error('rejected')));
      const { got, reader } = await collect(bus, { stream: 'MARKET', filters: [subject], fromSequence: 1 });
      for (let i = 0; i < 2; i++) await bus.publish({ subject, data: bytes(`${i}`), messageId: `${name}-${i}` });
      await until('both faults and both messages', () => faults.length === 2 && got.length === 2);
      assert.deepEqual(faults.sort(), ['rejected', 'thrown']);
      await reader.stop();
    });

    test('an unknown stream, a subject without stream and a message too large have their codes', async () => {
      const bus = await setUp();
      const { maxPayloadBytes } = await subject();
      const read = { filters: ['>'], fromSequence: 1, onMessage: () => {}, onError: () => {} };
      await assert.rejects(bus.read({ stream: 'NOWHERE', ...read }), hasCode('BUS_NO_STREAM'));
      await assert.rejects(bus.lastSequence('NOWHERE'), hasCode('BUS_NO_STREAM'));
      const nowhere = bus.publish({ subject: `nowhere.${fresh()}`, data: bytes('x'), messageId: fresh() });
      await assert.rejects(nowhere, hasCode('BUS_NO_RESPONDER'));
      const data = new Uint8Array(maxPayloadBytes + 1);
      const large = bus.publish({ subject: `trade.account.${fresh()}`, data, messageId: fresh() });
      await assert.rejects(large, hasCode('BUS_TOO_LARGE'));
    });

    test('a position beyond the end of the stream is refused: it belongs to another stream', async () => {
      const bus = await setUp();
      const fromSequence = (await bus.lastSequence('SYSTEM')) + 100;
      const read = { stream: 'SYSTEM', filters: ['sys.>'], fromSequence, onMessage: () => {}, onError: () => {} };
      await assert.rejects(bus.read(read), hasCode('BUS_REWOUND'));
    });
  });

  describe('buckets', () => {
    test('create, get, update by revision, put, delete', async () => {
      const bus = await setUp();
      const kv = await bus.kv('snapshots');
      const key = `strategy.${fresh()}`;
      assert.equal(await kv.get(key), undefined);
      const first = await kv.create(key, bytes('one'));
      assert.deepEqual(await entry(kv.get(key)), [key, 'one', first]);
      const second = await kv.update(key, bytes('two'), first);
      assert.ok(second > first);
      assert.deepEqual(await entry(kv.get(key)), [key, 'two', second]);
      const third = await kv.put(key, bytes('three'));
      assert.ok(third > second);
      await kv.delete(key);
      assert.equal(await kv.get(key), undefined);
      const again = await kv.create(key, bytes('four'));
      assert.deepEqual(await entry(kv.get(key)), [key, 'four', again]);
    });

    test('a stale revision, a key that exists and a deleted key are conflicts', async () => {
      const bus = await setUp();
      const kv = await bus.kv('actors');
      const key = `symbol.${fresh()}`;
      await assert.rejects(kv.update(key, bytes('x'), 1_000_000), hasCode('BUS_CONFLICT'));
      const first = await kv.create(key, bytes('one'));
      await assert.rejects(kv.create(key, bytes('two')), hasCode('BUS_CONFLICT'));
      const second = await kv.update(key, bytes('two'), first);
      await assert.rejects(kv.update(key, bytes('three'), first), hasCode('BUS_CONFLICT'));
      await kv.delete(key);
      await assert.rejects(kv.update(key, bytes('three'), second), hasCode('BUS_CONFLICT'));
      await assert.rejects(kv.update(key, bytes('x'), 0), RangeError);
      await assert.rejects(kv.put('no spaces', bytes('x')), RangeError);
    });

    test('of many at once exactly one wins', async () => {
      const bus = await setUp();
      const other = await (await subject()).connect();
      const kvs = [await bus.kv('actors'), await other.kv('actors')];
      const key = `broker.${fresh()}`;
      let revision = await kvs[0]!.create(key, bytes('start'));
      for (let round = 0; round < 20; round++) {
        const tries = Array.from({ length: 6 }, (_, i) => kvs[i % 2]!.update(key, bytes(`${round}-${i}`), revision));
        const done = await Promise.allSettled(tries);
        const won = done.filter((result) => result.status === 'fulfilled');
        assert.equal(won.length, 1);
        for (const result of done) if (result.status === 'rejected') assert.ok(hasCode('BUS_CONFLICT')(result.reason));
        revision = won[0]!.value;
      }
      await other.drain();
    });

    test('watch hands out what is there, then each change, then nothing after its stop', async () => {
      const bus = await setUp();
      const kv = await bus.kv('machines');
      const kind = fresh();
      await kv.put(`${kind}.a`, bytes('1'));
      await kv.put(`${kind}.b`, bytes('1'));
      await kv.put(`${kind}.gone`, bytes('1'));
      await kv.delete(`${kind}.gone`);
      await kv.put(`${kind}.a`, bytes('2'));
      const seen: string[] = [];
      const stop = await kv.watch(`${kind}.*`, (change) => {
        seen.push('deleted' in change ? `${change.key} deleted` : `${change.key}=${text(change.value)}`);
      });
      assert.deepEqual(seen, [`${kind}.b=1`, `${kind}.a=2`]);
      await kv.put(`${fresh()}.a`, bytes('other'));
      await kv.put(`${kind}.c`, bytes('3'));
      await kv.delete(`${kind}.b`);
      await until('two changes', () => seen.length >= 4);
      assert.deepEqual(seen.slice(2), [`${kind}.c=3`, `${kind}.b deleted`]);
      await stop();
      const later: string[] = [];
      const stopLater = await kv.watch(`${kind}.*`, (change) => void later.push(change.key));
      await kv.put(`${kind}.d`, bytes('4'));
      await until('the other watcher hears it', () => later.includes(`${kind}.d`));
      assert.equal(seen.length, 4);
      await stopLater();
    });

    test('what an update foretells is told to who listens, once it is stored, and to nobody of one that is not', async () => {
      const bus = await setUp();
      const other = await (await subject()).connect();
      const kv = await bus.kv('snapshots');
      const kind = fresh();
      const heard: string[] = [];
      const stop = await (await other.kv('snapshots')).listen(`${kind}.*`, (foretold, key) => {
        assert.equal(foretold.constructor, Uint8Array);
        heard.push(`${key}:${text(foretold)}`);
      });
      const first = await kv.create(`${kind}.a`, bytes('0'));
      const second = await kv.update(`${kind}.a`, bytes('1'), first, [bytes('one'), bytes('ünd two')]);
      await assert.rejects(kv.update(`${kind}.a`, bytes('2'), first, [bytes('never')]), hasCode('BUS_CONFLICT'));
      await kv.update(`${kind}.a`, bytes('3'), second);
      const put = await kv.put(`${kind}.b`, bytes('0'));
      const last = await kv.update(`${kind}.b`, bytes('1'), put, [bytes('three')]);
      await until('all of it', () => heard.length >= 3);
      assert.deepEqual(heard, [`${kind}.a:one`, `${kind}.a:ünd two`, `${kind}.b:three`]);
      assert.equal(text((await kv.get(`${kind}.a`))!.value), '3');
      await stop();
      const stopLater = await kv.listen(`${kind}.b`, (_foretold, key) => void heard.push(`later ${key}`));
      await kv.update(`${kind}.b`, bytes('2'), last, [bytes('four')]);
      await until('the other listener hears it', () => heard.length >= 4);
      assert.deepEqual(heard.slice(3), [`later ${kind}.b`]);
      await stopLater();
      await other.drain();
    });

    test('watching an empty bucket begins at once', async () => {
      const bus = await setUp();
      const kv = await bus.kv('config');
      const seen: string[] = [];
      const stop = await kv.watch('>', (change) => void seen.push(change.key));
      assert.deepEqual(seen, []);
      await kv.put('limits', bytes('1'));
      await until('the change', () => seen.length === 1);
      await stop();
    });
  });

  describe('requests', () => {
    test('an answer comes back; a listener hears and says nothing', async () => {
      const bus = await setUp();
      const other = await (await subject()).connect();
      const name = fresh();
      const heard: string[] = [];
      const stopListening = await other.serve(`bridge.${name}.>`, async (data, subject) => {
        assert.equal(data.constructor, Uint8Array);
        heard.push(`${subject}:${text(data)}`);
        return undefined;
      });
      const stop = await other.serve(`bridge.${name}.command`, async (data) => bytes(`got ${text(data)}`));
      assert.equal(text(await bus.request(`bridge.${name}.command`, bytes('a'), 5_000)), 'got a');
      bus.send(`bridge.${name}.note`, bytes('b'));
      await until('both heard', () => heard.length === 2);
      assert.deepEqual(heard, [`bridge.${name}.command:a`, `bridge.${name}.note:b`]);
      await stop();
      await stopListening();
      await assert.rejects(bus.request(`bridge.${name}.command`, bytes('a'), 5_000), hasCode('BUS_NO_RESPONDER'));
      await other.drain();
    });

    test('a probe arrives, and says whether anybody subscribes', async () => {
      const bus = await setUp();
      const other = await (await subject()).connect();
      const name = fresh();
      assert.equal(await bus.probe(`inspect.${name}.a`, bytes('1')), false);
      const heard: string[] = [];
      const stop = await other.serve(`inspect.${name}.>`, async (data) => {
        heard.push(text(data));
        return undefined;
      });
      assert.equal(await bus.probe(`inspect.${name}.a`, bytes('2')), true);
      assert.equal(await bus.probe(`inspect.${fresh()}.a`, bytes('3')), false);
      await stop();
      assert.equal(await bus.probe(`inspect.${name}.a`, bytes('4')), false);
      assert.deepEqual(heard, ['2']);
      await other.drain();
      assert.equal(await other.probe(`inspect.${name}.a`, bytes('5')), false);
    });

    test('silence and a handler that throws end in a timeout', async () => {
      const bus = await setUp();
      const name = fresh();
      const stops = [
        await bus.serve(`bridge.${name}.silent`, async () => undefined),
        await bus.serve(`bridge.${name}.broken`, () => Promise.reject(new Error('broken'))),
      ];
      await assert.rejects(bus.request(`bridge.${name}.silent`, bytes('a'), 50), hasCode('BUS_TIMEOUT'));
      await assert.rejects(bus.request(`bridge.${name}.broken`, bytes('a'), 50), hasCode('BUS_TIMEOUT'));
      for (const stop of stops) await stop();
    });
  });

  describe('services', () => {
    const ask = async (bus: Bus, subject: string, data = ''): Promise<Record<string, unknown>> =>
      JSON.parse(text(await bus.request(subject, bytes(data), 5_000)));

    test('endpoints whose subjects overlap all hear a request', async () => {
      const bus = await setUp();
      const other = await (await subject()).connect();
      const name = fresh();
      let asked = 0;
      await other.service({
        ...{ name: `overlap-${name}`, version: '1.0.0', description: '' },
        endpoints: [
          { name: 'own', subject: `control.${name}.*.own`, handler: async () => ({ data: bytes('"here"') }) },
          {
            ...{ name: 'other', subject: `control.${name}.>` },
            handler: async () => {
              asked++;
              return undefined;
            },
          },
        ],
      });
      for (let i = 0; i < 20; i++)
        assert.equal(text(await bus.request(`control.${name}.a.own`, bytes(''), 1_000)), '"here"');
      await until('the other has heard all', () => asked === 20);
      await other.drain();
    });

    test('every instance hears every request, and the one that can answers', async () => {
      const bus = await setUp();
      const name = fresh();
      const heard: string[] = [];
      const serve = async (owner: string) => {
        const other = await (await subject()).connect();
        const service = await other.service({
          ...{ name: `troupe-${name}`, version: '1.0.0', description: 'a test', metadata: { node: owner } },
          endpoints: [
            {
              ...{ name: 'status', subject: `control.${name}.*.status`, metadata: { payload: 'none' } },
              handler: async (data, subject) => {
                assert.equal(data.constructor, Uint8Array);
                heard.push(owner);
                await systemClock.yield();
                if (subject !== `control.${name}.${owner}.status`) return undefined;
                return { data: bytes(JSON.stringify({ owner, said: text(data) })) };
              },
            },
            {
              ...{ name: 'kill', subject: `control.${name}.*.kill` },
              handler: async () => ({
                data: bytes('{"code":"NO"}'),
                error: { code: 404, message: 'no such\nactor' },
              }),
            },
            {
              ...{ name: 'broken', subject: `control.${name}.broken` },
              handler: () => Promise.reject(new Error('oh')),
            },
          ],
        });
        return { bus: other, service };
      };
      const [a, b] = [await serve('a'), await serve('b')];
      assert.notEqual(a.service.id, b.service.id);
      assert.deepEqual(await ask(bus, `control.${name}.a.status`, 'x'), { owner: 'a', said: 'x' });
      assert.deepEqual(await ask(bus, `control.${name}.b.status`, 'y'), { owner: 'b', said: 'y' });
      await until('all have heard both', () => heard.length === 4);
      assert.deepEqual(heard.toSorted(), ['a', 'a', 'b', 'b']);
      assert.deepEqual(await ask(bus, `control.${name}.b.kill`), { code: 'NO' });
      assert.equal((await bus.request(`control.${name}.broken`, bytes(''), 5_000)).length, 0);

      const info = await ask(bus, `$SRV.INFO.troupe-${name}.${a.service.id}`);
      assert.equal(info.type, 'io.nats.micro.v1.info_response');
      assert.deepEqual(
        [info.name, info.id, info.version, info.description, info.metadata],
        [`troupe-${name}`, a.service.id, '1.0.0', 'a test', { node: 'a' }],
      );
      const endpoints = info.endpoints as { name: string; subject: string; metadata?: object; queue_group: string }[];
      assert.deepEqual(
        endpoints.map((endpoint) => [endpoint.name, endpoint.subject, endpoint.metadata]),
        [
          ['status', `control.${name}.*.status`, { payload: 'none' }],
          ['kill', `control.${name}.*.kill`, undefined],
          ['broken', `control.${name}.broken`, undefined],
        ],
      );
      assert.equal((await ask(bus, `$SRV.PING.troupe-${name}.${b.service.id}`)).id, b.service.id);
      assert.equal((await ask(bus, `$SRV.PING.troupe-${name}`)).name, `troupe-${name}`);
      const stats = await ask(bus, `$SRV.STATS.troupe-${name}.${a.service.id}`);
      const [status, kill, broken] = stats.endpoints as Record<string, unknown>[];
      assert.ok(typeof stats.started === 'string');
      // A request that was left to another instance is none of this one's.
      assert.deepEqual([status!.num_requests, status!.num_errors], [1, 0]);
      assert.ok((status!.processing_time as number) >= (status!.average_processing_time as number));
      assert.deepEqual([kill!.num_requests, kill!.num_errors, kill!.last_error], [1, 1, 'no such\nactor']);
      assert.deepEqual([broken!.num_requests, broken!.num_errors, broken!.last_error], [1, 1, 'oh']);

      await a.service.stop();
      const stopped = bus.request(`control.${name}.a.status`, bytes(''), 100);
      await assert.rejects(stopped, hasCode('BUS_TIMEOUT'));
      await a.bus.drain();
      await b.bus.drain();
      await assert.rejects(bus.request(`$SRV.PING.troupe-${name}`, bytes(''), 1_000), hasCode('BUS_NO_RESPONDER'));
    });
  });

  test('drain: what was published is stored; afterwards the bus refuses', async () => {
    const bus = await setUp();
    const other = await (await subject()).connect();
    const name = fresh();
    const publishing = Array.from({ length: 100 }, (_, i) =>
      other.publish({ subject: `trade.account.${name}`, data: bytes('x'), messageId: `${name}-${i}` }),
    );
    await other.drain();
    const acks = await Promise.all(publishing);
    assert.equal(acks.at(-1)!.sequence, await bus.lastSequence('TRADING'));
    const late = other.publish({ subject: `trade.account.${name}`, data: bytes('x'), messageId: fresh() });
    await assert.rejects(late, hasCode('BUS_UNAVAILABLE'));
    await bus.drain();
  });
}

async function entry(promise: Promise<KvEntry | undefined>): Promise<unknown[]> {
  const found = await promise;
  assert.ok(found);
  assert.equal(found.value.constructor, Uint8Array);
  return [found.key, text(found.value), found.revision];
}
