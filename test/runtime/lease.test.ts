/** The lease of one node against a bucket in memory, on virtual time. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KeyValue } from '../../runtime/bus/bus.ts';
import { MemoryServer } from '../../runtime/bus/memory.ts';
import { systemClock, VirtualClock } from '../../runtime/clock.ts';
import { TroupeError } from '../../runtime/errors.ts';
import { HOLD_MS, LEASE_MS, Lease, type LeaseValue, RENEW_MS } from '../../runtime/lease.ts';
import { silentLogger as log } from '../../runtime/telemetry/log.ts';

const value = (instance: string): LeaseValue => ({
  ...{ node: 'a', instance, capacity: 1, startedMs: 0, draining: false, host: 'here', pid: 1, boot: 'b' },
});

class World {
  readonly clock = new VirtualClock(1_700_000_000_000);
  private readonly server = new MemoryServer({ clock: this.clock });
  readonly beganMs = this.clock.monotonicMs();
  /** When each renewal was asked for, and over which revision. */
  readonly renewals: { readonly atMs: number; readonly revision: number }[] = [];
  readonly lost: string[] = [];
  away = false;

  async bucket(): Promise<KeyValue> {
    return this.server.connect().kv('leases');
  }

  async lease(instance: string, isDead?: (lease: LeaseValue) => boolean): Promise<Lease> {
    const real = await this.bucket();
    const leases: KeyValue = {
      ...real,
      get: (key) => real.get(key),
      create: (key, bytes) => real.create(key, bytes),
      delete: (key, revision) => real.delete(key, revision),
      update: async (key, bytes, revision) => {
        this.renewals.push({ atMs: this.clock.monotonicMs() - this.beganMs, revision });
        if (this.away) throw new TroupeError('BUS_TIMEOUT', 'no acknowledgement');
        return real.update(key, bytes, revision);
      },
    };
    const onLost = (error: TroupeError): void => void this.lost.push(error.code);
    return new Lease({ leases, clock: this.clock, log, value: value(instance), onLost, ...(isDead ? { isDead } : {}) });
  }

  /** Lets time pass, timer by timer. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.clock.nowMs() + ms;
    do await systemClock.yield();
    while (this.clock.fireNext(untilMs));
    await systemClock.yield();
    this.clock.advance(untilMs - this.clock.nowMs());
  }
}

describe('the lease of a node', () => {
  test('has the times of the design', () => {
    assert.deepEqual([RENEW_MS, HOLD_MS, LEASE_MS], [3_000, 7_000, 10_000]);
  });

  test('is renewed every 3 s, each time over the revision of the last', async () => {
    const w = new World();
    const lease = await w.lease('1');
    await lease.acquire();
    await w.pass(9_500);
    assert.deepEqual(
      w.renewals.map(({ atMs }) => atMs),
      [3_000, 6_000, 9_000],
    );
    const [first, second, third] = w.renewals.map(({ revision }) => revision);
    assert.deepEqual([second, third], [first! + 1, first! + 2]);
    assert.ok(lease.held);
    assert.deepEqual(w.lost, []);
  });

  test('that cannot be renewed is tried again at once, and over 7 s after the last renewal, never later', async () => {
    const w = new World();
    const lease = await w.lease('1');
    await lease.acquire();
    await w.pass(3_100);
    w.away = true;
    await w.pass(6_800);
    assert.ok(lease.held, 'the renewal at 3 s was stored');
    assert.ok(w.renewals.length > 5, `${w.renewals.length} tries`);
    await w.pass(100);
    assert.equal(lease.held, false);
    assert.deepEqual(w.lost, ['LEASE_LOST']);
    w.away = false;
    const tries = w.renewals.length;
    await w.pass(20_000);
    assert.equal(w.renewals.length, tries, 'what is lost is not renewed');
    assert.deepEqual(w.lost, ['LEASE_LOST'], 'told once');
  });

  test('of a node that was frozen is over before any timer has said so, and is not renewed', async () => {
    const w = new World();
    const lease = await w.lease('1');
    await lease.acquire();
    await w.pass(100);
    // No timer fires: this is how a process finds the clock after SIGCONT.
    (w.clock as unknown as { monotonicMs(): number }).monotonicMs = () => w.beganMs + HOLD_MS;
    assert.equal(lease.held, false);
    await lease.drain();
    assert.deepEqual(w.renewals, []);
    assert.deepEqual(w.lost, ['LEASE_LOST']);
  });

  test('that somebody else has overwritten is lost with the next renewal', async () => {
    const w = new World();
    const lease = await w.lease('1');
    await lease.acquire();
    const other = JSON.stringify(value('2'));
    await (await w.bucket()).put('node.a', new TextEncoder().encode(other));
    await w.pass(3_100);
    assert.equal(lease.held, false);
    assert.deepEqual(w.lost, ['LEASE_LOST']);
  });

  test('given back is free at once; one that is lost is not given back', async () => {
    const w = new World();
    const lease = await w.lease('1');
    await lease.acquire();
    assert.equal(await lease.release(), true);
    assert.equal(await (await w.bucket()).get('node.a'), undefined);
    const next = await w.lease('2');
    await next.acquire();
    next.kill();
    assert.equal(await next.release(), false);
    assert.notEqual(await (await w.bucket()).get('node.a'), undefined, 'it has to expire');
  });
});
