import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { coresOfServer, startNatsServer } from '../../../cli/servers/nats.ts';
import { type NatsUser, natsConfigText, permissions } from '../../../cli/servers/nats-config.ts';
import { commandLine } from '../../../cli/servers/orphan.ts';
import { findNatsServer } from '../../../cli/setup/find.mjs';
import { scratchFolder, startNats, TEST_ACCOUNT, TEST_SOURCE, type TestNats } from '../../support/servers.ts';

describe('what each NATS user may do', { timeout: 240_000 }, () => {
  let server: TestNats;
  let connections: Record<NatsUser, NatsConnection>;

  before(async () => {
    server = await startNats();
    const open = (user: NatsUser): Promise<NatsConnection> => {
      const { password, inboxPrefix } = server.credentials[user];
      return connect({ servers: server.url, user, pass: password, inboxPrefix });
    };
    connections = { node: await open('node'), bridge: await open('bridge'), operator: await open('operator') };
  });
  after(async () => {
    for (const one of Object.values(connections ?? {})) await one.close();
    await server?.stop();
  });

  /** Whether the server lets a message through, seen by whether somebody who hears everything of it hears it. */
  async function published(user: NatsUser, subject: string): Promise<boolean> {
    const listener = connections.operator.subscribe(subject, { max: 1 });
    await connections.operator.flush();
    const heard = (async () => {
      for await (const _ of listener) return true;
      return false;
    })();
    const refused = denied(user, 'publish', subject);
    connections[user].publish(subject, 'x');
    await connections[user].flush();
    const outcome = await Promise.race([heard, refused]);
    listener.unsubscribe();
    return outcome;
  }

  /** Resolves to false when the server tells `user` that it denies it this subject. */
  async function denied(user: NatsUser, operation: string, subject: string): Promise<false> {
    for await (const status of connections[user].status()) {
      if (status.type !== 'error') continue;
      const error = status.error as Error & { operation?: string; subject?: string };
      if (error.operation === operation && error.subject === subject) return false;
    }
    return false;
  }

  async function subscribed(user: NatsUser, subject: string): Promise<boolean> {
    const refused = denied(user, 'subscription', subject);
    const subscription = connections[user].subscribe(subject, { callback: () => {} });
    const through = connections[user].flush().then(() => true);
    // The server answers in order: a denial comes before the answer to the flush.
    const closed = subscription.closed.then(
      () => false,
      () => false,
    );
    const outcome = await Promise.race([
      refused,
      closed,
      through.then(() => Promise.race([closed, Promise.resolve(true)])),
    ]);
    subscription.unsubscribe();
    return outcome;
  }

  const may: Array<[NatsUser, string]> = [
    ['bridge', `md.3.ticks.${TEST_SOURCE}.EURUSD`],
    ['bridge', `trade.execution.${TEST_ACCOUNT}`],
    ['bridge', `sys.lifecycle.bridge.${TEST_ACCOUNT}`],
    ['bridge', `$KV.actors.bridge.${TEST_ACCOUNT}`],
    ['bridge', '$KV.machines.bridge'],
    ['bridge', '$JS.API.STREAM.MSG.GET.MARKET'],
    ['node', 'trade.intent.any.ema'],
    ['node', 'md.0.bars.EURUSD.1m'],
    ['node', `bridge.${TEST_ACCOUNT}.command`],
    ['node', '$KV.snapshots.broker.any'],
    ['operator', '$KV.config.risk'],
    ['operator', 'control.strategy.ema.pause'],
    ['operator', '$SRV.INFO.troupe-node'],
    ['operator', '$JS.API.STREAM.INFO.TRADING'],
    ['operator', '$JS.API.CONSUMER.CREATE.KV_actors'],
    ['node', 'inspect.strategy.ema'],
  ];
  const mayNot: Array<[NatsUser, string]> = [
    ['bridge', 'trade.intent.any.ema'],
    ['bridge', 'md.3.ticks.other-source.EURUSD'],
    ['bridge', 'md.3.bars.EURUSD.1m'],
    ['bridge', 'trade.execution.other-account'],
    ['bridge', 'sys.lifecycle.bridge.other-account'],
    ['bridge', '$KV.actors.bridge.other-account'],
    ['bridge', '$KV.snapshots.broker.any'],
    ['bridge', '$KV.actors.broker.any'],
    ['bridge', '$JS.API.STREAM.DELETE.TRADING'],
    ['bridge', '$JS.API.STREAM.MSG.GET.TRADING'],
    ['bridge', 'control.node.any.kill'],
    ['bridge', '_INBOX.node.x'],
    ['node', 'anything.else'],
    ['node', '$KV.config.risk'],
    ['node', 'control.strategy.ema.pause'],
    // Whoever could would place orders.
    ['node', `ahead.broker.${TEST_ACCOUNT}`],
    ['bridge', `ahead.broker.${TEST_ACCOUNT}`],
    ['operator', `ahead.broker.${TEST_ACCOUNT}`],
    ['operator', 'md.0.ticks.x.EURUSD'],
    ['operator', 'trade.intent.any.ema'],
    ['operator', `bridge.${TEST_ACCOUNT}.command`],
    ['operator', '$KV.snapshots.broker.any'],
    ['operator', '$JS.API.STREAM.PURGE.TRADING'],
    ['operator', '_INBOX.node.x'],
    ['operator', 'inspect.strategy.ema'],
    ['operator', 'sys.lifecycle.config.risk'],
    ['operator', '$KV.actors.strategy.ema'],
    ['operator', '$JS.API.STREAM.DELETE.TRADING'],
    ['operator', '$JS.API.STREAM.MSG.DELETE.TRADING'],
    ['operator', 'anything.else'],
  ];
  for (const [user, subject] of may) {
    test(`${user} may publish ${subject}`, async () => assert.equal(await published(user, subject), true));
  }
  for (const [user, subject] of mayNot) {
    test(`${user} may not publish ${subject}`, async () => assert.equal(await published(user, subject), false));
  }

  const hears: Array<[NatsUser, string, boolean]> = [
    ['bridge', `bridge.${TEST_ACCOUNT}.command`, true],
    ['bridge', '_INBOX.bridge.x', true],
    ['bridge', `control.bridge.${TEST_ACCOUNT}.*`, true],
    ['bridge', 'control.bridge.other.*', false],
    ['bridge', `ahead.broker.${TEST_ACCOUNT}`, true],
    ['bridge', 'ahead.broker.*', false],
    ['node', 'ahead.strategy.*', true],
    ['bridge', '$SRV.*', true],
    ['bridge', '$SRV.PING.troupe-broker', false],
    ['bridge', '_INBOX.node.>', false],
    ['bridge', '_INBOX.>', false],
    ['bridge', '>', false],
    ['bridge', 'bridge.other-account.command', false],
    ['bridge', 'trade.>', false],
    ['node', 'trade.>', true],
    ['node', '_INBOX.node.x', true],
    ['node', 'control.>', true],
    ['node', '$SRV.PING.troupe-node', true],
    ['operator', 'trade.>', true],
  ];
  for (const [user, subject, allowed] of hears) {
    test(`${user} may ${allowed ? '' : 'not '}subscribe to ${subject}`, async () => {
      assert.equal(await subscribed(user, subject), allowed);
    });
  }

  test('the bridge answers a command at the inbox of who asked', async () => {
    const subject = `bridge.${TEST_ACCOUNT}.command`;
    const subscription = connections.bridge.subscribe(subject, {
      callback: (_, message) => {
        message.respond(`done ${message.string()}`);
      },
    });
    await connections.bridge.flush();
    const answer = await connections.node.request(subject, 'order 1', { timeout: 5_000 });
    assert.equal(answer.string(), 'done order 1');
    subscription.unsubscribe();
  });

  test('nobody comes in without a password', async () => {
    await assert.rejects(connect({ servers: server.url, reconnect: false }), /[Aa]uthorization/);
  });
});

