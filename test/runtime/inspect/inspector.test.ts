import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Bus } from '../../../runtime/bus/bus.ts';
import { MemoryServer } from '../../../runtime/bus/memory.ts';
import { inspectSubject } from '../../../runtime/bus/topics.ts';
import { VirtualClock } from '../../../runtime/clock.ts';
import { InputHub } from '../../../runtime/hub.ts';
import { Inspector } from '../../../runtime/inspect/inspector.ts';
import type { Inspectable, Watch } from '../../../runtime/inspect/watch.ts';
import { MOST_BYTES } from '../../../runtime/inspect/watch.ts';
import { Interpreter } from '../../../runtime/interpreter.ts';
import { PoisonRecord } from '../../../runtime/poison.ts';
import { silentLogger } from '../../../runtime/telemetry/log.ts';
import type { MachineEvent, Snapshot } from '../../../runtime/xstate.ts';
import { enqueueActions, setup, start, stateName, step } from '../../../runtime/xstate.ts';

const light = setup({
  types: { context: {} as { n: number; much: unknown[] } },
  actions: { tell: (_, _params: unknown) => undefined },
}).createMachine({
  id: 'light',
  context: { n: 0, much: [] },
  initial: 'red',
  states: { red: { on: { go: 'amber' } }, amber: { always: 'green' }, green: {} },
  on: {
    count: {
      actions: enqueueActions(({ context, enqueue }) => enqueue.assign({ n: context.n + 1 })),
    },
    grow: {
      actions: enqueueActions(({ enqueue }) => {
        const item = { words: Array.from({ length: 40 }, () => 'x'.repeat(400)) };
        enqueue.assign({ much: Array.from({ length: 40 }, () => item) });
      }),
    },
    say: { actions: enqueueActions(({ enqueue }) => enqueue({ type: 'tell', params: { password: 'p', to: 'you' } })) },
  },
});

class Actor implements Inspectable {
  readonly kind = 'light';
  readonly id: string;
  readonly machine = light;
  current: Snapshot = start(light, undefined).snapshot;
  watch: Watch | undefined;
  constructor(id: string) {
    this.id = id;
  }
  describe = (snapshot: Snapshot): string => `is ${stateName(snapshot)}`;
  tell(event: MachineEvent): void {
    const next = step(light, this.current, event);
    this.watch?.stepped(this.current, event, next);
    this.current = next.snapshot;
  }
}

interface Message {
  readonly type: string;
  readonly rootId: string;
  readonly actorRef: { readonly id: string; readonly sessionId: string };
  readonly node: string;
  readonly event?: MachineEvent;
  readonly skipped?: number;
  readonly action?: { readonly type: string; readonly params: unknown };
  readonly snapshot: Record<string, unknown> & { value: unknown; context?: { n: number } };
  readonly _transitions?: readonly unknown[];
}

interface Stage {
  readonly clock: VirtualClock;
  readonly bus: Bus;
  readonly inspector: Inspector;
  /** What a subscriber heard since the last call. */
  heard(): Message[];
  listen(subject: string): Promise<() => Promise<void>>;
  later(ms: number): Promise<void>;
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await Promise.resolve();
};

function stage(): Stage {
  const clock = new VirtualClock(1_000_000);
  const server = new MemoryServer({ clock });
  const bus = server.connect();
  const log = silentLogger;
  let messages: Message[] = [];
  return {
    clock,
    bus,
    inspector: new Inspector({ bus, clock, log, node: 'n1' }),
    heard: () => {
      const all = messages;
      messages = [];
      return all;
    },
    listen: (subject) =>
      bus.serve(subject, async (data) => {
        assert.ok(data.length <= MOST_BYTES);
        messages.push(JSON.parse(new TextDecoder().decode(data)));
        return undefined;
      }),
    later: async (ms) => {
      for (let left = ms; left > 0; left -= 100) {
        clock.advance(100);
        await settle();
      }
    },
  };
}

const kinds = (messages: readonly Message[]): string[] => messages.map(({ type }) => type.replace('@xstate.', ''));

