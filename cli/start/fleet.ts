/**
 * The programs of a run: servers, node, bridge and terminal, each started when what it needs stands, stopped in the
 * order that loses nothing: node (strategies, broker, market, stores), terminal, bridge, servers.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { create, toJsonString } from '@bufbuild/protobuf';
import { stringify } from 'yaml';
import type { TapeInfo } from '../../backtest/tape.ts';
import type { Status } from '../../node/status.ts';
import { TerminalConfigSchema } from '../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import type { Config } from '../../runtime/config/index.ts';
import { isErrorCode, TroupeError } from '../../runtime/errors.ts';
import type { LatencyJson } from '../../runtime/telemetry/latency.ts';
import type { ManagedProcess } from '../processes.ts';
import { startProcess } from '../processes.ts';
import { checkPostgres, type NatsLogin, natsLoginOf } from '../servers/given.ts';
import { startNatsServer } from '../servers/nats.ts';
import { startPostgres } from '../servers/postgres.ts';
import { terminalConfig } from './terminal-config.ts';

const READY_MS = 60_000;
/**
 * How the node collects garbage. Young garbage by one thread, because parallel ones wait for each other where there are
 * few cores; and an old space that may grow before it is looked at: with a small one and --single-threaded-gc, --trace-gc
 * showed a major collection about once a second at 100,000 ticks/s (30 ms in steps, 6 ms at one go), with these flags one
 * in 25 s. What that does to the p99 of orders was not measured apart from the machine's load.
 */
const NODE_ARGS: readonly string[] = [
  '--no-parallel-scavenge',
  '--min-semi-space-size=16',
  '--max-semi-space-size=16',
  '--initial-old-space-size=512',
  '--external-memory-accounted-in-global-limit',
];

export interface FleetOptions {
  readonly root: string;
  /** Servers keep their data here between runs. */
  readonly stateFolder: string;
  /** Configuration, journal and history of this run; emptied first. */
  readonly runFolder: string;
  readonly config: Config;
  readonly tape: TapeInfo;
  readonly speed: number;
  /** How far the market may run ahead of the company, milliseconds of market time; 0 for no limit. */
  readonly leadLimitMs: number;
  readonly rounds?: number;
  /** Without a ledger there is no PostgreSQL and no recorder. */
  readonly ledger: boolean;
  readonly natsUrl: string | undefined;
  readonly postgresUrl: string | undefined;
  readonly onSay: (text: string) => void;
  readonly onStatus: (status: Status) => void;
  readonly onProgress: (ticksSent: number, marketMs: number) => void;
  /** A program ended that should be running. */
  readonly onFailure: (error: TroupeError) => void;
  /** Everything that node, bridge and terminal say, before it is acted on. For benchmarks. */
  readonly onMessage?: (from: 'node' | 'bridge' | 'terminal', message: Json) => void;
  /** Arguments of the node's own Node.js, `--cpu-prof` for one. */
  readonly nodeArgs?: readonly string[];
}

export interface Books {
  readonly balance: number;
  readonly positions: Readonly<Record<string, number>>;
}

type Json = Record<string, unknown>;

export class Fleet {
  /** Connection to the ledger; undefined without one. Holds a password: never print it. */
  ledgerUrl: string | undefined;
  metricsUrl = '';
  /** How the node's user logs in to NATS. Holds a password: never print it. */
  get natsLogin(): NatsLogin | undefined {
    return this.logins?.node;
  }

  private node: ManagedProcess | undefined;
  private terminal: ManagedProcess | undefined;
  private bridge: ManagedProcess | undefined;
  private readonly servers: { stop(): Promise<unknown> }[] = [];
  private logins: { node: NatsLogin; bridge: NatsLogin } | undefined;
  private readonly waiting = new Map<string, ((message: Json) => void)[]>();
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;
  /** Ticks that each symbol actor has applied, wherever it runs. */
  private readonly appliedBy = new Map<string, number>();
  private applied = 0;
  private acknowledged = -1;
  private readonly o: FleetOptions;

  constructor(options: FleetOptions) {
    this.o = options;
  }

  /** Everything up to a terminal that holds its first tick back. */
  start(): Promise<void> {
    this.starting ??= this.startAll();
    return this.starting;
  }

  private async startAll(): Promise<void> {
    const { runFolder } = this.o;
    rmSync(runFolder, { recursive: true, force: true });
    mkdirSync(runFolder, { recursive: true });
    await this.startServers();
    this.refuseIfStopping();
    await this.startNode();
    this.refuseIfStopping();
    const port = await this.startBridge();
    this.refuseIfStopping();
    await this.startTerminal(port);
    this.refuseIfStopping();
  }

  play(): void {
    this.terminal?.send('play');
  }

  /** Resolves when every tick of the tape has been acknowledged by its stream and applied by its symbol actor. */
  async played(): Promise<void> {
    await this.tapeAcknowledged();
    while (this.applied < this.acknowledged) await this.next('applied');
  }

