/** `npm start` as a person meets it: its figures, its end, and what stays behind when it is stopped or killed. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { z } from 'zod';
import { systemClock } from '../../runtime/clock.ts';
import { writeConfig } from './rig.ts';
import { endAll, noneLeft, processesOf, StartCommand, start, stateFolder, tickLines, writeTicks } from './support.ts';

const scratch = stateFolder('start');
const { state } = scratch;
after(async () => {
  endAll();
  await noneLeft(scratch.path);
  scratch.remove();
});

const config = writeConfig(
  scratch.file('config.yaml'),
  ['{ id: cross, use: ema-cross, symbol: EURUSD, params: { timeframe: 1m, fast: 3, slow: 8, lots: 0.1 } }'],
  ['terminal: { latency_ms: 1, commission_per_lot: 3.5 }'],
);
const made = tickLines({ seed: 'start', fromMs: Date.UTC(2026, 4, 12), ticks: 4_000, everyMs: 5_000 });
const ticks = writeTicks(scratch.file('EURUSD.csv'), made);
const reportFile = scratch.file('report.json');
const PLAY = ['--config', config, '--ticks', ticks, '--symbol', 'EURUSD'];
const WITHIN_MS = 25_000;
/** The command has ended, and with it all that it had started; who looks after the servers ends a moment later. */
const LEFT_MS = 10_000;
const LIMIT = { timeout: 300_000 };

const count = z.int().min(0);
const perSymbol = z.strictObject({ EURUSD: z.number() }).or(z.strictObject({}));
const quantiles = z
  .strictObject({ p50: z.number().positive(), p99: z.number().positive(), max: z.number().positive() })
  .refine(({ p50, p99, max }) => p50 <= p99 && p99 <= max);
/** Every key that is promised, and no other. */
const promised = z.strictObject({
  ticks: z.strictObject({
    ...{ sent: count, applied: count, late: count },
    ...{ passed_over: z.record(z.string(), count), unusable: z.record(z.string(), count) },
  }),
  failed: z.strictObject({}),
  bars: z.strictObject({
    EURUSD: z.strictObject({
      ...{ '1s': count, '1m': count, '5m': count, '15m': count, '1h': count, '4h': count, '1d': count },
    }),
  }),
  orders: z.strictObject({
    ...{ intended: count, denied: count, rejected: count, filled: count, cancelled: count, unknown: count },
  }),
  denials: z.record(z.string(), count),
  fills: count,
  balance: z.strictObject({ terminal: z.number(), ledger: z.number() }),
  positions: z.strictObject({ terminal: perSymbol, ledger: perSymbol }),
  latency_ms: z.strictObject({ tick_to_bar: quantiles, intent_to_terminal: quantiles }),
  seconds: z.number().positive(),
  start_seconds: z.strictObject({
    ...{ set_up: z.number().min(0), to_first_tick: z.number().positive(), to_first_fill: z.number().positive() },
  }),
});

/** A whole run: what the folder looks like after whatever happened before is good enough to trade on. */
async function playsThrough(): Promise<void> {
  const ended = await start(state, [...PLAY, '--speed', 'max', '--report', reportFile]);
  assert.equal(ended.status, 0, `${ended.stdout}${ended.stderr}`);
  assert.equal(ended.stderr, '');
  const report = promised.parse(JSON.parse(readFileSync(reportFile, 'utf8')));
  assert.equal(report.ticks.applied, made.length - 1);
  assert.equal(report.ticks.sent, made.length - 1);
  assert.equal(report.balance.ledger, report.balance.terminal);
  assert.deepEqual(report.positions.ledger, report.positions.terminal);
  const { orders } = report;
  assert.ok(orders.intended > 10 && orders.filled > 10, JSON.stringify(orders));
  assert.equal(orders.unknown, 0);
  assert.ok(report.fills >= orders.filled);
  for (const line of [
    /^Ticks +4,\d{3}|3,\d{3} sent, 3,\d{3} applied/m,
    /^Start +set-up \d+\.\d s, first tick after \d+\.\d s, first fill after \d+\.\d s$/m,
    /^bars +1s +1m +5m +15m +1h +4h +1d$/m,
    /^EURUSD( +[\d,]+){7}$/m,
    /^strategy +state +lots +realised +open +intents +fills$/m,
    /^cross +\w+/m,
    new RegExp(`^Orders +${orders.intended} intended, ${orders.denied} denied, .* ${report.fills} fills$`, 'm'),
    /^Balance +[\d,]+\.\d\d USD at the terminal, [\d,]+\.\d\d in the ledger$/m,
    /^Positions /m,
    /^Latency +tick to bar p50 .* ms, p99 .* ms; intent to terminal p50 .* ms, p99 .* ms$/m,
    /^Books +agree$/m,
  ]) {
    assert.match(ended.stdout, line);
  }
  await noneLeft(scratch.path, LEFT_MS);
  assert.equal(tapeBegun(), false, 'what a killed run has half written goes with the next');
}

const runs = (part: string) => (): boolean => processesOf(scratch.path).some(({ command }) => command.includes(part));

