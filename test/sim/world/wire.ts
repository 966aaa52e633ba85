/** The bus of one simulated process: the promises of `nats.ts`, over a network that delays, cuts and duplicates. */
import type {
  BucketName,
  Bus,
  KeyValue,
  KvEntry,
  PublishAck,
  PublishRequest,
  ReadRequest,
  StreamReader,
} from '../../../runtime/bus/bus.ts';
import { listenBy } from '../../../runtime/bus/memory-kv.ts';
import type { RunningService, ServiceSpec } from '../../../runtime/bus/service.ts';
import { matchesSubject } from '../../../runtime/bus/subjects.ts';
import { aheadSubject } from '../../../runtime/bus/topics.ts';
import { TroupeError } from '../../../runtime/errors.ts';
import type { Host } from './host.ts';
import type { Network } from './network.ts';
import { Lane } from './network.ts';
import { Writes } from './writes.ts';

const ASK_TIMEOUT_MS = 5_000;
const ASK_AGAIN_MS = 100;
const ASK_AGAIN_FOR_MS = 10_000;
/** Messages that a reader is handed at once, at most. */
const BURST = 32;

/** An operation passes a point at which its actor may die: before it leaves, while it is under way, with the answer. */
export type Point = 'leaves' | 'answered';
/** False when the actor has died there: then it never hears of it. */
export type Watch = (point: Point, what: string, key: string) => boolean;

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

export class SimBus implements Bus {
  private readonly network: Network;
  private readonly host: Host;
  private readonly watchPoint: Watch;
  private readonly writes = new Map<string, Writes>();
  private readonly asking: Lane;
  private readonly answers: Lane;
  private readonly requests: Lane;
  private readonly replies: Lane;
  private closed = false;
  private readonly stops = new Set<() => void>();

  constructor(network: Network, host: Host, watchPoint: Watch = () => true) {
    this.network = network;
    this.host = host;
    this.watchPoint = watchPoint;
    this.asking = new Lane(network, host);
    this.answers = new Lane(network, host);
    this.requests = new Lane(network, host);
    this.replies = new Lane(network, host);
    host.whenDead(() => this.close());
  }

  async publish(request: PublishRequest): Promise<PublishAck> {
    this.checkOpen();
    const { subject, messageId } = request;
    const { server } = this.network;
    const data = request.data.slice();
    if (!this.watchPoint('leaves', 'publish', messageId)) return never();
    const lane = subject.slice(0, subject.indexOf('.'));
    const ack = await this.lane(lane).write(lane, `publish to ${subject}`, () => {
      const taken = server.streamOf(subject).append({ subject, messageId, data }, server.clock.nowMs());
      if (!taken.duplicate) this.network.onAppended(subject, messageId, data);
      return taken;
    });
    return this.watchPoint('answered', 'publish', messageId) ? ack : never();
  }

  async read(request: ReadRequest): Promise<StreamReader> {
    this.checkOpen();
    const stream = this.network.server.stream(request.stream);
    await this.ask(`read ${request.stream}`, request.stream, () => {
      const { length } = stream.messages;
      if (request.fromSequence <= length + 1) return;
      throw new TroupeError('BUS_REWOUND', `${request.stream} ends at ${length}, read to ${request.fromSequence - 1}`);
    });
    const wanted = new Map<string, boolean>();
    const isWanted = (subject: string): boolean => {
      let known = wanted.get(subject);
      if (known === undefined) {
        known = request.filters.some((filter) => matchesSubject(filter, subject));
        wanted.set(subject, known);
      }
      return known;
    };
    const lane = new Lane(this.network, this.host);
    let next = request.fromSequence - 1;
    let stopped = false;
    let pumping = false;
    /** Set by what arrives from the server while the reader is busy. */
    const pump = async (): Promise<void> => {
      try {
        for (let taken = 0; taken < BURST && next < stream.messages.length && !stopped; ) {
          const message = stream.messages[next++]!;
          if (!isWanted(message.subject)) continue;
          taken++;
          const wait = request.onMessage(message);
          if (wait) await wait;
        }
      } catch (thrown) {
        stop();
        request.onError(thrown instanceof Error ? thrown : new Error(String(thrown)));
      }
      pumping = false;
      if (next < stream.messages.length) wake();
    };
    const wake = (): void => {
      while (!pumping && next < stream.messages.length && !isWanted(stream.messages[next]!.subject)) next++;
      if (pumping || stopped || next >= stream.messages.length) return;
      pumping = true;
      lane.send(() => this.host.receive(() => void pump()));
    };
    const unlisten = stream.onAppend(wake);
    // What was under way when the connection broke is asked for again.
    const forget = this.network.onReconnect(this.host, () => {
      pumping = false;
      wake();
    });
    const stop = (): void => {
      stopped = true;
      unlisten();
      forget();
      this.network.lanes.delete(lane);
      this.stops.delete(stop);
    };
    this.stops.add(stop);
    this.host.clock.setTimer(0, wake);
    return { stop: async () => stop() };
  }

