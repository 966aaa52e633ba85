/**
 * Ordered reading of one stream: every matching message once, in order, whatever happens to the connection or the
 * server.
 *
 * The consumer on the server is a throw-away (in memory, no acks, one replica): when anything is doubtful (a gap in
 * the consumer's numbering, silence longer than the heartbeat, a new connection) it is made anew from the message
 * after the last one taken. What a message is counted by is its sequence in the stream, so nothing is lost or doubled.
 *
 * It is a push consumer with flow control: the server stops after at most 32 MiB (its JsFlowControlMaxPending; it
 * begins with 2 MiB) until the reader answers, and the reader answers only when everything before has been handled.
 */
import type { ConsumerConfig, ConsumerInfo, JetStreamManager } from '@nats-io/jetstream';
import { AckPolicy, DeliverPolicy, ReplayPolicy } from '@nats-io/jetstream';
import type { Msg, MsgHdrs, NatsConnection, Subscription } from '@nats-io/transport-node';
import { createInbox, nanos } from '@nats-io/transport-node';
import type { Clock } from '../clock.ts';
import { messageOf, TroupeError } from '../errors.ts';
import type { Logger } from '../telemetry/log.ts';
import { type Deliveries, type Delivery, parseReply } from './deliveries.ts';
import { plainBytes } from './keys.ts';
import { busError, isTransient } from './nats-errors.ts';

export interface ReaderLink {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly deliveries: Deliveries;
  readonly clock: Clock;
  readonly log: Logger;
  readonly inboxPrefix: string | undefined;
  readonly isConnected: () => boolean;
  /** A request that only asks, tried again over reconnects; `doing` says what for. Throws TroupeError. */
  readonly ask: <T>(doing: string, request: () => Promise<T>) => Promise<T>;
}

export interface ReadMessage extends Delivery {
  /** Only where the reader wants them. */
  readonly headers?: MsgHdrs | undefined;
}

export interface ReaderOptions {
  readonly stream: string;
  readonly filters: readonly string[];
  /** First sequence wanted; undefined: the last message of every subject, then what comes. */
  readonly fromSequence: number | undefined;
  /** A reader that wants them reads through the client, which is meant for a few messages. */
  readonly wantsHeaders?: boolean;
  readonly onMessage: (message: ReadMessage) => void | Promise<void>;
  readonly onError: (error: Error) => void;
}

const HEARTBEAT_MS = 1_000;
/** Silence after which the consumer is taken to be gone. */
const SILENCE_MS = 3 * HEARTBEAT_MS;
const CHECK_MS = 500;
/** The server removes a consumer that nobody listens to after this. */
const ABANDONED_MS = 10_000;
const FIRST_TRIES_MS = 10_000;
const FIRST_BACKOFF_MS = 50;
const LONGEST_BACKOFF_MS = 2_000;
/** Queued messages handled in one go before others get a turn. */
const BURST = 512;

const utf8 = new TextEncoder();

type Queued = ReadMessage | { readonly flowReply: string; readonly generation: number };

export class OrderedReader {
  private readonly link: ReaderLink;
  private readonly options: ReaderOptions;
  private generation = 0;
  private subscription: Subscription | undefined;
  private deliverSubject = '';
  private consumer: string | undefined;
  /** Last sequence taken in; what is in the queue counts as taken. */
  private lastTaken: number;
  private lastDelivery = 0;
  private lastLifeMs = 0;
  private queue: Queued[] = [];
  /** Whether messages queue up. They do until `start` has resolved, so that its caller has the reader in hand. */
  private busy = true;
  private ended = false;
  /** Number of the re-creation under way, 0 when none is. */
  private creating = 0;
  private recreations = 0;
  private stopTimer: (() => void) | undefined;
  private failures = 0;

  constructor(link: ReaderLink, options: ReaderOptions) {
    this.link = link;
    this.options = options;
    this.lastTaken = (options.fromSequence ?? 1) - 1;
  }

