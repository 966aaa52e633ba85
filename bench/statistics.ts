/** What is made of the rounds' figures. Pure. */
import type { LatencyJson } from '../runtime/telemetry/latency.ts';
import { LatencyHistogram } from '../runtime/telemetry/latency.ts';

/** Middle value; the mean of the two middle ones where their number is even. Throws RangeError without values. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('the median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value at or below which a share `q` (0..1) of the values lies (nearest rank). Throws RangeError without values. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new RangeError('a quantile of nothing');
  if (!(q >= 0 && q <= 1)) throw new RangeError(`quantile ${q} is outside 0..1`);
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!;
}

/**
 * What a histogram has recorded between two looks at it. Its `max` is that of the later look: when the longest was
 * recorded, nobody knows. Throws RangeError where `before` is no earlier look at the same histogram.
 */
export function recordedSince(before: LatencyJson, after: LatencyJson): LatencyHistogram {
  const counts = new Map(after.buckets);
  for (const [bucket, count] of before.buckets) counts.set(bucket, (counts.get(bucket) ?? 0) - count);
  const buckets = [...counts].filter(([, count]) => count !== 0).sort(([a], [b]) => a - b);
  return LatencyHistogram.fromJSON({ count: after.count - before.count, max: after.max, buckets });
}
