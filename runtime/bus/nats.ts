/** The bus over NATS JetStream. Only files of this folder import the NATS clients. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { jetstreamManager } from '@nats-io/jetstream';
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node';
import type { Clock } from '../clock.ts';
import { messageOf, TroupeError } from '../errors.ts';
import { secretToken } from '../random.ts';
import type { Logger } from '../telemetry/log.ts';
import type { BucketName, Bus, KeyValue, PublishAck, PublishRequest, ReadRequest, StreamReader } from './bus.ts';
import { plainBytes } from './keys.ts';
import { busError, isTransient } from './nats-errors.ts';
import { NatsKeyValue } from './nats-kv.ts';
import { Publisher, PublishFailure } from './nats-publisher.ts';
import type { ReaderLink } from './nats-reader.ts';
import { OrderedReader } from './nats-reader.ts';
import { natsService } from './nats-service.ts';
import { connect } from './nats-transport.ts';
import type { RunningService, ServiceSpec } from './service.ts';

export { checkStreams, ensureStreams } from './nats-streams.ts';

export interface NatsOptions {
  /** `nats://host:port`, several joined by commas. */
  readonly url: string;
  readonly user?: string;
  readonly password?: string;
  /** Shown by `nats server report connections`. */
  readonly name: string;
  /** Where replies go, for users who may not subscribe to `_INBOX.>`. */
  readonly inboxPrefix?: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** The connection is gone; it is being mended. Messages published meanwhile wait. */
  readonly onLost?: () => void;
  readonly onRestored?: () => void;
  /** A publish that cannot be stored is tried again for this long, ms. Default 10,000. */
  readonly publishGiveUpMs?: number;
}

export interface NatsBus extends Bus {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly log: Logger;
}

const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_WAIT_MS = 200;
const PING_INTERVAL_MS = 5_000;
const ACK_TIMEOUT_MS = 3_000;
const DEFAULT_GIVE_UP_MS = 10_000;
const ASK_AGAIN_MS = 100;
const ASK_AGAIN_FOR_MS = 10_000;
/** "No responders" takes one way to the server and back. */
const PROBE_MS = 1_000;
const DRAIN_TIMEOUT_MS = 10_000;

/** Throws TroupeError BUS_UNAVAILABLE or BUS_DENIED; once connected, it reconnects for ever. */
export async function connectNats(options: NatsOptions): Promise<NatsBus> {
  const settings: ConnectionOptions = {
    servers: options.url.split(','),
    name: options.name,
    timeout: CONNECT_TIMEOUT_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    reconnectJitter: RECONNECT_WAIT_MS / 2,
    // A server that restarts may not have its users yet; giving up then would end the node.
    ignoreAuthErrorAbort: true,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: 2,
    noAsyncTraces: true,
  };
  if (options.user !== undefined) settings.user = options.user;
  if (options.password !== undefined) settings.pass = options.password;
  if (options.inboxPrefix !== undefined) settings.inboxPrefix = options.inboxPrefix;
  let connection: NatsConnection;
  try {
    connection = await connect(settings, options.clock);
  } catch (error) {
    throw busError(error, `connect to ${withoutSecrets(options.url)}`);
  }
  try {
    return new JetStreamBus(connection, await jetstreamManager(connection), options);
  } catch (error) {
    await connection.close();
    const at = withoutSecrets(options.url);
    const fault = busError(error, `connect to JetStream at ${at}`);
    // Nobody answers for JetStream, or the server says that it has none (10076) or not for this user (10039).
    if (fault.code !== 'BUS_NO_RESPONDER' && !/not enabled/i.test(fault.message)) throw fault;
    const message = `the NATS server at ${at} runs without JetStream, or without it for this user; start it with -js`;
    throw new TroupeError('BUS_NO_JETSTREAM', `${message} (${fault.message})`, { cause: error });
  }
}

const withoutSecrets = (url: string): string => url.replace(/\/\/[^@/,]*@/g, '//');

