/** What a node counts of its own life: lease, actors, events. The bus in memory, time virtual. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BucketName, Bus, KeyValue } from '../../runtime/bus/bus.ts';
import { createMetrics } from '../../runtime/telemetry/metrics.ts';
import { Rig } from './rig.ts';

const spec = { symbols: 4, partitions: 4 };

test('lease, actors, restarts and events are what has happened; what has moved away leaves no trace', async () => {
  const rig = new Rig();
  const metrics = createMetrics();
  let cutOff = false;
  const wrap = (bus: Bus): Bus => {
    const kv = async (name: BucketName): Promise<KeyValue> => {
      const bucket = await bus.kv(name);
      const update: KeyValue['update'] = (...args) =>
        cutOff ? Promise.reject(new Error('away')) : bucket.update(...args);
      return Object.assign(Object.create(bucket), { update }) as KeyValue;
    };
    return Object.assign(Object.create(bus), { kv }) as Bus;
  };
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