  /** Closes the open bars and waits until nothing is under way any more; resolves to the last status. */
  async settle(): Promise<Status> {
    await this.ask('settle', 'settled');
    this.node?.send('flush');
    const { status } = await this.ask('settle', 'settled');
    return status as Status;
  }

  async terminalBooks(): Promise<Books> {
    return (await this.ask('snapshot', 'snapshot')) as unknown as Books;
  }

  /** Every latency from a strategy's decision to the terminal so far. */
  async intentToTerminal(): Promise<LatencyJson> {
    return (await this.ask('latencies', 'latencies')).intentToTerminal as LatencyJson;
  }

  /** Stops everything in order; may be called at any moment and again. */
  stop(): Promise<void> {
    this.stopping ??= (async () => {
      await this.stopPrograms();
      // What was just starting is stopped as soon as it stands; nothing further is begun.
      await this.starting?.catch(() => undefined);
      await this.stopPrograms();
      // One that does not stop cleanly must not keep the others running.
      const failures: unknown[] = [];
      for (const server of this.servers.reverse()) await server.stop().catch((error: unknown) => failures.push(error));
      if (failures.length > 0) throw failures[0];
    })();
    return this.stopping;
  }

  private async stopPrograms(): Promise<void> {
    for (const one of [this.node, this.terminal, this.bridge]) await one?.stop();
  }

  private get logs(): string {
    return path.join(this.o.stateFolder, 'logs');
  }

  private refuseIfStopping(): void {
    if (this.stopping !== undefined) throw new TroupeError('SERVER_FAILED', 'stopped while it was starting');
  }

