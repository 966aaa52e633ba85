/**
 * A message at which the machine throws, for each kind of actor: five attempts, a dead letter, an edge on sys.lifecycle,
 * and the actor goes on; after that no other node meets the message again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { brokerActor } from '../../actors/broker/actor.ts';
import { recorderActor } from '../../actors/recorder/actor.ts';
import type { LedgerStore } from '../../actors/recorder/store.ts';
import { strategyActor } from '../../actors/strategy/actor.ts';
import { defineStrategy } from '../../actors/strategy/index.ts';
import { symbolActor } from '../../actors/symbol/actor.ts';
import { IntentAction, OrderType, Side } from '../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { ActorDefinition } from '../../runtime/actor.ts';
import { MemoryServer } from '../../runtime/bus/memory.ts';
import type { Family, TopicInit, TopicName } from '../../runtime/bus/topics.ts';
import { topics } from '../../runtime/bus/topics.ts';
import { systemClock as clock } from '../../runtime/clock.ts';
import { InputHub } from '../../runtime/hub.ts';
import type { Exit } from '../../runtime/interpreter.ts';
import { Interpreter } from '../../runtime/interpreter.ts';
import { PoisonRecord } from '../../runtime/poison.ts';
import { silentLogger as log } from '../../runtime/telemetry/log.ts';

const layout = { partitions: 12 };
const START_MS = Date.UTC(2026, 0, 5, 10);

interface Case {
  readonly kind: string;
  readonly family: Family;
  readonly definition: () => ActorDefinition;
  /** Three messages; the second is the poison. */
  readonly say: (say: <N extends TopicName>(name: N, message: TopicInit<N>) => Promise<number>) => Promise<number[]>;
  readonly cause: RegExp;
}

const fill = (side: Side, dealTicket: string): TopicInit<'fill'> => ({
  ...{ account: 'a', orderId: 'T1', strategy: 's', symbol: 'EURUSD', side, volumeLots: 1, price: 1.1, dealTicket },
  ...{ orderTicket: '1', positionId: '1', entry: 'in', timeMs: START_MS, magic: '1', reason: 'expert' },
});

const intent = (intentId: string): TopicInit<'intent'> => ({
  ...{ intentId, account: 'a', strategy: 's', symbol: 'EURUSD', action: IntentAction.OPEN, side: Side.BUY },
  ...{ type: OrderType.MARKET, volumeLots: 1 },
});

const ticks = (firstSequence: number): TopicInit<'ticks'> => ({
  ...{ source: 'mt5', symbol: 'EURUSD', session: 'x', firstSequence, count: 1, baseTimeMs: START_MS, utcOffsetS: 0 },
  ...{ timeOffsetMs: Uint32Array.of(0), bid: Float64Array.of(1.1), ask: Float64Array.of(1.1001) },
  ...{ flags: new Uint32Array(0), firstSentUs: 0 },
});

interface Heard {
  readonly message?: unknown;
  readonly more?: readonly unknown[];
}

/** A machine that has no message which it cannot take is given one. */
function onlyPoison(definition: ActorDefinition, isPoison: (message: never) => boolean): ActorDefinition {
  const { machine } = definition;
  const transition: typeof machine.transition = (snapshot, event, scope) => {
    const { message, more = [] } = event as Heard;
    if ([message, ...more].some((one) => one !== undefined && isPoison(one as never))) {
      throw new Error('cannot take this');
    }
    return machine.transition(snapshot, event, scope);
  };
  return { ...definition, machine: Object.create(machine, { transition: { value: transition } }) as typeof machine };
}

const memory = (): LedgerStore => ({
  write: async () => undefined,
  probe: async () => ({ up: true, reason: '' }),
  close: async () => undefined,
});

