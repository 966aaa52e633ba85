/** Buses that do some things differently from the one below them: what a fault in between would do. */
import type { BucketName, Bus, KeyValue } from '../../runtime/bus/bus.ts';

/** The object with some methods replaced; the others still run on the object itself. */
export function over<T extends object>(base: T, changes: Partial<T>): T {
  return new Proxy(base, {
    get: (target, name) => {
      const changed = changes[name as keyof T];
      if (changed !== undefined) return changed;
      const value = target[name as keyof T] as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** A bus each bucket of which is changed by `change`; everything else is as it was. */
export const withBuckets = (bus: Bus, change: (kv: KeyValue, name: BucketName) => Partial<KeyValue>): Bus =>
  over(bus, {
    kv: async (name) => {
      const kv = await bus.kv(name);
      return over(kv, change(kv, name));
    },
  });

/** The same for the one bucket `name`. */
export const withBucket = (bus: Bus, name: BucketName, change: (kv: KeyValue) => Partial<KeyValue>): Bus =>
  withBuckets(bus, (kv, bucket) => (bucket === name ? change(kv) : {}));
