import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { follows, symbolMachine } from '../../../actors/symbol/machine.ts';
import type { SymbolContext } from '../../../actors/symbol/market.ts';
import type { SymbolSettings } from '../../../actors/symbol/rules.ts';
import { makeRules } from '../../../actors/symbol/rules.ts';
import { TIMEFRAMES } from '../../../actors/symbol/timeframes.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../runtime/codec.ts';
import type { Machine, MachineEvent, Snapshot, TimerRequest } from '../../../runtime/xstate.ts';
import { restore, start, stateName, step } from '../../../runtime/xstate.ts';
import type { FrameParts, Tick } from './reference.ts';
import { frameOf, plainBars, wander } from './reference.ts';

const monday = Date.UTC(2024, 0, 8);
const settings: SymbolSettings = {
  symbol: 'EURUSD',
  timeframes: TIMEFRAMES,
  featureTimeframes: ['1s', '1m'],
  features: ['sma_3', 'return_1'],
  day: 'utc',
  staleAfterMs: 5000,
};

interface Output {
  topic: string;
  of?: number;
  message: Record<string, unknown>;
}

/** Runs the machine as the runtime does: one timer per id, cancelled ones gone, time moves only when told. */
class Run {
  readonly machine: Machine;
  snapshot: Snapshot;
  outputs: Output[] = [];
  private sequence = 1;
  private readonly timers = new Map<string, TimerRequest>();

  constructor(changes: Partial<SymbolSettings> = {}, from?: { value: unknown; context: unknown }) {
    this.machine = symbolMachine(makeRules({ ...settings, ...changes }));
    const first = start(this.machine, undefined);
    for (const timer of first.timers) this.timers.set(timer.id, timer);
    this.snapshot = from === undefined ? first.snapshot : restore(this.machine, from);
  }

  get state(): string {
    return stateName(this.snapshot);
  }

  get context(): SymbolContext {
    return this.snapshot.context as SymbolContext;
  }

  send(event: MachineEvent): this {
    const before = this.snapshot;
    const stored = encodeSnapshot(before.context);
    const next = step(this.machine, before, event);
    assert.deepEqual(encodeSnapshot(before.context), stored, 'the snapshot before the step was changed');
    for (const id of next.cancelledTimers) this.timers.delete(id);
    for (const timer of next.timers) this.timers.set(timer.id, timer);
    this.outputs.push(...next.effects.map(({ params }) => params as Output));
    this.snapshot = next.snapshot;
    return this;
  }

  /** The next ticks of the session, unless `parts` says otherwise. */
  ticks(ticks: Tick[], parts: FrameParts = {}): this {
    const firstSequence = parts.firstSequence ?? this.sequence;
    this.sequence = Math.max(this.sequence, firstSequence + ticks.length);
    const message = frameOf(ticks, { ...parts, firstSequence });
    return this.send({ type: 'ticks', message, sequence: 1, atMs: 0, atUs: 2_000_000 });
  }

  flush(): this {
    return this.send({ type: 'control.flush', atMs: 2000, atUs: 2_000_000 });
  }

  /** Lets the machine's only timer run out. */
  timeout(): this {
    assert.equal(this.timers.size, 1, `timers armed: ${[...this.timers.keys()]}`);
    const [timer] = this.timers.values();
    assert.equal(timer!.delayMs, settings.staleAfterMs);
    this.timers.delete(timer!.id);
    return this.send(timer!.event);
  }

  of(topic: string, timeframe: string): Record<string, unknown>[] {
    const all = this.outputs.filter((one) => one.topic === topic && one.message.timeframe === timeframe);
    return all.map(({ message }) => message);
  }
}

const live = (): Run => new Run().ticks(wander(8, monday, 1000));

