/** Makes the server's streams and buckets agree with `streams.ts`, without ever touching somebody else's. */
import type { JetStreamManager, StreamConfig, StreamInfo } from '@nats-io/jetstream';
import { DiscardPolicy, JetStreamApiError, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import type { Clock } from '../clock.ts';
import { TroupeError } from '../errors.ts';
import type { Logger } from '../telemetry/log.ts';
import type { BucketName } from './bus.ts';
import { busError } from './nats-errors.ts';
import { bucketStream } from './nats-kv.ts';
import { buckets, streams } from './streams.ts';
import { aheadSubject } from './topics.ts';

export interface EnsureOptions {
  /**
   * A replay owns its streams: what an earlier replay left is deleted and made anew. A live company never deletes, and
   * neither touches what belongs to the other.
   */
  readonly replay: boolean;
  /** Copies of every message, 1 (single server) to 5. Default 1. */
  readonly replicas?: number;
}

/** The mark by which a replay knows its own streams. */
const MARK = 'troupe';
const REPLAY = 'replay';
const LIVE = 'live';

/** What a program that only reads and writes needs of a stream; a server adds fields of its own to the others. */
const SETTINGS = [
  ...['subjects', 'retention', 'storage', 'discard', 'max_age', 'max_msgs_per_subject', 'max_msgs', 'max_msg_size'],
  ...[
    'duplicate_window',
    'no_ack',
    'sealed',
    'allow_rollup_hdrs',
    'mirror',
    'sources',
    'subject_transform',
    'republish',
  ],
] as const;

const DUPLICATE_WINDOW_MS = 120_000;
const SMALLEST_LIMIT_BYTES = 256 * 2 ** 20;
const INSUFFICIENT_STORAGE = 10047;
/** The server cannot make the stream's files: it may still be removing those of the stream that had its name before. */
const STORE_FAILED = 10049;
const STORE_TRIES = 20;
const STORE_AGAIN_MS = 100;
const OVERLAP = 10065;

/** The server says again what it has stored, to who listens, without the value. */
const foretelling = (bucket: BucketName) => ({
  src: `$KV.${bucket}.>`,
  dest: aheadSubject('>'),
  headers_only: true,
});

function wanted(replicas: number): Partial<StreamConfig>[] {
  const common = {
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    num_replicas: replicas,
    allow_direct: true,
  };
  const kept = streams.map(
    (spec): Partial<StreamConfig> => ({
      ...common,
      name: spec.name,
      subjects: [...spec.subjects],
      max_age: nanos(spec.maxAgeMs),
      max_bytes: spec.maxBytes,
      // Where nothing may be dropped, JetStream must refuse; where the newest counts, the oldest goes.
      discard: spec.maxBytes < 0 ? DiscardPolicy.New : DiscardPolicy.Old,
      duplicate_window: nanos(spec.duplicateWindowMs),
    }),
  );
  const keyed = buckets.map(
    (spec): Partial<StreamConfig> => ({
      ...common,
      name: bucketStream(spec.name),
      subjects: [`$KV.${spec.name}.>`],
      max_msgs_per_subject: spec.history,
      max_age: nanos(spec.ttlMs),
      max_bytes: -1,
      discard: DiscardPolicy.New,
      allow_rollup_hdrs: true,
      deny_delete: true,
      ...(spec.foretells === true ? { republish: foretelling(spec.name) } : {}),
      // The server wants the window to be no longer than the age.
      duplicate_window: nanos(spec.ttlMs > 0 ? Math.min(spec.ttlMs, DUPLICATE_WINDOW_MS) : DUPLICATE_WINDOW_MS),
    }),
  );
  return [...kept, ...keyed];
}

const isNotFound = (error: unknown): boolean => error instanceof JetStreamApiError && error.status === 404;

async function existing(manager: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(name);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Throws TroupeError BUS_FOREIGN_STREAMS before anything is changed, BUS_STORAGE_FULL, BUS_DENIED, BUS_REFUSED ... */
export async function ensureStreams(
  bus: { readonly manager: JetStreamManager; readonly clock: Clock; readonly log: Logger },
  options: EnsureOptions,
): Promise<void> {
  const { manager, clock, log } = bus;
  const mark = options.replay ? REPLAY : LIVE;
  const configs = wanted(options.replicas ?? 1);
  try {
    const found = await Promise.all(configs.map((config) => existing(manager, config.name!)));
    refuseForeign(found, options.replay);
    if (options.replay) for (const info of found) if (info) await manager.streams.delete(info.config.name);
    // The largest limit last: on a small disk it takes what is left, and must not take it from the others.
    const ordered = configs
      .map((config, i) => ({ config, info: options.replay ? undefined : found[i] }))
      .sort((a, b) => (a.config.max_bytes ?? -1) - (b.config.max_bytes ?? -1));
    for (const { config, info } of ordered) {
      const marked = { ...config, metadata: { [MARK]: mark } };
      if (info) await update(manager, marked, info, log);
      else await add({ manager, clock, log }, marked);
    }
    if (options.replay) return;
    // An update leaves what it does not name, somebody's limit on the number of messages for one.
    const now = await Promise.all(configs.map((config) => manager.streams.info(config.name!)));
    refuseOtherSettings(configs.map((config, i) => ({ config, found: now[i]!.config })));
  } catch (error) {
    throw busError(error, 'make the streams');
  }
}

/**
 * Changes nothing: the streams have been prepared, by an earlier node or by whoever started this one. Throws
 * TroupeError BUS_NO_STREAM, BUS_FOREIGN_STREAMS, BUS_STREAM_SETTINGS, which names all that differ.
 */
export async function checkStreams(bus: { readonly manager: JetStreamManager }, options: EnsureOptions): Promise<void> {
  const configs = wanted(options.replicas ?? 1);
  try {
    const found = await Promise.all(configs.map((config) => existing(bus.manager, config.name!)));
    const missing = configs.filter((_, i) => found[i] === undefined).map(({ name }) => name!);
    if (missing.length > 0) {
      throw new TroupeError('BUS_NO_STREAM', `this NATS server has no streams ${missing.join(', ')}`);
    }
    refuseForeign(found, options.replay);
    refuseOtherSettings(configs.map((config, i) => ({ config, found: found[i]!.config })));
  } catch (error) {
    throw busError(error, 'check the streams');
  }
}

function refuseForeign(found: readonly (StreamInfo | undefined)[], replay: boolean): void {
  const foreign = found.filter((info) => info && (info.config.metadata?.[MARK] === REPLAY) !== replay);
  if (foreign.length === 0) return;
  throw foreignStreams(
    foreign.map((info) => info!.config.name),
    replay,
  );
}

/** A setting that differs loses or changes messages without a word: a limit on their number, another storage. */
function refuseOtherSettings(pairs: readonly { config: Partial<StreamConfig>; found: StreamConfig }[]): void {
  const differences = pairs.flatMap(({ config, found }) =>
    SETTINGS.flatMap((setting) => {
      const [has, wants] = [plain(setting, found[setting]), plain(setting, config[setting])];
      return has === wants ? [] : [`${found.name}: ${setting} is ${has}, must be ${wants}`];
    }),
  );
  if (differences.length === 0) return;
  throw new TroupeError(
    'BUS_STREAM_SETTINGS',
    `streams of this NATS server have other settings than Troupe needs: ${differences.join('; ')}. Change them (nats stream edit NAME) or give Troupe a server of its own`,
  );
}

const UNLIMITED: ReadonlySet<string> = new Set(['max_msgs', 'max_msg_size', 'max_msgs_per_subject']);

/** As text that can be compared: what is absent is what the server takes it for. */
function plain(setting: (typeof SETTINGS)[number], value: unknown): string {
  if (UNLIMITED.has(setting)) return String(value ?? -1);
  if (value === undefined || value === null || value === false) return 'none';
  if (Array.isArray(value) && value.length === 0) return 'none';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function foreignStreams(names: readonly string[], replay: boolean): TroupeError {
  const list = names.join(', ');
  return new TroupeError(
    'BUS_FOREIGN_STREAMS',
    replay
      ? `this NATS server holds streams that no replay made: ${list}. A replay would mix with them; give it a server of its own, or delete them (nats stream rm NAME) if nobody needs them`
      : `this NATS server holds streams of a replay: ${list}. A live company must not continue them; give it a server of its own, or delete them (nats stream rm NAME)`,
  );
}

/**
 * JetStream reserves max_bytes when a stream is made and refuses what the disk cannot hold. On a small disk the limit
 * is halved until it fits: a shorter history of market data is better than none. A busy server may refuse a stream right
 * after one of its name was deleted: it is asked again for two seconds.
 */
async function add(
  { manager, clock, log }: { manager: JetStreamManager; clock: Clock; log: Logger },
  config: Partial<StreamConfig>,
): Promise<void> {
  let maxBytes = config.max_bytes ?? -1;
  for (let tries = 1; ; ) {
    try {
      await manager.streams.add({ ...config, name: config.name!, max_bytes: maxBytes });
      break;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === OVERLAP) {
        throw new TroupeError(
          'BUS_FOREIGN_STREAMS',
          `stream ${config.name} cannot have the subjects ${config.subjects?.join(', ')}: another stream of this NATS server has them (nats stream ls --subjects shows which)`,
          { cause: error },
        );
      }
      if (error instanceof JetStreamApiError && error.code === STORE_FAILED && tries < STORE_TRIES) {
        tries++;
        await clock.sleep(STORE_AGAIN_MS);
        continue;
      }
      const full = error instanceof JetStreamApiError && error.code === INSUFFICIENT_STORAGE;
      if (!full || maxBytes / 2 < SMALLEST_LIMIT_BYTES) throw error;
      maxBytes = Math.floor(maxBytes / 2);
    }
  }
  if (maxBytes !== (config.max_bytes ?? -1)) {
    // Once more, so that the streams after it find room too.
    maxBytes = Math.max(SMALLEST_LIMIT_BYTES, Math.floor(maxBytes / 2));
    await manager.streams.update(config.name!, { ...config, max_bytes: maxBytes });
    log.warn(
      { stream: config.name, max_bytes: maxBytes, wanted_bytes: config.max_bytes },
      'the disk is too small for the stream at its full size; it keeps less history',
    );
  }
}

/** A limit that was lowered to fit the disk stays lowered when the full one still does not fit. */
async function update(
  manager: JetStreamManager,
  config: Partial<StreamConfig>,
  found: StreamInfo,
  log: Logger,
): Promise<void> {
  try {
    await manager.streams.update(config.name!, config);
  } catch (error) {
    if (!(error instanceof JetStreamApiError)) throw error;
    if (error.code !== INSUFFICIENT_STORAGE) {
      // Some settings of a stream are for ever: then it is ours to say which of them are wrong.
      refuseOtherSettings([{ config, found: found.config }]);
      throw error;
    }
    await manager.streams.update(config.name!, { ...config, max_bytes: found.config.max_bytes });
    log.warn({ stream: config.name, max_bytes: found.config.max_bytes }, 'the stream keeps its smaller limit');
  }
}
