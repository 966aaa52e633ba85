import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { NODE_ARGS } from '../../cli/start/fleet/node-process.ts';

const PROBE = path.join(import.meta.dirname, 'event-life-probe.ts');

/**
 * XState's enqueuers are closures over the event, written to properties: V8 puts such a closure into its old space at
 * once, and everything that it holds follows. With them, or with V8's own guesses of what lives long, all of it is kept.
 */
test('an event dies with its step: a young collection is enough', () => {
  const { eventBytes, keptBytes } = JSON.parse(
    execFileSync(process.execPath, [...NODE_ARGS, PROBE], { encoding: 'utf8' }),
  );
  assert.ok(keptBytes < eventBytes / 4, `${Math.round(keptBytes)} of ${eventBytes} bytes of an event were kept`);
});
