/**
 * The raw limit of the order path: everything that the path asks of NATS, one after the other and with nothing done in
 * between.
 *
 * 1. compare-and-set in KV until another connection has heard what it foretells: the strategy commits its snapshot and
 *    outbox, and the broker hears its intent;
 * 2. the same once more: the broker commits `submitting`, and the bridge hears the order.
 *
 * The acknowledgements come meanwhile, and are awaited before the next round begins.
 */
import type { KeyValue } from '../../runtime/bus/bus.ts';
import type { NatsBus } from '../../runtime/bus/nats.ts';
import type { Login, Stage } from '../stage.ts';

/** Names of its own, so that nobody in the company hears of it. */
const STRATEGY = 'bench.strategy';
const BROKER = 'bench.broker';
const GAP_MS = 40;

export interface BareTrip {
  readonly strategyCommitMs: number;
  readonly brokerCommitMs: number;
  readonly totalMs: number;
}

/** Bytes of what the path really sends, so that the bare trips carry as much. */
export interface BareSizes {
  readonly strategySnapshot: number;
  readonly brokerSnapshot: number;
  readonly intent: number;
  readonly command: number;
}

/** One key, committed again and again, and heard by another connection. */
class Trip {
  private revision: number;
  private hear = (): void => undefined;
  private readonly kv: KeyValue;
  private readonly key: string;
  private readonly value: Uint8Array;
  private readonly foretold: Uint8Array;

  private constructor(kv: KeyValue, key: string, bytes: number, foretold: number, revision: number) {
    this.kv = kv;
    this.key = key;
    this.value = new Uint8Array(bytes).fill(32);
    this.foretold = new Uint8Array(foretold).fill(32);
    this.revision = revision;
  }

  static async open(from: NatsBus, to: NatsBus, key: string, bytes: number, foretold: number): Promise<Trip> {
    const kv = await from.kv('snapshots');
    const trip = new Trip(kv, key, bytes, foretold, await kv.create(key, new Uint8Array(1)));
    await (await to.kv('snapshots')).listen(key, () => trip.hear());
    return trip;
  }

  /** Resolves when it has been heard, with what resolves when it has been acknowledged. */
  async go(): Promise<{ readonly acknowledged: Promise<void> }> {
    const heard = new Promise<void>((resolve) => {
      this.hear = resolve;
    });
    const acknowledged = this.kv.update(this.key, this.value, this.revision, [this.foretold]).then((revision) => {
      this.revision = revision;
    });
    // A commit that fails is never heard.
    await Promise.race([heard, acknowledged.then(() => heard)]);
    return { acknowledged };
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
    // Strategies, broker and bridge have connections of their own.
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
    const { client, bridge, sizes } = this;
    const { clock } = this.stage;
    const strategy = await Trip.open(bridge, client, STRATEGY, sizes.strategySnapshot, sizes.intent);
    const broker = await Trip.open(client, bridge, BROKER, sizes.brokerSnapshot, sizes.command);
    while (!this.stopping) {
      const t0 = clock.monotonicMs();
      const first = await strategy.go();
      const t1 = clock.monotonicMs();
      const second = await broker.go();
      const t2 = clock.monotonicMs();
      await Promise.all([first.acknowledged, second.acknowledged]);
      this.trips.push({ strategyCommitMs: t1 - t0, brokerCommitMs: t2 - t1, totalMs: t2 - t0 });
      await clock.sleep(GAP_MS);
    }
  }
}
