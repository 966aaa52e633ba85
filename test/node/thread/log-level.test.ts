/** A thread writes its log by itself: a level that is changed while it runs has to reach it there. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const script = `
const { World } = await import(${JSON.stringify(new URL('./world.ts', import.meta.url).href)});
const world = await World.make({ spare: false });
try {
  await world.add('talker', "console.log('bar ' + bar + '.');");
  await world.tellWhile(() => world.heard('talker').length < 5);
  const before = world.bars;
  await world.tellWhile(() => world.heard('talker').length < before);
  world.threads.setLogLevel('info');
  const told = world.bars;
  await world.tellWhile(() => world.heard('talker').length < told + 20);
  console.log(before);
} finally {
  await world.stop();
}
`;

test('a level that is set while a strategy runs holds in its thread from then on', { timeout: 240_000 }, () => {
  const args = ['--input-type=module', '--no-warnings', '-e', script];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 200_000 });
  assert.equal(status, 0, stderr);
  const before = Number(stdout);
  const written = [...stderr.matchAll(/"output":"bar (\d+)\."/g)].map(([, bar]) => Number(bar));
  assert.ok(before > 0 && written.length > 0, `${before}: ${stderr}`);
  assert.ok(
    written.every((bar) => bar >= before),
    `silent until bar ${before}, written: ${written}`,
  );
});
