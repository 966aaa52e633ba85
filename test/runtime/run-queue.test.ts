import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ActorDefinition } from '../../runtime/actor.ts';
import { MemoryServer } from '../../runtime/bus/memory.ts';
import { topics } from '../../runtime/bus/topics.ts';
import type { Clock } from '../../runtime/clock.ts';
import { systemClock, VirtualClock } from '../../runtime/clock.ts';
import type { Delivered } from '../../runtime/delivered.ts';
import { FLOOD_BYTES_PER_MS, Flood, MEASURED_MS, ROUND_MS_PER_TURN } from '../../runtime/flood.ts';
import type { Inputs, Subscriber } from '../../runtime/hub.ts';
import { Interpreter, TURN_EVENTS, TURN_MS } from '../../runtime/interpreter.ts';
import { PoisonRecord } from '../../runtime/poison.ts';
import { PASS_MS, RunQueue } from '../../runtime/run-queue.ts';
import { silentLogger as log } from '../../runtime/telemetry/log.ts';
import { setup } from '../../runtime/xstate.ts';

/** Time stands still but for what the test says that work takes. */
class Bench {
  nowMs = 0;
  /** What happened, in order; `loop` where the event loop had its turn. */
  readonly story: string[] = [];
  readonly clock: Clock = {
    ...systemClock,
    monotonicMs: () => this.nowMs,
    yield: async () => {
      await systemClock.yield();
      this.story.push('loop');
    },
  };
  readonly queue = new RunQueue(this.clock);

