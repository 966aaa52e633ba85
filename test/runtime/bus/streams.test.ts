/** Making the streams where the server refuses for a moment. What it does with real ones stands in `nats.test.ts`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JetStreamManager } from '@nats-io/jetstream';
import { JetStreamApiError } from '@nats-io/jetstream';
import { ensureStreams } from '../../../runtime/bus/nats-streams.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { silentLogger as log } from '../../../runtime/telemetry/log.ts';

const storeFailed = () =>
  new JetStreamApiError({ code: 500, err_code: 10049, description: 'error creating store for stream' });

/** A server that has no streams and refuses the first `refusals` that it is asked to make. */
function refusing(refusals: number) {
  const made: string[] = [];
  let asked = 0;
  const streams = {
    info: () => Promise.reject(new JetStreamApiError({ code: 404, err_code: 10059, description: 'stream not found' })),
    add: ({ name }: { name: string }) => {
      if (++asked <= refusals) return Promise.reject(storeFailed());
      made.push(name);
      return Promise.resolve();
    },
  };
  let sleptMs = 0;
  const clock = {
    sleep: (ms: number) => {
      sleptMs += ms;
      return Promise.resolve();
    },
  };
  const bus = {
    manager: { streams } as unknown as JetStreamManager,
    clock: clock as unknown as Clock,
    log,
  };
  return { bus, made, sleptMs: () => sleptMs };
}

test('a server that cannot make a stream for a moment is asked again', async () => {
  const quiet = refusing(0);
  await ensureStreams(quiet.bus, { replay: true });
  const busy = refusing(3);
  await ensureStreams(busy.bus, { replay: true });
  assert.deepEqual(busy.made, quiet.made);
  assert.equal(busy.sleptMs(), 300);
});

test('one that never can is told of after two seconds', async () => {
  const broken = refusing(Number.POSITIVE_INFINITY);
  await assert.rejects(ensureStreams(broken.bus, { replay: true }), /error creating store for stream/);
  assert.ok(broken.sleptMs() >= 1_500 && broken.sleptMs() <= 2_000, `${broken.sleptMs()} ms`);
});
