/**
 * The bus in memory: same promises as `nats.ts`, no server, and, on a virtual clock, one history per seed. One
 * `MemoryServer` stands for the NATS server; every node of a simulated company connects its own bus to it.
 */
import type { Clock } from '../clock.ts';
import { messageOf, TroupeError } from '../errors.ts';
import type { Logger } from '../telemetry/log.ts';
import { silentLogger } from '../telemetry/log.ts';
import type {
  BucketName,
  Bus,
  KeyValue,
  KvEntry,
  PublishAck,
  PublishRequest,
  ReadRequest,
  StoredMessage,
  StreamReader,
} from './bus.ts';
import { listenBy, MemoryBucket } from './memory-kv.ts';
import { memoryService } from './memory-service.ts';
import type { RunningService, ServiceSpec } from './service.ts';
import { buckets, streams } from './streams.ts';
import { matchesSubject } from './subjects.ts';
import { aheadSubject } from './topics.ts';

export interface MemoryOptions {
  readonly clock: Clock;
  readonly log?: Logger;
  /** How long every stream knows a message id, instead of what `streams.ts` says. */
  readonly duplicateWindowMs?: number;
  /** Larger messages are refused, as a server does (its max_payload). Default 1 MiB. */
  readonly maxPayloadBytes?: number;
}

/** Messages that a reader hands out in one go before others get a turn. */
const BURST = 64;

interface StoredId {
  readonly id: string;
  readonly sequence: number;
  readonly atMs: number;
}

class MemoryStream {
  readonly messages: StoredMessage[] = [];
  readonly subjects: readonly string[];
  private readonly windowMs: number;
  private readonly ids = new Map<string, StoredId>();
  private readonly listeners = new Set<() => void>();

  constructor(subjects: readonly string[], windowMs: number) {
    this.subjects = subjects;
    this.windowMs = windowMs;
  }

  append(request: PublishRequest, nowMs: number): PublishAck {
    for (const [id, stored] of this.ids) {
      if (nowMs - stored.atMs < this.windowMs) break; // in order of time
      this.ids.delete(id);
    }
    const known = this.ids.get(request.messageId);
    if (known) return { sequence: known.sequence, duplicate: true };
    const sequence = this.messages.length + 1;
    // A copy: the publisher may use its buffer again, as it may with a real server.
    this.messages.push({ subject: request.subject, data: request.data.slice(), sequence });
    this.ids.set(request.messageId, { id: request.messageId, sequence, atMs: nowMs });
    for (const wake of this.listeners) wake();
    return { sequence, duplicate: false };
  }

  onAppend(wake: () => void): () => void {
    this.listeners.add(wake);
    return () => this.listeners.delete(wake);
  }
}

type Handler = (data: Uint8Array, subject: string) => Promise<Uint8Array | undefined>;

interface Service {
  readonly filter: string;
  readonly handler: Handler;
}

export class MemoryServer {
  readonly clock: Clock;
  readonly log: Logger;
  readonly services = new Set<Service>();
  private servicesMade = 0;
  private readonly maxPayloadBytes: number;
  private readonly streams = new Map<string, MemoryStream>();
  private readonly buckets = new Map<BucketName, MemoryBucket>();

  constructor(options: MemoryOptions) {
    this.clock = options.clock;
    this.log = options.log ?? silentLogger;
    this.maxPayloadBytes = options.maxPayloadBytes ?? 2 ** 20;
    for (const { name, subjects, duplicateWindowMs } of streams) {
      this.streams.set(name, new MemoryStream(subjects, options.duplicateWindowMs ?? duplicateWindowMs));
    }
    for (const spec of buckets) this.buckets.set(spec.name, new MemoryBucket(this.clock, this.log, spec.ttlMs));
  }

  connect(): Bus {
    return new MemoryBus(this);
  }

  /** Everything a stream holds, for assertions and digests. */
  messages(stream: string): readonly StoredMessage[] {
    return this.stream(stream).messages;
  }

  stream(name: string): MemoryStream {
    const stream = this.streams.get(name);
    if (!stream) throw new TroupeError('BUS_NO_STREAM', `read ${name}: stream not found`);
    return stream;
  }

  streamOf(subject: string): MemoryStream {
    for (const stream of this.streams.values()) {
      if (stream.subjects.some((filter) => matchesSubject(filter, subject))) return stream;
    }
    throw new TroupeError('BUS_NO_RESPONDER', `publish to ${subject}: no stream takes this subject`);
  }

  bucket(name: BucketName): MemoryBucket {
    const bucket = this.buckets.get(name);
    if (!bucket) throw new TroupeError('BUS_NO_STREAM', `bucket ${name} does not exist`);
    return bucket;
  }

  checkSize(data: Uint8Array, doing: string): void {
    if (data.length <= this.maxPayloadBytes) return;
    throw new TroupeError('BUS_TOO_LARGE', `${doing}, ${data.length} bytes: max_payload is ${this.maxPayloadBytes}`);
  }

  nextServiceId(name: string): string {
    return `${name}-${++this.servicesMade}`;
  }

  /** Services that hear `subject`, in the order in which they began. */
  listeners(subject: string): Service[] {
    return [...this.services].filter((service) => matchesSubject(service.filter, subject));
  }
}

/** A bus with a server of its own. */
export function memoryBus(options: MemoryOptions): Bus {
  return new MemoryServer(options).connect();
}

class MemoryBus implements Bus {
  private readonly server: MemoryServer;
  private readonly stops = new Set<() => void>();
  private closed = false;

  constructor(server: MemoryServer) {
    this.server = server;
  }

