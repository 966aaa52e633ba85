/** What the figures of the bridge's metrics page say. Pure. */

export interface BucketReading {
  /** Upper bound in seconds, and how many took at most so long; the last bound is Infinity. */
  readonly buckets: ReadonlyArray<readonly [bound: number, count: number]>;
  readonly count: number;
}

/** A histogram of an exposition, of one account where it is named. Throws where it does not stand there. */
export function histogramOf(page: string, name: string, account = '[^"]*'): BucketReading {
  const buckets: Array<[number, number]> = [];
  for (const [, bound = '', count = ''] of page.matchAll(
    new RegExp(`^${name}_bucket\\{(?:account="${account}",)?le="([^"]+)"\\} (\\d+)$`, 'gm'),
  )) {
    buckets.push([bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound), Number(count)]);
  }
  const last = buckets.at(-1);
  if (last === undefined) throw new RangeError(`no histogram ${name} on the page`);
  return { buckets, count: last[1] };
}

/** The upper bound of the bucket in which the value of share `q` lies. Throws RangeError without values. */
export function bucketQuantile({ buckets, count }: BucketReading, q: number): number {
  if (count === 0) throw new RangeError('a quantile of nothing');
  const rank = Math.ceil(q * count);
  return buckets.find(([, below]) => below >= rank)?.[0] ?? Number.POSITIVE_INFINITY;
}

/** Ticks below which nothing can be said about memory. */
const ENOUGH_TICKS = 10_000_000;
/** What buffers may still grow after the first quarter. */
const MOST_GROWTH_MB = 16;

/** `memory`: at the start, at three quarters, at the end. */
export function memoryFaults(memory: readonly number[], ticks: number): string[] {
  const [, first, , , end] = memory;
  if (memory.length !== 5 || memory.some((mb) => !(mb > 0))) return ['the memory of the bridge was not told'];
  if (ticks < ENOUGH_TICKS || end! - first! <= MOST_GROWTH_MB) return [];
  return [`the bridge's memory grew from ${first!.toFixed(1)} MB at a quarter of the ticks to ${end!.toFixed(1)} MB`];
}