const cases: readonly Case[] = [
  {
    kind: 'strategy',
    family: 'trading',
    definition: () =>
      strategyActor({
        ...{ id: 's', account: 'a', symbol: 'EURUSD', params: {} },
        definition: defineStrategy({
          ...{ name: 'quiet', params: z.object({}), timeframes: () => ['1s'], onBar: () => undefined },
        }),
      }),
    say: async (say) => [
      await say('fill', fill(Side.BUY, '1')),
      await say('fill', fill(Side.UNSPECIFIED, '2')),
      await say('fill', fill(Side.SELL, '3')),
    ],
    cause: /fill 2: side is 0/,
  },
  {
    kind: 'recorder',
    family: 'trading',
    definition: () => recorderActor({ id: 'ledger', openLedger: memory }),
    say: async (say) => [
      await say('fill', fill(Side.BUY, '1')),
      await say('fill', { ...fill(Side.BUY, '2'), price: Number.NaN }),
      await say('fill', fill(Side.SELL, '3')),
    ],
    cause: /fill 2 of a: price is NaN/,
  },
  {
    kind: 'broker',
    family: 'trading',
    definition: () =>
      onlyPoison(
        brokerActor({ account: 'a', symbols: ['EURUSD'], limits: {}, fence: () => 1 }),
        (message: { intentId?: string }) => message.intentId === '2',
      ),
    say: async (say) => [
      await say('intent', intent('1')),
      await say('intent', intent('2')),
      await say('intent', intent('3')),
    ],
    cause: /cannot take this/,
  },
  {
    kind: 'symbol',
    family: 'ticks',
    definition: () =>
      onlyPoison(
        symbolActor({
          ...{ symbol: 'EURUSD', source: 'mt5', timeframes: ['1s'], featureTimeframes: [], features: [] },
          ...{ day: 'utc', staleAfterMs: 60_000 },
        }),
        (message: { firstSequence?: number }) => message.firstSequence === 2,
      ),
    say: async (say) => [await say('ticks', ticks(1)), await say('ticks', ticks(2)), await say('ticks', ticks(3))],
    cause: /cannot take this/,
  },
];

async function until(what: string, holds: () => boolean): Promise<void> {
  const endMs = clock.monotonicMs() + 10_000;
  while (!holds()) {
    if (clock.monotonicMs() > endMs) assert.fail(`not within 10 s: ${what}`);
    await clock.sleep(2);
  }
}

for (const { kind, family, definition, say, cause } of cases) {
  test(`a poisoned message and a ${kind}`, async () => {
    const server = new MemoryServer({ clock });
    const bus = server.connect();
    let said = 0;
    const publish = async <N extends TopicName>(name: N, message: TopicInit<N>): Promise<number> => {
      const topic = topics[name] as never as {
        subject(key: unknown, l: unknown): string;
        keyOf(m: unknown): unknown;
        encode(m: unknown): Uint8Array;
      };
      const subject = topic.subject(topic.keyOf(message), layout);
      return (await bus.publish({ subject, data: topic.encode(message), messageId: `m${++said}` })).sequence;
    };
    const newRecord = (): PoisonRecord => {
      const { kind: k, id } = definition();
      return new PoisonRecord({ kind: k, id, bus, clock, log, layout });
    };
    const start = async (poison: PoisonRecord): Promise<{ interpreter: Interpreter; exit: Promise<Exit> }> => {
      let onExit: (exit: Exit) => void = () => undefined;
      const exit = new Promise<Exit>((resolve) => {
        onExit = resolve;
      });
      const hub = new InputHub({ bus, layout, clock, log, onFailure: (error) => assert.fail(error) });
      const snapshots = await bus.kv('snapshots');
      const options = { definition: definition(), bus, snapshots, hub, clock, log, layout, poison, onExit };
      const interpreter = new Interpreter(options);
      await interpreter.start();
      return { interpreter, exit };
    };
    // A first life, so that it hears from before what is said next.
    const first = await start(newRecord());
    await first.interpreter.stop();
    const [, poisoned = 0, last = 0] = await say(publish);
    const record = newRecord();
    for (let attempt = 1; attempt <= 5; attempt++) {
      const { exit } = await start(record);
      const how = await Promise.race([exit, clock.sleep(5_000).then(() => ({ reason: 'nothing' }))]);
      assert.equal(how.reason, 'crash', `attempt ${attempt}`);
    }
    const life = await start(record);
    await until('the message after it', () => life.interpreter.position(family) >= last);
    const system = server.messages('SYSTEM');
    const letters = system.filter(({ subject }) => subject.startsWith('sys.dlq.'));
    assert.equal(letters.length, 1);
    const letter = topics.deadLetter.decode(letters[0]?.data ?? new Uint8Array());
    assert.deepEqual([letter.kind, letter.sequence, letter.attempts], [kind, poisoned, 5]);
    assert.match(letter.cause, cause);
    assert.ok(letter.payload.length > 0);
    const edges = system
      .filter(({ subject }) => subject.startsWith(`sys.lifecycle.${kind}.`))
      .map(({ data }) => topics.lifecycle.decode(data))
      .filter(({ event }) => event === 'dead_letter');
    assert.equal(edges.length, 1);
    assert.match(edges[0]?.cause ?? '', cause);
    assert.equal(edges[0]?.attempt, 5);
    await clock.sleep(20);
    // The node dies, and another one, which knows nothing of it, takes over.
    life.interpreter.kill();
    const heir = await start(newRecord());
    await until('the place after it', () => heir.interpreter.position(family) >= last);
    heir.interpreter.kill();
    assert.equal(server.messages('SYSTEM').filter(({ subject }) => subject.startsWith('sys.dlq.')).length, 1);
  });
}
