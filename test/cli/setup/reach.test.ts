import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, test } from 'node:test';
import { freePort } from '../../../cli/servers/postgres.ts';
import { checkNatsUrl, checkPostgresUrl, endpoints, natsProblem } from '../../../cli/setup/reach.mjs';
import { startNats } from '../../support/servers.ts';

describe('a server that the user names', () => {
  test('URLs are read', () => {
    const nats = { schemes: ['nats', 'tls'], port: 4222 };
    assert.deepEqual(endpoints('V', 'nats://a, tls://u:p@b:1,[::1]:2,c', nats), [
      { host: 'a', port: 4222 },
      { host: 'b', port: 1 },
      { host: '::1', port: 2 },
      { host: 'c', port: 4222 },
    ]);
    for (const bad of ['http://a', 'nats://', 'nats://a:99999', '']) {
      assert.throws(() => endpoints('V', bad, nats), /V is not of the form nats:/, bad);
    }
  });

  test('an error never repeats the password', () => {
    assert.throws(
      () => endpoints('V', 'http://me:secret@a', { schemes: ['nats'], port: 1 }),
      (error: Error) => !error.message.includes('secret'),
    );
  });

  test('NATS: what it says first decides', () => {
    const info = (fields: object): string => `INFO ${JSON.stringify(fields)}`;
    assert.equal(natsProblem(info({ version: '2.10.1', jetstream: true })), null);
    assert.match(natsProblem(info({ version: '2.9.9', jetstream: true })) ?? '', /2\.9\.9; 2\.10\.0 is needed/);
    assert.match(natsProblem(info({ version: '2.12.0' })) ?? '', /without JetStream/);
    assert.match(natsProblem('SSH-2.0') ?? '', /not answer as a NATS server/);
  });

  test('NATS: one that is there passes; with several, one is enough; one that is not there is named', async () => {
    const server = await startNats();
    const gone = await freePort();
    try {
      await checkNatsUrl(server.url);
      await checkNatsUrl(`nats://127.0.0.1:${gone},${server.url}`);
      await assert.rejects(
        checkNatsUrl(`nats://127.0.0.1:${gone}`),
        new RegExp(`TROUPE_NATS_URL.*127\\.0\\.0\\.1:${gone}.*ECONNREFUSED`),
      );
    } finally {
      await server.stop();
    }
  });

  test('PostgreSQL: reachable or named', async () => {
    const listener = net.createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as net.AddressInfo;
    await checkPostgresUrl(`postgres://u:p@127.0.0.1:${port}/db`);
    listener.close();
    await once(listener, 'close');
    await assert.rejects(checkPostgresUrl(`postgres://u:p@127.0.0.1:${port}/db`), /TROUPE_POSTGRES_URL.*ECONNREFUSED/);
  });
});
