import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SymbolActorOptions } from '../../../actors/symbol/actor.ts';
import { symbolActor } from '../../../actors/symbol/actor.ts';
import type { SymbolContext } from '../../../actors/symbol/market.ts';
import { MemoryServer } from '../../../runtime/bus/memory.ts';
import { topics } from '../../../runtime/bus/topics.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { InputHub } from '../../../runtime/hub.ts';
import { Interpreter } from '../../../runtime/interpreter.ts';
import { PoisonRecord } from '../../../runtime/poison.ts';
import { silentLogger as log } from '../../../runtime/telemetry/log.ts';
import { stateName } from '../../../runtime/xstate.ts';
import { frameOf, plainBars, wander } from './reference.ts';

const layout = { partitions: 12 };
const monday = Date.UTC(2024, 0, 8);
const ticks = wander(600, monday, 333);

const options: SymbolActorOptions = {
  symbol: 'EURUSD',
  source: 'test',
  timeframes: ['1s', '1m'],
  featureTimeframes: ['1s'],
  day: 'utc',
  staleAfterMs: 60_000,
};

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + 10_000;
  while (!holds()) {
    if (systemClock.monotonicMs() > deadlineMs) assert.fail(`waited 10 s for: ${what}`);
    await systemClock.yield();
  }
}

async function sendFrames(server: MemoryServer, from: number, to: number): Promise<void> {
  const bus = server.connect();
  for (let at = from; at < to; at += 25) {
    const frame = frameOf(ticks.slice(at, at + 25), { firstSequence: at + 1, firstSentUs: systemClock.nowUs() });
    const subject = topics.ticks.subject(topics.ticks.keyOf(frame), layout);
    await bus.publish({ subject, data: topics.ticks.encode(frame), messageId: `f${at}` });
  }
}

async function run(server: MemoryServer, changes: Partial<SymbolActorOptions> = {}): Promise<Interpreter> {
  const definition = symbolActor({ ...options, ...changes });
  const bus = server.connect();
  const { kind, id } = definition;
  const interpreter = new Interpreter({
    definition,
    bus,
    snapshots: await bus.kv('snapshots'),
    hub: new InputHub({ bus, layout, clock: systemClock, log, onFailure: (error) => assert.fail(error) }),
    clock: systemClock,
    log,
    layout,
    poison: new PoisonRecord({ kind, id, bus, clock: systemClock, log, layout }),
    onExit: (exit) => assert.fail(`the actor ended: ${JSON.stringify(exit)}`),
  });
  await interpreter.start();
  return interpreter;
}

const contextOf = (interpreter: Interpreter): SymbolContext => interpreter.current.context as SymbolContext;
const applied = (interpreter: Interpreter, count: number): Promise<void> =>
  until(`${count} ticks applied`, () => contextOf(interpreter).ticksApplied === count);

/** Everything that was said, without when: the same for every run over the same ticks. */
function said(server: MemoryServer): { subject: string; message: Record<string, unknown> }[] {
  return server
    .messages('MARKET')
    .filter(({ subject }) => !subject.includes('.ticks.'))
    .map(({ subject, data }) => {
      const message = (subject.includes('.bars.') ? topics.bar : topics.features).decode(data) as unknown as Record<
        string,
        unknown
      >;
      return { subject, message: { ...message, madeUs: 0, sentUs: 0 } };
    });
}

describe('symbol actor', () => {
  test('hears its ticks, says every bar once, and tells its metrics', async () => {
    const server = new MemoryServer({ clock: systemClock });
    let counted = 0;
    const latencies: number[] = [];
    const actor = await run(server, {
      onTicksApplied: (n) => {
        counted += n;
      },
      onBar: (latencyMs) => latencies.push(latencyMs),
    });
    assert.equal(symbolActor(options).describe?.(actor.current), 'no tick yet');
    await sendFrames(server, 0, 600);
    await applied(actor, 600);
    assert.equal(stateName(actor.current), 'live');
    assert.equal(symbolActor(options).describe?.(actor.current), `${ticks[599]!.bid}/${ticks[599]!.ask}`);
    actor.tell({ type: 'control.flush' });
    await until('the last bars', () => stateName(actor.current) === 'closed' && actor.pendingEffects === 0);
    await actor.stop();
    assert.equal(counted, 600);
    const bars = said(server).filter(({ subject }) => subject.includes('.bars.'));
    for (const timeframe of ['1s', '1m']) {
      const found = bars.filter(({ message }) => message.timeframe === timeframe).map(({ message }) => message);
      const expected = plainBars(ticks, timeframe, 0);
      assert.deepEqual(
        found.map(({ openTimeMs, ticks: count, close, spreadMean }) => ({ openTimeMs, count, close, spreadMean })),
        expected.map(({ openTimeMs, ticks: count, close, spreadMean }) => ({ openTimeMs, count, close, spreadMean })),
      );
    }
    const closedByTicks = bars.length - 2;
    assert.equal(latencies.length, closedByTicks);
    assert.ok(latencies.every((latencyMs) => latencyMs >= 0 && latencyMs < 10_000));
  });

  test('killed and started again anywhere, it says the same in the same order', async () => {
    const whole = new MemoryServer({ clock: systemClock });
    await sendFrames(whole, 0, 600);
    const undisturbed = await run(whole);
    await applied(undisturbed, 600);
    await undisturbed.stop();

    const server = new MemoryServer({ clock: systemClock });
    let first = await run(server);
    await sendFrames(server, 0, 200);
    await applied(first, 200);
    first.kill();
    first = await run(server);
    await sendFrames(server, 200, 400);
    await applied(first, 400);
    await first.stop();
    const last = await run(server);
    assert.equal(contextOf(last).ticksApplied, 400, 'what was committed is not read again');
    await sendFrames(server, 400, 600);
    await applied(last, 600);
    await last.stop();
    assert.deepEqual(said(server), said(whole));
    assert.ok(said(server).length > 300);
  });
});
