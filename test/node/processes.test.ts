/** Nodes as processes on a real NATS server: killed, frozen, drained, misnamed, and servers that are not fit for them. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { type ManagedProcess, startProcess } from '../../cli/processes.ts';
import type { LevelValue } from '../../node/levels.ts';
import { parseLevel } from '../../node/levels.ts';
import type { Status } from '../../node/status.ts';
import type { KvEntry } from '../../runtime/bus/bus.ts';
import { connectNats, ensureStreams, type NatsBus } from '../../runtime/bus/nats.ts';
import { topics } from '../../runtime/bus/topics.ts';
import { systemClock as clock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/telemetry/log.ts';
import { until } from '../e2e/support.ts';
import { TestNats as BareNats } from '../runtime/bus/server.ts';
import { scratchFolder, startNats, TEST_ACCOUNT, TEST_SOURCE, type TestNats } from '../support/servers.ts';
import { projectFolder } from '../support/source.ts';

const SYMBOLS = ['EURUSD', 'GBPUSD', 'USDJPY', 'AUDUSD', 'EURGBP', 'NZDUSD'];
const ACTORS = SYMBOLS.length + 3;
const LAYOUT = { partitions: 12 };
const TICK_EVERY_MS = 40;

interface Program {
  readonly process: ManagedProcess;
  status: Status | undefined;
  readonly errors: { code: string; message: string }[];
}

/** One server and the nodes on it, with a market that ticks by itself. */
class World {
  readonly applied = new Map<string, number>();
  private readonly scratch = scratchFolder('nodes');
  private nats: TestNats | undefined;
  private bus!: NatsBus;
  private feed!: NatsBus;
  private readonly programs: Program[] = [];
  private readonly sent = new Map<string, number>();
  private stopFeed = (): void => undefined;

  async open(): Promise<this> {
    this.nats = await startNats();
    this.bus = await this.connect(this.nats.credentials.node);
    this.feed = await this.connect(this.nats.credentials.node);
    await ensureStreams(this.bus, { replay: false });
    return this;
  }

  private connect(login: { user: string; password: string }): Promise<NatsBus> {
    return connectNats({ ...login, url: this.nats!.url, name: 'test', clock, log: silentLogger });
  }

