/** A nats-server that a test can kill and start again on the same store and port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../runtime/clock.ts';

const START_TIMEOUT_MS = 20_000;

export class TestNats {
  url = '';
  private readonly folder = mkdtempSync(join(tmpdir(), 'troupe-nats-'));
  private port = -1;
  private process: ChildProcess | undefined;
  private readonly config: string | undefined;

  constructor(config?: string) {
    this.config = config;
  }

  async start(): Promise<this> {
    const binary = process.env.NATS_SERVER ?? 'nats-server';
    const ports = mkdtempSync(join(this.folder, 'ports-'));
    const args = ['-a', '127.0.0.1', '-p', String(this.port), '-js', '-sd', join(this.folder, 'store')];
    args.push('--ports_file_dir', ports, ...(this.config ? ['-c', this.config] : []));
    const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.process = child;
    let output = '';
    child.stderr?.on('data', (chunk) => {
      output = `${output}${chunk}`.slice(-4_000);
    });
    const failed = new Promise<never>((_, reject) => {
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`nats-server ended:\n${output}`)));
    });
    failed.catch(() => {});
    const ready = async (): Promise<void> => {
      const untilMs = systemClock.monotonicMs() + START_TIMEOUT_MS;
      while (!output.includes('Server is ready')) {
        if (systemClock.monotonicMs() > untilMs) throw new Error(`nats-server not ready:\n${output}`);
        await systemClock.sleep(10);
      }
      for (;;) {
        const [file] = readdirSync(ports);
        const text = file ? readFileSync(join(ports, file), 'utf8') : '';
        if (text.endsWith('}')) {
          this.url = (JSON.parse(text) as { nats: string[] }).nats[0]!;
          this.port = Number(new URL(this.url).port);
          return;
        }
        if (systemClock.monotonicMs() > untilMs) throw new Error('nats-server wrote no ports file');
        await systemClock.sleep(10);
      }
    };
    await Promise.race([ready(), failed]);
    return this;
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  /** SIGSTOP and SIGCONT: a server that is there and does not answer. */
  signal(signal: NodeJS.Signals): void {
    this.process?.kill(signal);
  }

  async stop(): Promise<void> {
    this.signal('SIGCONT');
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Resolves when `condition` holds; rejects after `withinMs`, naming what was waited for. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 20_000,
): Promise<void> {
  const endMs = systemClock.monotonicMs() + withinMs;
  while (!(await condition())) {
    if (systemClock.monotonicMs() > endMs) throw new Error(`waited ${withinMs} ms for: ${what}`);
    await systemClock.sleep(5);
  }
}
