/** `--nodes 3`: three processes share the actors; whichever of them dies, the books agree. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { actorsOf } from '../../cli/start/fleet/aggregate.ts';
import type { Report } from '../../cli/start/report.ts';
import { HAND_OVER_MS } from '../../node/deadlines.ts';
import { systemClock } from '../../runtime/clock.ts';
import { allIsWell } from './all-is-well.ts';
import { Company, writeConfig } from './rig.ts';
import { endAll, noneLeft, StartCommand, start, stateFolder, tickLines, writeTicks } from './support.ts';

const scratch = stateFolder('nodes');
after(async () => {
  endAll();
  await noneLeft(scratch.path);
  scratch.remove();
});

const LIMIT = { timeout: 300_000 };
const made = tickLines({ seed: 'nodes', fromMs: Date.UTC(2026, 4, 12), ticks: 24_000, everyMs: 900 });
const ticks = writeTicks(scratch.file('EURUSD.csv'), made);
const strategies = [3, 4, 5, 6].map(
  (fast) =>
    `{ id: cross${fast}, use: ema-cross, symbol: EURUSD, params: { timeframe: 1m, fast: ${fast}, slow: 13, lots: 0.1 } }`,
);
const config = writeConfig(scratch.file('config.yaml'), strategies, [
  'terminal: { latency_ms: 1, commission_per_lot: 3.5 }',
]);
const reportFile = scratch.file('report.json');

describe('three nodes', () => {
  test('npm start -- --nodes 3: every actor once, a line for each node, the books agree', LIMIT, async () => {
    const args = ['--config', config, '--ticks', ticks, '--symbol', 'EURUSD', '--speed', '3000', '--nodes', '3'];
    const { status, stdout, stderr } = await start(scratch.state, [...args, '--report', reportFile]);
    assert.equal(status, 0, `${stdout}${stderr}`);
    assert.match(stdout, /^Books +agree$/m);
    for (const name of ['node-1', 'node-2', 'node-3']) {
      assert.match(stdout, new RegExp(`^  ${name}  running  \\d+ actors  restarts 0$`, 'm'));
    }
    const report = JSON.parse(readFileSync(reportFile, 'utf8')) as Report;
    assert.equal(report.ticks.applied, made.length - 1);
    assert.ok(report.fills > 10 && report.latency_ms.intent_to_terminal.p50 > 0);
    await noneLeft(scratch.path);
  });

  test('Ctrl-C ends them all: no node waits for another to take over, and none has to be killed', LIMIT, async () => {
    const args = ['--config', config, '--ticks', ticks, '--symbol', 'EURUSD', '--speed', '100', '--nodes', '3'];
    const state = scratch.file('interrupted');
    const command = new StartCommand(state, args);
    await command.prints(/^trading \d+ %/m);
    const sinceMs = systemClock.monotonicMs();
    command.kill('SIGINT');
    const { status, stdout, stderr } = await command.ended;
    const tookMs = systemClock.monotonicMs() - sinceMs;
    assert.equal(status, 130, `${stdout}${stderr}`);
    assert.ok(tookMs < HAND_OVER_MS, `${tookMs} ms`);
    for (const name of ['node.log', 'node-2.log', 'node-3.log']) {
      assert.doesNotMatch(readFileSync(`${state}/logs/${name}`, 'utf8'), /could not stop/, name);
    }
    await noneLeft(state);
  });

  test('each is killed in turn, the owner of the account first', LIMIT, async () => {
    const args = ['--ticks', ticks, '--symbol', 'EURUSD', '--speed', '1000', '--nodes', '3'];
    const company = await Company.make({ state: scratch.file('killed'), configFile: config, args });
    const { fleet } = company;
    try {
      await company.play();
      await company.reaches('it trades', () => (company.status?.fills ?? 0) >= 2);
      // Four strategies, a symbol, the broker, the recorder: each on one node.
      const placed = (): number => fleet.nodeStatuses().reduce((sum, one) => sum + actorsOf(one), 0);
      await company.reaches('every actor is on one node', () => placed() === 7);
      const statuses = fleet.nodeStatuses();
      const owner = statuses.find(({ account }) => account.id !== '')!.node;
      const others = fleet.nodes().filter(({ name }) => name !== owner);
      for (const name of [owner, ...others.map((other) => other.name)]) {
        fleet.processOf(name)!.signal('SIGKILL');
        await company.reaches(`${name} is back`, () => fleet.restartsOf(name).length === 1);
      }
      await allIsWell(company, made.length - 1);
    } finally {
      await company.stop();
    }
  });
});
