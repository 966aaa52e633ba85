/** What others have committed to say is heard before they have said it, and nothing rests on it. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { ActorDefinition, Ahead } from '../../runtime/actor.ts';
import { publish } from '../../runtime/actor.ts';
import { LARGEST_AHEAD_BYTES, watchAhead } from '../../runtime/ahead.ts';
import type { Bus, KeyValue } from '../../runtime/bus/bus.ts';
import { memoryBus } from '../../runtime/bus/memory.ts';
import { connectNats } from '../../runtime/bus/nats.ts';
import { ensureStreams } from '../../runtime/bus/nats-streams.ts';
import type { TopicInit } from '../../runtime/bus/topics.ts';
import { systemClock as clock } from '../../runtime/clock.ts';
import { encodeSnapshot } from '../../runtime/codec.ts';
import { outboxOf } from '../../runtime/commit.ts';
import { InputHub } from '../../runtime/hub.ts';
import type { Exit } from '../../runtime/interpreter.ts';
import { Interpreter } from '../../runtime/interpreter.ts';
import { PoisonRecord } from '../../runtime/poison.ts';
import { silentLogger as log } from '../../runtime/telemetry/log.ts';
import type { MachineEvent } from '../../runtime/xstate.ts';
import { assign, enqueueActions, setup } from '../../runtime/xstate.ts';
import { startNats } from '../support/servers.ts';

const layout = { partitions: 1 };
const said = (intentId: string): TopicInit<'intent'> => ({ intentId, account: 'a', strategy: 's' });
const outbox = (...entries: unknown[]) => ({
  format: 1,
  version: 1,
  context: { text: '"outbox":[]' },
  outbox: entries,
});
const entry = (n: number, topic: string, message: unknown) => ({ n, type: 'publish', params: { topic, message } });

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadlineMs = clock.monotonicMs() + 5_000;
  while (!holds()) {
    if (clock.monotonicMs() > deadlineMs) assert.fail(`not within 5 s: ${what}`);
    await clock.sleep(2);
  }
}

/** What is heard of what `store` puts into the snapshots of `strategy.s`, with one at the end that is always heard. */
async function heardOf(ids: readonly string[], store: (kv: KeyValue) => Promise<unknown>): Promise<string[]> {
  const kv = await memoryBus({ clock }).kv('snapshots');
  const heard: MachineEvent[] = [];
  const ahead: Ahead = { topic: 'intent', kind: 'strategy', ids };
  stops.push(await watchAhead(kv, ahead, (event) => heard.push(event)));
  await store(kv);
  await kv.put('strategy.s', encodeSnapshot(outbox(entry(9, 'intent', said('last')))));
  await until('the last', () => heard.at(-1)?.message.intentId === 'last');
  assert.ok(heard.every(({ type }) => type === 'intent.ahead'));
  return heard.slice(0, -1).map(({ message }) => message.intentId);
}

test('messages of its topic, in the order of their numbers, of the actors that it names', async () => {
  for (const ids of [['s'], ['s', 't']]) {
    const heard = await heardOf(ids, async (kv) => {
      const mixed = [entry(3, 'intent', said('c')), entry(2, 'order', { account: 'a' }), entry(1, 'intent', said('b'))];
      await kv.put('strategy.s', encodeSnapshot(outbox(...mixed, { n: 4, type: 'log', params: { text: 'x' } })));
      await kv.put('strategy.other', encodeSnapshot(outbox(entry(1, 'intent', said('not asked for')))));
      await kv.put('broker.s', encodeSnapshot(outbox(entry(1, 'intent', said('no strategy')))));
    });
    assert.deepEqual(heard, ['b', 'c']);
  }
});

test('nothing of a commit that holds nothing, is too large, deleted or unreadable; and nothing behind a bad message', async () => {
  const heard = await heardOf(['s'], async (kv) => {
    await kv.put('strategy.s', encodeSnapshot(outbox()));
    const large = { ...outbox(entry(1, 'intent', said('large'))), context: 'x'.repeat(LARGEST_AHEAD_BYTES) };
    await kv.put('strategy.s', encodeSnapshot(large));
    await kv.delete('strategy.s');
    for (const text of ['', '{', '[]', 'null', '7', '{"format":1,"outbox":{}}', '{"format":2,"outbox":[{}]}']) {
      await kv.put('strategy.s', Buffer.from(text));
    }
    await kv.put('strategy.s', encodeSnapshot({ format: 1, outbox: [null, 5] }));
    const bad = { n: 2, type: 'publish', params: null };
    await kv.put(
      'strategy.s',
      encodeSnapshot(outbox(entry(1, 'intent', said('before')), bad, entry(3, 'intent', said('after')))),
    );
  });
  assert.deepEqual(heard, ['before']);
});

test('of a commit with a text that looks like an empty outbox, what it holds', () => {
  const entries = [entry(1, 'intent', { ...said('a'), volumeLots: Number.NaN })];
  assert.deepEqual(outboxOf(encodeSnapshot(outbox(...entries))), entries);
});

/** Says an intent for each `go`. */
const speaker: ActorDefinition = {
  kind: 'strategy',
  id: 's',
  machine: setup({}).createMachine({
    id: 'speaker',
    on: {
      go: {
        actions: enqueueActions(({ event, enqueue }) =>
          enqueue(publish('intent', said((event as MachineEvent).id)) as never),
        ) as never,
      },
    },
  }) as never,
  input: undefined,
  version: 1,
  delivery: 'commit',
  inputs: [],
};

