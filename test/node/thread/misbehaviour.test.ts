/** A strategy that misbehaves costs itself a restart, and in the end itself; the one beside it does not notice. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until, World } from './world.ts';

const LIMIT = { timeout: 300_000 };

interface Misbehaviour {
  readonly name: string;
  readonly id: string;
  /** Runs in the handler. */
  readonly fault: string;
  /** What the supervisor is told. */
  readonly cause: RegExp;
}

/** On a busy machine memory that grows in a loop is a silence before it is too much. */
const GROWTH = /it held \d+ MB, allowed: 128 MB|no sign of life for 1000 ms/;

const misbehaviours: readonly Misbehaviour[] = [
  { name: 'a loop without end', id: 'loop', fault: 'for (;;);', cause: /no sign of life for 1000 ms/ },
  {
    name: 'a wait that blocks the thread',
    id: 'wait',
    fault: 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);',
    cause: /no sign of life for 1000 ms/,
  },
  {
    name: 'a command that blocks the thread',
    id: 'command',
    fault: "execSync('sleep 600');",
    // The command ends with the patience of the watchdog, so either may come first.
    cause: /no sign of life for 1000 ms|ETIMEDOUT/,
  },
  {
    name: 'small objects without end',
    id: 'heap',
    fault: 'for (;;) kept.push({ a: [kept.length] });',
    cause: GROWTH,
  },
  {
    name: 'a map that doubles',
    id: 'map',
    fault: 'const map = new Map(); kept.push(map); for (let i = 0; ; i++) map.set(i, i);',
    cause: GROWTH,
  },
  {
    name: 'arrays of 80 MB each',
    id: 'array',
    fault: 'for (;;) kept.push(new Array(1e7).fill(1));',
    cause: GROWTH,
  },
  {
    name: 'buffers without end',
    id: 'buffer',
    fault: 'for (;;) kept.push(Buffer.alloc(4e6, 1));',
    cause: GROWTH,
  },
  {
    name: 'buffers that are kept, a few with every bar',
    id: 'leak',
    fault: 'for (let i = 0; i < 3; i++) kept.push(Buffer.alloc(16e6, 1)); if (kept.length < 20) return;',
    cause: /it held \d+ MB, allowed: 128 MB/,
  },
  { name: 'a throw', id: 'throw', fault: "throw new Error('had enough');", cause: /onBar: had enough/ },
  { name: 'a throw of something odd', id: 'odd', fault: 'throw { toString: undefined };', cause: /strategy odd/ },
  {
    name: 'a rejection that nobody handles',
    id: 'reject',
    fault: "void Promise.reject(new Error('unheard')); return;",
    cause: /unheard/,
  },
  {
    name: 'an error in a callback',
    id: 'callback',
    fault: "queueMicrotask(() => { throw new Error('later'); }); return;",
    cause: /later/,
  },
  { name: 'process.exit(0)', id: 'exit', fault: 'process.exit(0);', cause: /ended by itself with code 0/ },
];

const quantile = (sorted: readonly number[], q: number): number => sorted[Math.floor(q * (sorted.length - 1))]!;

/** Bars before and after the misbehaviour: what the other one's latency is on this machine at this moment. */
const CALM_BARS = 30;
/** What else runs on the machine may fall into one round; what the misbehaviour does to the other one is there in all. */
const ROUNDS = 6;

/**
 * Of these quantiles of the other one's latency, how much longer it may be meanwhile. Memory that grows as fast as it can
 * is collected by V8's own threads on all cores, for the few looks that it takes until it is too much.
 */
const noiseOf = ({ cause }: Misbehaviour) => [
  { q: 0.5, factor: 1.5, ms: 0.5 },
  { q: 0.9, factor: 2, ms: cause === GROWTH ? 10 : 3 },
];

