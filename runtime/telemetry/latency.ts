/**
 * Latencies as counts in buckets of geometrically growing width, after DDSketch (Masson, Rim, Lee: "DDSketch: a fast
 * and fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019): a quantile is off by at most 1 % of
 * its own value, whatever the distribution, and recording allocates nothing.
 */

/** Largest relative error of a quantile. */
const ALPHA = 0.01;
const GAMMA = (1 + ALPHA) / (1 - ALPHA);
const PER_LOG = 1 / Math.log(GAMMA);
/** Shorter is counted as this long: 1 µs, below what clocks of two processes can tell. */
const SHORTEST_MS = 0.001;
/** Longer is counted in the last bucket: eleven days. */
const LONGEST_MS = 1e9;
const BUCKETS = Math.ceil(Math.log(LONGEST_MS / SHORTEST_MS) * PER_LOG) + 1;

export interface LatencyJson {
  readonly count: number;
  /** Largest, ms, exact; 0 where nothing was recorded. */
  readonly max: number;
  /** Bucket and count, of buckets that are not empty. */
  readonly buckets: readonly (readonly [number, number])[];
}

export class LatencyHistogram {
  private readonly counts = new Float64Array(BUCKETS);
  private recorded = 0;
  private largest = 0;

  /** A duration in milliseconds. Below 0 (two clocks disagree) counts as 0; NaN is not counted. */
  record(ms: number): void {
    if (Number.isNaN(ms)) return;
    let bucket = ms <= SHORTEST_MS ? 0 : Math.ceil(Math.log(ms / SHORTEST_MS) * PER_LOG);
    if (bucket >= BUCKETS) bucket = BUCKETS - 1;
    this.counts[bucket]!++;
    this.recorded++;
    if (ms > this.largest) this.largest = ms;
  }

  get count(): number {
    return this.recorded;
  }

  /** Largest, ms, exact; 0 where nothing was recorded. */
  get max(): number {
    return this.largest;
  }

  /** The value below or at which a share `q` (0..1) of the records lies, ms; NaN where nothing was recorded. */
  quantile(q: number): number {
    if (!(q >= 0 && q <= 1)) throw new RangeError(`quantile ${q} is outside 0..1`);
    if (this.recorded === 0) return Number.NaN;
    const rank = Math.max(1, Math.ceil(q * this.recorded));
    if (rank >= this.recorded) return this.largest;
    let below = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      below += this.counts[bucket]!;
      if (below >= rank) return Math.min(this.largest, middle(bucket));
    }
    return this.largest;
  }

  /** Adds what `other` has recorded. */
  merge(other: LatencyHistogram): void {
    for (let bucket = 0; bucket < BUCKETS; bucket++) this.counts[bucket]! += other.counts[bucket]!;
    this.recorded += other.recorded;
    this.largest = Math.max(this.largest, other.largest);
  }

  toJSON(): LatencyJson {
    const buckets: [number, number][] = [];
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      if (this.counts[bucket]! > 0) buckets.push([bucket, this.counts[bucket]!]);
    }
    return { count: this.recorded, max: this.largest, buckets };
  }

  /** Throws RangeError on what `toJSON` cannot have made. */
  static fromJSON(json: LatencyJson): LatencyHistogram {
    const histogram = new LatencyHistogram();
    for (const [bucket, count] of json.buckets) {
      const valid = Number.isInteger(bucket) && bucket >= 0 && bucket < BUCKETS && Number.isInteger(count) && count > 0;
      if (!valid) throw new RangeError(`latency bucket ${bucket} with count ${count}`);
      histogram.counts[bucket]! += count;
      histogram.recorded += count;
    }
    if (histogram.recorded !== json.count || !(json.max >= 0)) {
      throw new RangeError(
        `latency counts add up to ${histogram.recorded}, not ${json.count}, or max ${json.max} is none`,
      );
    }
    histogram.largest = json.max;
    return histogram;
  }
}

/** The value whose relative distance to both ends of the bucket is the same: it is off by ALPHA at most. */
function middle(bucket: number): number {
  return bucket === 0 ? SHORTEST_MS : (SHORTEST_MS * 2 * GAMMA ** bucket) / (GAMMA + 1);
}
