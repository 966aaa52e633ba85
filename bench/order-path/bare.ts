/**
 * The raw limit of the order path: everything that the path asks of NATS, one after the other and with nothing done in
 * between.
 *
 * 1. compare-and-set in KV until a watcher has it: the strategy commits its snapshot and outbox, and the broker reads its
 *    intent there (the acknowledgement comes meanwhile and is awaited before the next round begins);
 * 2. compare-and-set in KV: the broker commits `submitting`;
 * 3. request and reply: the command reaches the bridge, and its answer the broker.
 */
import type { KeyValue } from '../../runtime/bus/bus.ts';
import type { NatsBus } from '../../runtime/bus/nats.ts';
import { inspectSubject } from '../../runtime/bus/topics.ts';
import type { Login, Stage } from '../stage.ts';

/** Names of its own, so that nobody in the company hears of it. */
const ACCOUNT = 'bench-bare';
const STRATEGY = 'bench.strategy';
const GAP_MS = 40;
const TIMEOUT_MS = 10_000;

export interface BareTrip {
  readonly strategyCommitMs: number;
  readonly brokerCommitMs: number;
  readonly commandMs: number;
  readonly totalMs: number;
}

/** Bytes of what the path really sends, so that the bare trips carry as much. */
export interface BareSizes {
  readonly strategySnapshot: number;
  readonly brokerSnapshot: number;
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
    const strategy = new Cell(kv, STRATEGY, sizes.strategySnapshot);
    const broker = new Cell(kv, 'bench.broker', sizes.brokerSnapshot);
    const command = new Uint8Array(sizes.command).fill(32);
    const reply = new Uint8Array(sizes.command).fill(32);
    const unserve = await bridge.serve(inspectSubject('bench', ACCOUNT), async () => reply);
    let hear = (): void => undefined;
    const unwatch = await kv.watch(STRATEGY, () => hear());
    while (!this.stopping) {
      const t0 = clock.monotonicMs();
      const heard = new Promise<void>((resolve) => {
        hear = resolve;
      });
      const committed = strategy.commit();
      await Promise.race([heard, committed.then(() => heard)]);
      const t1 = clock.monotonicMs();
      await broker.commit();
      const t2 = clock.monotonicMs();
      await client.request(inspectSubject('bench', ACCOUNT), command, TIMEOUT_MS);
      const t3 = clock.monotonicMs();
      await committed;
      this.trips.push({
        strategyCommitMs: t1 - t0,
        brokerCommitMs: t2 - t1,
        commandMs: t3 - t2,
        totalMs: t3 - t0,
      });
      await clock.sleep(GAP_MS);
    }
    await unwatch();
    await unserve();
  }
}