class JetStreamBus implements NatsBus {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly log: Logger;
  private readonly clock: Clock;
  private readonly publisher: Publisher;
  private readonly onReconnect = new Set<() => void>();
  private readonly readers = new Set<OrderedReader>();
  private readonly reading: ReaderLink;
  private readonly options: NatsOptions;
  /** No other connection has it. */
  private readonly queue = `only-${secretToken(8)}`;
  private connected = true;
  private draining = false;

  constructor(connection: NatsConnection, manager: JetStreamManager, options: NatsOptions) {
    this.connection = connection;
    this.manager = manager;
    this.options = options;
    this.log = options.log;
    this.clock = options.clock;
    const { inboxPrefix } = options;
    this.publisher = new Publisher({
      connection,
      clock: options.clock,
      inboxPrefix,
      giveUpAfterMs: options.publishGiveUpMs ?? DEFAULT_GIVE_UP_MS,
      ackTimeoutMs: ACK_TIMEOUT_MS,
    });
    const isConnected = (): boolean => this.connected && !connection.isClosed();
    const ask = <T>(doing: string, request: () => Promise<T>): Promise<T> => this.ask(doing, request);
    this.reading = { connection, manager, clock: options.clock, log: options.log, inboxPrefix, isConnected, ask };
    void this.followStatus();
  }

  async publish(request: PublishRequest): Promise<PublishAck> {
    try {
      const { sequence, duplicate } = await this.publisher.publish(
        ...([request.subject, request.data, request.messageId, undefined, request.patient] as const),
      );
      return { sequence, duplicate };
    } catch (failure) {
      throw failure instanceof PublishFailure ? failure.error : busError(failure, `publish to ${request.subject}`);
    }
  }

  async read(request: ReadRequest): Promise<StreamReader> {
    const reader = new OrderedReader(this.reading, {
      stream: request.stream,
      filters: request.filters,
      fromSequence: request.fromSequence,
      onMessage: ({ message, sequence }) =>
        request.onMessage({ subject: message.subject, data: plainBytes(message.data), sequence }),
      onError: (error) => {
        untrack();
        request.onError(error);
      },
    });
    const untrack = this.track(reader);
    try {
      await reader.start();
    } catch (error) {
      untrack();
      throw error;
    }
    return {
      stop: async () => {
        untrack();
        reader.stop();
      },
    };
  }

  async lastSequence(stream: string, filter?: string): Promise<number> {
    const doing = `last sequence of ${stream}`;
    if (filter !== undefined) {
      const last = await this.ask(doing, () => this.manager.streams.getMessage(stream, { last_by_subj: filter }));
      return last?.seq ?? 0;
    }
    return (await this.ask(doing, () => this.manager.streams.info(stream))).state.last_seq;
  }

  send(subject: string, data: Uint8Array): void {
    // Nobody is promised anything, and while there is no connection the client would keep it all in memory.
    if (!this.connected || this.connection.isClosed() || this.draining) return;
    try {
      this.connection.publish(subject, data);
    } catch (error) {
      throw busError(error, `send to ${subject}, ${data.length} bytes`);
    }
  }

  async probe(subject: string, data: Uint8Array): Promise<boolean> {
    if (!this.connected || this.draining) return false;
    try {
      // The server answers for a subject without subscribers; who subscribes does not answer.
      await this.connection.request(subject, data, { timeout: PROBE_MS });
      return true;
    } catch (error) {
      return busError(error, `probe ${subject}`).code === 'BUS_TIMEOUT' && this.connected;
    }
  }

  async request(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    try {
      return plainBytes((await this.connection.request(subject, data, { timeout: timeoutMs })).data);
    } catch (error) {
      throw busError(error, `request ${subject}, ${timeoutMs} ms`);
    }
  }