describe('a strategy that always does it', () => {
  let world: World;
  before(async () => {
    world = await World.make({ restarts: 1 });
    await world.add('good', '');
    await world.tellWhile(() => world.heard('good').length < 100);
  });
  after(() => world.stop());

  const tellCalm = async (): Promise<readonly [from: number, to: number]> => {
    const from = world.bars;
    await world.tellWhile(() => world.bars < from + CALM_BARS);
    return [from, world.bars];
  };

  /** It misbehaves until it is given up. Whether the other one's latency stayed what it is otherwise, and the figures. */
  const round = async (id: string, one: Misbehaviour): Promise<{ isSteady: boolean; figures: string }> => {
    const before = await tellCalm();
    await world.add(id, one.fault);
    const from = world.bars;
    await world.tellWhile(() => !world.givenUp(id));
    const to = world.bars;
    const after = await tellCalm();
    await until('the other has heard everything', () => world.heard('good').length === world.bars);
    const calm = [before, after].flatMap((span) => world.latencies('good', ...span)).sort((a, b) => a - b);
    const wild = world.latencies('good', from, to);
    const noise = noiseOf(one);
    const isSteady = noise.every(({ q, factor, ms }) => quantile(wild, q) <= factor * quantile(calm, q) + ms);
    const figures = noise.map(({ q }) => `${q}: ${quantile(calm, q).toFixed(2)} -> ${quantile(wild, q).toFixed(2)} ms`);
    return { isSteady, figures: `${figures.join(', ')}, ${wild.length} bars` };
  };

  for (const misbehaviour of misbehaviours) {
    const { name, id, cause } = misbehaviour;
    test(`${name}: a restart, then the end of it, and nobody else's`, LIMIT, async (t) => {
      const told: string[] = [];
      let isSteady = false;
      for (let i = 1; i <= ROUNDS && !isSteady; i++) {
        const one = await round(i === 1 ? id : `${id}-${i}`, misbehaviour);
        isSteady = one.isSteady;
        told.push(one.figures);
        t.diagnostic(`${name}: ${one.figures}`);
      }
      const to = world.bars;

      const failures = world.of(id, 'failed');
      assert.equal(failures.length, 2, JSON.stringify(failures));
      for (const failure of failures) assert.match(failure.cause, cause);
      assert.equal(world.of(id, 'restarted').length, 1);
      assert.equal(world.phase(id), 'failed');
      assert.deepEqual(world.of('good', 'failed'), []);
      // The other one heard every bar once, and no later than right before and after.
      assert.deepEqual(
        world.heard('good').map(({ bar }) => bar),
        Array.from({ length: to }, (_, bar) => bar),
      );
      assert.ok(isSteady, told.join('; '));
    });
  }
});

describe('a strategy that does it once', () => {
  let world: World;
  before(async () => {
    world = await World.make({ restarts: 2 });
  });
  after(() => world.stop());

  // What is kept over several bars is no fault of one.
  for (const { name, id, fault, cause } of misbehaviours.filter((one) => one.id !== 'leak')) {
    test(`${name}: it goes on where it was; no bar and no order is lost or doubled`, LIMIT, async () => {
      const from = world.bars;
      await world.add(id, `if (ctx.state.bars === 5 && once()) { ${fault} }`);
      await world.tellWhile(() => world.of(id, 'restarted').length === 0);
      const to = world.bars + 5;
      await world.tellWhile(() => world.bars < to);
      // Strategies hear from now on: the first bar is the first one told after the start.
      await until('it has heard everything', () => world.heard(id).at(-1)?.bar === world.bars - 1);
      assert.equal(world.of(id, 'failed').length, 1);
      assert.match(world.of(id, 'failed')[0]!.cause, cause);
      // A bar whose step was not committed is heard again, with the count that it had.
      const heard = new Map(world.heard(id).map(({ bar, count }) => [bar, count]));
      const bars = Array.from({ length: world.bars - from }, (_, i) => from + i);
      // These two do not throw inside the step: the bar that caused them may have been committed as heard.
      const lenient = id === 'reject' || id === 'callback';
      const expected = bars.filter((bar) => !lenient || heard.has(bar));
      assert.ok(bars.length - expected.length <= 1);
      assert.deepEqual([...heard.keys()], expected);
      assert.deepEqual(
        [...heard.values()],
        expected.map((bar) => bar - from + 1),
      );
      let intents = await world.intents(id);
      await until('its intents are there', async () => {
        intents = await world.intents(id);
        return intents.length >= expected.length;
      });
      assert.deepEqual(
        intents.map(({ targetIntentId }) => targetIntentId),
        expected.map((bar) => `bar-${bar}`),
      );
      assert.equal(new Set(intents.map(({ intentId }) => intentId)).size, expected.length);
    });
  }
});
