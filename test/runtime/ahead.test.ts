/** What others have committed to say is heard before they have said it, and nothing rests on it. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { ActorDefinition, Ahead } from '../../runtime/actor.ts';
import { publish } from '../../runtime/actor.ts';
import { foretellTopic, hearAhead } from '../../runtime/ahead.ts';
import type { Bus, KeyValue } from '../../runtime/bus/bus.ts';
import { memoryBus } from '../../runtime/bus/memory.ts';
import { connectNats } from '../../runtime/bus/nats.ts';
import { ensureStreams } from '../../runtime/bus/nats-streams.ts';
import type { TopicInit } from '../../runtime/bus/topics.ts';
import { topics } from '../../runtime/bus/topics.ts';
import { systemClock as clock } from '../../runtime/clock.ts';
import { MOST_FORETOLD_BYTES } from '../../runtime/effects.ts';
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

const intent = (intentId: string): Uint8Array => topics.intent.encode(said(intentId));

/** What is heard of what updates of the snapshots foretell, up to one at the end that is always heard. */
async function heardOf(
  ids: readonly string[],
  foretold: readonly [key: string, bytes: Uint8Array][],
): Promise<string[]> {
  const kv = await memoryBus({ clock }).kv('snapshots');
  const heard: MachineEvent[] = [];
  const ahead: Ahead = { topic: 'intent', kind: 'strategy', ids };
  stops.push(await hearAhead(kv, ahead, (event) => heard.push(event)));
  for (const [key, bytes] of [...foretold, ['strategy.s', intent('last')] as const]) {
    const revision = (await kv.get(key))?.revision ?? (await kv.create(key, new Uint8Array(1)));
    await kv.update(key, new Uint8Array(1), revision, [bytes]);
  }
  await until('the last', () => heard.at(-1)?.message.intentId === 'last');
  assert.ok(heard.every(({ type }) => type === 'intent.ahead'));
  return heard.slice(0, -1).map(({ message }) => message.intentId);
}

test('what the actors that it names foretell, as a reader of the topic would get it', async () => {
  for (const ids of [['s'], ['s', 't']]) {
    const heard = await heardOf(ids, [
      ['strategy.s', intent('a')],
      ['strategy.other', intent('not asked for')],
      ['broker.s', intent('no strategy')],
      ['strategy.s', Buffer.from('{')],
      ['strategy.s', intent('b')],
    ]);
    assert.deepEqual(heard, ['a', 'b']);
  }
});

test('of what is to be published, the messages of one topic are foretold', () => {
  const foretell = foretellTopic('intent');
  const { params } = publish('intent', said('a'));
  assert.deepEqual(topics.intent.decode(foretell('publish', params)!), topics.intent.decode(intent('a')));
  assert.equal(foretell('publish', publish('order', { account: 'a' }).params), undefined);
  assert.equal(foretell('log', { text: 'x' }), undefined);
});

/** Says an intent for each id of `go`, all of one `go` in one step. */
const speaker: ActorDefinition = {
  kind: 'strategy',
  id: 's',
  machine: setup({}).createMachine({
    id: 'speaker',
    on: {
      go: {
        actions: enqueueActions(({ event, enqueue }) => {
          for (const id of [(event as MachineEvent).id].flat()) enqueue(publish('intent', said(id)) as never);
        }) as never,
      },
    },
  }) as never,
  input: undefined,
  version: 1,
  delivery: 'commit',
  foretell: foretellTopic('intent'),
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

/** A server of its own, as the user that a node is: it must be allowed to listen. */
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

test('one that has ended hears nothing, and a commit that was not stored foretells nothing', async () => {
  const bus = memoryBus({ clock });
  const never: Bus = Object.create(bus, { publish: { value: () => new Promise(() => undefined) } });
  const speaks = await run(never, speaker);
  const hears = await run(bus, listener);
  const all: string[] = [];
  const kv = await bus.kv('snapshots');
  stops.push(await kv.listen('strategy.s', (bytes) => all.push(topics.intent.decode(bytes).intentId)));
  speaks.tell({ type: 'go', id: 'x' });
  await until('the hint', () => listOf(hears).length === 1);
  hears.kill();
  await assert.rejects(kv.update('strategy.s', new Uint8Array(1), 1, [intent('of nobody')]), { code: 'BUS_CONFLICT' });
  speaks.tell({ type: 'go', id: 'y' });
  await until('its commit', () => all.length === 2);
  assert.deepEqual(all, ['x', 'y']);
  assert.deepEqual(listOf(hears), ['intent.ahead x']);
});

test('of a commit that says very much, the first of it is foretold', async () => {
  const bus = memoryBus({ clock });
  const large = 'x'.repeat(MOST_FORETOLD_BYTES / 2);
  const heard: string[] = [];
  const kv = await bus.kv('snapshots');
  stops.push(await kv.listen('strategy.s', (bytes) => heard.push(topics.intent.decode(bytes).intentId.slice(0, 1))));
  const speaks = await run(bus, speaker);
  speaks.tell({ type: 'go', id: ['1', '2', '3'].map((id) => id + large) });
  await until('all are said', () => speaks.pendingEffects === 0 && speaks.depth === 0);
  assert.deepEqual(heard, ['1']);
  speaks.tell({ type: 'go', id: '4' });
  await until('the next commit', () => heard.length === 2);
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
  const blind: KeyValue = Object.create(real, { listen: { value: () => Promise.reject(new Error('not permitted')) } });
  const deaf: Bus = Object.create(bus, { kv: { value: async () => blind } });
  const hears = await run(deaf, listener);
  const speaks = await run(bus, speaker);
  speaks.tell({ type: 'go', id: 'x' });
  await until('the message', () => listOf(hears).length === 1);
  assert.deepEqual(listOf(hears), ['intent x']);
});
