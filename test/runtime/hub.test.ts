import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Bus } from '../../runtime/bus/bus.ts';
import { MemoryServer } from '../../runtime/bus/memory.ts';
import { partitionOf } from '../../runtime/bus/subjects.ts';
import type { Family, TopicKey } from '../../runtime/bus/topics.ts';
import { topics } from '../../runtime/bus/topics.ts';
import { systemClock as clock } from '../../runtime/clock.ts';
import type { Delivered } from '../../runtime/delivered.ts';
import type { Subscriber } from '../../runtime/hub.ts';
import { InputHub } from '../../runtime/hub.ts';
import { silentLogger } from '../../runtime/telemetry/log.ts';

const layout = { partitions: 12 };

class Listener implements Subscriber {
  readonly inputs: Subscriber['inputs'];
  readonly heard: string[] = [];
  private position: number;
  hold: Promise<void> | undefined;

  constructor(key: TopicKey, position = 0) {
    this.inputs = [{ topic: 'bar', key }];
    this.position = position;
  }

  taken(_family: Family): number {
    return this.position;
  }

  deliver({ sequence, message }: Delivered): void | Promise<void> {
    this.position = sequence;
    const { symbol, ticks } = message as { symbol: string; ticks: number };
    this.heard.push(`${symbol} ${ticks}`);
    return this.hold;
  }
}

async function bar(bus: Bus, symbol: string, n: number, timeframe = '1m'): Promise<void> {
  await bus.publish({
    subject: topics.bar.subject({ symbol, timeframe }, layout),
    messageId: `${symbol}.${timeframe}.${n}`,
    data: topics.bar.encode({ symbol, timeframe, ticks: n }),
  });
}

function stage(recentBytes?: number): { bus: Bus; hub: InputHub } {
  const bus = new MemoryServer({ clock }).connect();
  const kept = recentBytes === undefined ? {} : { recentBytes };
  const hub = new InputHub({
    ...{ bus, layout, clock, log: silentLogger, ...kept },
    onFailure: (error) => assert.fail(error),
  });
  return { bus, hub };
}

interface Read {
  readonly filters: readonly string[];
  readonly from: number;
  stopped: boolean;
}

/** A bus that writes down its readers. */
function counting(bus: Bus): { counted: Bus; reads: Read[] } {
  const reads: Read[] = [];
  const counted = Object.create(bus) as Bus;
  counted.read = async (request) => {
    const read = { filters: request.filters, from: request.fromSequence, stopped: false };
    reads.push(read);
    const reader = await bus.read(request);
    return {
      stop: () => {
        read.stopped = true;
        return reader.stop();
      },
    };
  };
  return { counted, reads };
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let turns = 0; !(await condition()); turns++) {
    assert.ok(turns < 100_000, 'waited too long for a condition');
    await clock.yield();
  }
}

