/** What `sys.lifecycle` and KV `actors` say of everything that happens to an actor. Whole nodes, the bus in memory, time virtual. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Run } from './rig.ts';
import { here, Rig } from './rig.ts';

const spec = { symbols: 2, strategies: 2 };

test('every event has a cause, and a failure says how near its supervisor is to giving up; the level says how it is', async () => {
  const rig = new Rig();
  const of = (id: string): string[] =>
    rig
      .edges()
      .filter((edge) => edge.id === id)
      .map(({ event, cause, attempt, remainingBudget: left, node }) => `${node} ${event} ${attempt}/${left}: ${cause}`);
  const crash = ({ node }: Run): void => {
    node.tree.of('symbol', 'SYM0').crash('symbol', 'SYM0', 'boom');
  };
  const one = await rig.start('a', spec);
  for (const times of [1, 2, 3]) {
    crash(one);
    await rig.until(`it has come back ${times} times`, async () => {
      const level = (await rig.levels()).get('symbol.SYM0');
      return level?.restarts === times && level.state === 'warming';
    });
  }
  assert.deepEqual(of('SYM0'), [
    'a claimed 0/0: nobody had it',
    'a started 0/5: first start',
    'a failed 1/4: boom',
    'a restarted 1/4: boom',
    'a failed 2/3: boom',
    'a restarted 2/3: boom',
    'a failed 3/2: boom',
    'a restarted 3/2: boom',
  ]);
  const [root] = one.node.tree.all;
  for (let i = 0; i < 5_000 && root?.state !== 'given_up'; i++) {
    crash(one);
    await rig.pass(10);
  }
  await rig.until('the node has ended', () => one.outcome !== undefined);
  const given = of('SYM0').filter((line) => line.includes('given_up'));
  assert.equal(given[0], 'a given_up 6/0: boom');
  const hops = rig.edges().filter(({ event }) => event === 'escalated');
  assert.deepEqual(
    [...new Set(hops.map(({ kind, id }) => `${kind}.${id}`))],
    ['supervisor.a_market', 'supervisor.a_root'],
  );
  const two = await rig.start('b', spec);
  await rig.until('all run there', () => here(two).length === 5);
  assert.ok(of('SYM0').includes('b moved 0/0: a gave it up'), of('SYM0').join('\n'));
  const level = (await rig.levels()).get('symbol.SYM0');
  assert.deepEqual([level?.node, level?.restarts], ['b', 0]);
  void two.node.drain();
  await rig.until('it has ended', () => two.outcome !== undefined);
  const kinds = new Set(rig.edges().map(({ event }) => event));
  for (const event of ['claimed', 'started', 'failed', 'restarted', 'given_up', 'escalated', 'moved', 'stopped']) {
    assert.ok(kinds.has(event), event);
  }
  for (const event of ['released', 'lease_acquired', 'lease_released']) assert.ok(kinds.has(event), event);
  assert.deepEqual(
    rig.edges().filter(({ cause }) => cause === ''),
    [],
  );
});
