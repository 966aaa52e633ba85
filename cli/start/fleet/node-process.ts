/** One node of the fleet: its configuration file, its process, and what it is asked through its pipes. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { COMPANY_PARTS_MS } from '../../../node/deadlines.ts';
import type { Status } from '../../../node/status.ts';
import type { Config } from '../../../runtime/config/index.ts';
import { isErrorCode } from '../../../runtime/errors.ts';
import { type ManagedProcess, startProcess } from '../../processes.ts';
import type { NatsLogin } from '../../servers/given.ts';
import type { Keeper } from './keeper.ts';
import { appliedEveryMs } from './lead.ts';
import { natsEnvironment, routed } from './logins.ts';
import type { FleetOptions, Json } from './options.ts';
import { jsonEvent, untilReady } from './ready.ts';
import type { Keep } from './servers.ts';
import { NATS, POSTGRES } from './servers.ts';

/**
 * How a node collects garbage. Young garbage in pieces of 8 MiB: an order that comes meanwhile waits for all of it, at
 * 100,000 ticks/s 0.6 ms every 0.7 s. With 2 MiB it is 0.4 ms every 0.2 s and more in all, because what happens to live
 * just then is copied more often; with 16, 0.8 ms every 1.5 s (medians of --trace-gc-nvp).
 * By one thread, because parallel ones wait for each other where there are few cores. And an old space that may grow
 * before it is looked at: with a small one and --single-threaded-gc, --trace-gc showed a major collection about once a
 * second at 100,000 ticks/s (30 ms in steps, 6 ms at one go). What the socket reads into is memory outside of that space,
 * with a limit of its own of 64 MiB; counted with the rest (the last flag) it brings one major collection a round of
 * `bench -- ingest` instead of one every 100 to 200 ms. And everything begins young: V8 guesses what will live long from
 * what it sees while a node starts, and puts ticks into the old space (docs/ARCHITECTURE.md, "What outlives a step").
 */
export const NODE_ARGS: readonly string[] = [
  '--no-parallel-scavenge',
  '--min-semi-space-size=8',
  '--max-semi-space-size=8',
  '--no-allocation-site-pretenuring',
  '--initial-old-space-size=512',
  '--external-memory-accounted-in-global-limit',
];
/** The signal would be for one node that leaves, and have it wait for the others to take over. */
const STOP = { signal: 'SIGTERM', word: 'stop', deadlineMs: COMPANY_PARTS_MS.nodes } as const;

export interface NodeOptions {
  readonly fleet: FleetOptions;
  /** 1, 2 ... */
  readonly number: number;
  readonly logs: string;
  readonly login: () => NatsLogin;
  readonly ledgerUrl: () => string | undefined;
  /** Resolves when the server it needs at its start is there. */
  readonly serversReady: () => Promise<void>;
  readonly onStatus: () => void;
  /** Ticks applied by symbol actors of this node, of those whose count has changed. */
  readonly onApplied: (symbols: Readonly<Record<string, number>>) => void;
}

interface Question {
  readonly word: string;
  readonly event: string;
  readonly answer: (message: Json) => void;
}

export class NodeProcess {
  readonly name: string;
  readonly keeper: Keeper;
  /** The last one of the process that runs; undefined before its first. */
  status: Status | undefined;
  metricsUrl = '';
  private config: Config;
  private readonly o: NodeOptions;
  private questions: Question[] = [];

  constructor(options: NodeOptions, keep: Keep) {
    this.o = options;
    this.name = `node-${options.number}`;
    this.config = configOf(options.fleet.config, this.name, options.number);
    this.keeper = keep(this.name, (begun) => this.start(begun));
  }

  /** Asks in one word; where the process ends before it has answered, the next one is asked. */
  ask(word: string, event: string): Promise<Json> {
    return new Promise((answer) => {
      this.questions.push({ word, event, answer });
      this.send(word);
    });
  }

  /** One word that has no answer; lost where the process ends. */
  send(word: string): void {
    this.keeper.current?.send(word);
  }

  private async start(begun: (process: ManagedProcess) => void) {
    const { fleet, logs, number } = this.o;
    await this.o.serversReady();
    const file = path.join(fleet.runFolder, `${this.name}.yaml`);
    writeFileSync(file, `# Written by npm start: the configuration of this run.\n${stringify(this.config)}`);
    const { url, ...who } = this.o.login();
    const nats = { ...who, url: await routed(fleet, this.name, NATS, url) };
    const own = this.o.ledgerUrl();
    const ledgerUrl = own && (await routed(fleet, this.name, POSTGRES, own));
    this.status = undefined;
    const child = await startProcess({
      name: this.name,
      command: process.execPath,
      args: [
        ...NODE_ARGS,
        ...(fleet.nodeArgs ?? []),
        path.join(fleet.root, 'node', 'main.ts'),
        ...['--config', file, '--replay', '--prepared', '--applied-ms', String(appliedEveryMs(fleet))],
      ],
      cwd: fleet.root,
      env: {
        ...natsEnvironment(nats),
        ...(ledgerUrl === undefined ? {} : { TROUPE_LEDGER_URL: ledgerUrl }),
      },
      // The first one's log is where a single node's has always been.
      logFile: path.join(logs, number === 1 ? 'node.log' : `${this.name}.log`),
      chatty: true,
      stdin: 'lifeline',
      stop: STOP,
      onJson: (message) => {
        fleet.onMessage?.('node', message);
        this.hear(message);
      },
    });
    begun(child);
    const ready = await untilReady(child, jsonEvent('ready'));
    this.metricsUrl = String(ready.metrics);
    this.keepPort();
    for (const { word } of this.questions) child.send(word);
    return { process: child, stop: () => child.stop() };
  }

  /** Whoever reads its metrics finds it at the same place after a restart. */
  private keepPort(): void {
    const port = Number(URL.parse(this.metricsUrl)?.port ?? 0);
    if (port > 0) this.config = { ...this.config, node: { ...this.config.node, metrics_port: port } };
  }

  private hear(message: Json): void {
    const { event } = message;
    if (event === 'applied') {
      this.o.onApplied(message.symbols as Record<string, number>);
      return;
    }
    if (event === 'status') {
      this.status = message as unknown as Status;
      this.o.onStatus();
    } else if (event === 'error') {
      const code = isErrorCode(message.code) ? message.code : undefined;
      // A server that the user named is the user's to look at.
      const whose = code === 'BUS_UNAVAILABLE' && this.o.fleet.natsUrl !== undefined ? 'TROUPE_NATS_URL: ' : '';
      this.keeper.told({ code, text: `${whose}${String(message.message)}` });
    }
    const asked = this.questions.filter((question) => question.event === event);
    if (asked.length === 0) return;
    this.questions = this.questions.filter((question) => question.event !== event);
    for (const { answer } of asked) answer(message);
  }
}

/** A set port of metrics is the first node's; the others take those after it. */
function configOf(config: Config, name: string, number: number): Config {
  const { metrics_port: port } = config.node;
  const own = typeof port === 'number' && port > 0 ? port + number - 1 : port;
  return { ...config, node: { ...config.node, name, metrics_port: own } };
}
