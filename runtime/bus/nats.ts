/** The bus over NATS JetStream. Only files of this folder import the NATS clients. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Clock } from '../clock.ts';
import { messageOf, TroupeError } from '../errors.ts';
import { secretToken } from '../random.ts';
import type { Logger } from '../telemetry/log.ts';
import type { BucketName, Bus, KeyValue, PublishAck, PublishRequest, ReadRequest, StreamReader } from './bus.ts';
import { Deliveries } from './deliveries.ts';
import { plainBytes } from './keys.ts';
import { busError } from './nats-errors.ts';
import { NatsKeyValue } from './nats-kv.ts';
import { type Dialled, Line } from './nats-line.ts';
import { Publisher, PublishFailure } from './nats-publisher.ts';
import { natsService } from './nats-service.ts';
import { type Connecting, connect } from './nats-transport.ts';
import type { RunningService, ServiceSpec } from './service.ts';

export { checkStreams, ensureStreams } from './nats-streams.ts';

export interface NatsOptions {
  /** `nats://host:port`, several joined by commas. */
  readonly url: string;
  readonly user?: string;
  readonly password?: string;
  /** Shown by `nats server report connections`. */
  readonly name: string;
  /**
   * A stream whose messages come over a second connection: however many they are, no answer and no other message waits
   * behind them.
   */
  readonly aside?: string;
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
  readonly clock: Clock;
  readonly log: Logger;
}

const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_WAIT_MS = 200;
const PING_INTERVAL_MS = 5_000;
const ACK_TIMEOUT_MS = 3_000;
const DEFAULT_GIVE_UP_MS = 10_000;
/** "No responders" takes one way to the server and back. */
const PROBE_MS = 1_000;
const DRAIN_TIMEOUT_MS = 10_000;

/** Throws TroupeError BUS_UNAVAILABLE or BUS_DENIED; once connected, it reconnects for ever. */
export async function connectNats(options: NatsOptions): Promise<NatsBus> {
  const main = await dial(options, options.name);
  if (options.aside === undefined) return new JetStreamBus(main, undefined, options);
  try {
    return new JetStreamBus(main, await dial(options, `${options.name}, ${options.aside}`), options);
  } catch (error) {
    await main.connection.close();
    throw error;
  }
}

async function dial(options: NatsOptions, name: string): Promise<Dialled> {
  const deliveries = new Deliveries();
  const settings: Connecting = {
    deliveries,
    servers: options.url.split(','),
    name,
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
    return { connection, manager: await jetstreamManager(connection), deliveries };
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
  readonly clock: Clock;
  private readonly line: Line;
  private readonly aside: Line | undefined;
  private readonly publisher: Publisher;
  private readonly options: NatsOptions;
  /** No other connection has it. */
  private readonly queue = `only-${secretToken(8)}`;
  private draining = false;

  constructor(main: Dialled, aside: Dialled | undefined, options: NatsOptions) {
    const { connection, manager } = main;
    const { clock, log, inboxPrefix } = options;
    this.connection = connection;
    this.manager = manager;
    this.options = options;
    this.log = log;
    this.clock = clock;
    this.publisher = new Publisher({
      ...{ connection, clock, inboxPrefix },
      giveUpAfterMs: options.publishGiveUpMs ?? DEFAULT_GIVE_UP_MS,
      ackTimeoutMs: ACK_TIMEOUT_MS,
    });
    this.line = new Line(main, {
      ...{ clock, log, inboxPrefix },
      onLost: () => {
        this.publisher.lost();
        if (!this.draining) options.onLost?.();
      },
      onRestored: () => {
        this.publisher.restored();
        options.onRestored?.();
      },
      onError: (error, { operation, subject }) => {
        log.error({ error: error.message }, 'NATS reports an error');
        if (operation === 'publish' && subject) this.publisher.denied(subject, error);
      },
    });
    this.aside =
      aside &&
      new Line(aside, {
        ...{ clock, log, inboxPrefix },
        onLost: () => undefined,
        onRestored: () => undefined,
        onError: (error) => log.error({ error: error.message }, 'NATS reports an error'),
      });
  }

  private get connected(): boolean {
    return this.line.isUp;
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

  read(request: ReadRequest): Promise<StreamReader> {
    const line = request.stream === this.options.aside ? (this.aside ?? this.line) : this.line;
    return line.read(request);
  }

  async lastSequence(stream: string, filter?: string): Promise<number> {
    const doing = `last sequence of ${stream}`;
    if (filter !== undefined) {
      const last = await this.line.ask(doing, () => this.manager.streams.getMessage(stream, { last_by_subj: filter }));
      return last?.seq ?? 0;
    }
    return (await this.line.ask(doing, () => this.manager.streams.info(stream))).state.last_seq;
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
    const { line, publisher } = this;
    return new NatsKeyValue({ reading: line.reading, publisher, track: (reader) => line.track(reader) }, bucket);
  }

  async drain(): Promise<void> {
    if (this.draining) return;
    const lines = this.aside ? [this.aside, this.line] : [this.line];
    for (const line of lines) line.stopReading();
    let cancel = (): void => {};
    const tooLong = new Promise<void>((resolve) => {
      cancel = this.clock.setTimer(DRAIN_TIMEOUT_MS, resolve);
    });
    if (this.connected) await Promise.race([this.publisher.idle(), tooLong]);
    this.draining = true;
    this.publisher.close(new TroupeError('BUS_UNAVAILABLE', 'the connection is being closed'));
    await Promise.all(lines.map((line) => line.end(tooLong)));
    cancel();
  }
}
