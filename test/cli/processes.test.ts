import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { type ProcessError, type ProcessSpec, startProcess, stopInOrder } from '../../cli/processes.ts';
import { commandLine } from '../../cli/servers/orphan.ts';
import { projectRoot } from '../../cli/setup/find.mjs';
import { systemClock } from '../../runtime/clock.ts';
import { scratchFolder } from '../support/servers.ts';

const scratch = scratchFolder('processes');
const logFile = path.join(scratch.path, 'child.log');
process.on('exit', scratch.remove);

const shell = (script: string, more: Partial<ProcessSpec> = {}) =>
  startProcess({ name: 'child', command: '/bin/sh', args: ['-c', script], logFile, ...more });
const line = (wanted: string) => (text: string) => (text === wanted ? true : undefined);

describe('a managed process', { timeout: 180_000 }, () => {
  test('its lines are heard, its JSON is parsed, all is logged', async () => {
    const values: unknown[] = [];
    const lines: string[] = [];
    const child = await shell(`echo '{"ticks":3}'; echo plain; echo '{broken'; echo oops >&2; exit 3`, {
      onJson: (value) => values.push(value),
      onLine: (text, stream) => lines.push(`${stream} ${text}`),
    });
    assert.deepEqual(await child.exited, { code: 3, signal: null, forced: false });
    assert.deepEqual(values, [{ ticks: 3 }]);
    assert.deepEqual(lines.sort(), ['stderr oops', 'stdout plain', 'stdout {"ticks":3}', 'stdout {broken']);
    for (const text of ['plain', 'oops', '{broken']) assert.ok(readFileSync(logFile, 'utf8').includes(text));
  });

  test('a program that is not there is an error that names it', async () => {
    const start = startProcess({ name: 'bridge', command: '/nowhere/bridge', args: [], logFile });
    await assert.rejects(start, /bridge could not be started: .*ENOENT/);
  });

  test('ending before it is ready tells how and shows its last lines', async () => {
    const child = await shell('echo first; echo last; exit 9');
    await assert.rejects(child.waitForLine(line('ready'), 20_000), (error: ProcessError) => {
      assert.match(error.message, /child ended before it was ready \(status 9\)/);
      assert.deepEqual(error.tail, ['first', 'last']);
      return true;
    });
  });

  test('not being ready in time is an error', async () => {
    const child = await shell('exec sleep 60');
    await assert.rejects(child.waitForLine(line('ready'), 10), /not ready within 10 ms/);
    assert.deepEqual(await child.stop(), { code: null, signal: 'SIGTERM', forced: false });
  });

  test('one that does not listen is forced after the deadline, with what it started', async () => {
    const child = await shell(`trap '' TERM; sleep 61 & echo "$!"; echo ready; while :; do wait; done`, {
      stop: { signal: 'SIGTERM', deadlineMs: 50 },
    });
    let grandchild = 0;
    await child.waitForLine((text) => {
      grandchild ||= Number(text);
      return text === 'ready' || undefined;
    }, 20_000);
    const exit = await child.stop();
    assert.deepEqual(exit, { code: null, signal: 'SIGKILL', forced: true });
    assert.deepEqual(await child.stop(), exit, 'stopping again is harmless');
    assert.equal(commandLine(grandchild)?.includes('sleep 61') ?? false, false);
  });

  test('what a child leaves behind when it ends by itself is ended too', async () => {
    const child = await shell('sleep 62 & echo "$!"; exit 0');
    const left = await child.waitForLine((text) => Number(text) || undefined, 20_000);
    await child.exited;
    assert.equal(commandLine(left)?.includes('sleep 62') ?? false, false);
  });

  test('a frozen one can be stopped', async () => {
    const child = await shell('echo ready; exec sleep 63');
    await child.waitForLine(line('ready'), 20_000);
    child.signal('SIGSTOP');
    assert.equal((await child.stop()).forced, false);
  });

  test('one that is asked by a word gets it, and no signal', async () => {
    const script = 'trap "exit 9" TERM; echo ready; read word; [ "$word" = stop ] && exit 7; exit 8';
    const stop = { signal: 'SIGTERM', word: 'stop', deadlineMs: 20_000 } as const;
    const child = await shell(script, { stdin: 'lifeline', stop });
    await child.waitForLine(line('ready'), 20_000);
    assert.deepEqual(await child.stop(), { code: 7, signal: null, forced: false });
  });

  test('the lifeline stays open while we live', async () => {
    const child = await shell('echo ready; cat; echo closed', { stdin: 'lifeline' });
    await child.waitForLine(line('ready'), 20_000);
    assert.equal(child.exit, undefined);
    await child.stop();
  });

  test('they end with us when we are killed, politely first', async () => {
    const code = `
      const { startProcess } = await import(${JSON.stringify(path.join(projectRoot, 'cli/processes.ts'))});
      const spec = { name: 'c', command: '/bin/sh', logFile: ${JSON.stringify(logFile)} };
      const start = (script) => startProcess({ ...spec, args: ['-c', script] });
      const ended = await start('exit 0');
      await ended.exited;
      const polite = await start('trap "echo bye > ${scratch.path}/bye; exit" TERM; echo ready; while :; do sleep 0.05; done');
      await polite.waitForLine((line) => line === 'ready' || undefined, 20_000);
      const plain = await start('sleep 65 & wait');
      console.log(JSON.stringify([polite.pid, plain.pid]));`;
    const owner = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(owner.stdout, 'data');
    const pids = JSON.parse(String(line)) as number[];
    for (const pid of pids) assert.notEqual(commandLine(pid), undefined);
    owner.kill('SIGKILL');
    for (const pid of pids) while (commandLine(pid) !== undefined) await systemClock.sleep(5);
    assert.equal(readFileSync(path.join(scratch.path, 'bye'), 'utf8'), 'bye\n');
  });

  test('several stop one after the other, in the order given', async () => {
    const order: string[] = [];
    const children = [];
    for (const name of ['bridge', 'terminal']) {
      const child = await shell('echo ready; exec sleep 64', { name });
      void child.exited.then(() => order.push(name));
      await child.waitForLine(line('ready'), 20_000);
      children.push(child);
    }
    await stopInOrder(children);
    assert.deepEqual(order, ['bridge', 'terminal']);
    assert.equal(existsSync(logFile), true);
  });
});
