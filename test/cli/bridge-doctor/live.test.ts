/** The doctor as a person runs it, against a real daemon with faults. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { describe, test } from 'node:test';
import type { ManagedProcess } from '../../../cli/processes.ts';
import { startProcess } from '../../../cli/processes.ts';
import { projectRoot } from '../../../cli/setup/find.mjs';
import { connectNats, ensureStreams } from '../../../runtime/bus/nats.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { secretHex } from '../../../runtime/random.ts';
import { silentLogger } from '../../../runtime/telemetry/log.ts';
import { scratchFolder, startNats, TEST_ACCOUNT, TEST_SOURCE } from '../../support/servers.ts';

interface Said {
  readonly status: number | null;
  readonly text: string;
}

function doctor(...args: string[]): Promise<Said> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(projectRoot, 'cli/bridge-doctor/main.ts'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH },
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (text += data.toString()));
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, text }));
  });
}

/** Asks until the answer has it, or for 20 s. */
async function until(pattern: RegExp, ...args: string[]): Promise<Said> {
  const deadlineMs = systemClock.monotonicMs() + 20_000;
  let said = await doctor(...args);
  while (!pattern.test(said.text) && systemClock.monotonicMs() < deadlineMs) said = await doctor(...args);
  assert.match(said.text, pattern);
  return said;
}

describe('npm run bridge:doctor', () => {
  test('wrong options and an absent company have their own status', async () => {
    const wrong = await doctor('--nonsense');
    assert.equal(wrong.status, 2, wrong.text);
    const absent = await doctor('--context', '/nowhere/operator.json');
    assert.equal(absent.status, 3);
    assert.match(absent.text, /\/nowhere\/operator\.json: cannot be read; is the company running\?/);
  });

  test('says what is wrong with a live link', { timeout: 120_000 }, async () => {
    const scratch = scratchFolder('doctor');
    const nats = await startNats();
    const running: ManagedProcess[] = [];
    const context = ['--context', nats.operatorContext];
    try {
      const nobody = await doctor(...context, '--account', TEST_ACCOUNT);
      assert.equal(nobody.status, 3, nobody.text);
      assert.match(nobody.text, /no bridge answers for test-account/);

      const { node, bridge } = nats.credentials;
      const bus = await connectNats({ url: nats.url, ...node, name: 'test', clock: systemClock, log: silentLogger });
      await ensureStreams(bus, { replay: true });
      await bus.drain();
      const start = async (name: string, ...args: string[]): Promise<ManagedProcess> => {
        const child = await startProcess({
          name,
          command: path.join(projectRoot, 'build/native', name),
          args,
          env: {
            PATH: process.env.PATH,
            TROUPE_NATS_URL: nats.url,
            TROUPE_NATS_USER: bridge.user,
            TROUPE_NATS_PASSWORD: bridge.password,
            TROUPE_BRIDGE_KEY: key,
          },
          logFile: path.join(scratch.path, `${name}.log`),
        });
        running.push(child);
        return child;
      };
      const key = secretHex(32);
      const daemon = await start(
        'bridge',
        ...['--listen', '127.0.0.1:0', '--account', TEST_ACCOUNT, '--source', TEST_SOURCE, '--daylight', 'us'],
        ...['--journal', path.join(scratch.path, 'journal')],
      );
      const port = await daemon.waitForLine((line) => /"listening","port":(\d+)/.exec(line)?.[1], 20_000);

      // Without a terminal. The bridge is found by its service.
      const waiting = await until(/BAD +link +no terminal is linked: no terminal has come yet/, ...context);
      assert.equal(waiting.status, 1);
      assert.match(waiting.text, /^Bridge of account test-account/m);

      const terminal = await start('link_feed', '--port', port, '--ticks', '1000');
      const well = await until(/1000 taken, 1000 kept by JetStream/, ...context);
      assert.equal(well.status, 0, well.text);
      assert.match(well.text, /good +link +ready/);
      assert.match(well.text, /daylight saving: us/);
      assert.match(well.text, /look +permissions +the terminal has not said yet/);

      // It hangs: nothing is heard, then the bridge ends the link.
      terminal.signal('SIGSTOP');
      const hanging = await until(/BAD +ping +nothing heard for|BAD +link +no terminal is linked/, ...context);
      assert.equal(hanging.status, 1);
      const gone = await until(/BAD +link +no terminal is linked: E_LINK_SILENT/, ...context);
      assert.equal(gone.status, 1);
    } finally {
      for (const child of running.reverse()) {
        child.signal('SIGCONT');
        await child.stop();
      }
      await nats.stop();
      scratch.remove();
    }
  });
});
