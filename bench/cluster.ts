/**
 * A company of one or several nodes whose processes nobody starts again: for questions about what the company itself
 * does when one of them dies, and about one node alone. `cli/start`'s fleet would mend what is killed here.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { create, toJsonString } from '@bufbuild/protobuf';
import { stringify } from 'yaml';
import type { TapeInfo } from '../backtest/tape.ts';
import type { ManagedProcess } from '../cli/processes.ts';
import { startProcess } from '../cli/processes.ts';
import type { NatsServer } from '../cli/servers/nats.ts';
import { startNatsServer } from '../cli/servers/nats.ts';
import { keyEnvironment } from '../cli/start/fleet/logins.ts';
import { NODE_ARGS } from '../cli/start/fleet/node-process.ts';
import { terminalConfig, wantedTerminal } from '../cli/start/terminal-config.ts';
import type { Status } from '../node/status.ts';
import { TerminalConfigSchema } from '../proto/gen/troupe/bridge/v1/bridge_pb.js';
import type { NatsBus } from '../runtime/bus/nats.ts';
import { ensureStreams } from '../runtime/bus/nats.ts';
import type { Config } from '../runtime/config/index.ts';
import { secretHex } from '../runtime/random.ts';
import type { Login, Stage } from './stage.ts';

type Json = Record<string, unknown>;

/** Nobody paces this market: often enough for the end to be seen. */
const APPLIED_MS = 50;

export interface ClusterSpec {
  readonly config: Config;
  readonly nodes: number;
  readonly tape: TapeInfo;
  readonly tapeRounds: number;
  /** Market time over wall time; 0: as fast as the bridge reads. */
  readonly speed: number;
}

const READY_MS = 120_000;
const LOOK_AGAIN_MS = 20;

interface Asked {
  readonly event: string;
  readonly answer: (message: Json) => void;
}

export class ClusterNode {
  readonly name: string;
  readonly process: ManagedProcess;
  /** From the start of the process until it was ready. */
  readonly readyMs: number;
  readonly metricsUrl: string;
  private readonly asked: Asked[];

  constructor(name: string, process: ManagedProcess, readyMs: number, metricsUrl: string, asked: Asked[]) {
    this.name = name;
    this.process = process;
    this.readyMs = readyMs;
    this.metricsUrl = metricsUrl;
    this.asked = asked;
  }

  ask(word: string, event: string): Promise<Json> {
    return new Promise((answer) => {
      this.asked.push({ event, answer });
      this.process.send(word);
    });
  }
}

export class Cluster {
  readonly nodes = new Map<string, ClusterNode>();
  sent = -1;
  acknowledged = -1;
  private readonly stage: Stage;
  private readonly spec: ClusterSpec;
  private readonly folder: string;
  private readonly linkKey = secretHex(32);
  private server: NatsServer | undefined;
  private terminal: ManagedProcess | undefined;
  private bridge: ManagedProcess | undefined;
  private readonly buses: NatsBus[] = [];
  private readonly applied = new Map<string, number>();
  private ending = false;
  private fail: (error: Error) => void = () => undefined;
  /** Rejects when a program ends that nobody has killed. */
  readonly failed: Promise<never>;

  constructor(stage: Stage, spec: ClusterSpec) {
    this.stage = stage;
    this.spec = spec;
    this.folder = path.join(stage.folder, 'cluster');
    this.failed = new Promise((_, reject) => {
      this.fail = reject;
    });
    this.failed.catch(() => undefined);
  }