describe('the private NATS server', { timeout: 240_000 }, () => {
  test('credentials and configuration are for this user alone, kept over a restart, and in no log', async () => {
    const scratch = scratchFolder('nats-twice');
    const options = { folder: path.join(scratch.path, 'nats'), logFile: path.join(scratch.path, 'nats.log') };
    const start = () => startNatsServer({ ...options, account: 'a', source: 's' });
    try {
      const first = await start();
      const { password } = first.credentials.node;
      await assert.rejects(start(), { code: 'ALREADY_RUNNING' });
      await first.stop();
      for (const name of ['credentials.json', 'nats.conf']) {
        assert.equal(statSync(path.join(options.folder, name)).mode & 0o777, 0o600, name);
      }
      const second = await start();
      assert.equal(second.credentials.node.password, password);
      assert.notEqual(second.credentials.bridge.password, password);
      await second.stop();
      assert.equal(readFileSync(options.logFile, 'utf8').includes(password), false);
      assert.equal(commandLine(second.process.pid), undefined);
    } finally {
      scratch.remove();
    }
  });

  test('leaves half of the cores to those who publish and read', async () => {
    assert.deepEqual([1, 2, 3, 4, 64].map(coresOfServer), [1, 1, 1, 2, 32]);
    const scratch = scratchFolder('nats-cores');
    const program = path.join(scratch.path, 'nats-server');
    const said = [
      `echo "cores $GOMAXPROCS"`,
      // Before it says that it is ready: whoever hears that may end it at once.
      'tail -f /dev/null &',
      `trap 'kill $!; exit 0' TERM`,
      `echo 'Listening for client connections on 127.0.0.1:1'`,
      `echo 'Server is ready'`,
      'wait $!',
    ];
    writeFileSync(program, `#!/bin/sh\n${said.join('\n')}\n`, { mode: 0o755 });
    const logFile = path.join(scratch.path, 'nats.log');
    const { GOMAXPROCS } = process.env;
    delete process.env.GOMAXPROCS;
    try {
      const server = await startNatsServer({
        ...{ program, logFile, account: 'a', source: 's' },
        folder: scratch.path,
      });
      await server.stop();
      assert.match(readFileSync(logFile, 'utf8'), new RegExp(`^cores ${coresOfServer(availableParallelism())}$`, 'm'));
    } finally {
      if (GOMAXPROCS !== undefined) process.env.GOMAXPROCS = GOMAXPROCS;
      scratch.remove();
    }
  });

  test('a port in use is named, with what to do', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as net.AddressInfo;
    try {
      await assert.rejects(startNats({ port }), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'PORT_IN_USE');
        assert.match(error.message, new RegExp(`port ${port} of 127\\.0\\.0\\.1`));
        assert.match(error.message, /choose another/);
        return true;
      });
    } finally {
      taken.close();
    }
  });

  test('a server that a killed run left behind is ended by the next start', async () => {
    const scratch = scratchFolder('nats-orphan');
    const options = { folder: path.join(scratch.path, 'nats'), logFile: path.join(scratch.path, 'nats.log') };
    const start = () => startNatsServer({ ...options, account: 'a', source: 's' });
    const program = findNatsServer()?.path;
    assert.ok(program);
    await (await start()).stop();
    const orphan = spawn(program, ['-c', path.join(options.folder, 'nats.conf')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    try {
      for await (const chunk of orphan.stderr) if (String(chunk).includes('Server is ready')) break;
      const gone = once(orphan, 'exit');
      const next = await start();
      assert.equal(next.endedOrphan, orphan.pid);
      await gone;
      await next.stop();
    } finally {
      orphan.kill('SIGKILL');
      scratch.remove();
    }
  });
});

