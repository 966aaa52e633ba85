/** A strategy's thread is made anew while the one before is still taken apart. Bodies of paper. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Body, BodyHooks } from '../../../node/thread/body.ts';
import { ThreadMember } from '../../../node/thread/member.ts';
import type { ToThread } from '../../../node/thread/protocol.ts';
import { Threads } from '../../../node/thread/threads.ts';
import { MemoryServer } from '../../../runtime/bus/memory.ts';
import { actorKey } from '../../../runtime/bus/topics.ts';
import { systemClock as clock } from '../../../runtime/clock.ts';
import { encodeSnapshot } from '../../../runtime/codec.ts';
import type { StoredCommit } from '../../../runtime/commit.ts';
import { silentLogger as log } from '../../../runtime/telemetry/log.ts';
import { createMetrics } from '../../../runtime/telemetry/metrics.ts';
import { over } from '../../support/bus.ts';

/** Ends only when it is let. */
class PaperBody implements Body {
  readonly posted: ToThread['type'][] = [];
  stored: StoredCommit | undefined;
  readonly ended = Promise.withResolvers<void>();
  readonly hooks: BodyHooks;

  constructor(hooks: BodyHooks) {
    this.hooks = hooks;
  }

  post(message: ToThread): void {
    this.posted.push(message.type);
    if (message.type !== 'run') return;
    this.stored = message.stored;
    this.hooks.onMessage({ type: 'started' });
  }

  terminate(): Promise<void> {
    return this.ended.promise;
  }

  async heap() {
    return { used_heap_size: 0, external_memory: 0, malloced_memory: 0 };
  }
}

/** A strategy whose threads are of paper. */
async function paperWorld() {
  const snapshots = await new MemoryServer({ clock }).connect().kv('snapshots');
  const bodies: PaperBody[] = [];
  const lease = { held: true };
  const store: { away?: PromiseWithResolvers<void>; got?: (() => Promise<void>) | undefined } = {};
  const threads = new Threads({
    ...{ bus: { url: '', name: '' }, layout: { partitions: 1 }, clock, log, node: 'node-1', spare: false },
    settings: { heartbeat_ms: 1_000, hang_after_ms: 60_000, memory_mb: 128 },
    bear: (_birth, _limits, _log, hooks) => {
      const body = new PaperBody(hooks);
      bodies.push(body);
      return body;
    },
  });
  const member = new ThreadMember({
    run: { id: 'one', use: '', symbol: '', params: {}, account: '', featureTimeframes: [], folder: '/' },
    ...{ threads, shutdownMs: 1_000, metrics: createMetrics(), log },
    hub: { subscribe: async () => undefined, unsubscribe: async () => undefined },
    snapshots: over(snapshots, {
      get: async (key) => {
        await store.away?.promise;
        const entry = await snapshots.get(key);
        await store.got?.();
        return entry;
      },
    }),
    mayRun: () => lease.held,
    onState: () => undefined,
  });
  return { bodies, threads, member, snapshots, lease, store };
}

test('the next thread does not wait until the one before is taken apart', async () => {
  const { bodies, threads, member } = await paperWorld();
  const never = new AbortController().signal;
  const first = await member.start(() => undefined, never);
  assert.deepEqual(bodies[0]!.posted, ['prepare', 'run']);
  first.kill();
  await member.start(() => undefined, never);
  assert.deepEqual(bodies[1]!.posted, ['prepare', 'run']);
  for (const { ended } of bodies) ended.resolve();
  await threads.close();
});

test('what the one before still says is not heard any more', async () => {
  const { bodies, threads, member } = await paperWorld();
  const never = new AbortController().signal;
  const first = await member.start(() => undefined, never);
  bodies[0]!.hooks.onMessage({ type: 'news', summary: 'of the first', commitsMs: [] });
  first.kill();
  await member.start(() => undefined, never);
  bodies[1]!.hooks.onMessage({ type: 'news', summary: 'of the second', commitsMs: [] });
  bodies[0]!.hooks.onMessage({ type: 'news', summary: 'late', commitsMs: [] });
  assert.equal(member.summary, 'of the second');
  for (const { ended } of bodies) ended.resolve();
  await threads.close();
});