  /** Everything up to a terminal that holds its first tick back. */
  async start(): Promise<void> {
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder, { recursive: true });
    const { config } = this.spec;
    this.server = await startNatsServer({
      folder: path.join(this.folder, 'nats'),
      logFile: this.log('nats'),
      account: config.account?.id ?? 'none',
      source: config.market.source,
    });
    const bus = await this.connect('node');
    await ensureStreams(bus, { replay: true });
    const names = Array.from({ length: this.spec.nodes }, (_, i) => `node-${i + 1}`);
    await Promise.all(names.map((name) => this.startNode(name)));
    await this.startTerminal(await this.startBridge());
  }

  async connect(user: 'node' | 'bridge' | 'operator'): Promise<NatsBus> {
    const bus = await this.stage.connect(this.login(user), `bench ${user}`);
    this.buses.push(bus);
    return bus;
  }

  play(): void {
    this.terminal?.send('play');
  }

  /** Ticks that the symbol actors say they have applied. */
  get ticksApplied(): number {
    let sum = 0;
    for (const ticks of this.applied.values()) sum += ticks;
    return sum;
  }

  get tapeTicks(): number {
    return this.spec.tape.ticks * this.spec.tapeRounds;
  }

  /** Resolves when every tick of the tape has been acknowledged by its stream and applied by its symbol actor. */
  async played(): Promise<void> {
    while (this.acknowledged < 0 || this.ticksApplied < this.acknowledged) await this.pause();
  }

  pause(): Promise<void> {
    return Promise.race([this.stage.clock.sleep(LOOK_AGAIN_MS), this.failed]);
  }

  /** Closes the open bars; resolves to each node's status when nothing is under way on any of them any more. */
  async settle(): Promise<Status[]> {
    const quiet = async (): Promise<Status[]> => {
      const answers: Json[] = [];
      for (let round = 0; round < 2; round++) {
        answers.length = 0;
        for (const node of this.nodes.values()) {
          answers.push(await Promise.race([node.ask('settle', 'settled'), this.failed]));
        }
      }
      return answers.map(({ status }) => status as Status);
    };
    await quiet();
    for (const { process } of this.nodes.values()) process.send('flush');
    return quiet();
  }

  /** SIGKILL; resolves when it is gone. */
  async killNode(name: string): Promise<void> {
    const node = this.nodes.get(name);
    this.nodes.delete(name);
    node?.process.signal('SIGKILL');
    await node?.process.exited;
  }

  async startNode(name: string): Promise<ClusterNode> {
    const { stage, spec } = this;
    const file = path.join(this.folder, `${name}.yaml`);
    const { node } = spec.config;
    writeFileSync(file, stringify({ ...spec.config, node: { ...node, name, metrics_port: 0 } }));
    const sinceMs = stage.clock.monotonicMs();
    const asked: Asked[] = [];
    const child = await startProcess({
      name,
      command: process.execPath,
      args: [
        ...NODE_ARGS,
        ...stage.profileArgs(name),
        path.join(stage.root, 'node', 'main.ts'),
        ...['--config', file, '--replay', '--prepared', '--applied-ms', String(APPLIED_MS)],
      ],
      cwd: stage.root,
      env: this.environment('node'),
      logFile: this.log(name),
      chatty: true,
      stdin: 'lifeline',
      stop: { signal: 'SIGTERM', deadlineMs: 14_000 },
      onJson: (message) => {
        if (message.event === 'applied') this.hearApplied(message.symbols as Record<string, number>);
        const at = asked.findIndex(({ event }) => event === message.event);
        if (at >= 0) asked.splice(at, 1)[0]!.answer(message);
      },
    });
    stage.watch(child);
    const ready = await child.waitForLine(eventLine('ready'), READY_MS);
    const started = new ClusterNode(name, child, stage.clock.monotonicMs() - sinceMs, String(ready.metrics), asked);
    this.nodes.set(name, started);
    this.guard(child, () => this.nodes.get(name) === started);
    return started;
  }

  async stop(): Promise<void> {
    this.ending = true;
    const { stage } = this;
    await Promise.all([...this.nodes.values()].map(({ process }) => stage.stop(process)));
    for (const one of [this.terminal, this.bridge]) if (one !== undefined) await stage.stop(one);
    await Promise.all(this.buses.map((bus) => bus.drain().catch(() => undefined)));
    await this.server?.stop();
    rmSync(path.join(this.folder, 'nats'), { recursive: true, force: true });
  }

  private hearApplied(symbols: Record<string, number>): void {
    for (const [symbol, ticks] of Object.entries(symbols)) {
      // One that was started again counts on from where its snapshot was.
      this.applied.set(symbol, Math.max(this.applied.get(symbol) ?? 0, ticks));
    }
    this.terminal?.send(`applied ${this.ticksApplied}`);
  }

  private async startBridge(): Promise<number> {
    const { config } = this.spec;
    this.bridge = await startProcess({
      name: 'bridge',
      command: path.join(this.stage.root, 'build', 'native', 'bridge'),
      args: [
        ...['--listen', '127.0.0.1:0', '--account', config.account?.id ?? 'none', '--source', config.market.source],
        ...['--partitions', String(config.market.partitions), '--journal', path.join(this.folder, 'bridge.journal')],
        ...wantedTerminal(config),
      ],
      env: { ...this.environment('bridge'), ...keyEnvironment(this.linkKey) },
      logFile: this.log('bridge'),
      chatty: true,
      stop: { signal: 'SIGTERM', deadlineMs: 3_000 },
      onJson: ({ event, ticks }) => {
        if (event === 'tape_end') this.acknowledged = Number(ticks);
      },
    });
    this.stage.watch(this.bridge);
    this.guard(this.bridge, () => true);
    return Number((await this.bridge.waitForLine(eventLine('listening'), READY_MS)).port);
  }

  private async startTerminal(port: number): Promise<void> {
    const { config, tape, tapeRounds, speed } = this.spec;
    const file = path.join(this.folder, 'terminal.json');
    const history = path.join(this.folder, 'terminal.history');
    const settings = terminalConfig({ config, tape, port, speed, leadLimitMs: 0, rounds: tapeRounds, history });
    writeFileSync(file, toJsonString(TerminalConfigSchema, create(TerminalConfigSchema, settings)));
    this.terminal = await startProcess({
      name: 'terminal',
      command: path.join(this.stage.root, 'build', 'native', 'terminal'),
      args: ['--config', file, '--hold'],
      env: { PATH: process.env.PATH, TZ: 'UTC', ...keyEnvironment(this.linkKey) },
      logFile: this.log('terminal'),
      chatty: true,
      stdin: 'lifeline',
      stop: { signal: 'SIGTERM', deadlineMs: 3_000 },
      onJson: ({ event, ticks }) => {
        if (event === 'tape_end') this.sent = Number(ticks);
      },
    });
    this.stage.watch(this.terminal);
    this.guard(this.terminal, () => true);
    await this.terminal.waitForLine(eventLine('ready'), READY_MS);
  }

  private guard(child: ManagedProcess, wanted: () => boolean): void {
    void child.exited.then(() => {
      if (this.ending || !wanted()) return;
      // Not its status lines: they are as long as the company is large.
      const words = child.tail
        .filter((line) => !line.startsWith('{"event":"status"'))
        .map((line) => line.slice(0, 400));
      this.fail(new Error(`${child.name} ended unexpectedly:\n${words.slice(-5).join('\n')}`));
    });
  }

  private login(user: 'node' | 'bridge' | 'operator'): Login {
    const { url, credentials } = this.server!;
    return { url, ...credentials[user] };
  }

  private environment(user: 'node' | 'bridge'): NodeJS.ProcessEnv {
    const { url, user: name, password } = this.login(user);
    return {
      PATH: process.env.PATH,
      TZ: 'UTC',
      TROUPE_NATS_URL: url,
      ...(name === undefined ? {} : { TROUPE_NATS_USER: name }),
      ...(password === undefined ? {} : { TROUPE_NATS_PASSWORD: password }),
    };
  }

  private log(name: string): string {
    return path.join(this.stage.folder, 'logs', `${name}.log`);
  }
}

function eventLine(event: string): (line: string) => Json | undefined {
  return (line) => {
    if (!line.startsWith('{')) return undefined;
    const message = JSON.parse(line) as Json;
    return message.event === event ? message : undefined;
  };
}
