/** A strategy as the runtime runs it, and behind a real symbol actor. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { countersOf, strategyActor } from '../../../actors/strategy/actor.ts';
import { defineStrategy, requiredFeatures } from '../../../actors/strategy/define.ts';
import { z } from '../../../actors/strategy/index.ts';
import { builtIn } from '../../../actors/strategy/registry.ts';
import { symbolActor } from '../../../actors/symbol/actor.ts';
import { planFeatures } from '../../../actors/symbol/features.ts';
import type { OrderIntent } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { PublishEffect } from '../../../runtime/actor.ts';
import { MemoryServer } from '../../../runtime/bus/memory.ts';
import type { TickColumns } from '../../../runtime/bus/ticks.ts';
import { actorKey, topics } from '../../../runtime/bus/topics.ts';
import { systemClock, VirtualClock } from '../../../runtime/clock.ts';
import { InputHub } from '../../../runtime/hub.ts';
import type { Exit } from '../../../runtime/interpreter.ts';
import { Interpreter } from '../../../runtime/interpreter.ts';
import { PoisonRecord } from '../../../runtime/poison.ts';
import { seededRandom } from '../../../runtime/random.ts';
import { silentLogger } from '../../../runtime/telemetry/log.ts';
import { start, stateName, step } from '../../../runtime/xstate.ts';
import { barMessage, Stage } from './stage.ts';

const layout = { partitions: 12 };
const clock = systemClock;
const log = silentLogger;

describe('behind a symbol actor', () => {
  /** Half a day, a tick every two seconds. */
  function* frames(): Generator<TickColumns> {
    const random = seededRandom('company');
    let bid = 1.1;
    for (let n = 0; n < 216; n++) {
      const count = 100;
      const bids = Float64Array.from({ length: count }, () => {
        bid += random.gaussian() * 0.00003;
        return bid;
      });
      yield {
        ...{ symbol: 'EURUSD', source: 'mt5', session: 's', utcOffsetS: 0, firstSentUs: 0 },
        count,
        firstSequence: 1 + n * count,
        baseTimeMs: Date.UTC(2024, 0, 8) + n * count * 2000,
        timeOffsetMs: Uint32Array.from({ length: count }, (_, i) => i * 2000),
        bid: bids,
        ask: bids.map((value) => value + 0.00008),
        flags: new Uint32Array(0),
      };
    }
  }

  for (const [name, strategy] of builtIn) {
    test(`${name} finds every feature it asks for, warms up and trades`, () => {
      const params = strategy.params.parse({});
      const features = requiredFeatures(strategy, params);
      planFeatures(features);
      const symbol = symbolActor({
        ...{ symbol: 'EURUSD', source: 'mt5', day: 'utc', staleAfterMs: 60_000, features },
        timeframes: ['1m'],
        featureTimeframes: ['1m'],
      });
      let { snapshot } = start(symbol.machine, undefined);
      const stage = new Stage({ definition: strategy, params: {} });
      let bars = 0;
      for (const message of frames()) {
        const next = step(symbol.machine, snapshot, { type: 'ticks', message, sequence: 1, atMs: 1, atUs: 1000 });
        snapshot = next.snapshot;
        for (const { type, params: effect } of next.effects) {
          if (type !== 'publish') continue;
          const { topic, message: said } = effect as PublishEffect['params'];
          const wire = topics[topic] as unknown as { encode(m: unknown): Uint8Array; decode(b: Uint8Array): unknown };
          bars += topic === 'bar' ? 1 : 0;
          for (const intent of stage.tell({ type: topic, message: wire.decode(wire.encode(said)) }))
            stage.execute(intent);
        }
      }
      const { counters } = stage.memory;
      assert.ok(bars >= 719, `${bars} bars`);
      assert.equal(counters.bars, bars, 'every bar met its features');
      assert.ok(counters.fills >= 10, `${counters.fills} fills`);
      assert.equal(counters.withheld, 0);
    });
  }
});

