/** What can be replayed is committed without anybody waiting for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ActorDefinition, InputEvent } from '../../runtime/actor.ts';
import { publish } from '../../runtime/actor.ts';
import type { Bus } from '../../runtime/bus/bus.ts';
import { MemoryServer } from '../../runtime/bus/memory.ts';
import { topics } from '../../runtime/bus/topics.ts';
import type { Clock } from '../../runtime/clock.ts';
import { systemClock } from '../../runtime/clock.ts';
import { InputHub } from '../../runtime/hub.ts';
import { Interpreter } from '../../runtime/interpreter.ts';
import { PoisonRecord } from '../../runtime/poison.ts';
import { silentLogger as log } from '../../runtime/telemetry/log.ts';
import { enqueueActions, setup } from '../../runtime/xstate.ts';

const layout = { partitions: 1 };
const INTENTS = 40;

interface Heard {
  readonly seen: readonly string[];
}

/** Hears intents, says one order for each, and asks nobody anything. */
const speaker = setup({ types: { context: {} as Heard, events: {} as InputEvent<'intent'> } }).createMachine({
  id: 'speaker',
  context: { seen: [] },
  on: {
    intent: {
      actions: enqueueActions(({ context, event, enqueue }) => {
        const { intentId } = event.message;
        enqueue.assign({ seen: [...context.seen, intentId] });
        enqueue(publish('order', { account: 'a', orderId: `o-${intentId}`, intentId }) as never);
      }),
    },
  },
});

const definition: ActorDefinition = {
  kind: 'speaker',
  id: 's',
  machine: speaker,
  input: undefined,
  version: 1,
  delivery: 'replay',
  inputs: [{ topic: 'intent', key: { account: 'a' }, from: 'start' }],
};

async function live(bus: Bus, clock: Clock): Promise<Interpreter> {
  const interpreter = new Interpreter({
    ...{ definition, bus, clock, log, layout, snapshots: await bus.kv('snapshots') },
    hub: new InputHub({ bus, layout, clock, log, onFailure: (error) => assert.fail(error) }),
    poison: new PoisonRecord({ kind: 'speaker', id: 's', bus, clock, log, layout }),
    onExit: ({ reason }) => assert.fail(reason),
  });
  await interpreter.start();
  return interpreter;
}

test('it is committed after some work, once what it has said is stored, and goes on meanwhile', async () => {
  const server = new MemoryServer({ clock: systemClock });
  const real = server.connect();
  const held = Promise.withResolvers<void>();
  const bus = Object.create(real) as Bus;
  bus.publish = async (request) => {
    if (request.subject.startsWith('trade.order.')) await held.promise;
    return real.publish(request);
  };
  let nowMs = 0;
  // Every look at the clock is a millisecond of work.
  const first = await live(bus, { ...systemClock, monotonicMs: () => ++nowMs });
  const snapshots = await real.kv('snapshots');
  const revisionNow = async (): Promise<number> => (await snapshots.get('speaker.s'))!.revision;
  const revision = await revisionNow();
  for (let n = 1; n <= INTENTS; n++) {
    await real.publish({
      subject: topics.intent.subject({ account: 'a', strategy: 's' }, layout),
      messageId: `i${n}`,
      data: topics.intent.encode({ account: 'a', strategy: 's', intentId: `i${n}` }),
    });
  }
  while (first.position('trading') < INTENTS) await systemClock.yield();
  assert.equal(await revisionNow(), revision);
  held.resolve();
  while ((await revisionNow()) === revision) await systemClock.yield();
  first.kill();
  const second = await live(real, systemClock);
  while (second.position('trading') < INTENTS) await systemClock.yield();
  assert.equal((second.current.context as Heard).seen.length, INTENTS);
  const said = server.messages('TRADING').filter(({ subject }) => subject.startsWith('trade.order.'));
  assert.equal(said.length, INTENTS);
  await second.stop();
});

test('it is committed after it has said some, however little work that was: a restart says all of it again', async () => {
  const server = new MemoryServer({ clock: systemClock });
  const bus = server.connect();
  const only = await live(bus, { ...systemClock, monotonicMs: () => 0 });
  const snapshots = await bus.kv('snapshots');
  const revisionNow = async (): Promise<number> => (await snapshots.get('speaker.s'))!.revision;
  const revision = await revisionNow();
  for (let n = 1; n <= INTENTS; n++) {
    await bus.publish({
      subject: topics.intent.subject({ account: 'a', strategy: 's' }, layout),
      messageId: `i${n}`,
      data: topics.intent.encode({ account: 'a', strategy: 's', intentId: `i${n}` }),
    });
  }
  while (only.position('trading') < INTENTS) await systemClock.yield();
  const untilMs = systemClock.monotonicMs() + 2_000;
  while ((await revisionNow()) === revision && systemClock.monotonicMs() < untilMs) await systemClock.yield();
  assert.ok((await revisionNow()) > revision, 'not before the timer of an idle commit');
  only.kill();
});