interface Moment {
  readonly name: string;
  readonly args: readonly string[];
  readonly reached: (command: StartCommand) => boolean;
}

const slow = [...PLAY, '--speed', '100'];
const tapeBegun = (): boolean =>
  existsSync(`${state}/tapes`) && readdirSync(`${state}/tapes`).some((name) => name.endsWith('.part'));
const moments: Moment[] = [
  { name: 'while the tape is made', args: ['--seed', 'another'], reached: tapeBegun },
  { name: 'while the cluster is made or the servers start', args: slow, reached: runs('postgres') },
  { name: 'while the node starts', args: slow, reached: runs('node/main.ts') },
  { name: 'when the terminal has just started', args: slow, reached: runs('native/terminal') },
  { name: 'while it trades', args: slow, reached: ({ stdout }) => /^trading \d+ %/m.test(stdout) },
];

async function stops(command: StartCommand, signal: 'SIGINT' | 'SIGTERM'): Promise<void> {
  const sinceMs = systemClock.monotonicMs();
  command.kill(signal);
  const ended = await command.ended;
  const tookMs = systemClock.monotonicMs() - sinceMs;
  const said = `${ended.stdout}${ended.stderr}`;
  assert.equal(ended.status, signal === 'SIGINT' ? 130 : 143, said);
  assert.ok(tookMs < WITHIN_MS, `${tookMs} ms`);
  assert.match(ended.stderr, /^stopping \.\.\.$/m);
  assert.doesNotMatch(said, /killed|DISAGREE|ended unexpectedly/);
  await noneLeft(scratch.path, LEFT_MS);
  assert.equal(tapeBegun(), false, 'no half-written tape');
}

test('plays a file: the summary, the report with every key, status 0', LIMIT, playsThrough);

describe('stopped in order', () => {
  for (const [i, { name, args, reached }] of moments.entries()) {
    const signal = i % 2 === 0 ? 'SIGINT' : 'SIGTERM';
    test(`${signal} ${name}`, LIMIT, async () => {
      const command = new StartCommand(state, args);
      await command.reaches(name, () => reached(command));
      await stops(command, signal);
    });
  }

  test('SIGTERM while it settles, with a PostgreSQL that has frozen', LIMIT, async () => {
    const command = new StartCommand(state, [...PLAY, '--speed', 'max']);
    await command.prints(/^metrics /m);
    const frozen = processesOf(`${scratch.path}/`).filter(({ command: text }) => text.includes('postgres'));
    assert.ok(frozen.length > 1);
    for (const { pid } of frozen) process.kill(pid, 'SIGSTOP');
    await command.prints(/^settling .*%/m);
    await stops(command, 'SIGTERM');
  });

  test('and then it plays through', LIMIT, playsThrough);
});

test('--watch stays after the end until Ctrl-C, which is no failure then', LIMIT, async () => {
  const command = new StartCommand(state, [...PLAY, '--speed', 'max', '--watch']);
  await command.prints(/until Ctrl-C/);
  assert.ok(runs('native/terminal')());
  command.kill('SIGINT');
  const { status, stdout, stderr } = await command.ended;
  assert.equal(status, 0, `${stdout}${stderr}`);
  await noneLeft(scratch.path, LEFT_MS);
});

test('a second start on the same folder is refused and harms nothing', LIMIT, async () => {
  const first = new StartCommand(state, [...PLAY, '--speed', 'max', '--watch']);
  await first.prints(/^metrics /m);
  const second = await start(state, PLAY);
  assert.equal(second.status, 1);
  assert.match(second.stderr, /^ALREADY_RUNNING: .*TROUPE_STATE/m);
  await first.prints(/^Books +agree$/m);
  first.kill('SIGINT');
  assert.equal((await first.ended).status, 0);
  await noneLeft(scratch.path, LEFT_MS);
});

test('the node dies: the run says so, starts it again, and the books agree', LIMIT, async () => {
  const command = new StartCommand(state, [...PLAY, '--speed', '4000']);
  await command.reaches('the terminal stands', runs('native/terminal'));
  const [victim] = processesOf(scratch.path).filter(({ command: text }) => text.includes('node/main.ts'));
  process.kill(victim!.pid, 'SIGKILL');
  const { status, stdout, stderr } = await command.ended;
  assert.equal(status, 0, `${stdout}${stderr}`);
  assert.match(stdout, /^node-1 ended \(SIGKILL\), started again, ready after \d+\.\d s$/m);
  assert.match(stdout, /^Books +agree$/m);
  await noneLeft(scratch.path, LEFT_MS);
});

describe('killed without a word', () => {
  for (const { name, args, reached } of moments.filter((_, i) => i % 2 === 0)) {
    test(`SIGKILL ${name}`, LIMIT, async () => {
      const command = new StartCommand(state, args);
      await command.reaches(name, () => reached(command));
      command.kill('SIGKILL');
      assert.equal((await command.ended).signal, 'SIGKILL');
      await noneLeft(scratch.path, WITHIN_MS);
    });
  }

  test('and then it plays through', LIMIT, playsThrough);
});
