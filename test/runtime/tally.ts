/** An actor that counts what it hears, for tests of what runs it. */
import assert from 'node:assert/strict';
import type { ActorDefinition, InputEvent } from '../../runtime/actor.ts';
import { publish } from '../../runtime/actor.ts';
import type { Bus } from '../../runtime/bus/bus.ts';
import { MemoryServer } from '../../runtime/bus/memory.ts';
import { topics } from '../../runtime/bus/topics.ts';
import { systemClock } from '../../runtime/clock.ts';
import type { StoredCommit } from '../../runtime/commit.ts';
import { InputHub } from '../../runtime/hub.ts';
import type { Exit } from '../../runtime/interpreter.ts';
import { Interpreter } from '../../runtime/interpreter.ts';
import { PoisonRecord } from '../../runtime/poison.ts';
import { silentLogger } from '../../runtime/telemetry/log.ts';
import { enqueueActions, setup } from '../../runtime/xstate.ts';

export const layout = { partitions: 12 };
export const log = silentLogger;

export interface Tally {
  readonly seen: readonly string[];
  readonly answers: readonly string[];
  readonly ticks: number;
}

type TallyEvent =
  | InputEvent<'intent'>
  | { type: 'answer'; id: string }
  | { type: 'boom' }
  | { type: 'due' }
  | { type: 'control.pause' };

/** Hears intents; says one order for each, and calls somebody about it. */
export const tally = setup({
  types: { context: {} as Tally, events: {} as TallyEvent },
  actions: { publish: (_, _params: unknown) => undefined, call: (_, _params: unknown) => undefined },
}).createMachine({
  id: 'tally',
  context: { seen: [], answers: [], ticks: 0 },
  initial: 'open',
  states: {
    open: {
      on: {
        intent: {
          actions: enqueueActions(({ context, event, enqueue }) => {
            const { intentId } = event.message;
            if (intentId === 'poison') throw new Error('cannot stomach this');
            enqueue.assign({ seen: [...context.seen, intentId] });
            enqueue(publish('order', { account: 'a', orderId: `o-${intentId}`, intentId }) as never);
            enqueue({ type: 'call', params: { id: intentId } } as never);
          }),
        },
        answer: {
          actions: enqueueActions(({ context, event, enqueue }) => {
            enqueue.assign({ answers: [...context.answers, event.id] });
          }),
        },
        'control.pause': 'paused',
      },
    },
    paused: {
      after: { 60000: 'open' },
      on: { due: {} },
    },
  },
});

export interface World {
  readonly server: MemoryServer;
  /** Everything that was ever called, in order; the same id twice is harmless, because it is told apart. */
  readonly called: string[];
}

export const world = (): World => ({ server: new MemoryServer({ clock: systemClock }), called: [] });

export function definition(w: World, overrides: Partial<ActorDefinition> = {}): ActorDefinition {
  return {
    kind: 'tally',
    id: 't',
    machine: tally,
    input: undefined,
    version: 1,
    delivery: 'commit',
    inputs: [{ topic: 'intent', key: { account: 'a' }, from: 'start' }],
    perform: {
      call: async ({ id }: { id: string }) => {
        w.called.push(id);
        return { type: 'answer', id };
      },
    },
    ...overrides,
  };
}

export interface Life {
  readonly interpreter: Interpreter;
  readonly exit: Promise<Exit>;
}

export const letters = (w: World) =>
  w.server
    .messages('SYSTEM')
    .filter(({ subject }) => subject.startsWith('sys.dlq.'))
    .map(({ data }) => topics.deadLetter.decode(data));

export async function live(
  bus: Bus,
  def: ActorDefinition,
  poison?: PoisonRecord,
  clock = systemClock,
  mayRun = () => true,
  onCommit: () => void = () => undefined,
  stored?: StoredCommit,
): Promise<Life> {
  const hub = new InputHub({ bus, layout, clock, log, onFailure: (error) => assert.fail(error) });
  let onExit: (exit: Exit) => void = () => undefined;
  const exit = new Promise<Exit>((resolve) => {
    onExit = resolve;
  });
  const record = poison ?? new PoisonRecord({ kind: def.kind, id: def.id, bus, clock, log, layout });
  const snapshots = await bus.kv('snapshots');
  const interpreter = new Interpreter({
    definition: def,
    bus,
    snapshots,
    stored,
    hub,
    clock,
    log,
    layout,
    poison: record,
    mayRun,
    onExit,
    onCommit,
  });
  try {
    await interpreter.start();
  } catch (error) {
    interpreter.kill();
    onExit({ reason: 'crash', error });
  }
  return { interpreter, exit };
}

export async function intend(bus: Bus, id: string): Promise<void> {
  const message = { account: 'a', strategy: 's', intentId: id };
  const subject = topics.intent.subject({ account: 'a', strategy: 's' }, layout);
  await bus.publish({ subject, messageId: `i-${id}`, data: topics.intent.encode(message) });
}

export const ordersOf = (w: World): string[] =>
  w.server
    .messages('TRADING')
    .filter(({ subject }) => subject.startsWith('trade.order.'))
    .map(({ data }) => topics.order.decode(data).intentId);

/** Waits for a condition, with turns of the event loop in between; a test that waits too long fails in the runner. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    assert.ok(turns < 200_000, 'waited too long for a condition');
    await systemClock.yield();
  }
}

export const tallyOf = (life: Life): Tally => life.interpreter.current.context as Tally;