describe('watching', () => {
  test('an actor is watched within 2 s of the first subscriber, and no longer 2 s after the last', async () => {
    const s = stage();
    const actor = new Actor('a');
    s.inspector.add(actor);
    actor.tell({ type: 'count' });
    await s.later(5_000);
    assert.equal(actor.watch, undefined);
    const stop = await s.listen('inspect.>');
    await s.later(2_100);
    assert.equal(s.inspector.watched, 1);
    const [first, second] = s.heard();
    assert.deepEqual([first?.type, first?.rootId, first?.actorRef.sessionId], ['@xstate.actor', 'light.a', 'light.a']);
    assert.deepEqual([second?.type, second?.snapshot.context?.n, second?.node], ['@xstate.snapshot', 1, 'n1']);
    await stop();
    await s.later(2_100);
    assert.equal(actor.watch, undefined);
    assert.equal(s.inspector.watched, 0);
  });

  test('only those are watched whom the subject names, and an actor that has gone is not asked for', async () => {
    const s = stage();
    const [a, b, gone] = [new Actor('a'), new Actor('b'), new Actor('gone')];
    const remove = [a, b, gone].map((actor) => s.inspector.add(actor))[2]!;
    await s.listen(inspectSubject('light', 'b'));
    await s.listen(inspectSubject('light', 'gone'));
    await s.later(2_200);
    assert.deepEqual([a.watch !== undefined, b.watch !== undefined, gone.watch !== undefined], [false, true, true]);
    remove();
    assert.equal(gone.watch, undefined);
    s.heard();
    await s.later(4_000);
    assert.ok(s.heard().every(({ actorRef }) => actorRef.id === 'b'));
    s.inspector.stop();
    assert.equal(b.watch, undefined);
  });

  test('a change of state is told as event, microsteps and snapshot', async () => {
    const s = stage();
    const actor = new Actor('a');
    s.inspector.add(actor);
    await s.listen('inspect.>');
    await s.later(2_100);
    s.heard();
    actor.tell({ type: 'go', why: 'test' });
    await settle();
    const told = s.heard();
    assert.deepEqual(kinds(told), ['event', 'microstep', 'microstep', 'snapshot']);
    assert.deepEqual(told[0]?.event, { type: 'go', why: 'test' });
    assert.deepEqual(
      told.slice(1, 3).map(({ snapshot, _transitions }) => [snapshot.value, _transitions]),
      [
        ['amber', [{ eventType: 'go', source: 'light.red', target: ['light.amber'] }]],
        ['green', [{ eventType: '', source: 'light.amber', target: ['light.green'] }]],
      ],
    );
    assert.deepEqual(told[3]?.snapshot, { status: 'active', value: 'green', context: { n: 0, much: [] } });
    assert.equal(stateName(actor.current), 'green');
  });

  test('of many steps without a change some are told, with how many were left out; changes and commands always', async () => {
    const s = stage();
    const actor = new Actor('a');
    s.inspector.add(actor);
    await s.listen('inspect.>');
    await s.later(2_100);
    s.heard();
    for (let i = 0; i < 1_000; i++) {
      s.clock.advance(1);
      actor.tell({ type: 'count' });
    }
    actor.tell({ type: 'control.pause' });
    actor.tell({ type: 'go' });
    await settle();
    const events = s.heard().filter(({ type }) => type === '@xstate.event');
    const counts = events.filter(({ event }) => event?.type === 'count');
    assert.ok(counts.length >= 15 && counts.length <= 21, String(counts.length));
    assert.deepEqual(
      events.slice(-2).map(({ event }) => event?.type),
      ['control.pause', 'go'],
    );
    const skipped = events.reduce((sum, event) => sum + (event.skipped ?? 0), 0);
    assert.equal(counts.length + skipped, 1_000);
  });

  test('secrets are hidden, and what is too large is cut to state and description', async () => {
    const s = stage();
    const actor = new Actor('a');
    s.inspector.add(actor);
    await s.listen('inspect.>');
    await s.later(2_100);
    s.heard();
    actor.tell({ type: 'say' });
    s.clock.advance(1_000);
    const ticks = { bid: Float64Array.from([1, 2, 3]), note: 'nats://me:secret@host', bytes: new Uint8Array(9) };
    actor.tell({ type: 'count', message: ticks, api_key: 'abc' });
    await settle();
    const [, action, , event] = s.heard();
    assert.deepEqual(action?.action, { type: 'tell', params: { password: '(hidden)', to: 'you' } });
    const message = { bid: { length: 3, first: 1, last: 3 }, note: 'nats://(hidden)@host', bytes: '(9 bytes)' };
    assert.deepEqual(event?.event, { type: 'count', message, api_key: '(hidden)' });
    for (const type of ['grow', 'count']) {
      s.clock.advance(1_000);
      actor.tell({ type });
      await settle();
      const snapshot = s.heard().at(-1)?.snapshot;
      assert.deepEqual(snapshot, {
        ...{ status: 'active', value: 'red' },
        ...{ description: 'is red', cut: 'the context is too large to be shown' },
      });
    }
  });

  test('very many actors: at most 200 questions a second, and everybody is asked in turn', async () => {
    const s = stage();
    const actors = Array.from({ length: 1_000 }, (_, i) => new Actor(String(i)));
    for (const actor of actors) s.inspector.add(actor);
    await s.later(2_000);
    await s.listen('inspect.>');
    await s.later(1_000);
    assert.equal(s.heard().filter(({ type }) => type === '@xstate.actor').length, 200);
    await s.later(4_100);
    assert.equal(s.inspector.watched, 1_000);
  });

  test('an interpreter is watched from its start to its end, and its crash is told', async () => {
    const s = stage();
    const [log, layout] = [silentLogger, { partitions: 12 }];
    const failing = setup({}).createMachine({
      id: 'failing',
      initial: 'calm',
      states: { calm: { on: { 'control.pause': 'paused' } }, paused: {} },
      on: {
        boom: {
          actions: enqueueActions(() => {
            throw new Error('cannot');
          }),
        },
      },
    });
    const { bus, clock, inspector } = s;
    const kind = 'failing';
    let exits = 0;
    const interpreter = new Interpreter({
      definition: { kind, id: 'x', machine: failing, input: undefined, version: 1, delivery: 'replay', inputs: [] },
      ...{ bus, clock, log, layout, inspector },
      hub: new InputHub({ bus, layout, clock, log, onFailure: (error) => assert.fail(error) }),
      snapshots: await bus.kv('snapshots'),
      poison: new PoisonRecord({ kind, id: 'x', bus, clock, log, layout }),
      onExit: () => exits++,
    });
    await interpreter.start();
    await s.listen('inspect.failing.x');
    await s.later(2_200);
    s.heard();
    interpreter.tell({ type: 'control.pause' });
    await s.later(100);
    assert.deepEqual(kinds(s.heard()), ['event', 'microstep', 'snapshot']);
    interpreter.tell({ type: 'boom' } as never);
    await s.later(100);
    assert.equal(exits, 1);
    const last = s.heard().at(-1);
    assert.deepEqual(last?.snapshot, {
      ...{ status: 'error', value: 'paused' },
      error: { name: 'Error', message: 'cannot' },
    });
    assert.equal(interpreter.watch, undefined);
    await s.later(4_000);
    assert.deepEqual(s.heard(), []);
  });
});
