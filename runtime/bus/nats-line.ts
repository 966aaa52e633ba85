/**
 * One connection to NATS with its readers: it knows whether it is up, mends what reads over it, and asks again over
 * reconnects. A bus has one for everything, and may have a second that only reads.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Clock } from '../clock.ts';
import type { TroupeError } from '../errors.ts';
import type { Logger } from '../telemetry/log.ts';
import type { ReadRequest, StreamReader } from './bus.ts';
import type { Deliveries } from './deliveries.ts';
import { busError, isTransient } from './nats-errors.ts';
import type { ReaderLink } from './nats-reader.ts';
import { OrderedReader } from './nats-reader.ts';

const ASK_AGAIN_MS = 100;
const ASK_AGAIN_FOR_MS = 10_000;

export interface Dialled {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  /** Those that the connection hands over past its client. */
  readonly deliveries: Deliveries;
}

export interface LineOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly inboxPrefix: string | undefined;
  /** The connection is gone; it is being mended. */
  readonly onLost: () => void;
  /** It is back, and its readers are starting again. */
  readonly onRestored: () => void;
  /** The server refuses something; what it was stands in `refused`, where the server says so. */
  readonly onError: (error: TroupeError, refused: { operation?: string; subject?: string }) => void;
}

export class Line {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly reading: ReaderLink;
  private readonly options: LineOptions;
  private readonly readers = new Set<OrderedReader>();
  private readonly onReconnect = new Set<() => void>();
  private up = true;
  private ending = false;

  constructor({ connection, manager, deliveries }: Dialled, options: LineOptions) {
    this.connection = connection;
    this.manager = manager;
    this.options = options;
    this.reading = {
      ...{ connection, manager, deliveries },
      ...{ clock: options.clock, log: options.log, inboxPrefix: options.inboxPrefix },
      isConnected: () => this.isUp,
      ask: (doing, request) => this.ask(doing, request),
    };
    void this.followStatus();
  }

  get isUp(): boolean {
    return this.up && !this.connection.isClosed();
  }

  async read(request: ReadRequest): Promise<StreamReader> {
    const reader = new OrderedReader(this.reading, {
      stream: request.stream,
      filters: request.filters,
      fromSequence: request.fromSequence,
      onMessage: (message) => request.onMessage(message),
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

  /** Keeps a reader going over reconnects until the returned function is called. */
  track(reader: OrderedReader): () => void {
    this.readers.add(reader);
    return () => this.readers.delete(reader);
  }

  /**
   * A request that only asks: tried again for a while when it fails for a passing reason, and at once when a
   * connection that was lost is back, because the answer on the old one never comes.
   */
  async ask<T>(doing: string, request: () => Promise<T>): Promise<T> {
    const { clock } = this.options;
    const untilMs = clock.monotonicMs() + ASK_AGAIN_FOR_MS;
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
        const over = this.ending || this.connection.isClosed() || clock.monotonicMs() > untilMs;
        if (over || !isTransient(error)) throw error;
        await clock.sleep(ASK_AGAIN_MS);
      } finally {
        this.onReconnect.delete(reconnected);
      }
    }
  }

  /** Nothing is read any more. */
  stopReading(): void {
    for (const reader of this.readers) reader.stop();
    this.readers.clear();
  }

  /** Says goodbye to the server, for at most as long as `tooLong` takes, and closes. */
  async end(tooLong: Promise<void>): Promise<void> {
    this.ending = true;
    if (this.up) await Promise.race([this.connection.drain().catch(() => {}), tooLong]);
    if (!this.connection.isClosed()) await this.connection.close();
  }

  private async followStatus(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === 'disconnect') {
        if (!this.up) continue;
        this.up = false;
        if (!this.ending) this.options.log.warn({ server: status.server }, 'connection to NATS lost');
        this.options.onLost();
      } else if (status.type === 'reconnect') {
        this.up = true;
        // Before anybody asks again: what waits for them begins with their first message.
        this.options.onRestored();
        for (const reader of this.readers) reader.restart();
        for (const again of [...this.onReconnect]) again();
        this.options.log.info({ server: status.server }, 'connection to NATS restored');
      } else if (status.type === 'error') {
        this.options.onError(busError(status.error, 'NATS'), status.error as { operation?: string; subject?: string });
      }
    }
  }
}