describe('symbol machine', () => {
  describe('states', () => {
    test('warming until the slowest feature of the fastest feature timeframe is a number', () => {
      const run = new Run();
      assert.equal(run.state, 'warming');
      run.ticks(wander(3, monday, 1000));
      assert.equal(run.state, 'warming');
      run.ticks(wander(1, monday + 3000, 1000));
      assert.equal(run.state, 'live');
      assert.equal(run.of('features', '1s').at(-1)!.warm, true);
    });

    test('warmupBars decides where it is given; without features the first tick is enough', () => {
      const run = new Run({ warmupBars: 1 }).ticks(wander(2, monday, 1000));
      assert.equal(run.state, 'live');
      assert.equal(new Run({ featureTimeframes: [] }).ticks(wander(1, monday, 1)).state, 'live');
    });

    test('a symbol that never ticks keeps warming', () => {
      assert.equal(new Run().timeout().timeout().timeout().state, 'warming');
    });

    test('stale when a whole check passes without a tick, live again with the next', () => {
      const run = live();
      assert.equal(run.timeout().state, 'live', 'there were ticks since the last check');
      assert.equal(run.timeout().state, 'stale');
      run.ticks(wander(1, monday + 60_000, 1));
      assert.equal(run.state, 'live');
      assert.equal(run.timeout().state, 'live');
    });

    test('a symbol that stops while warming is stale and warms on', () => {
      const run = new Run().ticks(wander(2, monday, 1000));
      assert.equal(run.timeout().timeout().state, 'stale');
      assert.equal(run.ticks(wander(1, monday + 2000, 1)).state, 'warming');
    });

    test('a frame that comes again does not wake a stale symbol', () => {
      const run = live().timeout().timeout();
      assert.equal(run.ticks(wander(8, monday, 1000), { firstSequence: 1 }).state, 'stale');
    });

    test('a gap ends with the next frame in order', () => {
      const run = live();
      run.ticks(wander(1, monday + 9000, 1), { firstSequence: 12 });
      assert.equal(run.state, 'gap');
      assert.equal(run.context.ticksMissing, 3);
      run.ticks(wander(1, monday + 9500, 1), { firstSequence: 14 });
      assert.equal(run.state, 'gap');
      assert.equal(run.context.ticksMissing, 4);
      assert.equal(run.ticks(wander(1, monday + 10_000, 1)).state, 'live');
      assert.equal(run.context.ticksApplied, 11);
    });

    test('a symbol that stops in a gap is stale', () => {
      const run = live().ticks(wander(1, monday + 9000, 1), { firstSequence: 12 });
      assert.equal(run.timeout().state, 'gap');
      assert.equal(run.timeout().state, 'stale');
    });

    test('closed by a flush from every state, open again with the next tick', () => {
      const gap = live().ticks(wander(1, monday + 9000, 1), { firstSequence: 12 });
      for (const run of [new Run(), live(), live().timeout().timeout(), gap]) {
        assert.equal(run.flush().state, 'closed');
        assert.equal(run.flush().state, 'closed');
        assert.notEqual(run.ticks(wander(1, monday + 20_000, 1)).state, 'closed');
      }
    });

    test('events that mean nothing to it change nothing', () => {
      const closed = live().flush();
      for (const run of [new Run(), live(), live().timeout().timeout(), closed]) {
        const { state, context } = run;
        const count = run.outputs.length;
        for (const type of ['control.pause', 'control.halt', 'bar', 'xstate.after.staleAfter.symbol.nowhere'])
          run.send({ type });
        assert.deepEqual([run.state, run.context, run.outputs.length], [state, context, count]);
      }
    });
  });

  describe('counting', () => {
    test('ticks that come twice count once', () => {
      const ticks = wander(20, monday, 500);
      const run = new Run().ticks(ticks.slice(0, 12)).ticks(ticks.slice(0, 12), { firstSequence: 1 });
      run.ticks(ticks.slice(8), { firstSequence: 9 }).flush();
      assert.deepEqual([run.context.ticksApplied, run.context.ticksDuplicate], [20, 16]);
      assert.equal(run.of('bar', '1d')[0]!.ticks, 20);
    });

    test('a new session numbers from 1 again; ticks that are older than the newest are late', () => {
      const run = live();
      run.ticks(wander(4, monday + 6000, 1000), { session: 'b', firstSequence: 1 });
      assert.equal(run.state, 'live');
      assert.equal(run.context.ticksLate, 1);
      assert.equal(run.context.ticksApplied, 11);
      assert.equal(run.context.ticksMissing, 0);
    });

    test('frames of another symbol or without a number are counted, not applied', () => {
      const run = live();
      for (const parts of [
        { symbol: 'USDJPY' },
        { firstSequence: 0 },
        { firstSequence: 1.5 },
        { firstSequence: Number.NaN },
      ]) {
        run.send({
          type: 'ticks',
          message: frameOf(wander(2, monday + 9000, 1), { firstSequence: 9, ...parts }),
          atUs: 1,
        });
      }
      assert.equal(run.context.ticksInvalid, 8);
      assert.equal(run.context.ticksApplied, 8);
      assert.equal(run.state, 'live');
      assert.equal(run.ticks(wander(1, monday + 9000, 1)).context.ticksApplied, 9);
    });

    test('the sum of the bars is the ticks, in every timeframe', () => {
      const run = new Run().ticks(wander(300, monday + 86_390_000, 700)).flush();
      for (const timeframe of TIMEFRAMES) {
        const bars = run.of('bar', timeframe);
        assert.equal(
          bars.reduce((sum, bar) => sum + (bar.ticks as number), 0),
          300,
          timeframe,
        );
        assert.equal(run.context.barCounts[timeframe], bars.length, timeframe);
      }
      assert.deepEqual(
        [run.context.bid, run.context.ask, run.context.lastTickMs],
        [wander(300, 0, 700)[299]!.bid, wander(300, 0, 700)[299]!.ask, monday + 86_390_000 + 299 * 700],
      );
    });
  });

  describe('outputs', () => {
    test('bars equal the plain computation, with the times of the frame and of the step', () => {
      const ticks = wander(400, monday, 450);
      const run = new Run().ticks(ticks, { firstSentUs: 1_500_000 });
      for (const timeframe of ['1s', '1m']) {
        const expected = plainBars(ticks, timeframe, 0).slice(0, -1);
        assert.deepEqual(
          run.of('bar', timeframe),
          expected.map((bar) => ({ symbol: 'EURUSD', ...bar, sentUs: 1_500_000, madeUs: 2_000_000 })),
        );
      }
      assert.deepEqual(run.context.last, {
        applied: 400,
        bars: run.outputs.filter(({ topic }) => topic === 'bar').length,
        latencyMs: 500,
      });
    });

    test('features follow their bar, of feature timeframes only', () => {
      const run = new Run().ticks(wander(3, monday + 59_000, 1000));
      const order = run.outputs.map(({ topic, message }) => `${topic} ${message.timeframe}`);
      assert.deepEqual(order, ['bar 1s', 'features 1s', 'bar 1m', 'features 1m', 'bar 1s', 'features 1s']);
      assert.equal(run.of('features', '1s')[1]!.timeMs, run.of('bar', '1s')[1]!.closeTimeMs);
    });

    test('features are those of the closes so far, NaN before they are warm', () => {
      const ticks = wander(30, monday, 1000);
      const run = new Run().ticks(ticks);
      const closes = ticks.map(({ bid }) => bid);
      run.of('features', '1s').forEach(({ values, warm }, i) => {
        const { sma_3, return_1 } = values as Record<string, number>;
        assert.equal(warm, i >= 2);
        const mean = (closes[i]! + (closes[i - 1] ?? Number.NaN) + (closes[i - 2] ?? Number.NaN)) / 3;
        assert.ok(Number.isNaN(mean) ? Number.isNaN(sma_3) : Math.abs(sma_3! - mean) < 1e-12, `sma_3 of bar ${i}`);
        const change = closes[i]! / (closes[i - 1] ?? Number.NaN) - 1;
        assert.ok(
          Number.isNaN(change) ? Number.isNaN(return_1) : Math.abs(return_1! - change) < 1e-12,
          `return_1 of bar ${i}`,
        );
      });
    });

    test('a feature timeframe that is not published still has its features', () => {
      const run = new Run({ timeframes: ['1h'], featureTimeframes: ['1m'] }).ticks(wander(200, monday, 1000));
      assert.equal(run.of('features', '1m').length, 3);
      assert.ok(run.outputs.every(({ topic }) => topic === 'features'));
      assert.deepEqual(run.context.barCounts, { '1h': 0 });
    });

    test('a flush shows the open bars with their features, once, and the indicators go on as if it had not been', () => {
      const ticks = wander(90, monday, 1000);
      const plain = new Run().ticks(ticks).flush();
      const flushed = new Run().ticks(ticks.slice(0, 30)).flush();
      assert.equal(flushed.of('bar', '1m').length, 1);
      assert.equal(flushed.of('features', '1m').length, 1);
      const shown = flushed.outputs.length;
      flushed.flush();
      assert.equal(flushed.outputs.length, shown);
      flushed.ticks(ticks.slice(30)).flush();
      for (const topic of ['bar', 'features']) {
        for (const timeframe of ['1s', '1m', '1d']) {
          const key = ({ openTimeMs, timeMs }: Record<string, unknown>): unknown => openTimeMs ?? timeMs;
          const latest = new Map(flushed.of(topic, timeframe).map((message) => [key(message), message]));
          assert.deepEqual([...latest.values()], plain.of(topic, timeframe), `${topic} ${timeframe}`);
        }
      }
      assert.deepEqual(flushed.context.barCounts, plain.context.barCounts);
    });
  });

  describe('snapshots', () => {
    test('stored, restored and gone on with at any frame, it says the same', () => {
      const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 2, maxLength: 12, size: 'max' });
      fc.assert(
        fc.property(cuts, fc.nat(), (sizes, where) => {
          let sent = 0;
          const frames = sizes.map((size) => {
            const part = wander(sent + size, monday, 7000).slice(sent);
            sent += size;
            return { part, firstSequence: sent - size + 1 };
          });
          const feed = (run: Run, from: number, to: number): Run => {
            for (const { part, firstSequence } of frames.slice(from, to)) run.ticks(part, { firstSequence });
            return run;
          };
          const middle = where % frames.length;
          const whole = feed(new Run(), 0, frames.length).flush();
          const first = feed(new Run(), 0, middle);
          const { value, context } = first.snapshot;
          const stored = decodeSnapshot(encodeSnapshot({ value, context })) as { value: unknown; context: unknown };
          const second = feed(new Run({}, stored), middle, frames.length).flush();
          assert.deepEqual([...first.outputs, ...second.outputs], whole.outputs);
          assert.deepEqual(second.context, whole.context);
          assert.equal(second.state, whole.state);
        }),
        { numRuns: 40 },
      );
    });

    test('under other settings it keeps what they have in common and begins the rest anew', () => {
      const ticks = wander(200, monday, 1000);
      const before = new Run({ timeframes: ['1s', '1m', '1h'], featureTimeframes: ['1m'] }).ticks(ticks.slice(0, 90));
      const { value, context } = before.snapshot;
      const after = new Run({ timeframes: ['1m', '5m', '1h'], featureTimeframes: ['1m', '5m'] }, { value, context });
      after.ticks(ticks.slice(90), { firstSequence: 91 }).flush();
      const strip = (bars: Record<string, unknown>[]): unknown[] => bars.map(({ ticks: count, open }) => [count, open]);
      const expected = (timeframe: string): unknown[] =>
        plainBars(ticks, timeframe, 0).map(({ ticks: count, open }) => [count, open]);
      assert.deepEqual(strip(after.of('bar', '1m')), expected('1m').slice(1));
      assert.deepEqual(strip(after.of('bar', '1h')), expected('1h'));
      assert.equal(after.of('bar', '5m')[0]!.ticks, 200 - 89, 'a new timeframe begins with the second that was open');
      assert.equal((after.of('features', '1m')[1]!.values as Record<string, number>).return_1! !== 0, true);
      assert.ok(!Number.isNaN((after.of('features', '1m')[0]!.values as Record<string, number>).return_1));
      const renamed = new Run({ featureTimeframes: ['1m'], features: ['ema_2'] }, { value, context });
      renamed.ticks(ticks.slice(90), { firstSequence: 91 });
      assert.deepEqual(renamed.of('features', '1m')[0]!.values, { ema_2: Number.NaN });
    });
  });

  test('settings that cannot be met are refused with field and range', () => {
    const refused = (changes: Partial<Record<keyof SymbolSettings, unknown>>, text: RegExp): void =>
      assert.throws(() => makeRules({ ...settings, ...changes } as SymbolSettings), text);
    refused({ symbol: '' }, /symbol/);
    refused({ timeframes: ['2m'] }, /timeframes: 2m .*1s, 1m/);
    refused({ featureTimeframes: ['1w'] }, /featureTimeframes: 1w/);
    refused({ staleAfterMs: 0 }, /staleAfterMs.*1 ms/);
    refused({ staleAfterMs: Number.NaN }, /staleAfterMs/);
    refused({ day: 'tokyo' }, /day: tokyo/);
    refused({ warmupBars: -1 }, /warmupBars/);
    refused({ features: ['nope'] }, /nope/);
  });
});