  /** An actor that takes `turns` turns, each of `ms`. */
  async actor(name: string, urgent: boolean, ms: number, turns = 1): Promise<void> {
    for (let n = 0; n < turns; n++) {
      await this.queue.turn(urgent).comes;
      this.story.push(name);
      this.nowMs += ms;
    }
  }
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe('the run queue', () => {
  test('gives turns in the order in which they were asked for, and none on the caller’s stack', async () => {
    const bench = new Bench();
    const all = Promise.all(['a', 'b', 'c'].map((name) => bench.actor(name, false, 0)));
    assert.deepEqual(bench.story, []);
    assert.equal(bench.queue.depth, 3);
    await all;
    assert.deepEqual(bench.story, ['loop', 'a', 'b', 'c']);
    assert.equal(bench.queue.depth, 0);
  });

  test('gives the event loop back when the time of a pass is spent', async () => {
    const bench = new Bench();
    const each = PASS_MS / 4;
    await Promise.all(range(10).map((n) => bench.actor(`${n}`, false, each)));
    assert.deepEqual(bench.story.join(' '), 'loop 0 1 2 3 loop 4 5 6 7 loop 8 9');
  });

  test('timers and the network have their turn while thousands are ready', async () => {
    const queue = new RunQueue(systemClock);
    let fired = Number.POSITIVE_INFINITY;
    let taken = 0;
    const burn = async (): Promise<void> => {
      await queue.turn(false).comes;
      for (const untilMs = systemClock.monotonicMs() + 0.1; systemClock.monotonicMs() < untilMs; );
      if (taken++ === 0) systemClock.setTimer(0, () => (fired = taken));
    };
    await Promise.all(range(2_000).map(burn));
    assert.ok(fired < 200, `a timer that was due at once fired after ${fired} of 2,000 turns`);
  });

  test('what is urgent goes before all that came earlier, in the same pass', async () => {
    const bench = new Bench();
    const ordinary = range(5).map((n) => bench.actor(`${n}`, false, 0));
    await Promise.all([...ordinary, bench.actor('broker', true, 0), bench.actor('strategy', true, 0)]);
    assert.equal(bench.story.join(' '), 'loop broker strategy 0 1 2 3 4');
  });

  test('what becomes urgent while a pass is under way has the next turn', async () => {
    const bench = new Bench();
    const first = bench.queue.turn(false).comes.then(() => {
      bench.story.push('0');
      return bench.actor('broker', true, 0);
    });
    await Promise.all([first, ...range(3).map((n) => bench.actor(`${n + 1}`, false, 0))]);
    const at = bench.story.indexOf('broker');
    // The turn that has been called when it comes is not taken back.
    assert.ok(at > 0 && at <= 3, bench.story.join(' '));
  });

  test('one that hurries overtakes, and has one turn', async () => {
    const bench = new Bench();
    const ordinary = range(3).map((n) => bench.actor(`${n}`, false, 0));
    const late = bench.queue.turn(false);
    const came = late.comes.then(() => bench.story.push('late'));
    late.hurry();
    late.hurry();
    assert.equal(bench.queue.depth, 4);
    await Promise.all([...ordinary, came]);
    late.hurry();
    await bench.actor('end', false, 0);
    assert.equal(bench.story.join(' '), 'loop late 0 1 2 loop end');
    assert.equal(bench.queue.depth, 0);
  });

  test('nobody starves: urgent ones that never have enough leave one turn of each pass to the others', async () => {
    const bench = new Bench();
    let over = false;
    const greedy = async (): Promise<void> => {
      while (!over) await bench.actor('urgent', true, PASS_MS / 2);
    };
    const all = Promise.all([greedy(), greedy(), greedy()]);
    await Promise.all(range(20).map((n) => bench.actor(`${n}`, false, PASS_MS)));
    over = true;
    await all;
    const { story } = bench;
    const others = story.filter((name) => name !== 'urgent' && name !== 'loop');
    assert.deepEqual(others, range(20).map(String));
    const passes = story.slice(0, story.indexOf('19') + 1).filter((name) => name === 'loop').length;
    assert.ok(passes <= 21, `20 turns took ${passes} passes`);
    assert.ok(story.filter((name) => name === 'urgent').length >= 20, 'the urgent had their turns too');
  });

  test('a turn that waits for something holds nobody up', async () => {
    const bench = new Bench();
    let done = (): void => undefined;
    const stored = new Promise<void>((resolve) => {
      done = resolve;
    });
    const waiting = bench.queue.turn(true).comes.then(() => stored);
    await Promise.all(range(3).map((n) => bench.actor(`${n}`, false, 0)));
    assert.equal(bench.story.join(' '), 'loop 0 1 2');
    done();
    await waiting;
  });

  test('a turn that throws does not stop it', async () => {
    const bench = new Bench();
    const fails = bench.queue.turn(false).comes.then(() => {
      throw new Error('not today');
    });
    const [failed] = await Promise.allSettled([fails, bench.actor('next', false, 0)]);
    assert.equal(failed.status, 'rejected');
    await bench.actor('later', false, 0);
    assert.equal(bench.story.join(' '), 'loop next loop later');
  });

  test('on a clock that stands still all turns come, in one order', async () => {
    const run = async (): Promise<string> => {
      const queue = new RunQueue(new VirtualClock(0));
      const story: string[] = [];
      const actor = async (name: string, urgent: boolean, turns: number): Promise<void> => {
        for (let n = 0; n < turns; n++) {
          await queue.turn(urgent).comes;
          story.push(name);
        }
      };
      await Promise.all([actor('a', false, 40), actor('b', true, 30), actor('c', false, 20), actor('d', true, 10)]);
      return story.join('');
    };
    const story = await run();
    assert.equal(story.length, 100);
    assert.equal(await run(), story);
  });
});

describe('in a flood', () => {
  /** Time passes when the queue waits for a timer, and the market brings so many bytes meanwhile. */
  class Flooded {
    nowMs = 0;
    bytes = 0;
    bytesPerMs = 2 * FLOOD_BYTES_PER_MS;
    onTimer = (): void => undefined;
    private readonly clock: Clock = {
      ...systemClock,
      monotonicMs: () => this.nowMs,
      setTimer: (ms, fire) => {
        let isCancelled = false;
        void systemClock.yield().then(() => {
          if (isCancelled) return;
          this.pass(ms);
          this.onTimer();
          fire();
        });
        return () => {
          isCancelled = true;
        };
      },
    };
    readonly queue = new RunQueue(this.clock, new Flood(() => this.bytes));

    pass(ms: number): void {
      this.nowMs += ms;
      this.bytes += ms * this.bytesPerMs;
    }

    /** Times at which each of so many actors had its turns of `ms`. */
    async turns(actors: number, turns: number, ms = 0): Promise<number[][]> {
      return Promise.all(
        range(actors).map(async () => {
          const times: number[] = [];
          for (let n = 0; n < turns; n++) {
            await this.queue.turn(false).comes;
            times.push(this.nowMs);
            this.pass(ms);
          }
          return times;
        }),
      );
    }
  }
  const ACTORS = 40;
  const ROUND_MS = ACTORS * ROUND_MS_PER_TURN;

  test('rounds of turns begin so far apart that inputs gather, each actor has one in each, and none is forgotten', async () => {
    const bench = new Flooded();
    bench.pass(MEASURED_MS);
    const times = await bench.turns(ACTORS, 5);
    for (const own of times) {
      assert.equal(own.length, 5);
      for (const [n, at] of own.entries()) assert.equal(at, MEASURED_MS + n * ROUND_MS);
    }
  });

  test('a round that takes longer than that is followed by the next at once', async () => {
    const bench = new Flooded();
    bench.pass(MEASURED_MS);
    const times = await bench.turns(ACTORS, 5, 2 * ROUND_MS_PER_TURN);
    assert.equal(Math.max(...times.flat()), MEASURED_MS + 2 * ROUND_MS_PER_TURN * (ACTORS * 5 - 1));
  });

  test('what is urgent does not wait for the round', async () => {
    const bench = new Flooded();
    bench.pass(MEASURED_MS);
    let urgentMs = Number.NaN;
    let asked = false;
    bench.onTimer = () => {
      if (asked) return;
      asked = true;
      void bench.queue.turn(true).comes.then(() => {
        urgentMs = bench.nowMs;
      });
    };
    await bench.turns(ACTORS, 1);
    const late = await bench.turns(1, 1);
    assert.ok(urgentMs < MEASURED_MS + ROUND_MS, `${urgentMs}`);
    assert.deepEqual(late, [[MEASURED_MS + ROUND_MS]]);
  });

  test('who hurries does not wait for it either, and has one turn', async () => {
    const bench = new Flooded();
    bench.pass(MEASURED_MS);
    await bench.turns(ACTORS, 1);
    const turn = bench.queue.turn(false);
    bench.onTimer = () => turn.hurry();
    await turn.comes;
    assert.ok(bench.nowMs < MEASURED_MS + ROUND_MS, `${bench.nowMs}`);
    await bench.turns(1, 1);
    assert.equal(bench.queue.depth, 0);
  });

  test('one that hurried and had its turn among the ordinary ones ends no rounds', async () => {
    const bench = new Flooded();
    bench.pass(MEASURED_MS);
    // Its pass is over when an urgent turn is: then the one that the ordinary ones are owed is the one that hurried.
    const urgent = bench.queue.turn(true).comes.then(() => bench.pass(PASS_MS));
    const late = bench.queue.turn(false);
    late.hurry();
    await Promise.all([urgent, late.comes]);
    const times = await bench.turns(ACTORS, 3);
    for (const own of times) assert.ok(own[2]! - own[1]! >= ROUND_MS, `${own}`);
  });

  test('when nothing more comes, nobody waits for the round', async () => {
    const bench = new Flooded();
    bench.pass(MEASURED_MS);
    await bench.turns(ACTORS, 1);
    bench.bytesPerMs = 0;
    const [[at]] = (await bench.turns(1, 1)) as [[number]];
    assert.ok(at < MEASURED_MS + ROUND_MS, `${at}`);
  });

  test('a market that is less than a flood never waits', async () => {
    const bench = new Flooded();
    bench.bytesPerMs = FLOOD_BYTES_PER_MS / 2;
    bench.pass(MEASURED_MS);
    const times = await bench.turns(ACTORS, 5);
    assert.deepEqual([...new Set(times.flat())], [MEASURED_MS]);
  });
});

/** Actors that share a queue; each step of one takes `stepMs`. */
class Crowd {
  readonly story: string[] = [];
  nowMs = 0;
  private readonly clock: Clock = { ...systemClock, monotonicMs: () => this.nowMs };
  private readonly queue = new RunQueue(this.clock);
  private readonly takers = new Map<string, Subscriber>();
  readonly actors: Interpreter[] = [];