  async node(name: string, args: readonly string[] = []): Promise<Program> {
    const file = path.join(this.scratch.path, `${name}.yaml`);
    const symbols = SYMBOLS.map(
      (symbol) => `    ${symbol}: { digits: 5, contract_size: 100000, currency_base: EUR, currency_profit: USD }`,
    );
    const lines = [
      `node: { name: ${name}, metrics_port: off }`,
      `market:\n  source: ${TEST_SOURCE}\n  symbols:\n${symbols.join('\n')}`,
      `account: { id: ${TEST_ACCOUNT} }`,
      'strategies:',
      '  - { id: first, use: ema-cross, symbol: EURUSD }',
      '  - { id: second, use: ema-cross, symbol: GBPUSD, isolation: inline }',
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    const { url, credentials } = this.nats!;
    return this.run(name, ['--config', file, '--applied-ms', '1', ...args], {
      ...{ TROUPE_NATS_URL: url, TROUPE_NATS_USER: credentials.node.user },
      TROUPE_NATS_PASSWORD: credentials.node.password,
    });
  }

  async run(name: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Program> {
    const errors: Program['errors'] = [];
    const program = { status: undefined, errors } as unknown as Program & { process: ManagedProcess };
    program.process = await startProcess({
      name,
      command: process.execPath,
      args: [path.join(projectFolder, 'node', 'main.ts'), ...args],
      env: { PATH: process.env.PATH, TZ: 'UTC', ...env },
      logFile: path.join(this.scratch.path, `${name}.log`),
      stdin: 'lifeline',
      onJson: (message) => {
        if (message.event === 'status') program.status = message as unknown as Status;
        if (message.event === 'error') errors.push(message as unknown as Program['errors'][number]);
        if (message.event !== 'applied') return;
        for (const [symbol, ticks] of Object.entries(message.symbols as Record<string, number>)) {
          this.applied.set(symbol, Math.max(ticks, this.applied.get(symbol) ?? 0));
        }
      },
    });
    this.programs.push(program);
    return program;
  }

  /** Every symbol ticks from now on. */
  play(): void {
    const session = 'test';
    const tick = async (symbol: string): Promise<void> => {
      const n = (this.sent.get(symbol) ?? 0) + 1;
      this.sent.set(symbol, n);
      const message = {
        ...{ symbol, session, source: TEST_SOURCE, firstSequence: n, count: 1 },
        ...{ baseTimeMs: clock.nowMs(), utcOffsetS: 0, timeOffsetMs: new Uint32Array(1) },
        ...{ bid: Float64Array.of(1 + n / 1e5), ask: Float64Array.of(1 + (n + 1) / 1e5) },
        ...{ flags: new Uint32Array(0), firstSentUs: clock.nowUs() },
      };
      await this.feed.publish({
        subject: topics.ticks.subject({ source: TEST_SOURCE, symbol }, LAYOUT),
        messageId: `${session}.${symbol}.${n}`,
        data: topics.ticks.encode(message),
      });
    };
    let cancel = clock.setTimer(0, function again(this: void) {
      for (const symbol of SYMBOLS) void tick(symbol);
      cancel = clock.setTimer(TICK_EVERY_MS, again);
    });
    this.stopFeed = () => cancel();
  }

  /** Every tick sent has been applied, once, by whoever has the symbol. */
  async settled(): Promise<void> {
    this.stopFeed();
    for (const symbol of SYMBOLS) {
      const sent = this.sent.get(symbol) ?? 0;
      assert.ok(sent > 0);
      await until(`${symbol} has applied ${sent} ticks`, () => this.applied.get(symbol) === sent);
    }
    const late = this.programs.flatMap(({ process, status }) =>
      process.exit === undefined ? (status?.symbols ?? []) : [],
    );
    for (const { symbol, ticksMissing, ticksLate } of late) assert.deepEqual([ticksMissing, ticksLate], [0, 0], symbol);
  }

  /** Bars that stand in the stream more than once: the same bar said by two. */
  async doubledBars(): Promise<string[]> {
    const seen = new Set<string>();
    const doubled: string[] = [];
    const last = await this.bus.lastSequence('MARKET', 'md.*.bars.>');
    let reached = last === 0;
    const reader = await this.bus.read({
      ...{ stream: 'MARKET', filters: ['md.*.bars.>'], fromSequence: 1 },
      onMessage: ({ data, sequence }) => {
        const { symbol, timeframe, openTimeMs } = topics.bar.decode(data);
        const name = `${symbol} ${timeframe} ${openTimeMs}`;
        if (seen.has(name)) doubled.push(name);
        seen.add(name);
        reached ||= sequence >= last;
      },
      onError: () => undefined,
    });
    await until('all bars are read', () => reached);
    await reader.stop();
    assert.ok(seen.size > 0);
    return doubled;
  }

  async levels(): Promise<Map<string, LevelValue>> {
    const found = new Map<string, LevelValue>();
    const stop = await (await this.bus.kv('actors')).watch('>', (entry) => {
      const level = 'deleted' in entry ? undefined : parseLevel(entry as KvEntry);
      if (level !== undefined && level.kind !== 'supervisor') found.set(entry.key, level);
    });
    await stop();
    return found;
  }

  /** How many actors run on each node, by what KV `actors` says. */
  async shares(): Promise<Record<string, number>> {
    const shares: Record<string, number> = {};
    for (const { node, state } of (await this.levels()).values()) {
      if (node !== '' && state !== 'starting') shares[node] = (shares[node] ?? 0) + 1;
    }
    return shares;
  }

  async balanced(...nodes: string[]): Promise<void> {
    await until(`${nodes.join(', ')} share all actors`, async () => {
      const shares = await this.shares();
      const all = Object.values(shares).reduce((sum, n) => sum + n, 0);
      return all === ACTORS && nodes.every((node) => (shares[node] ?? 0) > 0);
    });
  }

  async edges(): Promise<{ kind: string; id: string; event: string; cause: string; node: string }[]> {
    const found: { kind: string; id: string; event: string; cause: string; node: string }[] = [];
    const last = await this.bus.lastSequence('SYSTEM', 'sys.lifecycle.>');
    let reached = last === 0;
    const reader = await this.bus.read({
      ...{ stream: 'SYSTEM', filters: ['sys.lifecycle.>'], fromSequence: 1 },
      onMessage: ({ data, sequence }) => {
        found.push(topics.lifecycle.decode(data));
        reached ||= sequence >= last;
      },
      onError: () => undefined,
    });
    await until('the lifecycle is read', () => reached);
    await reader.stop();
    return found;
  }

  async close(): Promise<void> {
    this.stopFeed();
    for (const { process } of this.programs) {
      process.signal('SIGCONT');
      process.signal('SIGKILL');
      await process.exited;
    }
    await this.bus?.connection.close();
    await this.feed?.connection.close();
    await this.nats?.stop();
    this.scratch.remove();
  }
}

const worlds: World[] = [];
async function world(): Promise<World> {
  const one = new World();
  worlds.push(one);
  return one.open();
}
after(() => Promise.all(worlds.map((one) => one.close())));

describe('nodes as processes', { concurrency: true }, () => {
  test('SIGKILL: its actors are back elsewhere within 15 s; it starts again at once and gets its share', async () => {
    const it = await world();
    const [, two] = [await it.node('node-1'), await it.node('node-2')];
    await it.balanced('node-1', 'node-2');
    it.play();
    await clock.sleep(1_000);
    two.process.signal('SIGKILL');
    const sinceMs = clock.monotonicMs();
    await until('node-1 has all', async () => (await it.shares())['node-1'] === ACTORS, 15_000);
    assert.ok(clock.monotonicMs() - sinceMs < 15_000);
    await it.node('node-2');
    await it.balanced('node-1', 'node-2');
    await it.settled();
    assert.deepEqual(await it.doubledBars(), []);
    const told = (await it.edges()).filter(({ kind }) => kind === 'node').map(({ id, event }) => `${id} ${event}`);
    assert.ok(told.includes('node-2 node_left') && told.includes('node-2 node_joined'), told.join(', '));
  });

  test('SIGSTOP for longer than the lease, then SIGCONT: the frozen one finds that it lost everything, and ends', async () => {
    const it = await world();
    const [, two] = [await it.node('node-1'), await it.node('node-2')];
    await it.balanced('node-1', 'node-2');
    it.play();
    await clock.sleep(1_000);
    two.process.signal('SIGSTOP');
    await until('node-1 has all', async () => (await it.shares())['node-1'] === ACTORS, 15_000);
    await clock.sleep(500);
    two.process.signal('SIGCONT');
    const { code } = await two.process.exited;
    assert.equal(code, 1);
    assert.equal(two.errors[0]?.code, 'LEASE_LOST');
    await it.settled();
    assert.deepEqual(await it.doubledBars(), [], 'nothing of the frozen one had effect');
    assert.equal((await it.shares())['node-1'], ACTORS);
    const restarted = (await it.edges()).filter(({ event }) => event === 'fenced' || event === 'failed');
    assert.deepEqual(restarted, [], 'nobody else was disturbed');
  });

  test('SIGTERM: every actor runs elsewhere before it ends; a name that is taken is refused meanwhile', async () => {
    const it = await world();
    const [one, two] = [await it.node('node-1'), await it.node('node-2')];
    await it.balanced('node-1', 'node-2');
    it.play();
    const twin = await it.node('node-1');
    const { code } = await twin.process.exited;
    assert.equal(code, 1);
    assert.equal(twin.errors[0]?.code, 'NODE_NAME_TAKEN');
    assert.match(twin.errors[0]!.message, new RegExp(`node-1.*process ${one.process.pid} on `));
    assert.equal(one.process.exit, undefined);
    two.process.signal('SIGTERM');
    const end = await two.process.exited;
    assert.equal((await it.shares())['node-1'], ACTORS, 'all of it runs on node-1 when node-2 has ended');
    assert.equal(end.code, 0);
    assert.deepEqual(two.errors, []);
    await it.settled();
    assert.deepEqual(await it.doubledBars(), []);
    one.process.send('stop');
    assert.equal((await one.process.exited).code, 0);
    assert.deepEqual(await it.shares(), {});
  });
});

describe('servers that are not fit for a node', () => {
  test('NATS without JetStream is named as what it is', async () => {
    const bare = await new BareNats(undefined, { jetStream: false }).start();
    try {
      const login = { url: bare.url, name: 'test', clock, log: silentLogger };
      await assert.rejects(connectNats(login), ({ code, message }: { code: string; message: string }) => {
        assert.equal(code, 'BUS_NO_JETSTREAM');
        assert.match(message, /127\.0\.0\.1.*JetStream.*-js/s);
        return true;
      });
    } finally {
      await bare.stop();
    }
  });

  test('streams with other settings are named with what they have and what they must have', async () => {
    const it = await world();
    const { bus } = it as unknown as { bus: NatsBus };
    const { manager } = bus;
    await manager.streams.update('TRADING', { max_msgs: 1_000 });
    const prepared = await it.node('node-1', ['--prepared']);
    assert.equal((await prepared.process.exited).code, 1);
    assert.equal(prepared.errors[0]?.code, 'BUS_STREAM_SETTINGS');
    assert.match(prepared.errors[0]!.message, /TRADING: max_msgs is 1000, must be -1/);
    const live = await it.node('node-2');
    assert.equal((await live.process.exited).code, 1);
    assert.match(live.errors[0]!.message, /TRADING: max_msgs is 1000, must be -1/);
    await manager.streams.delete('KV_leases');
    const missing = await it.node('node-3', ['--prepared']);
    assert.equal((await missing.process.exited).code, 1);
    assert.equal(missing.errors[0]?.code, 'BUS_NO_STREAM');
    assert.match(missing.errors[0]!.message, /KV_leases/);
  });
});