  async publish(request: PublishRequest): Promise<PublishAck> {
    this.checkOpen();
    this.server.checkSize(request.data, `publish to ${request.subject}`);
    // Stored before the first await, so that publishing in order stores in order.
    return this.server.streamOf(request.subject).append(request, this.server.clock.nowMs());
  }

  async read(request: ReadRequest): Promise<StreamReader> {
    this.checkOpen();
    const stream = this.server.stream(request.stream);
    if (request.fromSequence > stream.messages.length + 1) {
      const { length } = stream.messages;
      throw new TroupeError(
        'BUS_REWOUND',
        `${request.stream} ends at ${length}, read up to ${request.fromSequence - 1} before`,
      );
    }
    let next = request.fromSequence - 1;
    let running = true; // until the reader has been handed to the caller
    let stopped = false;
    const run = async (): Promise<void> => {
      if (running) return;
      running = true;
      try {
        await Promise.resolve(); // never on the publisher's stack
        for (let burst = 1; next < stream.messages.length && !stopped; ) {
          const message = stream.messages[next++]!;
          if (!request.filters.some((filter) => matchesSubject(filter, message.subject))) continue;
          const wait = request.onMessage(message);
          if (wait) await wait;
          else if (burst++ % BURST === 0) await this.server.clock.yield();
        }
      } catch (error) {
        stop();
        request.onError(error instanceof Error ? error : new Error(String(error)));
      } finally {
        running = false;
      }
    };
    const unlisten = stream.onAppend(() => void run());
    const stop = (): void => {
      stopped = true;
      unlisten();
      this.stops.delete(stop);
    };
    this.stops.add(stop);
    // Not before the caller has the reader in hand, which takes more than one microtask.
    void this.server.clock
      .yield()
      .then(() => this.server.clock.yield())
      .then(() => {
        running = false;
        return run();
      });
    return { stop: async () => stop() };
  }

  async lastSequence(stream: string, filter = '>'): Promise<number> {
    this.checkOpen();
    const last = this.server.stream(stream).messages.findLast(({ subject }) => matchesSubject(filter, subject));
    return last?.sequence ?? 0;
  }

  send(subject: string, data: Uint8Array): void {
    if (this.closed) return;
    this.server.checkSize(data, `send to ${subject}`);
    for (const service of this.server.listeners(subject)) void this.call(service, subject, data);
  }

  async probe(subject: string, data: Uint8Array): Promise<boolean> {
    if (this.closed || this.server.listeners(subject).length === 0) return false;
    this.send(subject, data);
    return true;
  }

  async request(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    this.checkOpen();
    this.server.checkSize(data, `request ${subject}`);
    const services = this.server.listeners(subject);
    if (services.length === 0) throw new TroupeError('BUS_NO_RESPONDER', `request ${subject}: no responders`);
    return await new Promise((resolve, reject) => {
      const cancel = this.server.clock.setTimer(timeoutMs, () =>
        reject(new TroupeError('BUS_TIMEOUT', `request ${subject}, ${timeoutMs} ms: timeout`)),
      );
      for (const service of services) {
        void this.call(service, subject, data).then((answer) => {
          if (answer === undefined) return;
          cancel();
          resolve(answer.slice());
        });
      }
    });
  }

  async serve(subject: string, handler: Handler): Promise<() => Promise<void>> {
    this.checkOpen();
    const service = { filter: subject, handler };
    this.server.services.add(service);
    const stop = (): void => {
      this.server.services.delete(service);
      this.stops.delete(stop);
    };
    this.stops.add(stop);
    return async () => stop();
  }

  async service(spec: ServiceSpec): Promise<RunningService> {
    this.checkOpen();
    const { clock, log } = this.server;
    return await memoryService({ bus: this, clock, log, id: this.server.nextServiceId(spec.name) }, spec);
  }

  async kv(bucket: BucketName): Promise<KeyValue> {
    this.checkOpen();
    const store = this.server.bucket(bucket);
    const check = (value: Uint8Array): void => {
      this.checkOpen();
      this.server.checkSize(value, `write to ${bucket}`);
    };
    return {
      get: async (key) => {
        this.checkOpen();
        return store.get(key);
      },
      create: async (key, value) => {
        check(value);
        return store.create(key, value);
      },
      update: async (key, value, revision, foretold = []) => {
        check(value);
        const stored = store.update(key, value, revision);
        for (const bytes of foretold) this.send(aheadSubject(key), bytes);
        return stored;
      },
      put: async (key, value) => {
        check(value);
        return store.put(key, value);
      },
      delete: async (key, revision) => {
        this.checkOpen();
        store.delete(key, revision);
      },
      watch: async (filter, onEntry) => {
        this.checkOpen();
        const stop = await store.watch(filter, onEntry as (entry: KvEntry | { key: string; deleted: true }) => void);
        this.stops.add(stop);
        return async () => {
          stop();
          this.stops.delete(stop);
        };
      },
      listen: listenBy((subject, handler) => this.serve(subject, handler)),
    };
  }

  async drain(): Promise<void> {
    this.closed = true;
    for (const stop of [...this.stops]) stop();
  }

  private async call(service: Service, subject: string, data: Uint8Array): Promise<Uint8Array | undefined> {
    const copy = data.slice();
    await Promise.resolve();
    try {
      return await service.handler(copy, subject);
    } catch (error) {
      this.server.log.error({ subject, error: messageOf(error) }, 'a request was not answered');
      return undefined;
    }
  }

  private checkOpen(): void {
    if (this.closed) throw new TroupeError('BUS_UNAVAILABLE', 'the connection is closed');
  }
}