interface Heard {
  readonly list: readonly string[];
}

/** Lists what it hears, and throws at what is called bad. */
const listener: ActorDefinition = {
  kind: 'listener',
  id: 'l',
  machine: setup({ types: { context: {} as Heard } }).createMachine({
    id: 'listener',
    context: { list: [] },
    on: Object.fromEntries(
      ['intent', 'intent.ahead'].map((type) => [
        type,
        {
          actions: assign({
            list: ({ context, event }: { context: Heard; event: MachineEvent }) => {
              if (event.message.intentId === 'bad') throw new Error('bad');
              return [...context.list, `${type} ${event.message.intentId}`];
            },
          } as never),
        },
      ]),
    ),
  } as never) as never,
  input: undefined,
  version: 1,
  delivery: 'commit',
  inputs: [{ topic: 'intent', key: { account: 'a' }, from: 'start' }],
  ahead: { topic: 'intent', kind: 'strategy', ids: ['s'] },
};

async function run(bus: Bus, definition: ActorDefinition, exits: Exit[] = []): Promise<Interpreter> {
  const hub = new InputHub({ bus, layout, clock, log, onFailure: (error) => assert.fail(error) });
  const { kind, id } = definition;
  const poison = new PoisonRecord({ kind, id, bus, clock, log, layout });
  const snapshots = await bus.kv('snapshots');
  const onExit = (exit: Exit): void => void exits.push(exit);
  const interpreter = new Interpreter({ definition, bus, snapshots, hub, clock, log, layout, poison, onExit });
  await interpreter.start();
  stops.push(() => interpreter.kill());
  return interpreter;
}

const listOf = (interpreter: Interpreter): readonly string[] => (interpreter.current.context as Heard).list;

/** A server of its own, as the user that a node is: it must be allowed to watch. */
async function natsBus(): Promise<Bus> {
  const server = await startNats();
  stops.push(() => server.stop());
  const { user, password } = server.credentials.node;
  const bus = await connectNats({ name: 'test', clock, log, url: server.url, user, password });
  stops.push(() => bus.drain());
  await ensureStreams(bus, { replay: true });
  return bus;
}

const buses: Readonly<Record<string, () => Promise<Bus>>> = {
  memory: async () => memoryBus({ clock }),
  NATS: natsBus,
};
for (const [name, connect] of Object.entries(buses))
  test(`an actor hears it while the message is not stored yet, and the message afterwards (${name})`, async () => {
    const bus = await connect();
    const held = Promise.withResolvers<void>();
    const slow: Bus = Object.create(bus, {
      publish: { value: (request: Parameters<Bus['publish']>[0]) => held.promise.then(() => bus.publish(request)) },
    });
    const speaks = await run(slow, speaker);
    const hears = await run(bus, listener);
    speaks.tell({ type: 'go', id: 'x' });
    await until('the hint', () => listOf(hears).length === 1);
    assert.deepEqual(listOf(hears), ['intent.ahead x']);
    held.resolve();
    await until('the message', () => listOf(hears).length === 2);
    assert.deepEqual(listOf(hears), ['intent.ahead x', 'intent x']);
  });

test('one that comes up is told what waits in a commit already, and one that has ended nothing', async () => {
  const bus = memoryBus({ clock });
  const never: Bus = Object.create(bus, { publish: { value: () => new Promise(() => undefined) } });
  const speaks = await run(never, speaker);
  speaks.tell({ type: 'go', id: 'x' });
  const kv = await bus.kv('snapshots');
  let stored = 0;
  stops.push(
    await kv.watch('strategy.s', (change) => {
      if ('value' in change) stored += outboxOf(change.value).length;
    }),
  );
  await until('the commit', () => stored > 0);
  const hears = await run(bus, listener);
  await until('the hint', () => listOf(hears).length === 1);
  hears.kill();
  speaks.tell({ type: 'go', id: 'y' });
  await until('its commit', () => stored > 2);
  assert.deepEqual(listOf(hears), ['intent.ahead x']);
});

test('an actor whose machine throws at it lives, and the message itself is what it fails at', async () => {
  const bus = memoryBus({ clock });
  const held = Promise.withResolvers<void>();
  const slow: Bus = Object.create(bus, {
    publish: { value: (request: Parameters<Bus['publish']>[0]) => held.promise.then(() => bus.publish(request)) },
  });
  const exits: Exit[] = [];
  const speaks = await run(slow, speaker);
  const hears = await run(bus, listener, exits);
  speaks.tell({ type: 'go', id: 'bad' });
  speaks.tell({ type: 'go', id: 'good' });
  await until('the good one', () => listOf(hears).includes('intent.ahead good'));
  assert.equal(exits.length, 0);
  held.resolve();
  await until('the end', () => exits.length > 0);
  assert.deepEqual(
    exits.map(({ reason }) => reason),
    ['crash'],
  );
});

test('without it everything is heard all the same', async () => {
  const bus = memoryBus({ clock });
  const real = await bus.kv('snapshots');
  const blind: KeyValue = Object.create(real, { watch: { value: () => Promise.reject(new Error('not permitted')) } });
  const deaf: Bus = Object.create(bus, { kv: { value: async () => blind } });
  const hears = await run(deaf, listener);
  const speaks = await run(bus, speaker);
  speaks.tell({ type: 'go', id: 'x' });
  await until('the message', () => listOf(hears).length === 1);
  assert.deepEqual(listOf(hears), ['intent x']);
});
