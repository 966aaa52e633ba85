/** The streams and buckets of DESIGN.md section 4, as data. `nats.ts` makes the server agree with them. */
import type { BucketName } from './bus.ts';

const DAY_MS = 86_400_000;
const GIB = 2 ** 30;

export interface StreamSpec {
  readonly name: 'MARKET' | 'TRADING' | 'MODELS' | 'SYSTEM';
  readonly subjects: readonly string[];
  readonly maxAgeMs: number;
  /** The stream drops its oldest messages beyond this; the audit trail has no such limit (-1) and refuses instead. */
  readonly maxBytes: number;
  /** Publishing the same message id twice within this time stores it once. */
  readonly duplicateWindowMs: number;
}

export const streams: readonly StreamSpec[] = [
  { name: 'MARKET', subjects: ['md.>'], maxAgeMs: 7 * DAY_MS, maxBytes: 64 * GIB, duplicateWindowMs: 120_000 },
  { name: 'TRADING', subjects: ['trade.>'], maxAgeMs: 365 * DAY_MS, maxBytes: -1, duplicateWindowMs: 600_000 },
  { name: 'MODELS', subjects: ['model.>'], maxAgeMs: 7 * DAY_MS, maxBytes: 4 * GIB, duplicateWindowMs: 120_000 },
  { name: 'SYSTEM', subjects: ['sys.>'], maxAgeMs: 30 * DAY_MS, maxBytes: 4 * GIB, duplicateWindowMs: 120_000 },
];

export interface BucketSpec {
  readonly name: BucketName;
  /** 0 keeps a value until it is replaced. */
  readonly ttlMs: number;
  /** Values of a key that are kept, the newest included. */
  readonly history: number;
  /** What an update foretells is told on `ahead.<key>` once it is stored. */
  readonly foretells?: true;
}

export const buckets: readonly BucketSpec[] = [
  { name: 'snapshots', ttlMs: 0, history: 1, foretells: true },
  { name: 'leases', ttlMs: 10_000, history: 1 },
  { name: 'actors', ttlMs: 0, history: 1 },
  { name: 'config', ttlMs: 0, history: 5 },
  { name: 'machines', ttlMs: 0, history: 1 },
];
