/** The record of what an actor cannot take is kept until a snapshot that goes past it is stored. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ActorDefinition, Input, InputEvent } from '../../runtime/actor.ts';
import type { KeyValue } from '../../runtime/bus/bus.ts';
import { MemoryServer } from '../../runtime/bus/memory.ts';
import { topics } from '../../runtime/bus/topics.ts';
import { systemClock as clock } from '../../runtime/clock.ts';
import { InputHub } from '../../runtime/hub.ts';
import { Interpreter } from '../../runtime/interpreter.ts';
import { PoisonRecord } from '../../runtime/poison.ts';
import { silentLogger as log } from '../../runtime/telemetry/log.ts';
import { assign, setup } from '../../runtime/xstate.ts';

const layout = { partitions: 1 };
/** More than are passed over before the position that they have moved is to be saved. */
const PASSED_OVER = 1_100;

interface Heard {
  readonly count: number;
}

const listener = setup({ types: { context: {} as Heard, events: {} as InputEvent<'intent'> } }).createMachine({
  id: 'listener',
  context: { count: 0 },
  on: { intent: { actions: assign({ count: ({ context }) => context.count + 1 }) } },
});

const definition: ActorDefinition = {
  kind: 'listener',
  id: 'l',
  machine: listener,
  input: undefined,
  version: 1,
  delivery: 'replay',
  idleCommitMs: 1,
  inputs: [
    {
      topic: 'intent',
      key: { account: 'a' },
      from: 'start',
      wants: ({ strategy }: { strategy: string }) => strategy === 's',
    } as Input<'intent'>,
  ],
};

test('not when a commit ends that was begun before it, however far the messages of others have moved on', async () => {
  const bus = new MemoryServer({ clock }).connect();
  const real = await bus.kv('snapshots');
  let saves = 0;
  let held: PromiseWithResolvers<void> | undefined;
  const snapshots: KeyValue = Object.create(real, {
    update: {
      value: async (...args: Parameters<KeyValue['update']>) => {
        if (held !== undefined) await held.promise;
        const revision = await real.update(...args);
        saves++;
        return revision;
      },
    },
  });
  const forgottenAfter: number[] = [];
  let buried = false;
  const poison = new PoisonRecord({
    ...{ kind: 'listener', id: 'l', bus, clock, log, layout },
    onChange: (state) => {
      if (state.buried.length > 0) buried = true;
      else if (buried) forgottenAfter.push(saves);
    },
  });
  const actor = new Interpreter({
    ...{ definition, bus, clock, log, layout, snapshots, poison },
    hub: new InputHub({ bus, layout, clock, log, onFailure: (error) => assert.fail(error) }),
    onExit: ({ reason }) => assert.fail(reason),
  });
  await actor.start();
  const say = async (n: number, strategy: string, data?: Uint8Array): Promise<void> => {
    await bus.publish({
      subject: topics.intent.subject({ account: 'a', strategy }, layout),
      messageId: `i${n}`,
      data: data ?? topics.intent.encode({ account: 'a', strategy, intentId: `i${n}` }),
    });
  };
  const before = saves;
  held = Promise.withResolvers();
  const first = held;
  await say(1, 's');
  while (actor.position('trading') < 1) await clock.yield();
  // Its commit has begun, and is held: longer than until the timer is due.
  await clock.sleep(20);
  await say(2, 's', Buffer.from('{"no intent'));
  while (!buried) await clock.yield();
  for (let n = 3; n < 3 + PASSED_OVER; n++) await say(n, 'other');
  while (actor.position('trading') < 2 + PASSED_OVER) await clock.yield();
  held = undefined;
  first.resolve();
  while (forgottenAfter.length === 0) await clock.yield();
  assert.equal(forgottenAfter[0], before + 2, 'the commit of the first message says nothing of the second');
  await actor.stop();
});