  async serve(
    subject: string,
    handler: (data: Uint8Array, subject: string) => Promise<Uint8Array | undefined>,
  ): Promise<() => Promise<void>> {
    const subscription = this.connection.subscribe(subject, {
      callback: (error, message) => {
        if (error) {
          this.log.error({ subject, error: error.message }, 'serving ended');
          return;
        }
        handler(plainBytes(message.data), message.subject)
          .then(
            (answer) => {
              if (answer !== undefined && !this.connection.isClosed()) message.respond(answer);
            },
            (thrown) => this.log.error({ subject, error: messageOf(thrown) }, 'a request was not answered'),
          )
          .catch((thrown) => this.log.error({ subject, error: messageOf(thrown) }, 'an answer was not sent'));
      },
    });
    // The server must know of it before anybody is told that it is served.
    await this.connection.flush().catch(() => {});
    return async () => {
      subscription.unsubscribe();
      // And must have forgotten it before anybody is told that it is served no longer.
      if (this.connected) await this.connection.flush().catch(() => {});
    };
  }

  service(spec: ServiceSpec): Promise<RunningService> {
    const { connection, clock, log } = this;
    return natsService({ connection, clock, log, queue: this.queue }, spec);
  }

  async kv(bucket: BucketName): Promise<KeyValue> {
    return new NatsKeyValue(
      { reading: this.reading, publisher: this.publisher, track: (reader) => this.track(reader) },
      bucket,
    );
  }

  async drain(): Promise<void> {
    if (this.draining) return;
    for (const reader of this.readers) reader.stop();
    this.readers.clear();
    let cancel = (): void => {};
    const tooLong = new Promise<void>((resolve) => {
      cancel = this.clock.setTimer(DRAIN_TIMEOUT_MS, resolve);
    });
    if (this.connected) await Promise.race([this.publisher.idle(), tooLong]);
    this.draining = true;
    this.publisher.close(new TroupeError('BUS_UNAVAILABLE', 'the connection is being closed'));
    if (this.connected) await Promise.race([this.connection.drain().catch(() => {}), tooLong]);
    if (!this.connection.isClosed()) await this.connection.close();
    cancel();
  }

  /**
   * A request that only asks: tried again for a while when it fails for a passing reason, and at once when a
   * connection that was lost is back, because the answer on the old one never comes.
   */
  private async ask<T>(doing: string, request: () => Promise<T>): Promise<T> {
    const untilMs = this.clock.monotonicMs() + ASK_AGAIN_FOR_MS;
    for (;;) {
      let reconnected = (): void => {};
      const again = new Promise<undefined>((resolve) => {
        reconnected = () => resolve(undefined);
      });
      this.onReconnect.add(reconnected);
      try {
        const answer = await Promise.race([request().then((value) => ({ value })), again]);
        if (answer) return answer.value;
      } catch (thrown) {
        const error = busError(thrown, doing);
        const over = this.draining || this.connection.isClosed() || this.clock.monotonicMs() > untilMs;
        if (over || !isTransient(error)) throw error;
        await this.clock.sleep(ASK_AGAIN_MS);
      } finally {
        this.onReconnect.delete(reconnected);
      }
    }
  }

  private track(reader: OrderedReader): () => void {
    this.readers.add(reader);
    return () => this.readers.delete(reader);
  }

  private async followStatus(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === 'disconnect') {
        if (!this.connected) continue;
        this.connected = false;
        this.publisher.lost();
        if (!this.draining) {
          this.log.warn({ server: status.server }, 'connection to NATS lost');
          this.options.onLost?.();
        }
      } else if (status.type === 'reconnect') {
        this.connected = true;
        this.publisher.restored();
        for (const reader of this.readers) reader.restart();
        for (const again of [...this.onReconnect]) again();
        this.log.info({ server: status.server }, 'connection to NATS restored');
        this.options.onRestored?.();
      } else if (status.type === 'error') {
        const error = busError(status.error, 'NATS');
        this.log.error({ error: error.message }, 'NATS reports an error');
        const refused = status.error as { operation?: string; subject?: string };
        if (refused.operation === 'publish' && refused.subject) this.publisher.denied(refused.subject, error);
      }
    }
  }
}
