/**
 * One key-value bucket. A bucket is the stream `KV_<bucket>` with subjects `$KV.<bucket>.<key>` and the newest message
 * per subject (the layout of the `nats kv` command and of every NATS client), so writing goes through the publisher
 * and inherits its retries.
 *
 * Compare-and-set is a publish that expects the last sequence of its subject. Its message id tells a lost
 * compare-and-set from one whose first copy was stored and whose acknowledgement was lost: the second copy is
 * acknowledged as a duplicate, or, beyond the duplicate window, the stored message is found to carry our id.
 */
import type { StoredMsg } from '@nats-io/jetstream';
import { nuid } from '@nats-io/transport-node';
import { TroupeError } from '../errors.ts';
import type { BucketName, KeyValue, KvEntry } from './bus.ts';
import { checkKey, plainBytes } from './keys.ts';
import { busError } from './nats-errors.ts';
import { type Publisher, PublishFailure } from './nats-publisher.ts';
import type { ReaderLink, ReaderOptions } from './nats-reader.ts';
import { OrderedReader } from './nats-reader.ts';
import { aheadSubject } from './topics.ts';

export interface KvLink {
  readonly reading: ReaderLink;
  readonly publisher: Publisher;
  /** Keeps a reader going over reconnects until it is stopped. */
  readonly track: (reader: OrderedReader) => () => void;
}

const OPERATION = 'KV-Operation';
/** One for each thing that is foretold, in hexadecimal. The bridge reads it too (`bridge/subjects.h`). */
const FORETOLD = 'Troupe-Ahead';
const EMPTY = new Uint8Array(0);

export const bucketStream = (bucket: BucketName): string => `KV_${bucket}`;

const isMarker = (operation: string | undefined): boolean => operation === 'DEL' || operation === 'PURGE';

export class NatsKeyValue implements KeyValue {
  private readonly link: KvLink;
  private readonly bucket: BucketName;
  private readonly prefix: string;

  constructor(link: KvLink, bucket: BucketName) {
    this.link = link;
    this.bucket = bucket;
    this.prefix = `$KV.${bucket}.`;
  }

  async get(key: string): Promise<KvEntry | undefined> {
    const stored = await this.last(key);
    if (!stored || isMarker(stored.header?.get(OPERATION))) return undefined;
    return { key, value: plainBytes(stored.data), revision: stored.seq };
  }

  async create(key: string, value: Uint8Array): Promise<number> {
    try {
      return await this.write(key, value, 0);
    } catch (error) {
      if (!(error instanceof TroupeError) || error.code !== 'BUS_CONFLICT') throw error;
      const stored = await this.last(key);
      if (!stored || !isMarker(stored.header?.get(OPERATION))) throw error;
      return await this.write(key, value, stored.seq);
    }
  }

  async update(
    key: string,
    value: Uint8Array,
    revision: number,
    foretold: readonly Uint8Array[] = [],
  ): Promise<number> {
    if (!Number.isSafeInteger(revision) || revision < 1)
      throw new RangeError(`revision ${revision}: a whole number from 1`);
    const lines = foretold.map((bytes): [string, string] => [FORETOLD, Buffer.from(bytes).toString('hex')]);
    return await this.write(key, value, revision, lines);
  }

  put(key: string, value: Uint8Array): Promise<number> {
    return this.write(key, value, undefined);
  }

  async delete(key: string, revision?: number): Promise<void> {
    await this.write(key, EMPTY, revision, [[OPERATION, 'DEL']]);
  }

  /** Resolves when all entries that were there have been handed out. */
  async watch(
    filter: string,
    onEntry: (entry: KvEntry | { key: string; deleted: true }) => void,
  ): Promise<() => Promise<void>> {
    const { log } = this.link.reading;
    let caughtUp = (): void => {};
    let broken: (error: Error) => void = (error) => log.error({ bucket: this.bucket, filter, error }, 'watch ended');
    let initial = true;
    const ready = new Promise<void>((resolve, reject) => {
      caughtUp = resolve;
      broken = reject;
    });
    const options: ReaderOptions = {
      stream: bucketStream(this.bucket),
      filters: [`${this.prefix}${filter}`],
      fromSequence: undefined,
      wantsHeaders: true,
      onMessage: ({ subject, headers, data, sequence, pending }) => {
        const key = subject.slice(this.prefix.length);
        const marker = isMarker(headers?.get(OPERATION));
        // A watcher's fault must not end the watching of others in this process.
        try {
          if (!marker) onEntry({ key, value: data, revision: sequence });
          else if (!initial) onEntry({ key, deleted: true });
        } catch (error) {
          log.error({ bucket: this.bucket, key, error }, 'a watcher threw');
        }
        if (pending === 0) {
          initial = false;
          caughtUp();
        }
      },
      onError: (error) => broken(error),
    };
    const reader = new OrderedReader(this.link.reading, options);
    const untrack = this.link.track(reader);
    const stop = async (): Promise<void> => {
      untrack();
      reader.stop();
    };
    try {
      if ((await reader.start()) === 0) {
        initial = false;
        caughtUp();
      }
      await ready;
    } catch (error) {
      await stop();
      throw busError(error, `watch ${this.bucket} ${filter}`);
    }
    broken = (error) => log.error({ bucket: this.bucket, filter, error: error.message }, 'watch ended');
    return stop;
  }

  async listen(filter: string, hear: (foretold: Uint8Array, key: string) => void): Promise<() => Promise<void>> {
    const { connection, log } = this.link.reading;
    const prefix = aheadSubject('');
    const subscription = connection.subscribe(prefix + filter, {
      callback: (error, message) => {
        if (error) {
          log.error({ filter, error: error.message }, 'listening ended');
          return;
        }
        const key = message.subject.slice(prefix.length);
        for (const text of message.headers?.values(FORETOLD) ?? []) hear(new Uint8Array(Buffer.from(text, 'hex')), key);
      },
    });
    // The server must know of it before anybody is told that it listens.
    await connection.flush().catch(() => {});
    return async () => subscription.unsubscribe();
  }

  /**
   * Newest message of the key, deletion markers included. Asked of the stream's leader: a "direct get" may be answered
   * by a replica that is behind, and a compare-and-set on a stale revision would look like a lost ownership.
   */
  private async last(key: string): Promise<StoredMsg | null> {
    checkKey(key);
    const { manager, ask } = this.link.reading;
    const query = { last_by_subj: this.prefix + key };
    return await ask(`get ${this.bucket} ${key}`, () => manager.streams.getMessage(bucketStream(this.bucket), query));
  }

  private async write(
    key: string,
    value: Uint8Array,
    expected: number | undefined,
    more: readonly (readonly [string, string])[] = [],
  ): Promise<number> {
    checkKey(key);
    const id = nuid.next();
    const lines = [...more];
    if (expected !== undefined) lines.push(['Nats-Expected-Last-Subject-Sequence', String(expected)]);
    try {
      const ack = await this.link.publisher.publish(this.prefix + key, value, id, lines);
      return ack.sequence;
    } catch (failure) {
      if (!(failure instanceof PublishFailure)) throw failure;
      const doubtful =
        failure.attempts > 1 || failure.error.code === 'BUS_TIMEOUT' || failure.error.code === 'BUS_UNAVAILABLE';
      if (doubtful) {
        const stored = await this.last(key).catch(() => null);
        if (stored?.header?.get('Nats-Msg-Id') === id) return stored.seq;
      }
      throw failure.error;
    }
  }
}
