/**
 * The runbook, docs/operations.md: every command of it, with the real `nats` command, against a running company; what it
 * says of states and metrics, against the code and real pages of metrics. Whoever adds a command runs it, or names here
 * the test that does.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { brokerMachine } from '../../actors/broker/machine.ts';
import { findNatsCommand } from '../../cli/setup/find.mjs';
import { topics } from '../../runtime/bus/topics.ts';
import type { SupervisorEvent } from '../../supervisors/spec.ts';
import { projectFolder } from '../support/source.ts';
import { type Family, scrape, sumOf } from './exposition.ts';
import { Company } from './rig.ts';
import { type Example, Runbook } from './runbook.ts';
import { noneLeft, stateFolder, tickLines, until, writeTicks } from './support.ts';

const scratch = stateFolder('operations');
const WITHIN_MS = 30_000;
/** What ends with Ctrl-C, or asks for a key. */
const STAYS = /^nats (sub|kv watch|stream view) /;

/** What is named in a sentence and is no example: the test that runs it. */
const runElsewhere: Readonly<Record<string, readonly [file: string, title: string]>> = {
  'npm run setup': ['test/cli/setup/nats-command.test.ts', 'each way is tried until one gives a command'],
  'npm start': ['test/e2e/start.test.ts', 'plays a file: the summary, the report with every key, status 0'],
};

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

const bash = (script: string, options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) =>
  promisify(execFile)('bash', ['-ec', script], options).then(({ stdout }) => stdout);

