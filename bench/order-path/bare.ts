/**
 * The raw limit of the order path: everything that the path asks of NATS, one after the other and with nothing done in
 * between.
 *
 * 1. compare-and-set in KV: the strategy commits its snapshot and outbox;
 * 2. publish into TRADING until a consumer has it: the intent reaches the broker (its acknowledgement comes meanwhile
 *    and is awaited before the next round begins);
 * 3. compare-and-set in KV: the broker commits `submitting`;
 * 4. request and reply: the command reaches the bridge, and its answer the broker.
 */
import type { Bus, KeyValue } from '../../runtime/bus/bus.ts';
import type { NatsBus } from '../../runtime/bus/nats.ts';
import { inspectSubject, topics } from '../../runtime/bus/topics.ts';
import type { Login, Stage } from '../stage.ts';

/** Names of its own, so that nobody in the company hears of it. */
const ACCOUNT = 'bench-bare';
const GAP_MS = 40;
const TIMEOUT_MS = 10_000;

export interface BareTrip {
  readonly strategyCommitMs: number;
  readonly intentMs: number;
  readonly brokerCommitMs: number;
  readonly commandMs: number;
  readonly totalMs: number;
}

/** Bytes of what the path really sends, so that the bare trips carry as much. */
export interface BareSizes {
  readonly strategySnapshot: number;
  readonly brokerSnapshot: number;
  readonly intent: number;
  readonly command: number;
}

class Cell {
  private revision = 0;
  private readonly kv: KeyValue;
  private readonly key: string;
  private readonly value: Uint8Array;

  constructor(kv: KeyValue, key: string, bytes: number) {
    this.kv = kv;
    this.key = key;
    this.value = new Uint8Array(bytes).fill(32);
  }

  async commit(): Promise<void> {
    const { kv, key, value } = this;
    this.revision = this.revision === 0 ? await kv.create(key, value) : await kv.update(key, value, this.revision);
  }
}

export class BareTrips {
  readonly trips: BareTrip[] = [];
  private readonly stage: Stage;
  private readonly client: NatsBus;
  private readonly bridge: NatsBus;
  private readonly sizes: BareSizes;
  private stopping = false;
  private running: Promise<void> = Promise.resolve();

  private constructor(stage: Stage, client: NatsBus, bridge: NatsBus, sizes: BareSizes) {
    this.stage = stage;
    this.client = client;
    this.bridge = bridge;
    this.sizes = sizes;
  }

  /** Begins, and goes on every 40 ms until `stop`. */
  static async start(stage: Stage, login: Login, sizes: BareSizes): Promise<BareTrips> {
    // Whoever answers has a connection of its own, as the bridge has.
    const [client, bridge] = await Promise.all([
      stage.connect(login, 'bench bare'),
      stage.connect(login, 'bench bare bridge'),
    ]);
    const trips = new BareTrips(stage, client, bridge, sizes);
    trips.running = trips.run();
    trips.running.catch(() => undefined);
    return trips;
  }

  /** Throws what ended the trips early. */
  async stop(): Promise<void> {
    this.stopping = true;
    try {
      await this.running;
    } finally {
      await Promise.all([this.client.drain(), this.bridge.drain()]);
    }
  }

  private async run(): Promise<void> {
    const { stage, client, bridge, sizes } = this;
    const { clock } = stage;
    const kv = await client.kv('snapshots');
    const strategy = new Cell(kv, 'bench.strategy', sizes.strategySnapshot);
    const broker = new Cell(kv, 'bench.broker', sizes.brokerSnapshot);
    const subject = topics.intent.subject({ account: ACCOUNT, strategy: 'bare' }, { partitions: 1 });
    const intent = new Uint8Array(sizes.intent).fill(32);
    const command = new Uint8Array(sizes.command).fill(32);
    const reply = new Uint8Array(sizes.command).fill(32);
    const unserve = await bridge.serve(inspectSubject('bench', ACCOUNT), async () => reply);
    const consumer = await consume(client, subject);
    for (let n = 1; !this.stopping; n++) {
      const t0 = clock.monotonicMs();
      await strategy.commit();
      const t1 = clock.monotonicMs();
      const delivered = consumer.next();
      const acknowledged = client.publish({ subject, data: intent, messageId: `bench-bare-${n}` });
      await delivered;
      const t2 = clock.monotonicMs();
      await broker.commit();
      const t3 = clock.monotonicMs();
      await client.request(inspectSubject('bench', ACCOUNT), command, TIMEOUT_MS);
      const t4 = clock.monotonicMs();
      await acknowledged;
      this.trips.push({
        strategyCommitMs: t1 - t0,
        intentMs: t2 - t1,
        brokerCommitMs: t3 - t2,
        commandMs: t4 - t3,
        totalMs: t4 - t0,
      });
      await clock.sleep(GAP_MS);
    }
    await consumer.stop();
    await unserve();
  }
}

async function consume(bus: Bus, subject: string): Promise<{ next(): Promise<void>; stop(): Promise<void> }> {
  let wake: (() => void) | undefined;
  let fail: ((error: Error) => void) | undefined;
  const reader = await bus.read({
    stream: topics.intent.stream,
    filters: [subject],
    fromSequence: 1,
    onMessage: () => wake?.(),
    onError: (error) => fail?.(error),
  });
  return {
    next: () =>
      new Promise((resolve, reject) => {
        wake = resolve;
        fail = reject;
      }),
    stop: () => reader.stop(),
  };
}
