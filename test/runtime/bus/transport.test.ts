/** The socket's own reading: everything arrives whole and in order, quiet or in a flood, and over TLS too. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type NatsConnectionImpl, State } from '@nats-io/nats-core/internal';
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node';
import { connect } from '../../../runtime/bus/nats-transport.ts';
import { QUIET_READS, ReadPace, TURN_MS, WINDOW_MS } from '../../../runtime/bus/read-pace.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { TestNats } from './server.ts';

const folder = mkdtempSync(join(tmpdir(), 'troupe-transport-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('a socket is busy from the third read within a millisecond on, and quiet in the next', () => {
  const pace = new ReadPace();
  const reads = [0, 0.1, 0.2, 0.3].map((ms) => pace.next(ms, false));
  assert.deepEqual(reads, ['on', 'on', 'rest', 'rest']);
  assert.equal(pace.next(WINDOW_MS, false), 'on');
  const slow = Array.from({ length: 20 }, (_, i) => pace.next(10 + i * (WINDOW_MS / QUIET_READS), false));
  assert.ok(
    slow.every((next) => next === 'on'),
    `${slow}`,
  );
});

test('one that is behind never rests, and lets others have a turn after so long', () => {
  const pace = new ReadPace();
  const reads = Array.from({ length: 9 }, (_, i) => pace.next((i * TURN_MS) / 3, true));
  assert.deepEqual(reads, ['on', 'on', 'on', 'turn', 'on', 'on', 'on', 'turn', 'on']);
  assert.equal(pace.next(3 * TURN_MS, false), 'on', 'what it read while it was behind was no small piece');
});

test('a flood that ended is not counted to the next one', () => {
  const pace = new ReadPace();
  assert.equal(pace.next(0, true), 'on');
  assert.equal(pace.next(0.1, false), 'on');
  assert.equal(pace.next(10 * TURN_MS, true), 'on', 'it has only begun');
});

/** Of many lengths, shorter and longer than one piece of the socket. */
const lengthOf = (i: number): number => (i % 500 === 0 ? 200_000 : (i * 37) % 9_000);

function contentOf(i: number): Uint8Array {
  const content = new Uint8Array(4 + lengthOf(i)).fill(i % 251);
  new DataView(content.buffer).setUint32(0, i);
  return content;
}

async function flood(options: ConnectionOptions): Promise<void> {
  const [reader, writer] = await Promise.all([connect(options, systemClock), connect(options, systemClock)]);
  try {
    const subscription = reader.subscribe('flood');
    await reader.flush();
    const count = 5_000;
    const written = writeAll(writer, count);
    let next = 0;
    for await (const { data } of subscription) {
      const wanted = contentOf(next);
      assert.ok(Buffer.compare(data, wanted) === 0, `message ${next} of ${data.length} bytes, not ${wanted.length}`);
      if (++next === count) break;
    }
    await written;
    assert.equal(next, count);
  } finally {
    await Promise.all([reader.close(), writer.close()]);
  }
}

async function writeAll(writer: NatsConnection, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    writer.publish('flood', contentOf(i));
    if (i % 100 === 99) await writer.flush();
  }
  await writer.flush();
}

test('a flood arrives whole and in order', { timeout: 60_000 }, async () => {
  const server = await new TestNats(undefined, { jetStream: false }).start();
  try {
    await flood({ servers: server.url });
  } finally {
    await server.stop();
  }
});

test('so it does over TLS', { timeout: 60_000 }, async () => {
  const [certificate, key, config] = ['cert.pem', 'key.pem', 'nats.conf'].map((name) => join(folder, name));
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  execFileSync('openssl', [...request, ...subject, '-keyout', key!, '-out', certificate!], { stdio: 'ignore' });
  writeFileSync(config!, `tls { cert_file: "${certificate}", key_file: "${key}" }\n`);
  const server = await new TestNats(config, { jetStream: false }).start();
  try {
    const { port } = new URL(server.url);
    await flood({ servers: `localhost:${port}`, tls: { caFile: certificate! } });
    await assert.rejects(connect({ servers: `localhost:${port}`, reconnect: false }, systemClock), /certificate/);
  } finally {
    await server.stop();
  }
});

test('the client is never handed a part of a message that one piece holds', { timeout: 60_000 }, async () => {
  const server = await new TestNats(undefined, { jetStream: false }).start();
  const options = { servers: server.url };
  const [reader, writer] = await Promise.all([connect(options, systemClock), connect(options, systemClock)]);
  try {
    const { parser } = (reader as NatsConnectionImpl).protocol;
    const parse = parser.parse.bind(parser);
    const unfinished: number[] = [];
    let pieces = 0;
    parser.parse = (piece) => {
      parse(piece);
      pieces++;
      if (parser.state !== State.OP_START) unfinished.push(piece.length);
    };
    const subscription = reader.subscribe('flood', { max: 3_000 });
    await reader.flush();
    for (let i = 0; i < 3_000; i++) writer.publish('flood', new Uint8Array(5_000));
    for await (const _ of subscription);
    assert.deepEqual(unfinished, [], `of ${pieces} pieces`);
  } finally {
    await Promise.all([reader.close(), writer.close()]);
    await server.stop();
  }
});

test('nobody listens: the fault says so', async () => {
  await assert.rejects(connect({ servers: '127.0.0.1:1', maxReconnectAttempts: 0 }, systemClock), /refused/i);
});
