/** An actor that is started again by its supervisor, on the same node. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ActorChild, type Stage } from '../../node/child.ts';
import type { ActorDefinition, InputEvent } from '../../runtime/actor.ts';
import { publish } from '../../runtime/actor.ts';
import type { KeyValue } from '../../runtime/bus/bus.ts';
import { MemoryServer } from '../../runtime/bus/memory.ts';
import { topics } from '../../runtime/bus/topics.ts';
import { systemClock } from '../../runtime/clock.ts';
import { InputHub } from '../../runtime/hub.ts';
import { RunQueue } from '../../runtime/run-queue.ts';
import { silentLogger as log } from '../../runtime/telemetry/log.ts';
import { enqueueActions, setup } from '../../runtime/xstate.ts';

const layout = { partitions: 1 };

const counter = setup({
  types: { context: {} as { count: number }, events: {} as InputEvent<'intent'> },
}).createMachine({
  id: 'counter',
  context: { count: 0 },
  on: {
    intent: {
      actions: enqueueActions(({ context, event, enqueue }) => {
        enqueue.assign({ count: context.count + 1 });
        enqueue(publish('order', { account: 'a', orderId: `o-${event.message.intentId}` }) as never);
      }),
    },
  },
});

const definition: ActorDefinition = {
  kind: 'counter',
  id: 'c',
  machine: counter,
  input: undefined,
  version: 1,
  delivery: 'commit',
  inputs: [{ topic: 'intent', key: { account: 'a' }, from: 'start' }],
};

interface World {
  readonly child: ActorChild;
  /** What was asked of the store of snapshots, in order. */
  readonly asked: string[];
  /** While set, the store answers who asks for a snapshot when it resolves. */
  holdGet: Promise<void> | undefined;
  /** While set, commits arrive in the store when it resolves. */
  hold: Promise<void> | undefined;
  /** Milliseconds that the clock runs ahead. */
  aheadMs: number;
  intend(id: string): Promise<void>;
}

async function world(): Promise<World> {
  const server = new MemoryServer({ clock: systemClock });
  const bus = server.connect();
  const real = await bus.kv('snapshots');
  const asked: string[] = [];
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + it.aheadMs };
  const snapshots: KeyValue = {
    ...(real as KeyValue),
    get: async (key) => {
      asked.push('get');
      await it.holdGet;
      return real.get(key);
    },
    create: (key, value) => real.create(key, value),
    update: async (key, value, revision) => {
      asked.push('update');
      await it.hold;
      return real.update(key, value, revision);
    },
  };
  const stage = {
    ...{ bus, snapshots, clock, log, layout, queue: new RunQueue(clock), mayRun: () => true },
    hub: new InputHub({ bus, layout, clock, log, onFailure: (error) => assert.fail(error) }),
    levels: { state: () => undefined, failedInputs: () => ({}) },
    metrics: { commitLatency: { observe: () => undefined }, deadLetters: { inc: () => undefined } },
    inspector: { add: () => () => undefined },
  } as unknown as Stage;
  const it: World = {
    child: new ActorChild(() => definition, stage, 1_000),
    asked,
    holdGet: undefined,
    hold: undefined,
    aheadMs: 0,
    intend: async (id) => {
      await bus.publish({
        subject: topics.intent.subject({ account: 'a', strategy: 's' }, layout),
        messageId: id,
        data: topics.intent.encode({ account: 'a', strategy: 's', intentId: id }),
      });
    },
  };
  return it;
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const endMs = systemClock.monotonicMs() + 10_000;
  while (!condition()) {
    if (systemClock.monotonicMs() > endMs) assert.fail(`not within 10 s: ${what}`);
    await systemClock.sleep(1);
  }
}

const countOf = ({ child }: World): number => (child.summary as { count: number } | undefined)?.count ?? 0;
const noExit = (exit: { reason: string }): void => assert.fail(`it ended: ${exit.reason}`);

for (const reason of ['stop', 'kill']) {
  test(`given up (${reason}) while the store does not answer, it does not come up when the store does`, async () => {
    const w = await world();
    const first = await w.child.start(noExit);
    await w.intend('one');
    await until('it has counted', () => countOf(w) === 1);
    first.kill();
    const held = Promise.withResolvers<void>();
    w.holdGet = held.promise;
    const gaveUp = new AbortController();
    w.asked.length = 0;
    const second = assert.rejects(w.child.start(noExit, gaveUp.signal), /ended/);
    await until('it asks for its snapshot', () => w.asked.includes('get'));
    gaveUp.abort(reason);
    held.resolve();
    await second;
    assert.deepEqual(w.asked, ['get'], "nothing is committed: by then the actor may be somebody else's");
  });
}

describe('an actor that is started again', () => {
  test('waits for the commit that was under way when it was killed', async () => {
    const w = await world();
    const first = await w.child.start(noExit);
    await w.intend('i1');
    await until('the first is counted', () => countOf(w) === 1);
    const held = Promise.withResolvers<void>();
    w.hold = held.promise;
    await w.intend('i2');
    const before = w.asked.length;
    await until('its commit is under way', () => w.asked.length > before);
    first.kill();
    let isUp = false;
    const again = w.child.start(noExit).then((running) => {
      isUp = true;
      return running;
    });
    for (let turn = 0; turn < 20; turn++) await systemClock.yield();
    assert.deepEqual([isUp, w.asked.slice(before)], [false, ['update']]);
    w.hold = undefined;
    held.resolve();
    const second = await again;
    await w.intend('i3');
    await until('all three are counted', () => countOf(w) === 3);
    await second.stop();
  });

  test('asks the store for its last commit only where it did not run for long before', async () => {
    const w = await world();
    const first = await w.child.start(noExit);
    w.aheadMs += 5_000;
    w.asked.length = 0;
    first.kill();
    const second = await w.child.start(noExit);
    assert.deepEqual(w.asked, ['update']);
    await w.intend('i1');
    await until('it goes on', () => countOf(w) === 1);
    w.asked.length = 0;
    second.kill();
    const third = await w.child.start(noExit);
    assert.deepEqual(w.asked, ['get', 'update']);
    await third.stop();
  });
});
