/** The runbook, docs/operations.md: every command of it, with the real `nats` command, against a running company. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { findNatsCommand } from '../../cli/setup/find.mjs';
import { topics } from '../../runtime/bus/topics.ts';
import { projectFolder } from '../support/source.ts';
import { Company } from './rig.ts';
import { noneLeft, stateFolder, tickLines, until, writeTicks } from './support.ts';

const scratch = stateFolder('operations');
const WITHIN_MS = 30_000;
/** What ends with Ctrl-C, or asks for a key. */
const STAYS = /^nats (sub|kv watch|stream view) /;

interface Example {
  readonly command: string;
  /** Lines that it prints, among others. */
  readonly prints: readonly string[];
}

/** Examples of the runbook by block: those of one block follow each other. */
function examples(text: string): Example[][] {
  return [...text.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map(([, block = '']) => {
    const found: { command: string; prints: string[] }[] = [];
    for (const line of block.trimEnd().split('\n')) {
      if (line.startsWith('$ ')) found.push({ command: line.slice(2), prints: [] });
      else found.at(-1)!.prints.push(line);
    }
    return found;
  });
}

const patternOf = (line: string): RegExp =>
  new RegExp(
    line
      .split('…')
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*'),
  );

/** The first of the lines that was not printed; undefined when all were. Services answer in any order. */
function missing(prints: readonly string[], output: string): string | undefined {
  const lines = output.split(/\r?\n/);
  return prints.find((wanted) => !lines.some((line) => patternOf(wanted).test(line)));
}

/** What is asked for is still on its way: the runbook says so of `done`, and an operator asks again. */
const ASKED_AT_MOST = 5;
const isUnderWay = ({ prints }: Example, output: string): boolean =>
  output.includes('"done":false') && prints.some((line) => line.includes('"done":true'));

async function run(example: Example, env: NodeJS.ProcessEnv): Promise<void> {
  const { command, prints } = example;
  let printed = await runOnce(example, env);
  for (let asked = 1; asked < ASKED_AT_MOST && isUnderWay(example, printed.output); asked++) {
    printed = await runOnce(example, env);
  }
  const { status, output } = printed;
  assert.equal(missing(prints, output), undefined, `${command}\nprinted (status ${status}):\n${output}`);
  if (!STAYS.test(command)) assert.equal(status, 0, `${command}: ${output}`);
}

interface Printed {
  readonly output: string;
  /** Undefined while it has not ended. */
  readonly status: number | null | undefined;
}

async function runOnce({ command, prints }: Example, env: NodeJS.ProcessEnv): Promise<Printed> {
  const stays = STAYS.test(command);
  // A page is shown to a terminal only.
  const [program, args] = command.startsWith('nats stream view')
    ? ['script', ['-qec', command, '/dev/null']]
    : ['bash', ['-c', `exec ${command}`]];
  const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  let status: number | null | undefined;
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const ended = new Promise<void>((resolve) => {
    child.once('close', (code) => {
      status = code;
      resolve();
    });
  });
  try {
    const done = (): boolean => status !== undefined || (stays && missing(prints, output) === undefined);
    await until(command, done, WITHIN_MS).catch(() => undefined);
    return { output, status };
  } finally {
    child.kill('SIGTERM');
    child.stdin.destroy();
    await ended;
  }
}

describe('the runbook', { timeout: 300_000 }, () => {
  const text = readFileSync(path.join(projectFolder, 'docs', 'operations.md'), 'utf8');
  let company: Company;
  let env: NodeJS.ProcessEnv;

  before(async () => {
    const nats = findNatsCommand();
    assert.ok(nats, 'no nats command: run `npm run setup`');
    const made = tickLines({ seed: 'operations', fromMs: Date.UTC(2026, 4, 12), ticks: 40_000, everyMs: 900 });
    const configFile = scratch.file('operations.yaml');
    writeFileSync(
      configFile,
      `market:
  day: broker
  symbols:
    EURUSD: { digits: 5, contract_size: 100000, currency_base: EUR, currency_profit: USD }
account: { id: demo, currency: USD, balance: 50000, leverage: 100 }
strategies:
  - { id: ema-eurusd, use: ema-cross, symbol: EURUSD, params: { timeframe: 1m, fast: 3, slow: 8, lots: 0.1 } }
`,
    );
    const ticks = writeTicks(scratch.file('EURUSD.csv'), made);
    const state = scratch.file('state');
    const args = ['--ticks', ticks, '--symbol', 'EURUSD', '--speed', '100'];
    company = await Company.make({ state, configFile, args });
    await company.play();
    await company.reaches('a position', () => company.status?.strategies[0]?.lots !== 0);
    // For the dead letters: an event of the strategy's own account that is none.
    const bus = await company.nats();
    const subject = topics.fill.subject({ account: company.account, order: 'T0' }, { partitions: 12 });
    await bus.publish({ subject, data: Buffer.from('{"not a fill'), messageId: 'poison' });
    env = {
      ...process.env,
      PATH: `${path.dirname(nats.path)}:${process.env.PATH}`,
      NATS_CONTEXT: path.join(state, 'nats', 'operator.json'),
      ACCOUNT: company.account,
    };
  });
  after(async () => {
    await company?.stop();
    await noneLeft(scratch.path);
    scratch.remove();
  });

  for (const block of examples(text)) {
    test(block.map(({ command }) => command).join('; '), async () => {
      for (const example of block) await run(example, env);
    });
  }

  test('the dead letter is told, counted and holds the input; the actor goes on', async () => {
    const letter = (await company.stored('deadLetter')).find(({ kind }) => kind === 'strategy');
    assert.equal(Buffer.from(letter?.payload ?? []).toString(), '{"not a fill');
    const told = (await company.stored('lifecycle')).filter(({ event }) => event === 'dead_letter');
    assert.ok(told.some(({ kind, cause }) => kind === 'strategy' && cause.includes('trade.fill.')));
    await company.reaches('it lives', () => company.status?.strategies[0]?.state !== 'failed');
  });

  test('it names the services, verbs and settings that there are', () => {
    assert.ok(examples(text).length > 15);
    for (const word of ['drain', 'correct', 'safe', 'sys.dlq']) assert.ok(text.includes(word), word);
  });
});