describe('nats.conf', () => {
  test('names with odd characters become single tokens, never wildcards', () => {
    const { bridge } = permissions('my > account', '*');
    assert.deepEqual(bridge.subscribe.allow[0], 'bridge.my=20=3E=20account.command');
    assert.equal(bridge.publish.allow[0], 'md.*.ticks.=2A.>');
  });

  test('a bridge of several accounts speaks for each of them, and for nobody else', () => {
    const { bridge } = permissions(['swing', 'scalp'], ['first', 'second']);
    for (const account of ['swing', 'scalp']) {
      assert.ok(bridge.subscribe.allow.includes(`bridge.${account}.command`));
      assert.ok(bridge.subscribe.allow.includes(`control.bridge.${account}.*`));
      assert.ok(bridge.publish.allow.includes(`trade.execution.${account}`));
      assert.ok(bridge.publish.allow.includes(`$KV.actors.bridge.${account}`));
    }
    const ticks = bridge.publish.allow.filter((subject) => subject.startsWith('md.'));
    assert.deepEqual(ticks, ['md.*.ticks.first.>', 'md.*.ticks.second.>']);
    assert.deepEqual(permissions(['swing'], ['first']), permissions('swing', 'first'));
  });

  test('a path with quotes and spaces stays one string', () => {
    const text = natsConfigText({
      port: -1,
      storeFolder: '/tmp/a "b" c',
      pidFile: '/tmp/p',
      passwords: { node: 'n', bridge: 'b', operator: 'o' },
      account: 'a',
      source: 's',
    });
    assert.match(text, /store_dir: "\/tmp\/a \\"b\\" c"/);
    assert.equal(existsSync('/tmp/a "b" c'), false);
  });
});
