/** A nats-server that a test can kill and start again on the same store and port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findNatsServer } from '../../../cli/setup/find.mjs';
import { systemClock } from '../../../runtime/clock.ts';

const START_TIMEOUT_MS = 20_000;

export class TestNats {
  url = '';
  private readonly folder = mkdtempSync(join(tmpdir(), 'troupe-nats-'));
  private port = -1;
  private process: ChildProcess | undefined;
  private readonly config: string | undefined;

  private readonly jetStream: boolean;

  constructor(config?: string, { jetStream = true } = {}) {
    this.config = config;
    this.jetStream = jetStream;
  }

  async start(): Promise<this> {
    const binary = process.env.NATS_SERVER ?? findNatsServer()?.path ?? 'nats-server';
    const ports = mkdtempSync(join(this.folder, 'ports-'));
    const args = ['-a', '127.0.0.1', '-p', String(this.port)];
    if (this.jetStream) args.push('-js', '-sd', join(this.folder, 'store'));
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
  withinMs = 90_000,
): Promise<void> {
  const endMs = systemClock.monotonicMs() + withinMs;
  while (!(await condition())) {
    if (systemClock.monotonicMs() > endMs) throw new Error(`waited ${withinMs} ms for: ${what}`);
    await systemClock.sleep(5);
  }
}

/** Stands between a client and the server, and can keep the words of either from the other. */
export class TestProxy {
  url = '';
  private readonly target: URL;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private deaf = false;
  private silent = false;

  constructor(target: string) {
    this.target = new URL(target);
    this.server = createServer((client) => {
      const upstream = createConnection(Number(this.target.port), this.target.hostname);
      for (const socket of [client, upstream]) {
        this.sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          this.sockets.delete(socket);
          client.destroy();
          upstream.destroy();
        });
      }
      client.on('data', (chunk) => {
        if (!this.silent) upstream.write(chunk);
      });
      upstream.on('data', (chunk) => {
        if (!this.deaf) client.write(chunk);
      });
    });
  }

  async start(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.url = `nats://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    return this;
  }

  /** From now on clients hear nothing; what they say still arrives. */
  deafen(): void {
    this.deaf = true;
  }

  /** From now on nothing that clients say arrives. */
  silence(): void {
    this.silent = true;
  }

  /** Breaks every connection; new ones are whole again. */
  cut(): void {
    this.deaf = false;
    this.silent = false;
    for (const socket of [...this.sockets]) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    const closed = once(this.server, 'close');
    this.server.close();
    await closed;
  }
}
