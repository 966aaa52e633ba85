import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HOLD_MS } from '../../runtime/lease.ts';
import { LeaseWatch } from './lease-watch.ts';

const RUN = 'node-1#1';
const running = [{ run: RUN }];

/** Looks four times a second from 0 on, and returns what was seen by `untilMs`. */
function seen(watch: LeaseWatch, untilMs: number) {
  return Array.from({ length: untilMs / 250 + 1 }, (_, i) => watch.look(running, i * 250)).flat();
}

describe('the watch of the leases', () => {
  test('a node with actors that goes on without a renewal is seen, once', () => {
    const watch = new LeaseWatch();
    watch.wrote('leases', RUN, false, 0);
    watch.wrote('actors', RUN, false, 10);
    assert.deepEqual(seen(watch, HOLD_MS), []);
    assert.deepEqual(
      seen(watch, 2 * HOLD_MS).map(({ invariant }) => invariant),
      ['lease'],
    );
  });

  test('one that renews it, gives it back, or was frozen a moment ago is not', () => {
    const watch = new LeaseWatch();
    watch.wrote('actors', RUN, false, 0);
    watch.wrote('leases', RUN, false, 0);
    watch.wrote('leases', RUN, false, HOLD_MS);
    assert.deepEqual(seen(watch, 2 * HOLD_MS), []);
    watch.look([], 2 * HOLD_MS + 250);
    assert.deepEqual(watch.look(running, 3 * HOLD_MS), []);
    watch.wrote('leases', RUN, true, 3 * HOLD_MS);
    assert.deepEqual(watch.look(running, 4 * HOLD_MS), []);
  });

  // Seed 1069: the server went away between storing the lease and acknowledging it.
  test('one that has not heard that its lease was stored waits for it, and has nothing', () => {
    const watch = new LeaseWatch();
    watch.wrote('leases', RUN, false, 0);
    assert.deepEqual(seen(watch, 2 * HOLD_MS), []);
  });
});
