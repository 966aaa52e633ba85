/** A node that refuses what it is told to run ends with that one error, and says nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configSchema } from '../../runtime/config/index.ts';
import type { Logger } from '../../runtime/telemetry/log.ts';
import { silentLogger } from '../../runtime/telemetry/log.ts';
import { over } from '../support/bus.ts';
import { configOf, Rig } from './rig.ts';

test('a strategy that does not exist', async () => {
  const rig = new Rig();
  const errors: unknown[] = [];
  const log: Logger = over(silentLogger, {
    error: (...said: unknown[]) => void errors.push(said),
    child: () => log,
  } as unknown as Partial<Logger>);
  const [good] = configOf('node-1', { strategies: 1 }).strategies;
  const config = configSchema.parse({
    ...configOf('node-1', { strategies: 1 }),
    strategies: [{ ...good, use: 'ema-crosss', isolation: 'inline' }],
  });
  const run = rig.begin('node-1', {}, { config, log });
  await rig.until('it has refused', () => run.startError !== undefined);
  assert.match(String(run.startError), /strategies\.s0\.use: no strategy "ema-crosss"/);
  run.node.fail(run.startError);
  await rig.until('it has ended', () => run.outcome !== undefined);
  assert.equal(run.outcome?.error, run.startError);
  assert.deepEqual(errors, []);
});
