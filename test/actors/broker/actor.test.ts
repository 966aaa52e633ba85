/** The broker's wiring under the real interpreter: topics, commands over the bus, restart, an old owner's end. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { BrokerOptions } from '../../../actors/broker/actor.ts';
import { brokerActor, fenceOf } from '../../../actors/broker/actor.ts';
import type { CommandParams } from '../../../actors/broker/commands.ts';
import type { BrokerContext } from '../../../actors/broker/context.ts';
import { brokerStatus } from '../../../actors/broker/status.ts';
import { CommandReplySchema, CommandSchema, Outcome } from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { IntentAction, OrderType, Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { publish } from '../../../runtime/actor.ts';
import type { Bus } from '../../../runtime/bus/bus.ts';
import { memoryBus } from '../../../runtime/bus/memory.ts';
import type { TopicInit, TopicName } from '../../../runtime/bus/topics.ts';
import { commandSubject, topics } from '../../../runtime/bus/topics.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { InputHub } from '../../../runtime/hub.ts';
import type { Exit } from '../../../runtime/interpreter.ts';
import { Interpreter } from '../../../runtime/interpreter.ts';
import { PoisonRecord } from '../../../runtime/poison.ts';
import { silentLogger as log } from '../../../runtime/telemetry/log.ts';
import { stateName } from '../../../runtime/xstate.ts';
import { PRICE, ScriptedTerminal } from './terminal.ts';

const ACCOUNT = 'demo';
const layout = { partitions: 12 };
const clock = systemClock;

interface Running {
  readonly interpreter: Interpreter;
  readonly exit: Promise<Exit>;
  readonly context: () => BrokerContext;
}

let messages = 0;
async function say<N extends TopicName>(bus: Bus, name: N, message: TopicInit<N>): Promise<void> {
  const topic = topics[name] as unknown as {
    subject(key: unknown, l: unknown): string;
    keyOf(m: unknown): unknown;
    encode(m: unknown): Uint8Array;
  };
  const subject = topic.subject(topic.keyOf(message), layout);
  await bus.publish({ subject, data: topic.encode(message), messageId: `test.${++messages}` });
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadlineMs = clock.monotonicMs() + 5_000;
  while (!holds()) {
    if (clock.monotonicMs() > deadlineMs) assert.fail(`not within 5 s: ${what}`);
    await clock.sleep(2);
  }
}

async function run(bus: Bus, options: Partial<BrokerOptions> = {}): Promise<Running> {
  const definition = brokerActor({
    account: ACCOUNT,
    symbols: ['EURUSD'],
    limits: { duplicateWindowMs: 0 },
    fence: () => 7,
    ...options,
  });
  let onExit: (exit: Exit) => void = () => undefined;
  const exit = new Promise<Exit>((resolve) => {
    onExit = resolve;
  });
  const hub = new InputHub({ bus, layout, clock, log, onFailure: (error) => assert.fail(error) });
  const poison = new PoisonRecord({ kind: 'broker', id: ACCOUNT, bus, clock, log, layout });
  const snapshots = await bus.kv('snapshots');
  const interpreter = new Interpreter({ definition, bus, snapshots, hub, clock, log, layout, poison, onExit });
  await interpreter.start();
  stops.push(async () => interpreter.kill());
  return { interpreter, exit, context: () => interpreter.current.context as BrokerContext };
}

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** The bridge: answers commands from the terminal's word, and publishes what happened. */
async function bridge(bus: Bus, terminal: ScriptedTerminal, fences: number[]): Promise<void> {
  let told = terminal.events.length;
  const stop = await bus.serve(commandSubject(ACCOUNT), async (data) => {
    const { commandId, fence, body } = fromBinary(CommandSchema, data);
    fences.push(fence);
    const params = { commandId, orderId: '', body, createdUs: 0 } as unknown as CommandParams;
    const reply = terminal.handle(params);
    for (; told < terminal.events.length; told++) {
      const event = terminal.events[told];
      if (event !== undefined) await say(bus, 'execution', event);
    }
    return toBinary(CommandReplySchema, create(CommandReplySchema, { ...reply, receivedUs: 5_000 }));
  });
  stops.push(stop);
}

async function quote(bus: Bus, terminal: ScriptedTerminal): Promise<void> {
  terminal.timeMs += 1_000;
  const lastTickMs = terminal.timeMs;
  await say(bus, 'bar', { symbol: 'EURUSD', timeframe: '1s', close: PRICE, askClose: PRICE + 0.0001, lastTickMs });
}

function intent(bus: Bus, intentId: string, timeMs: number): Promise<void> {
  return say(bus, 'intent', {
    intentId,
    account: ACCOUNT,
    strategy: 'alpha',
    symbol: 'EURUSD',
    action: IntentAction.OPEN,
    side: Side.BUY,
    type: OrderType.MARKET,
    volumeLots: 0.5,
    decidedAtMs: timeMs,
    createdUs: 2_000,
  });
}

