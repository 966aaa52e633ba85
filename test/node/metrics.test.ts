/** What a node counts of its own life: lease, actors, events. The bus in memory, time virtual. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bus } from '../../runtime/bus/bus.ts';
import { topics } from '../../runtime/bus/topics.ts';
import { createMetrics } from '../../runtime/telemetry/metrics.ts';
import { withBuckets } from '../support/bus.ts';
import { Rig } from './rig.ts';

const spec = { symbols: 4, partitions: 4 };

test('lease, actors, restarts and events are what has happened; what has moved away leaves no trace', async () => {
  const rig = new Rig();
  const metrics = createMetrics();
  let cutOff = false;
  const wrap = (bus: Bus): Bus =>
    withBuckets(bus, (kv) => ({
      update: (...args) => (cutOff ? Promise.reject(new Error('away')) : kv.update(...args)),
    }));
  const a = await rig.start('a', spec, { metrics, wrap });
  const has = async (...lines: string[]): Promise<void> => {
    a.node.status();
    const text = await metrics.registry.metrics();
    for (const line of lines) assert.ok(text.split('\n').includes(line), `${line}\n${text.match(/troupe_l.*/g)}`);
  };
  await has(
    'troupe_lease_held 1',
    'troupe_actors{kind="symbol"} 4',
    'troupe_lifecycle_events_total{kind="node",event="lease_acquired"} 1',
    'troupe_lifecycle_events_total{kind="symbol",event="started"} 4',
    'troupe_mailbox_depth{kind="symbol",id="SYM0"} 0',
  );
  a.node.tree.of('symbol', 'SYM0').crash('symbol', 'SYM0', 'boom');
  await rig.pass(1_000);
  await has(
    'troupe_actor_restarts_total{kind="symbol"} 1',
    'troupe_lifecycle_events_total{kind="symbol",event="failed"} 1',
    'troupe_lifecycle_events_total{kind="symbol",event="restarted"} 1',
  );
  const b = await rig.start('b', spec);
  await rig.until('both have some', () => a.node.settled && b.node.settled && [...b.node.company.all].length > 0);
  a.node.status();
  const moved = [...b.node.company.all].map(({ planned: { id } }) => id);
  const text = await metrics.registry.metrics();
  for (const id of moved) assert.ok(!text.includes(`id="${id}"`), `${id} runs elsewhere`);
  await has(`troupe_actors{kind="symbol"} ${4 - moved.length}`);

  // Cut off from the store, it holds nothing any more.
  cutOff = true;
  await rig.until('it has ended', () => a.outcome !== undefined);
  await has('troupe_lease_held 0', 'troupe_lifecycle_events_total{kind="node",event="lease_lost"} 1');
  rig.stop(b);
});

test('what an actor has counted elsewhere is not counted again where it goes on, nor what it repeats after a crash', async () => {
  const rig = new Rig();
  const layout = { partitions: 1 };
  const bus = rig.server.connect();
  let sent = 0;
  const send = async (count: number): Promise<void> => {
    const frame = {
      ...{ symbol: 'SYM0', source: 'mt5', session: 's', firstSequence: sent + 1, baseTimeMs: 1_700_000_000_000 + sent },
      ...{ utcOffsetS: 0, count, timeOffsetMs: Uint32Array.from({ length: count }, (_, i) => i) },
      ...{ bid: new Float64Array(count).fill(1.1), ask: new Float64Array(count).fill(1.2), flags: new Uint32Array(0) },
      firstSentUs: 0,
    };
    sent += count;
    const subject = topics.ticks.subject({ source: 'mt5', symbol: 'SYM0' }, layout);
    await bus.publish({ subject, messageId: `${sent}`, data: topics.ticks.encode(frame) });
    await rig.pass(100);
  };
  const nodes = { symbols: 1, partitions: 1 };
  const counters = [createMetrics(), createMetrics()] as const;
  const first = await rig.start('a', nodes, { metrics: counters[0] });
  const counted = async (metrics: (typeof counters)[number]): Promise<number> =>
    (await metrics.ticksApplied.get()).values[0]?.value ?? 0;
  await send(40);
  first.node.status();
  assert.equal(await counted(counters[0]), 40);
  // Its snapshot is older than its last ticks: it reads them again.
  await rig.pass(6_000);
  await send(2);
  first.node.status();
  first.node.tree.of('symbol', 'SYM0').crash('symbol', 'SYM0', 'boom');
  first.node.status();
  await rig.pass(1_000);
  first.node.status();
  assert.equal(await counted(counters[0]), 42);
  void first.node.drain();
  await rig.until('it has ended', () => first.outcome !== undefined);
  const second = await rig.start('b', nodes, { metrics: counters[1] });
  second.node.status();
  assert.equal(await counted(counters[1]), 0);
  await send(8);
  second.node.status();
  assert.equal(await counted(counters[1]), 8);
  rig.stop(second);
});