/** What the page has an operator type first, in a project's folder: the variables that it leaves him with. */
async function logIn(lines: readonly string[], folder: string): Promise<NodeJS.ProcessEnv> {
  const printed = await bash(`${lines.join('\n')}\nenv -0`, { cwd: folder });
  return Object.fromEntries(
    printed
      .split('\0')
      .filter(Boolean)
      .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
}

describe('the runbook', { timeout: 300_000 }, () => {
  const runbook = new Runbook();
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
    // A project's folder as the page has it: programs in .tools, the company's state in .run.
    const home = scratch.file('home');
    mkdirSync(path.join(home, '.tools'), { recursive: true });
    symlinkSync(path.dirname(nats.path), path.join(home, '.tools', 'bin'));
    symlinkSync(state, path.join(home, '.run'));
    env = { ...(await logIn(runbook.lines, home)), ACCOUNT: company.account };
  });
  after(async () => {
    await company?.stop();
    await noneLeft(scratch.path);
    scratch.remove();
  });

  for (const block of runbook.blocks) {
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

  test('the login is the operator: he may ask, and may not trade', async () => {
    assert.equal(runbook.lines.length, 1, runbook.lines.join('\n'));
    const asked = await bash("nats req control.node.node-1.status ''", { env });
    assert.match(asked, /"ok":true/);
    const denied = bash(`nats pub trade.intent.${company.account}.ema-eurusd '{}'`, { env });
    await assert.rejects(denied, /[Pp]ermissions [Vv]iolation/);
  });

  test('the key that it has one draw is one that a bridge takes', async () => {
    const command = runbook.inline.find((span) => span.startsWith('openssl '));
    assert.ok(command);
    const key = await bash(command);
    assert.match(key, /^[0-9a-f]{64}\n$/);
    const keyFile = scratch.file('link.key');
    const bridge = path.join(projectFolder, 'build', 'native', 'bridge');
    const args = ['--listen 127.0.0.1:0 --account a --source s', `--journal ${scratch.file('a.journal')}`];
    // There is no NATS at that address: a bridge that has its key says so and goes no further.
    const start = `TROUPE_NATS_URL=nats://127.0.0.1:9 timeout 5 ${bridge} ${args.join(' ')} --key-file ${keyFile} 2>&1 || true`;
    const says = async (text: string, mode: number): Promise<string> => {
      writeFileSync(keyFile, text);
      chmodSync(keyFile, mode);
      return await bash(start);
    };
    assert.match(await says(key, 0o600), /NATS/i);
    assert.match(await says(key.slice(1), 0o600), /64 hex digits/);
    assert.match(await says(key, 0o644), /0600/);
  });

  test('what it names in a sentence is an example too, or another test runs it', () => {
    assert.ok(runbook.commands.length > 25);
    assert.ok(runbook.inline.length >= 4, runbook.inline.join('; '));
    for (const span of runbook.inline) {
      const [file, title] = runElsewhere[span] ?? [];
      if (file !== undefined && title !== undefined) {
        const source = readFileSync(path.join(projectFolder, file), 'utf8');
        assert.ok(source.includes(title), `${span}: ${file} has no test "${title}"`);
        continue;
      }
      const shown = span.startsWith('openssl ') || runbook.commands.some((command) => command.startsWith(span));
      assert.ok(shown, `${span}: neither an example of the page nor run by another test`);
    }
    for (const span of Object.keys(runElsewhere)) assert.ok(runbook.inline.includes(span), `${span} is named no more`);
  });

  test('it says what to do in each state that a broker can be in', () => {
    const states: string[] = [];
    for (const [name, state] of Object.entries(brokerMachine.states)) {
      const inner = Object.keys((state as { states?: object }).states ?? {});
      states.push(...(inner.length === 0 ? [name] : inner.map((one) => `${name}.${one}`)));
    }
    assert.deepEqual([...runbook.brokerStates].sort(), states.sort());
  });

  describe('metrics', () => {
    let node: ReadonlyMap<string, Family>;
    let bridge: ReadonlyMap<string, Family>;
    before(async () => {
      node = await scrape(company.fleet.metricsUrls[0]!);
      const status = await bash(`nats req --raw control.bridge.$ACCOUNT.status ''`, { env });
      bridge = await scrape(`http://127.0.0.1:${JSON.parse(status).metrics_port}/metrics`);
    });

    test('those worth an alert are there and say what has happened to this company', () => {
      // A symbol was killed, a fill was none; nobody has given up, and the books agree.
      const expected: Readonly<Record<string, (value: number) => boolean>> = {
        troupe_lease_held: (value) => value === 1,
        troupe_actor_restarts_total: (value) => value > 0,
        troupe_lifecycle_events_total: (value) => value === 0,
        troupe_dead_letters_total: (value) => value > 0,
        troupe_reconcile_halted_symbols: (value) => value === 0,
        troupe_orders_unknown: (value) => value === 0,
      };
      assert.deepEqual(runbook.metrics.map(({ name }) => name).sort(), Object.keys(expected).sort());
      for (const { name, labels } of runbook.metrics) {
        const family = node.get(name);
        assert.ok(family && family.type !== '', `${name} is not served`);
        const value = sumOf(family, labels);
        assert.ok(expected[name]!(value), `${name} is ${value}`);
        for (const label of Object.keys(labels)) {
          assert.ok(
            family.samples.some((sample) => label in sample.labels),
            `${name} has no label ${label}`,
          );
        }
      }
      const event: SupervisorEvent['event'] = 'given_up';
      assert.ok(runbook.metrics.some(({ labels }) => labels.event === event));
    });

    test('docs/metrics.md lists what a node and a bridge serve, and nothing else', () => {
      const page = readFileSync(path.join(projectFolder, 'docs', 'metrics.md'), 'utf8');
      const listed = [...page.matchAll(/^\| `(troupe_\w+)` \| (\w+) \| ([\w, ]*) \| (.+)\. \|$/gm)].map(
        ([, name = '', type = '', labels = '', help = '']) => ({ name, type, labels: labels.split(', '), help }),
      );
      const ours = [...node.keys(), ...bridge.keys()].filter((name) => !/^troupe_(nodejs|process)_/.test(name));
      // The bridge shows it once a terminal was sent away, which none was.
      const unseen = 'troupe_bridge_refusals_total';
      assert.deepEqual(listed.map(({ name }) => name).sort(), [...new Set([...ours, unseen])].sort());
      let samples = 0;
      for (const { name, type, labels, help } of listed) {
        const family = node.get(name) ?? bridge.get(name);
        if (family === undefined) continue;
        assert.deepEqual([family.type, family.help], [type, help], name);
        for (const sample of family.samples) {
          samples++;
          const known = new Set(type === 'histogram' ? [...labels, 'le'] : labels);
          for (const label of Object.keys(sample.labels)) assert.ok(known.has(label), `${name}: label ${label}`);
        }
      }
      assert.ok(samples > listed.length, `only ${samples} samples`);
      assert.ok([...node.keys()].includes('troupe_nodejs_eventloop_lag_p99_seconds'));
    });
  });
});
