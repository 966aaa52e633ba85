/** Snapshots that cannot be used, seen from the node: who stops, what is said, and that nothing starts blank. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Rig } from './rig.ts';

const spec = { symbols: 2, strategies: 2 };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (value: Uint8Array | undefined): string => new TextDecoder().decode(value);

/** A company that has lived, with what `spoil` makes of the last snapshot under `key`. */
async function spoilt(key: string, spoil: (text: string) => string): Promise<{ rig: Rig; value: string }> {
  const rig = new Rig();
  const first = await rig.start('a', spec);
  await rig.pass(1_000);
  void first.node.drain();
  await rig.until('it has ended', () => first.outcome !== undefined);
  const snapshots = await rig.server.connect().kv('snapshots');
  const kept = decode((await snapshots.get(key))?.value);
  assert.notEqual(kept, '', `there is a snapshot ${key}`);
  const value = spoil(kept);
  assert.notEqual(value, kept);
  await snapshots.put(key, bytes(value));
  return { rig, value };
}

const kept = async (rig: Rig, key: string): Promise<string> =>
  decode((await (await rig.server.connect().kv('snapshots')).get(key))?.value);

const spoils: [string, (text: string) => string][] = [
  ['cut short', (text) => text.slice(0, text.length / 2)],
  ['of a newer program', (text) => text.replace(/"version":\d+/, '"version":9999')],
];

describe('a snapshot that cannot be used', () => {
  for (const [what, spoil] of spoils) {
    for (const [kind, id] of [
      ['symbol', 'SYM0'],
      ['broker', 'acc'],
    ] as const) {
      test(`of a ${kind}, ${what}: it is down and says why, is tried once and left as it was; its node and the others live`, async () => {
        const { rig, value } = await spoilt(`${kind}.${id}`, spoil);
        const run = rig.begin('a', spec);
        await rig.until('the others run', async () => (await rig.levels()).get('symbol.SYM1')?.state === 'warming');
        await rig.pass(120_000);
        assert.equal(run.outcome, undefined, 'the node lives');
        assert.equal(run.node.settled, true);
        let settled = false;
        run.node.settle().then((all) => {
          settled = all;
        });
        await rig.until('who stays down is not waited for', () => settled);
        const level = (await rig.levels()).get(`${kind}.${id}`);
        assert.equal(level?.state, 'failed');
        assert.ok(level.detail.startsWith(`given up: snapshots/${kind}.${id}: `), level.detail);
        const told = rig.edges().filter((edge) => edge.id === id && edge.event === 'failed');
        assert.equal(told.length, 1, 'a start that cannot go better is not tried again');
        assert.match(String(told[0]?.cause), new RegExp(`${kind}\\.${id}`));
        assert.equal(await kept(rig, `${kind}.${id}`), value);
        rig.stop(run);
      });
    }

    test(`of a strategy, ${what}: it alone is down, and comes back when an operator has mended it`, async () => {
      let good = '';
      const { rig, value } = await spoilt('strategy.s0', (text) => {
        good = text;
        return spoil(text);
      });
      const run = rig.begin('a', spec);
      await rig.until('the others run', async () => (await rig.levels()).get('strategy.s1')?.state === 'warming');
      await rig.pass(120_000);
      assert.equal(run.outcome, undefined);
      const level = (await rig.levels()).get('strategy.s0');
      assert.equal(level?.state, 'failed');
      assert.match(level.detail, /^given up: snapshots\/strategy\.s0: /);
      const [told] = rig.edges().filter(({ id, event }) => id === 's0' && event === 'failed');
      assert.match(String(told?.cause), /strategy\.s0/);
      assert.equal(await kept(rig, 'strategy.s0'), value);
      await (await rig.server.connect().kv('snapshots')).put('strategy.s0', bytes(good));
      assert.equal(await run.node.tree.of('strategy', 's0').restart('strategy', 's0', 'mended'), true);
      await rig.pass(1_000);
      assert.equal((await rig.levels()).get('strategy.s0')?.state, 'warming');
      rig.stop(run);
    });
  }
});