  async join(id: string, urgent: boolean, stepMs: number): Promise<Interpreter> {
    const bus = new MemoryServer({ clock: systemClock }).connect();
    const machine = setup({}).createMachine({ id, on: { intent: {}, 'control.reconcile': {}, boom: {} } });
    const definition: ActorDefinition = {
      ...{ kind: 'one', id, machine, input: undefined, version: 1, delivery: 'commit', urgent },
      inputs: [{ topic: 'intent', key: { account: 'a' }, from: 'start' }],
      observe: ({ type }) => {
        this.story.push(type === 'intent' ? id : `${id} ${type}`);
        this.nowMs += stepMs;
      },
    };
    const hub: Inputs = {
      subscribe: async (one) => {
        this.takers.set(id, one);
      },
      unsubscribe: async () => undefined,
    };
    const { clock, queue } = this;
    const layout = { partitions: 1 };
    const poison = new PoisonRecord({ kind: 'one', id, bus, clock, log, layout });
    const actor = new Interpreter({
      ...{ definition, bus, hub, clock, queue, log, layout, poison, snapshots: await bus.kv('snapshots') },
      onExit: ({ reason }) => assert.fail(`${id} ended: ${reason}`),
    });
    await actor.start();
    this.actors.push(actor);
    return actor;
  }