test('an intent becomes an order at the terminal and a fill; a restart reconciles and sends nothing again', async () => {
  const bus = memoryBus({ clock });
  const terminal = new ScriptedTerminal(ACCOUNT);
  const fences: number[] = [];
  const latencies: number[] = [];
  await bridge(bus, terminal, fences);
  const first = await run(bus, { onLatency: (ms) => latencies.push(ms) });
  await until('trading', () => stateName(first.interpreter.current) === 'trading.active');
  await quote(bus, terminal);
  await until('a price', () => first.context().marketNowMs >= terminal.timeMs);
  await intent(bus, 'a', terminal.timeMs);
  await until('filled', () => brokerStatus(first.context()).filled === 1);
  assert.deepEqual(latencies, [3]);
  assert.ok(fences.every((fence) => Math.floor(fence) === 7));
  first.interpreter.kill();

  const second = await run(bus);
  await until('trading again', () => stateName(second.interpreter.current) === 'trading.active');
  await until('two lives', () => second.context().epoch === 2);
  await intent(bus, 'a', terminal.timeMs);
  await quote(bus, terminal);
  await intent(bus, 'b', terminal.timeMs);
  await until('filled', () => brokerStatus(second.context()).filled === 2);
  assert.deepEqual([...terminal.placed.values()], [1, 1]);
  assert.equal(brokerStatus(second.context()).duplicateIntents, 1);
  await second.interpreter.stop();
});

test('without a bridge the broker stays disconnected and tries again until there is one', async () => {
  const bus = memoryBus({ clock });
  const { interpreter } = await run(bus);
  await until('disconnected', () => stateName(interpreter.current) === 'disconnected');
  await bridge(bus, new ScriptedTerminal(ACCOUNT), []);
  await until('trading', () => stateName(interpreter.current) === 'trading.active');
});

test('a broker whose fence is too low ends', async () => {
  const bus = memoryBus({ clock });
  const refusal = create(CommandReplySchema, { outcome: Outcome.REFUSED, code: 'FENCED', message: 'fence 7, seen 8' });
  stops.push(await bus.serve(commandSubject(ACCOUNT), async () => toBinary(CommandReplySchema, refusal)));
  const { exit } = await run(bus);
  assert.equal((await exit).reason, 'fenced');
});

test('intents that came before the broker ever lived are answered', async () => {
  const bus = memoryBus({ clock });
  const terminal = new ScriptedTerminal(ACCOUNT);
  await intent(bus, 'early', terminal.timeMs);
  await bridge(bus, terminal, []);
  const { context } = await run(bus);
  await until('an answer', () => brokerStatus(context()).intended === 1);
});

test('the refusal of a command that we have sealed off ourselves is an answer, and no end of the actor', async () => {
  const bus = memoryBus({ clock });
  const terminal = new ScriptedTerminal(ACCOUNT);
  let held: ((refused: Uint8Array) => void) | undefined;
  const fences: number[] = [];
  stops.push(
    await bus.serve(commandSubject(ACCOUNT), async (data) => {
      const { commandId, fence, body } = fromBinary(CommandSchema, data);
      fences.push(fence);
      // The first order is on its way for long; the second is refused as unknown, which raises the fence.
      if (body.case === 'place' && held === undefined) {
        return new Promise<Uint8Array>((resolve) => {
          held = resolve;
        });
      }
      const params = { commandId, orderId: '', body, createdUs: 0 } as unknown as CommandParams;
      const reply =
        body.case === 'place'
          ? create(CommandReplySchema, { commandId, outcome: Outcome.UNKNOWN, code: 'LINK_LOST' })
          : terminal.handle(params);
      return toBinary(CommandReplySchema, reply);
    }),
  );
  const { interpreter, context } = await run(bus);
  await until('trading', () => stateName(interpreter.current) === 'trading.active');
  await quote(bus, terminal);
  await until('a price', () => context().marketNowMs >= terminal.timeMs);
  await intent(bus, 'a', terminal.timeMs);
  await until('the first order', () => held !== undefined);
  await intent(bus, 'b', terminal.timeMs);
  await until('the second is found out', () => brokerStatus(context()).rejected === 1);
  assert.ok((fences.at(-1) ?? 0) > (fences[1] ?? 0) && Math.floor(fences.at(-1) ?? 0) === 7);
  held?.(
    toBinary(CommandReplySchema, create(CommandReplySchema, { outcome: Outcome.REFUSED, code: 'FENCED', message: '' })),
  );
  await until('the first is refused', () => brokerStatus(context()).rejected === 2);
  assert.equal(stateName(interpreter.current), 'trading.active');
});

test('an order is foretold as the command that will ask for it, and nothing else is', () => {
  const { foretell } = brokerActor({ account: ACCOUNT, symbols: ['EURUSD'], limits: {}, fence: () => 7 });
  const command = (body: CommandParams['body']): CommandParams => ({
    ...{ commandId: 'c', orderId: 'o', createdUs: 0, seal: 2 },
    body,
  });
  const told = fromBinary(CommandSchema, foretell!('command', command({ case: 'place', value: { orderId: 'o' } }))!);
  assert.equal(told.commandId, 'c');
  assert.equal(told.fence, fenceOf(7, 2));
  assert.equal(told.body.case === 'place' && told.body.value.orderId, 'o');
  assert.equal(foretell!('command', command({ case: 'find', value: { orderId: 'o' } })), undefined);
  assert.equal(foretell!('command', command({ case: 'cancel', value: { orderId: 'o' } })), undefined);
  assert.equal(foretell!('publish', publish('order', { account: ACCOUNT }).params), undefined);
});