const committed = (lineage: number): Uint8Array =>
  encodeSnapshot({
    format: 1,
    version: 1,
    value: 'flat',
    context: {},
    positions: {},
    outbox: [],
    timers: [],
    made: 0,
    lineage,
  });

test('whoever ran it before loses its next commit already when the next one begins to run', async () => {
  const { bodies, threads, member, snapshots } = await paperWorld();
  const key = actorKey('strategy', 'one');
  const revision = await snapshots.create(key, committed(1));
  await member.start(() => undefined, new AbortController().signal);
  const { stored } = bodies[0]!;
  assert.equal(stored?.isTakenOver, true);
  assert.deepEqual(stored?.value, new Uint8Array(committed(1)));
  assert.equal(stored?.revision, (await snapshots.get(key))?.revision);
  await assert.rejects(snapshots.update(key, committed(1), revision), { code: 'BUS_CONFLICT' });
  bodies[0]!.ended.resolve();
  await threads.close();
});

test('a first commit is only read: its revision is the lineage that message ids are made of', async () => {
  const { bodies, threads, member, snapshots } = await paperWorld();
  const key = actorKey('strategy', 'one');
  const revision = await snapshots.create(key, committed(0));
  await member.start(() => undefined, new AbortController().signal);
  assert.deepEqual([bodies[0]!.stored?.revision, bodies[0]!.stored?.isTakenOver], [revision, undefined]);
  bodies[0]!.ended.resolve();
  await threads.close();
});

test('where the lease is lost meanwhile nothing is saved: the new owner would lose its next commit', async () => {
  const { bodies, threads, member, snapshots, lease } = await paperWorld();
  const key = actorKey('strategy', 'one');
  const revision = await snapshots.create(key, committed(1));
  lease.held = false;
  const start = member.start(() => undefined, new AbortController().signal);
  bodies[0]!.ended.resolve();
  await assert.rejects(start, { code: 'LEASE_LOST' });
  assert.equal((await snapshots.get(key))?.revision, revision);
  assert.deepEqual(bodies[0]!.posted, ['prepare']);
  await threads.close();
});

test('a start that was given up saves nothing when the store answers at last', async () => {
  const { bodies, threads, member, snapshots, store } = await paperWorld();
  const key = actorKey('strategy', 'one');
  const revision = await snapshots.create(key, committed(1));
  store.away = Promise.withResolvers<void>();
  const late = new AbortController();
  const start = member.start(() => undefined, late.signal);
  await clock.yield();
  late.abort();
  bodies[0]!.ended.resolve();
  await assert.rejects(start, { code: 'ACTOR_HUNG' });
  store.away.resolve();
  for (let turns = 0; turns < 20; turns++) await clock.yield();
  assert.equal((await snapshots.get(key))?.revision, revision);
  await threads.close();
});

test('a commit of the one before that arrives while the next takes over is what it begins with', async () => {
  const { bodies, threads, member, snapshots, store } = await paperWorld();
  const never = new AbortController().signal;
  const key = actorKey('strategy', 'one');
  const revision = await snapshots.create(key, committed(1));
  const first = await member.start(() => undefined, never);
  first.kill();
  const sent = bodies[0]!.stored!.revision;
  assert.ok(sent > revision);
  // Between the reading of the last commit and its saving.
  store.got = async () => {
    store.got = undefined;
    await snapshots.update(key, committed(7), sent);
  };
  await member.start(() => undefined, never);
  assert.deepEqual(bodies[1]!.stored?.value, new Uint8Array(committed(7)));
  assert.equal(bodies[1]!.stored?.revision, (await snapshots.get(key))?.revision);
  for (const { ended } of bodies) ended.resolve();
  await threads.close();
});

test('whoever commits again and again meanwhile is another owner: the start fails', async () => {
  const { bodies, threads, member, snapshots, store } = await paperWorld();
  const key = actorKey('strategy', 'one');
  await snapshots.create(key, committed(1));
  store.got = async () => {
    const entry = await snapshots.get(key);
    await snapshots.update(key, committed(1), entry!.revision);
  };
  const start = member.start(() => undefined, new AbortController().signal);
  bodies[0]!.ended.resolve();
  await assert.rejects(start, { code: 'BUS_CONFLICT' });
  assert.deepEqual(bodies[0]!.posted, ['prepare']);
  await threads.close();
});
