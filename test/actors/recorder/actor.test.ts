/** The recorder as the runtime runs it, with PostgreSQL killed and started again under it. */
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Pool } from 'pg';
import type { RecorderOptions } from '../../../actors/recorder/actor.ts';
import { recorderActor } from '../../../actors/recorder/actor.ts';
import { createPool } from '../../../actors/recorder/connection.ts';
import { ledgerBalance, ledgerPositions } from '../../../actors/recorder/ledger.ts';
import type { PostgresServer } from '../../../cli/servers/postgres.ts';
import { freePort, startPostgres } from '../../../cli/servers/postgres.ts';
import { MemoryServer } from '../../../runtime/bus/memory.ts';
import { topics } from '../../../runtime/bus/topics.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { InputHub } from '../../../runtime/hub.ts';
import type { Exit } from '../../../runtime/interpreter.ts';
import { Interpreter } from '../../../runtime/interpreter.ts';
import { PoisonRecord } from '../../../runtime/poison.ts';
import { silentLogger } from '../../../runtime/telemetry/log.ts';
import { scratchFolder } from '../../support/servers.ts';
import type { Event } from './trail.ts';
import { ACCOUNT, count, digest, makeTrail } from './trail.ts';

const layout = { partitions: 12 };
const log = silentLogger;
const clock = systemClock;

const scratch = scratchFolder('ledger');
const lives: Life[] = [];
let port: number;
let server: PostgresServer;

const startServer = (): Promise<PostgresServer> =>
  startPostgres({
    folder: path.join(scratch.path, 'postgres'),
    logFile: path.join(scratch.path, 'postgres.log'),
    port,
    // Killed in the middle, it must keep what it has committed.
    durable: true,
  });

before(async () => {
  chmodSync(scratch.path, 0o755);
  port = await freePort();
  server = await startServer();
});

after(async () => {
  for (const { interpreter } of lives) void interpreter.stop().catch(() => undefined);
  await server?.stop().catch(() => undefined);
  scratch.remove();
});

async function until(what: string, met: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = clock.monotonicMs() + 20_000;
  while (!(await met())) {
    if (clock.monotonicMs() > endMs) assert.fail(`not within 20 s: ${what}`);
    await clock.sleep(10);
  }
}

class Life {
  readonly states: string[] = [];
  detail = '';
  exit: Exit | undefined;
  readonly interpreter: Interpreter;

  private constructor(interpreter: (life: Life) => Interpreter) {
    this.interpreter = interpreter(this);
  }

  static async begin(bus: MemoryServer, options: Partial<RecorderOptions> = {}): Promise<Life> {
    const definition = recorderActor({ connectionString: server.url, ...options });
    const connection = bus.connect();
    const snapshots = await connection.kv('snapshots');
    const { kind, id } = definition;
    const life = new Life(
      (self) =>
        new Interpreter({
          ...{ definition, snapshots, clock, log, layout, bus: connection },
          hub: new InputHub({ bus: connection, layout, clock, log, onFailure: (error) => assert.fail(error) }),
          poison: new PoisonRecord({ kind, id, bus: connection, clock, log, layout }),
          onExit: (exit) => {
            self.exit = exit;
          },
          onState: (state, detail) => {
            if (self.states.at(-1) !== state) self.states.push(state);
            self.detail = detail;
          },
        }),
    );
    lives.push(life);
    await life.interpreter.start();
    return life;
  }

  get state(): string | undefined {
    return this.states.at(-1);
  }
}

async function say(bus: MemoryServer, events: readonly Event[], from = 0): Promise<void> {
  const connection = bus.connect();
  for (const [i, { topic, message }] of events.entries()) {
    const wire = topics[topic] as unknown as {
      keyOf(m: unknown): object;
      subject(k: object, l: typeof layout): string;
      encode(m: unknown): Uint8Array;
    };
    const subject = wire.subject(wire.keyOf(message), layout);
    await connection.publish({ subject, data: wire.encode(message), messageId: `m${from + i}` });
  }
}