  private async startServers(): Promise<void> {
    const { natsUrl, postgresUrl, stateFolder, config, ledger, root } = this.o;
    const logs = this.logs;
    const starting: Promise<void>[] = [];
    if (natsUrl !== undefined) {
      const login = natsLoginOf(natsUrl);
      this.logins = { node: login, bridge: login };
    }
    if (natsUrl === undefined) {
      const store = path.join(stateFolder, 'nats');
      starting.push(
        startNatsServer({
          folder: store,
          logFile: path.join(logs, 'nats.log'),
          account: config.account?.id ?? 'none',
          source: config.market.source,
          onDiskFull: (error) => this.o.onFailure(error),
        }).then((server) => {
          this.servers.push(server);
          const { node, bridge } = server.credentials;
          this.logins = { node: { url: server.url, ...node }, bridge: { url: server.url, ...bridge } };
          this.watch(server.process);
          this.o.onSay(`NATS        ${server.url}  (users and passwords: ${shown(root, server.credentialsFile)})`);
        }),
      );
    }
    if (ledger && postgresUrl !== undefined) {
      this.ledgerUrl = postgresUrl;
      starting.push(checkPostgres(postgresUrl));
    } else if (ledger) {
      starting.push(
        startPostgres({
          folder: path.join(stateFolder, 'postgres'),
          logFile: path.join(logs, 'postgres.log'),
          onDiskFull: (error) => this.o.onFailure(error),
        }).then((server) => {
          this.servers.push(server);
          this.ledgerUrl = server.url;
          this.watch(server.process);
          this.o.onSay(`PostgreSQL  127.0.0.1:${server.port}, cluster in ${server.folder}`);
        }),
      );
    }
    const results = await Promise.allSettled(starting);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  private async startNode(): Promise<void> {
    const { root, runFolder, config } = this.o;
    const file = path.join(runFolder, 'config.yaml');
    writeFileSync(file, `# Written by npm start: the configuration of this run.\n${stringify(config)}`);
    const login = this.logins!.node;
    this.node = await startProcess({
      name: 'node',
      command: process.execPath,
      args: [
        ...NODE_ARGS,
        ...(this.o.nodeArgs ?? []),
        path.join(root, 'node', 'main.ts'),
        '--config',
        file,
        '--replay',
      ],
      cwd: root,
      env: {
        ...natsEnvironment(login),
        ...(this.ledgerUrl === undefined ? {} : { TROUPE_LEDGER_URL: this.ledgerUrl }),
      },
      logFile: path.join(this.logs, 'node.log'),
      chatty: true,
      stdin: 'lifeline',
      stop: { signal: 'SIGTERM', deadlineMs: 14_000 },
      onJson: (message) => {
        this.o.onMessage?.('node', message);
        this.hear(message);
      },
    });
    this.watch(this.node);
    const ready = await this.node.waitForLine(jsonEvent('ready'), READY_MS);
    this.metricsUrl = String(ready.metrics);
  }

  private async startBridge(): Promise<number> {
    const { root, runFolder, config } = this.o;
    this.bridge = await startProcess({
      name: 'bridge',
      command: path.join(root, 'build', 'native', 'bridge'),
      args: [
        ...['--listen', '127.0.0.1:0', '--account', config.account?.id ?? 'none', '--source', config.market.source],
        ...['--partitions', String(config.market.partitions), '--journal', path.join(runFolder, 'bridge.journal')],
      ],
      env: natsEnvironment(this.logins!.bridge),
      logFile: path.join(this.logs, 'bridge.log'),
      chatty: true,
      stop: { signal: 'SIGTERM', deadlineMs: 3_000 },
      onJson: (message) => {
        this.o.onMessage?.('bridge', message);
        if (message.event === 'tape_end') this.acknowledged = Number(message.ticks);
        this.tell(message);
      },
    });
    this.watch(this.bridge);
    const { port } = await this.bridge.waitForLine(jsonEvent('listening'), READY_MS);
    return Number(port);
  }

  private async startTerminal(port: number): Promise<void> {
    const { root, runFolder, config, tape, speed, leadLimitMs, rounds } = this.o;
    const file = path.join(runFolder, 'terminal.json');
    const history = path.join(runFolder, 'terminal.history');
    const settings = terminalConfig({ config, tape, port, speed, leadLimitMs, rounds: rounds ?? 1, history });
    writeFileSync(
      file,
      toJsonString(TerminalConfigSchema, create(TerminalConfigSchema, settings), { prettySpaces: 2 }),
    );
    this.terminal = await startProcess({
      name: 'terminal',
      command: path.join(root, 'build', 'native', 'terminal'),
      args: ['--config', file, '--hold'],
      logFile: path.join(this.logs, 'terminal.log'),
      chatty: true,
      stdin: 'lifeline',
      stop: { signal: 'SIGTERM', deadlineMs: 3_000 },
      onJson: (message) => {
        this.o.onMessage?.('terminal', message);
        if (message.event === 'progress') this.o.onProgress(Number(message.ticks_sent), Number(message.market_ms));
        else if (message.event === 'tape_end') this.o.onProgress(Number(message.ticks), 0);
      },
    });
    this.watch(this.terminal);
    await this.terminal.waitForLine(jsonEvent('ready'), READY_MS);
  }

  private hear(message: Json): void {
    if (message.event === 'status') this.o.onStatus(message as unknown as Status);
    else if (message.event === 'applied') {
      for (const [symbol, ticks] of Object.entries(message.symbols as Record<string, number>)) {
        const before = this.appliedBy.get(symbol) ?? 0;
        // One that was restarted reads some ticks again: it counts on from where it was.
        if (ticks <= before) continue;
        this.appliedBy.set(symbol, ticks);
        this.applied += ticks - before;
      }
      this.terminal?.send(`applied ${this.applied}`);
    } else if (message.event === 'error') {
      const code = isErrorCode(message.code) ? message.code : 'SERVER_FAILED';
      // A server that the user named is the user's to look at.
      const where = code === 'BUS_UNAVAILABLE' && this.o.natsUrl !== undefined ? 'TROUPE_NATS_URL' : 'node';
      this.o.onFailure(new TroupeError(code, `${where}: ${String(message.message)}`));
    }
    this.tell(message);
  }

  private async tapeAcknowledged(): Promise<void> {
    while (this.acknowledged < 0) await this.next('tape_end');
  }

  private ask(word: string, event: string): Promise<Json> {
    const answer = this.next(event);
    this.node?.send(word);
    return answer;
  }

  private next(event: string): Promise<Json> {
    return new Promise((resolve) => {
      this.waiting.set(event, [...(this.waiting.get(event) ?? []), resolve]);
    });
  }

  private tell(message: Json): void {
    const event = String(message.event);
    const waiting = this.waiting.get(event);
    if (waiting === undefined) return;
    this.waiting.delete(event);
    for (const resolve of waiting) resolve(message);
  }

  private watch(child: ManagedProcess): void {
    void child.exited.then(({ code, signal }) => {
      if (this.stopping !== undefined) return;
      const how = signal ?? `status ${code}`;
      this.o.onFailure(new TroupeError('SERVER_FAILED', `${child.name} ended unexpectedly (${how}); see ${this.logs}`));
    });
  }
}

function jsonEvent(event: string): (line: string) => Json | undefined {
  return (line) => {
    if (!line.startsWith('{')) return undefined;
    const message = JSON.parse(line) as Json;
    return message.event === event ? message : undefined;
  };
}

/** A file as a person names it: within the project from there, else in full. */
function shown(root: string, file: string): string {
  const relative = path.relative(root, file);
  return relative.startsWith('..') ? file : relative;
}

/** Least that a child needs: PATH, and its own login. Other secrets of this process stay here. */
function natsEnvironment(login: NatsLogin): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    TZ: 'UTC',
    TROUPE_NATS_URL: login.url,
    ...(login.user === undefined ? {} : { TROUPE_NATS_USER: login.user }),
    ...(login.password === undefined ? {} : { TROUPE_NATS_PASSWORD: login.password }),
  };
}
