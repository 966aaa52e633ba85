/**
 * What the runtime needs of a message system, and no more. `nats.ts` is the real one, `memory.ts` the one for
 * deterministic tests; nothing outside this folder knows which of them it talks to.
 */
import type { RunningService, ServiceSpec } from './service.ts';

export interface PublishRequest {
  readonly subject: string;
  readonly data: Uint8Array;
  /** A second publish with the same id within the stream's duplicate window has no effect. */
  readonly messageId: string;
  /** It may wait until the event loop comes round, to leave together with others. Order is kept. */
  readonly patient?: boolean;
}

export interface PublishAck {
  readonly sequence: number;
  readonly duplicate: boolean;
}

/** Memory that is used again when everybody who has a part of it has given it back. Who does not, keeps it. */
export interface Loan {
  giveBack(): void;
}

export interface StoredMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Sequence in the stream, from 1. */
  readonly sequence: number;
  /** Of the memory that `data` lies in: give it back once, when nobody needs `data` any more; it is empty then. */
  readonly loan?: Loan | undefined;
}

/** An ordered reader of one stream: every message that matches, once, in stream order, from a given sequence on. */
export interface StreamReader {
  /** Ends the reading; no message is handed out after this resolves. */
  stop(): Promise<void>;
}

export interface ReadRequest {
  readonly stream: string;
  readonly filters: readonly string[];
  /** First sequence wanted, from 1. */
  readonly fromSequence: number;
  /**
   * Called for one message after the other. Where it returns a promise, the reader waits for it: this is how
   * back-pressure reaches the server.
   */
  readonly onMessage: (message: StoredMessage) => void | Promise<void>;
  /** The reading cannot go on (stream deleted, ...); lost connections are mended without a word. */
  readonly onError: (error: Error) => void;
}

export interface KvEntry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
}

export interface KeyValue {
  get(key: string): Promise<KvEntry | undefined>;
  /** Creates a key that must not exist (deleted counts as not existing). Throws TroupeError BUS_CONFLICT otherwise. */
  create(key: string, value: Uint8Array): Promise<number>;
  /**
   * Compare-and-set on the last revision. Throws TroupeError BUS_CONFLICT when somebody else was faster. `foretold`, of
   * bucket `snapshots` only: what the server tells those who listen as soon as it has stored the value.
   */
  update(key: string, value: Uint8Array, revision: number, foretold?: readonly Uint8Array[]): Promise<number>;
  put(key: string, value: Uint8Array): Promise<number>;
  /** With a revision: only if it is still the last one; throws BUS_CONFLICT otherwise. */
  delete(key: string, revision?: number): Promise<void>;
  /** Every current entry that matches `filter` (NATS wildcards), then each change. Returns the stop function. */
  watch(
    filter: string,
    onEntry: (entry: KvEntry | { key: string; deleted: true }) => void,
  ): Promise<() => Promise<void>>;
  /**
   * What updates of the keys that match `filter` foretell, bucket `snapshots` only. Never of an update that was not
   * stored; kept nowhere, so who does not listen just then misses it. Returns the stop function.
   */
  listen(filter: string, hear: (foretold: Uint8Array, key: string) => void): Promise<() => Promise<void>>;
}

export interface Bus {
  /** Stores one message in the stream that owns its subject; resolves when the stream has acknowledged it. */
  publish(request: PublishRequest): Promise<PublishAck>;
  read(request: ReadRequest): Promise<StreamReader>;
  /** Sequence of the last message of the stream (of those whose subject matches `filter`), 0 when there is none. */
  lastSequence(stream: string, filter?: string): Promise<number>;
  /** Fire and forget, kept nowhere. */
  send(subject: string, data: Uint8Array): void;
  /**
   * Sends like `send`, and says whether anybody subscribes to the subject: core NATS tells it to nobody who does not ask.
   * False while there is no connection.
   */
  probe(subject: string, data: Uint8Array): Promise<boolean>;
  /** Throws TroupeError BUS_NO_RESPONDER or BUS_TIMEOUT. */
  request(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  /** Answers requests (handler returns bytes) or listens (returns undefined). Returns the stop function. */
  serve(
    subject: string,
    handler: (data: Uint8Array, subject: string) => Promise<Uint8Array | undefined>,
  ): Promise<() => Promise<void>>;
  /**
   * Serves the endpoints as a service that the stock `nats` command finds. Every running instance hears every request;
   * those whose handler gives undefined leave it to the others.
   */
  service(spec: ServiceSpec): Promise<RunningService>;
  kv(bucket: BucketName): Promise<KeyValue>;
  /** Everything published so far has reached the server; then the connection is closed. */
  drain(): Promise<void>;
}

export type BucketName = 'snapshots' | 'leases' | 'actors' | 'config' | 'machines';