  /** Resolves with the number of matching messages that are there already; rejects when reading cannot begin. */
  async start(): Promise<number> {
    const untilMs = this.link.clock.monotonicMs() + FIRST_TRIES_MS;
    for (let attempt = 0; ; attempt++) {
      try {
        const info = await this.create();
        if (info) {
          this.watchLife();
          void this.work(this.link.clock.yield());
          return info.num_pending;
        }
        if (this.ended) throw new TroupeError('BUS_UNAVAILABLE', 'the reading was ended before it began');
      } catch (thrown) {
        const error = busError(thrown, `read ${this.options.stream}`);
        if (this.ended || !isTransient(error) || this.link.clock.monotonicMs() > untilMs) {
          this.close();
          throw error;
        }
        await this.link.clock.sleep(backoffMs(attempt));
      }
    }
  }

  stop(): void {
    const name = this.consumer;
    this.close();
    // Politeness: the server would remove it by itself after ABANDONED_MS.
    if (name !== undefined && this.link.isConnected()) {
      this.link.manager.consumers.delete(this.options.stream, name).catch(() => {});
    }
  }

  /** After a reconnect: the old consumer may be gone or may have sent into the void. */
  restart(): void {
    // What is under way speaks of the old connection and may wait for an answer that never comes.
    this.creating = 0;
    if (!this.ended && this.generation > 0) void this.recreate();
  }

  private close(): void {
    this.ended = true;
    this.queue = [];
    this.unsubscribe();
    this.stopTimer?.();
  }

  private fail(error: Error): void {
    if (this.ended) return;
    this.stop();
    // Whatever is thrown here would end the connection's reading, and with it everybody else's.
    try {
      this.options.onError(error);
    } catch (thrown) {
      this.link.log.error({ stream: this.options.stream, error: messageOf(thrown) }, 'onError of a reader threw');
    }
  }

  /** Undefined: a newer creation has begun meanwhile. */
  private async create(): Promise<ConsumerInfo | undefined> {
    const { connection, manager } = this.link;
    const { stream, filters, fromSequence } = this.options;
    const generation = ++this.generation;
    this.unsubscribe();
    this.deliverSubject = createInbox(this.link.inboxPrefix);
    this.lastDelivery = 0;
    this.lastLifeMs = this.link.clock.monotonicMs();
    // Before the consumer exists, because it begins to send at once.
    this.subscription = connection.subscribe(this.deliverSubject, {
      callback: (error, message) => {
        if (generation !== this.generation || this.ended) return;
        if (error) this.fail(busError(error, `read ${stream}`));
        else this.onClientMessage(message, generation);
      },
    });
    if (this.options.wantsHeaders !== true) {
      this.link.deliveries.to(this.subscription.getID(), (message) => {
        if (generation === this.generation && !this.ended) this.onDelivery(message);
      });
    }
    const fresh = fromSequence === undefined && this.lastTaken === 0;
    if (!fresh) await this.checkRewound();
    if (generation !== this.generation || this.ended) return undefined;
    const config: Partial<ConsumerConfig> = {
      deliver_subject: this.deliverSubject,
      deliver_policy: fresh ? DeliverPolicy.LastPerSubject : DeliverPolicy.StartSequence,
      filter_subjects: [...filters],
      ack_policy: AckPolicy.None,
      replay_policy: ReplayPolicy.Instant,
      max_deliver: 1,
      mem_storage: true,
      num_replicas: 1,
      flow_control: true,
      idle_heartbeat: nanos(HEARTBEAT_MS),
      inactive_threshold: nanos(ABANDONED_MS),
    };
    if (!fresh) config.opt_start_seq = this.lastTaken + 1;
    const info = await manager.consumers.add(stream, config);
    if (generation !== this.generation || this.ended) {
      manager.consumers.delete(stream, info.name).catch(() => {});
      return undefined;
    }
    this.consumer = info.name;
    return info;
  }

  /** A stream that ends before our position is another one: what it will bring now would be skipped or mistaken. */
  private async checkRewound(): Promise<void> {
    if (this.lastTaken === 0) return;
    let lastSequence = 0;
    // A leader elected this moment may lag behind what its predecessor delivered; so it gets several chances.
    for (let attempt = 0; attempt < 5; attempt++) {
      const info = await this.link.manager.streams.info(this.options.stream);
      lastSequence = info.state.last_seq;
      if (lastSequence >= this.lastTaken) return;
      await this.link.clock.sleep(backoffMs(attempt));
    }
    const { stream } = this.options;
    throw new TroupeError('BUS_REWOUND', `${stream} ends at ${lastSequence}, read up to ${this.lastTaken} before`);
  }

