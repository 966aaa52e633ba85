/** Programs are killed while the company trades: the fleet starts them again where they were, and every book agrees. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { allIsWell } from './all-is-well.ts';
import { Company, writeConfig } from './rig.ts';
import { noneLeft, processesOf, stateFolder, tickLines, until, writeTicks } from './support.ts';

const scratch = stateFolder('mending');
after(async () => {
  await noneLeft(scratch.path);
  scratch.remove();
});

const LIMIT = { timeout: 300_000 };
const made = tickLines({ seed: 'mending', fromMs: Date.UTC(2026, 4, 12), ticks: 24_000, everyMs: 900 });
const ticks = writeTicks(scratch.file('EURUSD.csv'), made);
const strategy = (id: string, fast: number, slow: number): string =>
  `{ id: ${id}, use: ema-cross, symbol: EURUSD, params: { timeframe: 1m, fast: ${fast}, slow: ${slow}, lots: 0.1 } }`;
const config = writeConfig(
  scratch.file('config.yaml'),
  [strategy('quick', 3, 8), strategy('slow', 5, 13)],
  ['terminal: { latency_ms: 1, commission_per_lot: 3.5 }'],
);
/** Six hours of market in ten seconds, and what the kills cost. */
const PLAY = ['--ticks', ticks, '--symbol', 'EURUSD', '--speed', '2200'];

const traded = (company: Company, fills: number): Promise<void> =>
  company.reaches(`${fills} fills`, () => (company.status?.fills ?? 0) >= fills);

/** Kills a program, and waits until it is back and has traded on. */
async function killed(company: Company, name: string): Promise<void> {
  const victim = company.fleet.processOf(name);
  assert.ok(victim, `${name} runs`);
  const before = company.fleet.restartsOf(name).length;
  const fills = company.status!.fills;
  victim.signal('SIGKILL');
  await company.reaches(`${name} is back`, () => company.fleet.restartsOf(name).length > before);
  const next = company.fleet.processOf(name);
  assert.ok(next !== undefined && next.pid !== victim.pid);
  await traded(company, fills + 1);
}

describe('kill -9 while it trades', () => {
  test('bridge, terminal, nats-server, PostgreSQL and node, in turn', LIMIT, async () => {
    const names = ['bridge', 'terminal', 'nats-server', 'postgres', 'node-1'];
    const company = await Company.make({ state: scratch.file('turn'), configFile: config, args: PLAY });
    try {
      await company.play();
      await traded(company, 2);
      const { url } = company.fleet.natsLogin!;
      const ledger = company.fleet.ledgerUrl;
      for (const name of names) await killed(company, name);
      assert.equal(company.fleet.natsLogin!.url, url);
      assert.equal(company.fleet.ledgerUrl, ledger);
      await allIsWell(company, made.length - 1);
      for (const name of names) {
        const [restart, ...more] = company.fleet.restartsOf(name);
        assert.deepEqual(more, [], name);
        assert.match(restart!.cause, /SIGKILL/);
      }
    } finally {
      await company.stop();
    }
  });

  test('one that dies again and again: the run ends with one clear error and nothing is left', LIMIT, async () => {
    const state = scratch.file('often');
    const company = await Company.make({ state, configFile: config, args: PLAY });
    try {
      await company.play();
      const dies = async (): Promise<void> => {
        for (;;) {
          await company.reaches('the bridge runs', () => company.fleet.processOf('bridge') !== undefined);
          const victim = company.fleet.processOf('bridge');
          victim?.signal('SIGKILL');
          await company.reaches('it has ended', () => victim?.exit !== undefined);
        }
      };
      await assert.rejects(dies(), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'SERVER_FAILED');
        assert.match(error.message, /^bridge ended unexpectedly \(.*SIGKILL\)+, 6 times within 60 s; see .*logs$/);
        return true;
      });
      assert.equal(company.fleet.restartsOf('bridge').length <= 5, true);
    } finally {
      await company.stop();
    }
    await until('nothing is left', () => processesOf(state).length === 0);
  });

  test('stopped while programs are being started again: nothing is left', LIMIT, async () => {
    const state = scratch.file('stopped');
    const company = await Company.make({ state, configFile: config, args: PLAY });
    await company.play();
    await traded(company, 1);
    for (const name of ['node-1', 'nats-server', 'postgres', 'bridge', 'terminal']) {
      company.fleet.processOf(name)!.signal('SIGKILL');
    }
    await company.reaches('they have ended', () => company.mended.filter(({ event }) => event === 'ended').length >= 5);
    await company.stop();
    await until('nothing is left', () => processesOf(state).length === 0);
  });
});