describe('in the interpreter', () => {
  const alternating = defineStrategy({
    name: 'alternating',
    params: z.object({ throwAt: z.number().default(-1) }),
    timeframes: ['1m'],
    state: () => ({ bars: 0 }),
    onBar(ctx) {
      ctx.state.bars++;
      if (ctx.bar.close === ctx.params.throwAt) throw new Error('no more');
      ctx.protect({ stop: 0.5, target: 0 });
      ctx.cancel(`bar-${ctx.state.bars}`);
    },
  });

  class Life {
    exit: Exit | undefined;
    readonly interpreter: Interpreter;

    constructor(
      server: MemoryServer,
      snapshots: Awaited<ReturnType<ReturnType<MemoryServer['connect']>['kv']>>,
      params = {},
      time = clock,
    ) {
      const bus = server.connect();
      const definition = strategyActor({
        id: 's1',
        account: 'demo',
        symbol: 'EURUSD',
        definition: alternating,
        params,
      });
      this.interpreter = new Interpreter({
        ...{ definition, bus, snapshots, clock: time, log, layout },
        hub: new InputHub({ bus, layout, clock: time, log, onFailure: (error) => assert.fail(error) }),
        poison: new PoisonRecord({ kind: 'strategy', id: 's1', bus, clock: time, log, layout }),
        onExit: (exit) => {
          this.exit = exit;
        },
      });
    }
  }

  async function until(what: string, met: () => boolean): Promise<void> {
    const endMs = clock.monotonicMs() + 10_000;
    while (!met()) {
      if (clock.monotonicMs() > endMs) assert.fail(`not within 10 s: ${what}`);
      await clock.yield();
    }
  }

  test('what it says nothing about is committed within half a second: a restart has no more to apply again', async () => {
    const server = new MemoryServer({ clock });
    const snapshots = await server.connect().kv('snapshots');
    const revisionNow = async (): Promise<number> => (await snapshots.get(actorKey('strategy', 's1')))!.revision;
    const time = new VirtualClock(0);
    const { interpreter } = new Life(server, snapshots, {}, time);
    await interpreter.start();
    const before = await revisionNow();
    interpreter.tell({ type: 'control.pause' });
    await until('it is paused', () => stateName(interpreter.current) === 'paused');
    assert.equal(await revisionNow(), before);
    time.advance(500);
    for (let turns = 0; turns < 1_000 && (await revisionNow()) === before; turns++) await clock.yield();
    assert.notEqual(await revisionNow(), before);
    await interpreter.stop();
  });

  test('killed after any bar and started again, it says each thing once and knows its state', async () => {
    const server = new MemoryServer({ clock });
    const bus = server.connect();
    const snapshots = await bus.kv('snapshots');
    const intents: OrderIntent[] = [];
    await bus.read({
      stream: 'TRADING',
      filters: ['trade.intent.>'],
      fromSequence: 1,
      onMessage: ({ data }) => {
        intents.push(topics.intent.decode(data));
      },
      onError: (error) => assert.fail(error),
    });
    const say = async (minute: number, close: number): Promise<void> => {
      const message = barMessage(minute, close);
      const subject = topics.bar.subject(topics.bar.keyOf(message), layout);
      await bus.publish({ subject, data: topics.bar.encode(message), messageId: `bar-${minute}` });
    };

    await say(0, 1);
    let life = new Life(server, snapshots);
    await life.interpreter.start();
    for (let minute = 1; minute <= 6; minute++) {
      await say(minute, 1);
      await until(`bar ${minute}`, () => countersOf(life.interpreter.current).bars === minute);
      if (minute % 2 === 0) await until('told', () => intents.length === minute);
      life.interpreter.kill();
      life = new Life(server, snapshots);
      await life.interpreter.start();
      await until(`bar ${minute} again`, () => countersOf(life.interpreter.current).bars === minute);
    }
    await until('all told', () => intents.length === 6);
    assert.deepEqual(
      intents.map(({ targetIntentId }) => targetIntentId),
      [1, 2, 3, 4, 5, 6].map((n) => `bar-${n}`),
      'the bar before the first start was not traded on',
    );
    assert.equal(new Set(intents.map(({ intentId }) => intentId)).size, 6);

    life.interpreter.tell({ type: 'control.pause' });
    await say(7, 1);
    await until('bar 7', () => countersOf(life.interpreter.current).bars === 7);
    await life.interpreter.stop();
    life = new Life(server, snapshots, { throwAt: 9 });
    await life.interpreter.start();
    life.interpreter.tell({ type: 'control.resume' });
    await say(8, 9);
    await until('the crash', () => life.exit !== undefined);
    assert.match(String((life.exit as { error: unknown }).error), /strategy s1 \(alternating\): onBar: no more/);
    assert.equal(intents.length, 6, 'paused and crashed, it said nothing');
  });
});