  lastSequence(stream: string, filter = '>'): Promise<number> {
    this.checkOpen();
    return this.ask(`last sequence of ${stream}`, stream, () => {
      const { messages } = this.network.server.stream(stream);
      if (filter === '>') return messages.length;
      return messages.findLast(({ subject }) => matchesSubject(filter, subject))?.sequence ?? 0;
    });
  }

  send(subject: string, data: Uint8Array): void {
    if (this.closed) return;
    const copy = data.slice();
    this.requests.send(() => {
      for (const service of this.servicesOf(subject)) service.deliver(copy, subject, undefined);
    });
  }

  async request(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    this.checkOpen();
    if (!this.watchPoint('leaves', 'request', subject)) return never();
    const copy = data.slice();
    this.network.onRequest(subject, copy);
    const answer = await new Promise<Uint8Array>((resolve, reject) => {
      const cancel = this.host.clock.setTimer(timeoutMs, () =>
        reject(new TroupeError('BUS_TIMEOUT', `request ${subject}, ${timeoutMs} ms: timeout`)),
      );
      const back = (work: () => void): void => {
        this.replies.send(() =>
          this.host.receive(() => {
            cancel();
            work();
          }),
        );
      };
      this.requests.send(() => {
        const services = this.servicesOf(subject);
        if (services.length === 0) {
          back(() => reject(new TroupeError('BUS_NO_RESPONDER', `request ${subject}: no responders`)));
        }
        for (const service of services) {
          service.deliver(copy, subject, (reply) => {
            this.repeatLater(subject, copy, reply);
            back(() => resolve(reply));
          });
        }
      });
    });
    return this.watchPoint('answered', 'request', subject) ? answer : never();
  }

  async serve(
    subject: string,
    handler: (data: Uint8Array, subject: string) => Promise<Uint8Array | undefined>,
  ): Promise<() => Promise<void>> {
    this.checkOpen();
    const inbox = new Lane(this.network, this.host);
    const outbox = new Lane(this.network, this.host);
    const service = {
      host: this.host,
      filter: subject,
      deliver: (data: Uint8Array, to: string, answer: ((reply: Uint8Array) => void) | undefined): void => {
        inbox.send(() =>
          this.host.receive(() => {
            handler(data.slice(), to).then(
              (reply) => {
                if (reply !== undefined && answer !== undefined) outbox.send(() => answer(reply));
              },
              () => undefined,
            );
          }),
        );
      },
    };
    const stop = (): void => {
      this.network.services.delete(service);
      this.network.lanes.delete(inbox);
      this.stops.delete(stop);
    };
    await this.subscribed(subject, () => this.network.services.add(service));
    this.stops.add(stop);
    if (this.closed) stop();
    return async () => stop();
  }

  /** Who listens is of no interest here: nobody watches. */
  async probe(): Promise<boolean> {
    return false;
  }

  async service(spec: ServiceSpec): Promise<RunningService> {
    const stops: (() => Promise<void>)[] = [];
    for (const { subject, handler } of spec.endpoints) {
      stops.push(await this.serve(subject, async (data, to) => (await handler(data, to))?.data));
    }
    return { id: `${spec.name}-${this.host.name}`, stop: async () => void (await Promise.all(stops.map((s) => s()))) };
  }

  async kv(bucket: BucketName): Promise<KeyValue> {
    this.checkOpen();
    const store = this.network.server.bucket(bucket);
    const write = async <T>(key: string, doing: string, value: Uint8Array | undefined, work: () => T): Promise<T> => {
      this.checkOpen();
      if (!this.watchPoint('leaves', bucket, key)) return never();
      const revision = await this.lane('$KV').write(bucket, `${doing} ${bucket} ${key}`, () => {
        const stored = work();
        this.network.onStored({ bucket, key, value, revision: typeof stored === 'number' ? stored : 0, by: this.host });
        return stored;
      });
      return this.watchPoint('answered', bucket, key) ? revision : never();
    };
    return {
      get: async (key) => {
        this.checkOpen();
        if (!this.watchPoint('leaves', bucket, key)) return never();
        const entry = await this.ask(`get ${bucket} ${key}`, bucket, () => store.get(key));
        return this.watchPoint('answered', bucket, key) ? entry : never();
      },
      create: (key, value) => write(key, 'create', value, () => store.create(key, value)),
      update: (key, value, revision, foretold = []) =>
        write(key, 'update', value, () => {
          const stored = store.update(key, value, revision);
          for (const bytes of foretold) this.tell(aheadSubject(key), bytes);
          return stored;
        }),
      put: (key, value) => write(key, 'put', value, () => store.put(key, value)),
      delete: (key, revision) => write(key, 'delete', undefined, () => store.delete(key, revision)),
      watch: (filter, onEntry) => this.watch(bucket, filter, onEntry),
      listen: listenBy((subject, handler) => this.serve(subject, handler)),
    };
  }

  async drain(): Promise<void> {
    this.close();
  }

