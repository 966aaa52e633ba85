/** Inside a thread, on a clock that stands still: nothing here waits for a timer. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Host } from '../../../node/thread/host.ts';
import type { FromThread, ToThread } from '../../../node/thread/protocol.ts';
import { Vitals } from '../../../node/thread/vitals.ts';
import type { Bus, KeyValue } from '../../../runtime/bus/bus.ts';
import { MemoryServer } from '../../../runtime/bus/memory.ts';
import { topics } from '../../../runtime/bus/topics.ts';
import { systemClock, VirtualClock } from '../../../runtime/clock.ts';
import { silentLogger } from '../../../runtime/telemetry/log.ts';

const MOST_TURNS = 10_000;
const LAYOUT = { partitions: 1 };
const KEY = { symbol: 'EURUSD', timeframe: '1m' };

const bar = (n: number) => ({
  ...{ ...KEY, openTimeMs: n * 60_000, closeTimeMs: (n + 1) * 60_000 },
  ...{ open: 1.1, high: 1.2, low: 1.1, close: 1.1 + n / 100, askClose: 1.2, ticks: 1 },
});

const RUN = {
  ...{ id: 'one', use: 'ema-cross', symbol: KEY.symbol, params: {}, account: 'demo' },
  ...{ featureTimeframes: [KEY.timeframe], folder: '/' },
};
interface Quoted {
  readonly quote: { readonly bid: number };
}

const POISON = { attempts: [], buried: [] };

/** One that has been born, with both ends of its port. */
function born(server = new MemoryServer({ clock: new VirtualClock(0) }), commits: Promise<void> = Promise.resolve()) {
  const clock = new VirtualClock(0);
  const told: FromThread[] = [];
  let hear = (_message: ToThread): void => undefined;
  const host = new Host({
    ...{ vitals: new Vitals(), clock, log: silentLogger, node: 'node-1' },
    port: {
      on: (_event, listener) => {
        hear = listener;
      },
      postMessage: (message) => void told.push(message),
    },
    connect: async () => {
      const bus = server.connect();
      const kv = await bus.kv('snapshots');
      const late = Object.assign(Object.create(kv) as KeyValue, {
        update: (...update: Parameters<KeyValue['update']>) => commits.then(() => kv.update(...update)),
      });
      return Object.assign(Object.create(bus) as Bus, { kv: async () => late });
    },
  });
  host.listen();
  const heard = async <T extends FromThread['type']>(type: T, from = 0): Promise<Extract<FromThread, { type: T }>> => {
    for (let turns = 0; turns < MOST_TURNS; turns++) {
      const message = told.slice(from).find((one) => one.type === type);
      if (message !== undefined) return message as Extract<FromThread, { type: T }>;
      await systemClock.yield();
    }
    throw new Error(`not told: ${type}; told: ${told.map((one) => one.type).join(', ')}`);
  };
  return { told, heard, hear: (message: ToThread) => hear(message), bus: server.connect(), server };
}

describe('a strategy inside its thread', () => {
  test('tells its figures with each input while it has only just started, whenever they are due otherwise', async () => {
    const { told, heard, hear } = born();
    hear({ type: 'run', run: RUN, layout: LAYOUT, poison: POISON, stored: undefined });
    await heard('subscribe');
    hear({ type: 'subscribed' });
    await heard('news');
    for (const n of [0, 1]) {
      const before = told.length;
      const stored = { subject: topics.bar.subject(KEY, LAYOUT), data: topics.bar.encode(bar(n)), sequence: n + 1 };
      hear({ type: 'inputs', inputs: [{ topic: 'bar', family: topics.bar.family, ...stored }] });
      const { summary } = await heard('news', before);
      assert.equal((summary as Quoted).quote.bid, bar(n).close);
    }
  });

  test('prepared, it has neither read nor written its state: the thread before may still do so', async () => {
    const { told, heard, hear, bus } = born();
    const snapshots = await bus.kv('snapshots');
    hear({ type: 'prepare', run: RUN });
    // Asked behind it, and answered with what preparing takes: loading the strategy's file.
    hear({ type: 'plan', run: RUN });
    await heard('planned');
    assert.equal(await snapshots.get('strategy.one'), undefined);
    assert.deepEqual(
      told.map(({ type }) => type),
      ['ready', 'planned'],
    );
    hear({ type: 'run', run: RUN, layout: LAYOUT, poison: POISON, stored: undefined });
    await heard('started');
    assert.ok((await snapshots.get('strategy.one')) !== undefined);
  });

  test('what is handed over before it has started again waits, and is taken once', async () => {
    const { told, heard, hear, bus, server } = born();
    const snapshots = await bus.kv('snapshots');
    hear({ type: 'run', run: RUN, layout: LAYOUT, poison: POISON, stored: undefined });
    hear({ type: 'subscribed' });
    await heard('started');
    hear({ type: 'stop' });
    await heard('stopped');
    const stored = await snapshots.get('strategy.one');

    const commit = Promise.withResolvers<void>();
    const again = born(server, commit.promise);
    again.hear({ type: 'run', run: RUN, layout: LAYOUT, poison: POISON, stored });
    // Its commit has not come back yet.
    await again.heard('subscribe');
    again.hear({ type: 'subscribed' });
    for (const n of [0, 1]) {
      const subject = topics.bar.subject(KEY, LAYOUT);
      const input = { subject, data: topics.bar.encode(bar(n)), sequence: n + 1 };
      again.hear({ type: 'inputs', inputs: [{ topic: 'bar', family: topics.bar.family, ...input }] });
    }
    await systemClock.yield();
    assert.ok(!again.told.some(({ type }) => type === 'started' || type === 'news'));
    commit.resolve();
    await again.heard('started');
    again.hear({ type: 'settled', ask: 1 });
    await again.heard('settled');
    const last = again.told.findLast(({ type }) => type === 'news') as { summary: Quoted };
    assert.equal(last.summary.quote.bid, bar(1).close);
    const taken = again.told.map((one) => (one.type === 'took' ? one.count : 0));
    assert.equal(
      taken.reduce((sum, count) => sum + count, 0),
      2,
    );
    assert.equal(told.filter(({ type }) => type === 'subscribe').length, 1);
    assert.equal(again.told.filter(({ type }) => type === 'subscribe').length, 1);
  });

  test('that it cannot be prepared is told when it has to run', async () => {
    const { told, heard, hear } = born();
    const run = { ...RUN, use: './nowhere.ts' };
    hear({ type: 'prepare', run });
    hear({ type: 'plan', run: RUN });
    await heard('planned');
    assert.ok(!told.some(({ type }) => type === 'exit'));
    hear({ type: 'run', run, layout: LAYOUT, poison: POISON, stored: undefined });
    const { error } = await heard('exit');
    assert.match(`${error.code} ${error.message}`, /CONFIG_.*strategies\.one\.use/);
  });
});