  give(id: string, count: number): void {
    const subject = topics.intent.subject({ account: 'a', strategy: 's' }, { partitions: 1 });
    const taker = this.takers.get(id)!;
    const before = taker.taken('trading');
    for (let n = 1; n <= count; n++) {
      const message = { topic: 'intent', family: 'trading', sequence: before + n, subject, message: {} } as const;
      void taker.deliver({ ...message, data: new Uint8Array() } satisfies Delivered);
    }
  }

  async done(steps: number): Promise<void> {
    for (let turns = 0; this.story.length < steps; turns++) {
      assert.ok(turns < 100_000, `${this.story.length} of ${steps} steps`);
      await systemClock.yield();
    }
    await Promise.all(this.actors.map((actor) => actor.stop()));
  }
}

describe('actors that share a queue', () => {
  test('one with much to do lets the others have their turn after 64 events', async () => {
    const crowd = new Crowd();
    await crowd.join('much', false, 0);
    await crowd.join('little', false, 0);
    crowd.give('much', 200);
    crowd.give('little', 1);
    await crowd.done(201);
    assert.equal(crowd.story.indexOf('little'), TURN_EVENTS);
  });

  test('or after 2 ms', async () => {
    const crowd = new Crowd();
    await crowd.join('slow', false, TURN_MS / 4);
    await crowd.join('little', false, 0);
    crowd.give('slow', 20);
    crowd.give('little', 1);
    await crowd.done(21);
    assert.equal(crowd.story.indexOf('little'), 4);
  });

  test('what orders wait for has its turn before all market data that came earlier', async () => {
    const crowd = new Crowd();
    for (const n of range(50)) await crowd.join(`symbol ${n}`, false, 0);
    await crowd.join('broker', true, 0);
    for (const n of range(50)) crowd.give(`symbol ${n}`, 1);
    crowd.give('broker', 1);
    await crowd.done(51);
    assert.equal(crowd.story[0], 'broker');
  });

  test('a control event brings whoever gets it forward, also one that waits for its turn already', async () => {
    const crowd = new Crowd();
    for (const n of range(50)) await crowd.join(`symbol ${n}`, false, 0);
    for (const n of range(50)) crowd.give(`symbol ${n}`, 1);
    crowd.actors[49]!.tell({ type: 'control.reconcile' });
    await crowd.done(51);
    assert.deepEqual(crowd.story.slice(0, 2), ['symbol 49 control.reconcile', 'symbol 49']);
  });
});