async function withPool<T>(work: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = createPool(server.url);
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

describe('the recorder', () => {
  test('is killed, finds PostgreSQL killed, waits, and loses nothing', async () => {
    const bus = new MemoryServer({ clock });
    const trail = makeTrail(21, 150);
    const third = Math.floor(trail.events.length / 3);
    await say(bus, trail.events.slice(0, third));

    const first = await Life.begin(bus);
    await until('writing', () => first.state === 'writing');
    await until(
      'the first third is kept',
      () => first.interpreter.pendingEffects === 0 && first.interpreter.position('trading') === third,
    );

    process.kill(server.process.pid, 'SIGKILL');
    await server.process.exited;
    await server.stop().catch(() => undefined);
    await say(bus, trail.events.slice(third, 2 * third), third);
    await until('buffering', () => first.state === 'buffering');
    assert.match(first.detail, new RegExp(`${2 * third} messages; .*(ECONNREFUSED|terminated)`));
    assert.ok(first.interpreter.pendingEffects >= third, 'what is not committed is still under way');
    assert.equal(first.exit, undefined, 'a server that is away is no crash');

    server = await startServer();
    await until('all rows under way are kept', () => first.interpreter.pendingEffects === 0);
    await until('writing again', () => first.state === 'writing');
    await first.interpreter.stop();
    assert.deepEqual(first.states, ['connecting', 'writing', 'buffering', 'writing']);

    await say(bus, trail.events.slice(2 * third), 2 * third);
    const second = await Life.begin(bus, { batchRows: 3 });
    await until('the rest', () => second.interpreter.position('trading') === trail.events.length);
    await second.interpreter.stop();

    await withPool(async (pool) => {
      assert.equal(await ledgerBalance(pool, ACCOUNT), trail.balance);
      assert.deepEqual(await ledgerPositions(pool, ACCOUNT), trail.lots);
      assert.equal(await count(pool, 'orders'), trail.orders.size);
      assert.equal(await count(pool, 'fills'), trail.fills);

      // A recorder that has lost its snapshot reads the trail from its first message and changes nothing.
      const before = await digest(pool);
      const blank = await Life.begin(bus, { id: 'ledger-2' });
      await until('all again', () => blank.interpreter.position('trading') === trail.events.length);
      await blank.interpreter.stop();
      assert.deepEqual(await digest(pool), before);
    });
  });

  test('starts while PostgreSQL is away', async () => {
    await withPool((pool) => pool.query('DROP SCHEMA troupe CASCADE'));
    await server.stop();
    const bus = new MemoryServer({ clock });
    const trail = makeTrail(22, 10);
    await say(bus, trail.events);
    const life = await Life.begin(bus);
    await until('buffering', () => life.state === 'buffering');
    server = await startServer();
    await until('writing', () => life.state === 'writing' && life.interpreter.pendingEffects === 0);
    await life.interpreter.stop();
    assert.equal(await withPool((pool) => ledgerBalance(pool, ACCOUNT)), trail.balance);
  });

  test('a schema newer than the program ends it with that cause', async () => {
    await withPool((pool) => pool.query("INSERT INTO troupe.migrations (name, run_on) VALUES ('0099_later', now())"));
    const life = await Life.begin(new MemoryServer({ clock }), { id: 'older' });
    await until('exit', () => life.exit !== undefined);
    assert.equal(life.exit?.reason, 'crash');
    assert.equal(((life.exit as { error: unknown }).error as { code: string }).code, 'LEDGER_SCHEMA');
  });

  test('a bad URL is a fault of the configuration', () => {
    assert.throws(() => recorderActor({ connectionString: 'mysql://x' }), { code: 'CONFIG_INVALID' });
    assert.throws(() => recorderActor({}), { code: 'CONFIG_INVALID' });
  });
});