  private async recreate(): Promise<void> {
    if (this.creating || this.ended) return;
    const round = ++this.recreations;
    this.creating = round;
    try {
      const old = this.consumer;
      this.consumer = undefined;
      await this.create();
      this.failures = 0;
      if (old !== undefined) this.link.manager.consumers.delete(this.options.stream, old).catch(() => {});
    } catch (thrown) {
      const error = busError(thrown, `read ${this.options.stream}`);
      if (this.ended || this.creating !== round) return;
      if (isTransient(error)) {
        this.failures++;
        // The life check tries again when this has passed.
        this.lastLifeMs = this.link.clock.monotonicMs() - SILENCE_MS + backoffMs(this.failures);
        this.link.log.warn({ stream: this.options.stream, error: error.message }, 'reader waits for JetStream');
      } else this.fail(error);
    } finally {
      if (this.creating === round) this.creating = 0;
    }
  }

  private watchLife(): void {
    if (this.ended) return;
    this.stopTimer = this.link.clock.setTimer(CHECK_MS, () => {
      const silentMs = this.link.clock.monotonicMs() - this.lastLifeMs;
      if (this.link.isConnected() && !this.creating && silentMs > SILENCE_MS) void this.recreate();
      this.watchLife();
    });
  }

  private unsubscribe(): void {
    if (this.subscription === undefined) return;
    this.link.deliveries.end(this.subscription.getID());
    this.subscription.unsubscribe();
    this.subscription = undefined;
  }

  private onClientMessage(message: Msg, generation: number): void {
    if (message.subject === this.deliverSubject) {
      this.onProtocol(message, generation);
      return;
    }
    const { subject, headers } = message;
    this.onDelivery({ subject, headers, data: plainBytes(message.data), ...parseReply(utf8.encode(message.reply)) });
  }

  private onDelivery(message: ReadMessage): void {
    this.lastLifeMs = this.link.clock.monotonicMs();
    if (message.delivery !== this.lastDelivery + 1) {
      void this.recreate();
      return;
    }
    this.lastDelivery = message.delivery;
    this.lastTaken = message.sequence;
    this.take(message);
  }

  private onProtocol(message: Msg, generation: number): void {
    this.lastLifeMs = this.link.clock.monotonicMs();
    const lines = message.headers;
    if (!lines) return;
    if (lines.code !== 100) {
      // "Consumer Deleted" and the like.
      void this.recreate();
    } else if (message.reply) {
      this.take({ flowReply: message.reply, generation });
    } else {
      const stalled = lines.get('Nats-Consumer-Stalled');
      // The server waits for an answer. With an empty queue none is due, so the request was lost: answer it now.
      if (stalled && this.queue.length === 0 && !this.busy) this.link.connection.publish(stalled);
      if (Number(lines.get('Nats-Last-Consumer')) > this.lastDelivery) void this.recreate();
    }
  }

  private take(item: Queued): void {
    if (this.busy) {
      this.queue.push(item);
      return;
    }
    const wait = this.handle(item);
    if (wait) void this.work(wait);
  }

  /** Hands out one item; what it returns must be waited for. Never throws. */
  private handle(item: Queued): Promise<void> | undefined {
    if ('flowReply' in item) {
      if (item.generation === this.generation && this.link.isConnected()) this.link.connection.publish(item.flowReply);
      return undefined;
    }
    try {
      return this.options.onMessage(item) ?? undefined;
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
      return undefined;
    }
  }

  /** Waits for `first`, then works off what has queued up meanwhile. */
  private async work(first: Promise<void>): Promise<void> {
    this.busy = true;
    try {
      await first;
      let burst = 0;
      while (this.queue.length > 0 && !this.ended) {
        const batch = this.queue;
        this.queue = [];
        for (let i = 0; i < batch.length && !this.ended; i++) {
          const wait = this.handle(batch[i]!);
          if (wait) await wait;
          else if (++burst % BURST === 0) await this.link.clock.yield();
        }
      }
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.busy = false;
    }
  }
}

function backoffMs(attempt: number): number {
  return Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** attempt);
}
