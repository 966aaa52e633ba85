import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { describe as describeStrategy, strategyActor, strategyPlan } from '../../../actors/strategy/actor.ts';
import { defineStrategy } from '../../../actors/strategy/define.ts';
import { emaCross } from '../../../actors/strategy/examples/ema-cross.ts';
import { z } from '../../../actors/strategy/index.ts';
import { loadStrategy } from '../../../actors/strategy/registry.ts';
import { Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { publish } from '../../../runtime/actor.ts';
import { topics } from '../../../runtime/bus/topics.ts';
import { Stage } from './stage.ts';

const place = { id: 's1', account: 'demo', symbol: 'EURUSD' };

describe('strategyActor', () => {
  test('hears its bars and features, and the trading of its account, from now on', () => {
    const actor = strategyActor({ ...place, definition: emaCross, params: { timeframe: '5m' } });
    assert.deepEqual([actor.kind, actor.id, actor.delivery, actor.version], ['strategy', 's1', 'commit', 1001]);
    const inputs = actor.inputs.map(({ topic, key, from }) => ({ topic, key, from }));
    assert.deepEqual(inputs, [
      { topic: 'bar', key: { symbol: 'EURUSD', timeframe: '5m' }, from: 'now' },
      { topic: 'features', key: { symbol: 'EURUSD' }, from: 'now' },
      { topic: 'order', key: { account: 'demo' }, from: 'now' },
      { topic: 'fill', key: { account: 'demo' }, from: 'now' },
    ]);
  });

  test('of the orders and fills of its account it takes its own only', () => {
    const { inputs } = strategyActor({ ...place, definition: emaCross, params: {} });
    const choosy = inputs.filter(({ wants }) => wants !== undefined);
    assert.deepEqual(
      choosy.map(({ topic }) => topic),
      ['order', 'fill'],
    );
    for (const { wants } of choosy) {
      assert.equal(wants?.({ strategy: 's1' } as never), true);
      assert.equal(wants?.({ strategy: 's2' } as never), false);
    }
  });

  test('hears ticks only for onTick, features only where there are some', () => {
    const bare = { name: 'bare', params: z.object({}), timeframes: ['1m', '1d'], onBar() {} };
    const topics = (definition: ReturnType<typeof defineStrategy>, featureTimeframes?: string[]): string[] =>
      strategyActor({ ...place, definition, params: {}, ...(featureTimeframes && { featureTimeframes }) }).inputs.map(
        ({ topic }) => topic,
      );
    assert.deepEqual(topics(defineStrategy(bare)), ['bar', 'bar', 'order', 'fill']);
    assert.deepEqual(topics(defineStrategy(bare), ['1m']), ['bar', 'bar', 'features', 'order', 'fill']);
    assert.deepEqual(topics(defineStrategy({ ...bare, onTick() {} })), ['bar', 'bar', 'ticks', 'order', 'fill']);
    const plan = strategyPlan({
      ...place,
      definition: defineStrategy(bare),
      params: {},
      featureTimeframes: ['1m', '5m'],
    });
    assert.deepEqual([...plan.withFeatures], ['1m']);
  });

  test('foretells its intents', () => {
    const { foretell } = strategyActor({ ...place, definition: emaCross, params: {} });
    const { params } = publish('intent', { intentId: 'i', account: 'demo', strategy: 's' });
    assert.equal(topics.intent.decode(foretell!('publish', params)!).intentId, 'i');
    assert.equal(foretell!('log', { text: 'x' }), undefined);
  });

  test('bad params are refused at once, by their place in the configuration', () => {
    assert.throws(() => strategyActor({ ...place, definition: emaCross, params: { fast: 0, lots: -1 } }), {
      code: 'CONFIG_INVALID',
      message: /strategies\.s1\.params\.fast[\s\S]*strategies\.s1\.params\.lots/,
    });
  });

  test('describes itself in one line', () => {
    const stage = new Stage({ definition: emaCross, params: {} });
    const line = (): string => describeStrategy(strategyPlan(stage.options), stage.snapshot);
    assert.equal(line(), 'waits for ema_12 ema_26 of 1m, realised 0');
    stage.bar(0, 1.1);
    stage.features(0, { ema_12: Number.NaN });
    assert.equal(line(), 'waits for ema_26 of 1m, which nobody computes, realised 0');
    stage.bar(1, 1.1);
    stage.features(1, { ema_12: 1, ema_26: 2 });
    stage.bar(2, 1.1);
    const [buy] = stage.features(2, { ema_12: 2, ema_26: 1 });
    stage.execute({ ...buy!, referencePrice: 1.1 });
    stage.fill({ side: Side.SELL, volumeLots: 0.05, price: 1.2, profit: 12.35, commission: -0.1 });
    stage.bar(3, 1.2);
    assert.equal(line(), 'long 0.05 @ 1.1 (+0.1), realised +12.25, buy 0.1 at 1.1001');
    stage.tell({ type: 'control.fail', reason: 'threw 5 times' });
    assert.match(line(), /^threw 5 times, long 0\.05/);
  });
});

describe('loadStrategy', () => {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-strategies-'));
  after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return `./${name}`;
  };

  test('built-in by name', async () => {
    assert.equal(await loadStrategy('ema-cross', folder), emaCross);
    assert.equal((await loadStrategy('mean-reversion', folder)).name, 'mean-reversion');
  });

  test('a user’s TypeScript file anywhere, relative to the configuration', async () => {
    const source = `
      import { defineStrategy, z } from 'troupe/strategy';
      import type { BarCtx } from 'troupe/strategy';
      const lots: number = 0.2;
      export default defineStrategy({ name: 'mine', params: z.object({ lots: z.number().default(lots) }), timeframes: ['1m'],
        onBar(ctx) { ctx.buy(ctx.params.lots); } });`;
    const definition = await loadStrategy(file('mine.ts', source), folder);
    const [intent] = new Stage({ definition, params: {} }).bar(0, 1);
    assert.equal(intent?.volumeLots, 0.2);
  });

  test('a JavaScript file with one named export', async () => {
    const source = `import { defineStrategy, z } from 'troupe/strategy';
      export const helper = 1;
      export const only = defineStrategy({ name: 'only', params: z.object({}), timeframes: ['1m'], onBar() {} });`;
    assert.equal((await loadStrategy(file('only.mjs', source), folder)).name, 'only');
  });

  test('what cannot be used is said, with its place in the configuration', async () => {
    const at = 'strategies.2.use';
    const cases: [string, string, RegExp][] = [
      [
        'ema-crss',
        'CONFIG_INVALID',
        /strategies\.2\.use: no strategy "ema-crss", allowed: ema-cross, mean-reversion, or the path/,
      ],
      ['./nowhere.ts', 'CONFIG_NOT_FOUND', /there is no file .*nowhere\.ts/],
      ['./mine.py', 'CONFIG_INVALID', /mine\.py, allowed: a file ending in \.ts/],
      [file('broken.ts', 'export default ('), 'CONFIG_INVALID', /broken\.ts cannot be loaded/],
      [file('throws.ts', 'throw new Error("no luck")'), 'CONFIG_INVALID', /throws\.ts cannot be loaded: no luck/],
      [
        file('empty.ts', 'export const x = 1'),
        'CONFIG_INVALID',
        /empty\.ts exports no strategy made by defineStrategy/,
      ],
    ];
    for (const [use, code, message] of cases) {
      await assert.rejects(loadStrategy(use, folder, at), (error: Error & { code: string }) => {
        assert.equal(error.code, code);
        assert.match(error.message, message);
        assert.ok(error.message.startsWith(at));
        return true;
      });
    }
  });
});