describe('inputs of a node', () => {
  test('everybody hears only what is theirs', async () => {
    const { bus, hub } = stage();
    const [euro, minutes, all] = [
      new Listener({ symbol: 'EURUSD' }),
      new Listener({ timeframe: '1m' }),
      new Listener({}),
    ];
    for (const listener of [euro, minutes, all]) await hub.subscribe(listener);
    await bar(bus, 'EURUSD', 1);
    await bar(bus, 'USDJPY', 2, '5m');
    await bar(bus, 'USDJPY', 3);
    await until(() => hub.caughtUp());
    assert.deepEqual(euro.heard, ['EURUSD 1']);
    assert.deepEqual(minutes.heard, ['EURUSD 1', 'USDJPY 3']);
    assert.deepEqual(all.heard, ['EURUSD 1', 'USDJPY 2', 'USDJPY 3']);
  });

  test('what was lent goes back when the last who hears it has done with it, and at once when nobody hears it', async () => {
    const { bus } = stage();
    const back: string[] = [];
    const lending = Object.create(bus) as Bus;
    lending.read = (request) =>
      bus.read({
        ...request,
        onMessage: (message) => request.onMessage({ ...message, loan: { giveBack: () => back.push(message.subject) } }),
      });
    const onFailure = (error: Error): void => assert.fail(error);
    const hub = new InputHub({ bus: lending, layout, clock, log: silentLogger, onFailure });
    const held: Delivered[] = [];
    const holding = (symbol: string): Subscriber => {
      let position = 0;
      return {
        inputs: [{ topic: 'bar', key: { symbol, timeframe: '1m' } }],
        taken: () => position,
        deliver: (delivered) => {
          position = delivered.sequence;
          held.push(delivered);
        },
      };
    };
    for (const symbol of ['EURUSD', 'EURUSD', 'USDJPY']) await hub.subscribe(holding(symbol));
    // One reader per partition, with the symbol left open: it brings this one too.
    const ownPartition = partitionOf('EURUSD', layout.partitions);
    const neighbour = Array.from({ length: 200 }, (_, i) => `SYM${i}`).find(
      (symbol) => partitionOf(symbol, layout.partitions) === ownPartition,
    )!;
    await bar(bus, neighbour, 1);
    await bar(bus, 'EURUSD', 2);
    await until(() => held.length === 2);
    const [nobodys, euro] = [neighbour, 'EURUSD'].map((symbol) =>
      topics.bar.subject({ symbol, timeframe: '1m' }, layout),
    );
    assert.deepEqual(back, [nobodys]);
    held[0]!.letGo!();
    assert.deepEqual(back, [nobodys]);
    held[1]!.letGo!();
    assert.deepEqual(back, [nobodys, euro]);
    const sent = [neighbour, 'EURUSD'].map((symbol, i) => ({ symbol, timeframe: '1m', ticks: i + 1 }));
    assert.equal(
      hub.bytes,
      sent.reduce((sum, one) => sum + topics.bar.encode(one).length, 0),
    );
  });

  /** A bus whose readers begin to speak before those who asked for them are told: `opened` lets the answer through. */
  function slowToOpen(bus: Bus) {
    const reads: { filters: readonly string[]; fromSequence: number; opened: () => void }[] = [];
    const slow = Object.create(bus) as Bus;
    slow.read = async (request) => {
      const reader = await bus.read(request);
      await new Promise<void>((resolve) => {
        reads.push({ filters: request.filters, fromSequence: request.fromSequence, opened: resolve });
      });
      return reader;
    };
    return { slow, reads };
  }

  test('one who comes while a reader is being opened misses nothing that came before', async () => {
    const { bus } = stage();
    const { slow, reads } = slowToOpen(bus);
    const hub = new InputHub({ bus: slow, layout, clock, log: silentLogger, onFailure: (error) => assert.fail(error) });
    for (const n of [1, 2, 3]) await bar(bus, 'EURUSD', n);
    const first = new Listener({ timeframe: '1m' }, 3);
    const firstIsIn = hub.subscribe(first);
    await until(() => reads.length === 1);
    const late = new Listener({ symbol: 'EURUSD' });
    const lateIsIn = hub.subscribe(late);
    await bar(bus, 'USDJPY', 4);
    await bar(bus, 'EURUSD', 5);
    await until(() => first.heard.length === 2);
    reads[0]!.opened();
    await until(() => reads.length === 2);
    reads[1]!.opened();
    await Promise.all([firstIsIn, lateIsIn]);
    await until(() => late.heard.length === 4);
    assert.deepEqual(late.heard, ['EURUSD 1', 'EURUSD 2', 'EURUSD 3', 'EURUSD 5']);
  });

  test('one whose symbol has long been quiet costs nobody a second reading when another comes', async () => {
    const { bus } = stage();
    const { slow, reads } = slowToOpen(bus);
    const hub = new InputHub({ bus: slow, layout, clock, log: silentLogger, onFailure: (error) => assert.fail(error) });
    const quiet = new Listener({ symbol: 'EURUSD' });
    const busy = new Listener({ symbol: 'USDJPY' });
    const both = Promise.all([hub.subscribe(quiet), hub.subscribe(busy)]);
    await until(() => reads.length === 1);
    reads[0]!.opened();
    await both;
    for (let n = 1; n <= 50; n++) await bar(bus, 'USDJPY', n);
    await until(() => busy.heard.length === 50);
    const other = hub.subscribe(new Listener({ symbol: 'GBPUSD' }, 40));
    await until(() => reads.length === 2);
    reads[1]!.opened();
    await other;
    assert.equal(reads[1]!.fromSequence, 41, 'from where the new one needs it, not from the quiet one’s last message');
  });

  test('a node that has some of the partitions reads those; one that has all reads everything', async () => {
    const { bus } = stage();
    const { slow, reads } = slowToOpen(bus);
    const hub = new InputHub({ bus: slow, layout, clock, log: silentLogger, onFailure: (error) => assert.fail(error) });
    const open = async (...listeners: Listener[]): Promise<readonly string[]> => {
      const before = reads.length;
      const all = Promise.all(listeners.map((listener) => hub.subscribe(listener)));
      await until(() => reads.length > before);
      reads.at(-1)!.opened();
      await all;
      return reads.at(-1)!.filters;
    };
    const names = Array.from({ length: 200 }, (_, i) => `SYM${i}`);
    const some = names.filter((symbol) => [2, 7].includes(partitionOf(symbol, layout.partitions)));
    assert.deepEqual(await open(...some.map((symbol) => new Listener({ symbol }))), ['md.2.bars.*.*', 'md.7.bars.*.*']);
    assert.deepEqual(await open(...names.map((symbol) => new Listener({ symbol }))), ['md.*.bars.*.*']);
  });

  test('a node that has every partition with a symbol in it reads everything, by one filter', async () => {
    const { bus } = stage();
    const { slow, reads } = slowToOpen(bus);
    const symbols = ['EURUSD', 'GBPUSD'];
    const parts = { bus: slow, layout, clock, log: silentLogger, onFailure: (error: Error) => assert.fail(error) };
    const hub = new InputHub({ ...parts, symbols });
    const all = Promise.all(symbols.map((symbol) => hub.subscribe(new Listener({ symbol }))));
    await until(() => reads.length > 0);
    reads[0]!.opened();
    await all;
    assert.deepEqual(reads[0]!.filters, ['md.*.bars.*.*']);
  });

  test('one who comes late and from further back gets everything, and nobody else hears it twice', async () => {
    const { bus, hub } = stage();
    const early = new Listener({ symbol: 'EURUSD' });
    await hub.subscribe(early);
    for (let n = 1; n <= 5; n++) await bar(bus, 'EURUSD', n);
    await until(() => early.heard.length === 5);
    const late = new Listener({ symbol: 'EURUSD' }, 2);
    await hub.subscribe(late);
    await bar(bus, 'EURUSD', 6);
    await until(() => late.heard.length === 4 && early.heard.length === 6);
    assert.deepEqual(
      late.heard,
      [3, 4, 5, 6].map((n) => `EURUSD ${n}`),
    );
    assert.deepEqual(
      early.heard,
      [1, 2, 3, 4, 5, 6].map((n) => `EURUSD ${n}`),
    );
  });

  test('one who was started again reads alone what is not kept, while the others go on and after it has joined them', async () => {
    const { bus } = stage();
    const { counted, reads } = counting(bus);
    const hub = new InputHub({
      ...{ bus: counted, layout, clock, log: silentLogger, recentBytes: 0 },
      onFailure: (error) => assert.fail(error),
    });
    const [euro, yen] = [new Listener({ symbol: 'EURUSD' }), new Listener({ symbol: 'USDJPY' })];
    await Promise.all([hub.subscribe(euro), hub.subscribe(yen)]);
    for (let n = 1; n <= 100; n++) await bar(bus, n % 2 === 0 ? 'EURUSD' : 'USDJPY', n);
    await until(() => hub.caughtUp());
    const opened = reads.length;
    await hub.unsubscribe(euro);
    for (let n = 101; n <= 110; n++) await bar(bus, n % 2 === 0 ? 'EURUSD' : 'USDJPY', n);
    const again = new Listener({ symbol: 'EURUSD' }, 50);
    await hub.subscribe(again);
    for (let n = 111; n <= 120; n++) await bar(bus, n % 2 === 0 ? 'EURUSD' : 'USDJPY', n);
    await until(() => hub.caughtUp());
    assert.deepEqual(
      again.heard,
      Array.from({ length: 35 }, (_, i) => `EURUSD ${52 + 2 * i}`),
    );
    assert.equal(yen.heard.length, 60);
    const own = reads.slice(opened);
    assert.deepEqual(
      own.map(({ filters, from }) => [filters, from]),
      [[[topics.bar.subject({ symbol: 'EURUSD' }, layout)], 51]],
    );
    await until(() => own.every(({ stopped }) => stopped));
    await bar(bus, 'EURUSD', 122);
    await until(() => again.heard.length === 36);
    await hub.unsubscribe(again);
    await hub.unsubscribe(yen);
  });

  test('who comes back a moment later is handed what it lacks, and no reader is made for it', async () => {
    const { bus } = stage();
    const { counted, reads } = counting(bus);
    const parts = { bus: counted, layout, clock, log: silentLogger, onFailure: (error: Error) => assert.fail(error) };
    const hub = new InputHub(parts);
    const [euro, yen] = [new Listener({ symbol: 'EURUSD' }), new Listener({ symbol: 'USDJPY' })];
    await Promise.all([hub.subscribe(euro), hub.subscribe(yen)]);
    for (let n = 1; n <= 400; n++) await bar(bus, n % 2 === 0 ? 'EURUSD' : 'USDJPY', n);
    await until(() => hub.caughtUp());
    const opened = reads.length;
    await hub.unsubscribe(euro);
    const again = new Listener({ symbol: 'EURUSD' }, 50);
    const free = Promise.withResolvers<void>();
    again.hold = free.promise;
    await hub.subscribe(again);
    // It has taken one and waits; what comes meanwhile is kept for it.
    for (let n = 401; n <= 410; n++) await bar(bus, n % 2 === 0 ? 'EURUSD' : 'USDJPY', n);
    await until(() => yen.heard.length === 205);
    assert.equal(again.heard.length, 1);
    assert.equal(await hub.caughtUp(), false);
    again.hold = undefined;
    free.resolve();
    await until(() => hub.caughtUp());
    await bar(bus, 'EURUSD', 412);
    await until(() => again.heard.length === 181);
    assert.deepEqual(
      again.heard,
      [...Array.from({ length: 180 }, (_, i) => 52 + 2 * i), 412].map((n) => `EURUSD ${n}`),
    );
    assert.equal(reads.length, opened);
    for (const one of [yen, again]) await hub.unsubscribe(one);
  });

  test('who comes back among the messages of many others is handed its own in a few rounds of the event loop', async () => {
    let rounds = 0;
    const bus = new MemoryServer({ clock }).connect();
    const counted = { ...clock, yield: () => clock.yield().finally(() => rounds++) };
    const hub = new InputHub({
      ...{ bus, layout, clock: counted, log: silentLogger },
      onFailure: (error) => assert.fail(error),
    });
    const [a, b] = [new Listener({ symbol: 'A' }), new Listener({ symbol: 'B' })];
    await Promise.all([hub.subscribe(a), hub.subscribe(b)]);
    await hub.unsubscribe(a);
    const own = 20;
    for (let n = 1; n <= own; n++) {
      await bar(bus, 'A', n);
      for (let other = 0; other < 99; other++) await bar(bus, 'B', n * 100 + other);
    }
    while (b.heard.length < own * 99) await clock.yield();
    rounds = 0;
    await hub.subscribe(a);
    while (a.heard.length < own) await clock.yield();
    assert.ok(rounds < 5, `${rounds} rounds`);
    assert.deepEqual(
      a.heard,
      Array.from({ length: own }, (_, i) => `A ${i + 1}`),
    );
    await hub.unsubscribe(a);
    await hub.unsubscribe(b);
  });

  test('who leaves and comes back while it is being handed what it lacks gets the rest once', async () => {
    const { bus, hub } = stage();
    const others = new Listener({});
    await hub.subscribe(others);
    for (let n = 1; n <= 20; n++) await bar(bus, 'EURUSD', n);
    await until(() => others.heard.length === 20);
    const one = new Listener({ symbol: 'EURUSD' }, 10);
    const free = Promise.withResolvers<void>();
    one.hold = free.promise;
    await hub.subscribe(one);
    await until(() => one.heard.length === 1);
    await hub.unsubscribe(one);
    one.hold = undefined;
    await hub.subscribe(one);
    free.resolve();
    await until(() => hub.caughtUp());
    assert.deepEqual(
      one.heard,
      Array.from({ length: 10 }, (_, i) => `EURUSD ${11 + i}`),
    );
  });

  test('a reader that everybody has left waits for them a while, also for the first of several, then it ends', async () => {
    const { bus } = stage();
    const { counted, reads } = counting(bus);
    const hub = new InputHub({
      ...{ bus: counted, layout, clock, log: silentLogger },
      onFailure: (error) => assert.fail(error),
    });
    const both = (): Listener[] => [new Listener({ symbol: 'EURUSD' }), new Listener({ symbol: 'USDJPY' })];
    const first = both();
    await Promise.all(first.map((one) => hub.subscribe(one)));
    await bar(bus, 'EURUSD', 1);
    await until(() => first[0]!.heard.length === 1);
    for (const one of first) await hub.unsubscribe(one);
    await bar(bus, 'EURUSD', 2);
    const [euro, yen] = both() as [Listener, Listener];
    await hub.subscribe(euro);
    await hub.subscribe(yen);
    await bar(bus, 'USDJPY', 3);
    await until(() => euro.heard.length === 2 && yen.heard.length === 1);
    assert.deepEqual(euro.heard, ['EURUSD 1', 'EURUSD 2']);
    assert.deepEqual([reads.length, reads[0]!.stopped], [1, false]);
    for (const one of [euro, yen]) await hub.unsubscribe(one);
    while (!reads[0]!.stopped) await clock.sleep(5);
  });

  test('one who leaves hears nothing more, the others go on', async () => {
    const { bus, hub } = stage();
    const [stays, leaves] = [new Listener({}), new Listener({})];
    await hub.subscribe(stays);
    await hub.subscribe(leaves);
    await bar(bus, 'EURUSD', 1);
    await until(() => stays.heard.length === 1 && leaves.heard.length === 1);
    await hub.unsubscribe(leaves);
    await bar(bus, 'EURUSD', 2);
    await until(() => stays.heard.length === 2);
    assert.deepEqual(leaves.heard, ['EURUSD 1']);
  });

  test('one who cannot take more holds the reader, and is not caught up meanwhile', async () => {
    const { bus, hub } = stage();
    const slow = new Listener({});
    let release = (): void => undefined;
    slow.hold = new Promise((resolve) => {
      release = resolve;
    });
    await hub.subscribe(slow);
    for (let n = 1; n <= 3; n++) await bar(bus, 'EURUSD', n);
    await until(() => slow.heard.length === 1);
    assert.equal(await hub.caughtUp(), false);
    release();
    slow.hold = undefined;
    await until(() => hub.caughtUp());
    assert.equal(slow.heard.length, 3);
  });

  test('whatever the order of coming, going and speaking, each hears its own once and in order', async () => {
    const symbols = ['EURUSD', 'USDJPY', 'BRK B'];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom('join', 'speak', 'speak', 'speak'), fc.nat(2)), {
          minLength: 1,
          maxLength: 40,
        }),
        fc.constantFrom(0, 1_000, undefined),
        async (steps, recentBytes) => {
          const { bus, hub } = stage(recentBytes);
          const said: string[] = [];
          const listeners: { listener: Listener; symbol: string; from: number }[] = [];
          for (const [verb, which] of steps) {
            const symbol = symbols[which]!;
            if (verb === 'join') {
              const from = Math.floor(said.length / 2);
              const listener = new Listener({ symbol }, from);
              listeners.push({ listener, symbol, from });
              await hub.subscribe(listener);
            } else {
              said.push(`${symbol} ${said.length + 1}`);
              await bar(bus, symbol, said.length);
            }
          }
          await until(() => hub.caughtUp());
          for (const { listener, symbol, from } of listeners) {
            assert.deepEqual(
              listener.heard,
              said.slice(from).filter((text) => text.startsWith(`${symbol} `)),
            );
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});