describe('frames taken in one step', () => {
  const plan = fc.record({
    count: fc.integer({ min: 20, max: 400 }),
    stepMs: fc.constantFrom(7, 90, 1_500, 70_000),
    cuts: fc.array(fc.nat(400), { minLength: 1, maxLength: 30 }),
    joined: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 30 }),
    /** Ticks left out before the first frame, and frames that had come before and come again. */
    skipped: fc.constantFrom(0, 0, 3),
    again: fc.boolean(),
  });

  test('say what they would have said one by one, each output of its own frame', () => {
    fc.assert(
      fc.property(plan, ({ count, stepMs, cuts, joined, skipped, again }) => {
        const ticks = wander(count, monday, stepMs);
        const edges = [...new Set([0, ...cuts.filter((at) => at < count), count])].sort((a, b) => a - b);
        const before = frameOf(wander(5, monday - 60_000, 10));
        const frames = edges
          .slice(1)
          .map((end, i) => frameOf(ticks.slice(edges[i], end), { firstSequence: 6 + skipped + edges[i]! }));
        const one = new Run();
        const many = new Run();
        const event = { type: 'ticks', sequence: 1, atMs: 0, atUs: 2_000_000 };
        const outputs: unknown[] = [];
        const expected: unknown[] = [];
        for (const run of [one, many]) run.send({ ...event, message: before });
        for (const run of [one, many]) run.outputs = [];
        for (let at = 0, turn = 0; at < frames.length; turn++) {
          const step = frames.slice(at, at + joined[turn % joined.length]!);
          at += step.length;
          const [message, ...more] = step;
          assert.ok(step.every((frame, i) => i === 0 || follows(step[i - 1]!, frame)));
          for (const round of again ? [0, 1] : [0]) {
            step.forEach((frame, of) => {
              one.outputs = [];
              one.send({ ...event, message: frame });
              for (const output of one.outputs) expected.push({ ...output, round, turn, of });
            });
            many.outputs = [];
            many.send({ ...event, message, more });
            for (const output of many.outputs) outputs.push({ ...output, round, turn, of: output.of ?? 0 });
          }
        }
        assert.deepEqual(outputs, expected);
        const { last: _a, ...left } = one.context;
        const { last: _b, ...right } = many.context;
        assert.deepEqual(right, left);
        // Only where the gap itself was in the last step may the state still say so.
        if (many.state !== 'gap') assert.equal(many.state, one.state);
      }),
    );
  });

  test('a gap before them is seen', () => {
    const run = new Run().ticks(wander(3, monday, 10));
    const [message, next] = [10, 13].map((firstSequence) => frameOf(wander(3, monday + 60_000, 10), { firstSequence }));
    run.send({ type: 'ticks', message, more: [next], sequence: 2, atMs: 0, atUs: 0 });
    assert.equal(run.state, 'gap');
    assert.equal(run.context.ticksMissing, 6);
    run.ticks(wander(3, monday + 120_000, 10), { firstSequence: 16 });
    assert.notEqual(run.state, 'gap');
  });

  test('only those that go on where the one before ends', () => {
    const frame = (firstSequence: number, parts: FrameParts = {}) =>
      frameOf(wander(3, monday, 10), { ...parts, firstSequence });
    assert.ok(follows(frame(1), frame(4)));
    for (const next of [frame(5), frame(3), frame(1), frame(4, { session: 'b' }), frame(4, { symbol: 'GBPUSD' })]) {
      assert.ok(!follows(frame(1), next));
    }
  });
});
