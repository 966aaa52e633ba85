/**
 * From a budget that is spent to the end of the node: the account's policy is carried out and confirmed by the terminal
 * before the node hands the broker over and ends. Whole nodes, the bus in memory, time virtual, a scripted terminal.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Run } from './rig.ts';
import { ACCOUNT, Stage } from './stage.ts';

const ended = (run: Run): boolean => run.outcome !== undefined;

describe('a node that cannot mend what failed', () => {
  for (const [policy, orders, lots] of [
    ['cancel', 0, 0.5],
    ['flatten', 0, 0],
    ['hold', 1, 0.5],
  ] as const) {
    test(`${policy}: carried out and confirmed by the terminal before it ends`, async () => {
      const it = new Stage();
      const { rig, terminal } = it;
      const run = await it.open(policy);
      await it.exhaust(run);
      await rig.until('the broker is safe', async () => (await it.brokerState()) === 'safe');
      assert.ok(!ended(run), 'the node waits for it');
      assert.deepEqual([it.working(), terminal.netLots], [orders, lots]);
      await it.intend('late', 0.1);
      await rig.until('the node has ended', () => ended(run));
      assert.equal(run.outcome?.error?.code, 'ACTOR_GIVEN_UP');
      assert.deepEqual([it.working(), terminal.netLots], [orders, lots], 'nothing is opened any more');
      const hops = rig
        .edges()
        .filter(({ event }) => ['given_up', 'escalated', 'safe_mode', 'stopped'].includes(event))
        .map(({ kind, id, event, cause }) => `${kind}.${id} ${event}${event === 'safe_mode' ? ` ${cause}` : ''}`);
      assert.deepEqual(hops.slice(0, 2), ['symbol.EURUSD given_up', 'supervisor.a_market escalated']);
      assert.ok(hops.includes('supervisor.a_root escalated'), hops.join('\n'));
      const confirmed = hops.findIndex((hop) => /^broker\.acc safe_mode confirmed by the terminal/.test(hop));
      const told = hops.findIndex((hop) => /^broker\.acc safe_mode supervisor .*: safe, .*confirmed by/.test(hop));
      const stopped = hops.indexOf('broker.acc stopped');
      assert.ok(confirmed >= 0 && told > confirmed && stopped > told, hops.join('\n'));

      // The node that takes the account over opens nothing either: an operator has to look first.
      const next = await it.start('b', policy);
      await rig.until('the next broker is safe', async () => (await it.brokerState()) === 'safe');
      assert.equal(await rig.ownerOf('broker', ACCOUNT), 'b');
      await it.intend('later', 0.1);
      await rig.pass(5_000);
      assert.deepEqual([it.working(), terminal.netLots], [orders, lots]);
      rig.stop(next);
    });
  }

  test('a terminal that is silent: the node says that nobody knows, and ends in time all the same', async () => {
    const it = new Stage();
    const { rig } = it;
    const run = await it.open('flatten');
    it.silent = true;
    await it.exhaust(run);
    const sinceMs = rig.clock.nowMs();
    await rig.until('the node has ended', () => ended(run));
    const tookMs = rig.clock.nowMs() - sinceMs;
    assert.ok(tookMs > 5_000 && tookMs < 24_000, `${tookMs} ms`);
    const causes = rig
      .edges()
      .filter(({ event }) => event === 'safe_mode')
      .map(({ cause }) => cause);
    assert.equal(causes.length, 3, causes.join('\n'));
    assert.match(causes[0]!, /^begun, policy flatten: supervisor a_market failed/);
    const left = /NOT confirmed by the terminal: .*1 orders not cancelled; positions open by our book: 0\.5 EURUSD/;
    for (const cause of causes.slice(1)) assert.match(cause, left);
  });
});