  /** A subscription is the client's own, which it makes again at every connection: it is never given up. */
  private async subscribed(subject: string, add: () => void): Promise<void> {
    for (;;) {
      try {
        return await this.ask(`serve ${subject}`, '', add);
      } catch (thrown) {
        if (this.closed) throw thrown;
      }
    }
  }

  /** Newest value per key is what a watcher gets: what was replaced before it was handed out is never seen. */
  private async watch(
    bucket: BucketName,
    filter: string,
    onEntry: (entry: KvEntry | { key: string; deleted: true }) => void,
  ): Promise<() => Promise<void>> {
    const store = this.network.server.bucket(bucket);
    const lane = new Lane(this.network, this.host);
    const waiting = new Map<string, KvEntry | { key: string; deleted: true }>();
    let under = false;
    const hand = (): void => {
      under = false;
      const entries = [...waiting.values()];
      waiting.clear();
      for (const entry of entries) onEntry(entry);
    };
    const wake = (): void => {
      if (under || waiting.size === 0) return;
      under = true;
      lane.send(() => this.host.receive(hand));
    };
    // Before it is asked for: the connection may break when the server has begun to send and its answer is on its way.
    const forget = this.network.onReconnect(this.host, () => {
      under = false;
      wake();
    });
    let watching: Promise<() => void> | undefined;
    const unwatch = (): void => void watching?.then((end) => end());
    try {
      await this.ask(`watch ${bucket}`, bucket, () => {
        // Asked again because the answer was lost.
        unwatch();
        watching = store.watch(filter, (entry) => {
          waiting.delete(entry.key);
          waiting.set(entry.key, entry);
          wake();
        });
      });
    } catch (thrown) {
      unwatch();
      forget();
      throw thrown;
    }
    const stop = (): void => {
      unwatch();
      forget();
      this.network.lanes.delete(lane);
      this.stops.delete(stop);
    };
    this.stops.add(stop);
    // Resolves when everything that was there has been handed out.
    while (waiting.size > 0 || under) await this.host.clock.sleep(1);
    return async () => stop();
  }

  private lane(name: string): Writes {
    let writes = this.writes.get(name);
    if (writes === undefined) {
      writes = new Writes(this.network, this.host);
      this.writes.set(name, writes);
    }
    return writes;
  }

  /** A question that changes nothing: asked again until it is answered or too old. */
  private async ask<T>(doing: string, place: string, answer: () => T): Promise<T> {
    const untilMs = this.host.clock.monotonicMs() + ASK_AGAIN_FOR_MS;
    for (;;) {
      const outcome = await this.askOnce(place, answer);
      if (outcome === 'again') continue;
      if (outcome !== 'late') {
        if ('error' in outcome) throw outcome.error;
        return outcome.value;
      }
      if (this.host.clock.monotonicMs() > untilMs) throw new TroupeError('BUS_TIMEOUT', `${doing}: timeout`);
      await this.host.clock.sleep(ASK_AGAIN_MS);
    }
  }

  private askOnce<T>(place: string, answer: () => T): Promise<{ value: T } | { error: unknown } | 'late' | 'again'> {
    return new Promise((resolve) => {
      const done = (outcome: { value: T } | { error: unknown } | 'late' | 'again'): void => {
        cancel();
        forget();
        resolve(outcome);
      };
      const cancel = this.host.clock.setTimer(ASK_TIMEOUT_MS, () => done('late'));
      const forget = this.network.onReconnect(this.host, () => done('again'));
      this.asking.send(() => {
        let outcome: { value: T } | { error: unknown } | 'late';
        if (this.network.isAway(place)) outcome = 'late';
        else {
          try {
            outcome = { value: answer() };
          } catch (error) {
            outcome = { error };
          }
        }
        this.answers.send(() => this.host.receive(() => done(outcome)));
      });
    });
  }

  /** The server's own word, to everybody whose connection stands. */
  private tell(subject: string, data: Uint8Array): void {
    const { network } = this;
    for (const service of this.servicesOf(subject)) {
      // Who hears may be slow to take it: then it is late, and behind what was sent after it.
      network.loop.after(network.tellDelayMs(subject), () => service.deliver(data, subject, undefined));
    }
  }

  private servicesOf(subject: string) {
    return [...this.network.services].filter(
      (service) => matchesSubject(service.filter, subject) && this.network.cutOf(service.host) !== 'drop',
    );
  }

  /**
   * An order that was taken comes a second time, perhaps much later and to another run of the bridge: no network should
   * do so, and no order may be carried out twice because one did.
   */
  private repeatLater(subject: string, data: Uint8Array, reply: Uint8Array): void {
    const { network } = this;
    if (!network.repeatable(subject, data, reply)) return;
    network.noteRepeatable(() => {
      for (const service of this.servicesOf(subject)) service.deliver(data, subject, undefined);
    });
  }

  private close(): void {
    this.closed = true;
    for (const stop of [...this.stops]) stop();
  }

  private checkOpen(): void {
    if (this.closed) throw new TroupeError('BUS_UNAVAILABLE', 'the connection is closed');
  }
}
