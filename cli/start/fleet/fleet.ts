/**
 * The programs of a run: servers, nodes, bridge and terminal, each started when what it needs stands, started again
 * when it ends unexpectedly, stopped in the order that loses nothing: nodes (strategies, broker, market, stores),
 * terminal, bridge, servers.
 */
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Status } from '../../../node/status.ts';
import { systemClock as clock } from '../../../runtime/clock.ts';
import { TroupeError } from '../../../runtime/errors.ts';
import { secretHex, secretToken, seededRandom } from '../../../runtime/random.ts';
import type { LatencyJson } from '../../../runtime/telemetry/latency.ts';
import type { ManagedProcess } from '../../processes.ts';
import type { NatsLogin } from '../../servers/given.ts';
import type { Company } from './aggregate.ts';
import { AppliedTicks, actorsOf, mergeLatencies, mergeStatus, placement, quantilesOf, unplaced } from './aggregate.ts';
import { Bridge } from './bridge.ts';
import type { KeeperOptions, MendEvent, Restart } from './keeper.ts';
import { Keeper } from './keeper.ts';
import { LinkNews } from './linking.ts';
import type { Logins } from './logins.ts';
import { NodeProcess } from './node-process.ts';
import type { Books, FleetOptions, Json, ProcessView } from './options.ts';
import { NATS, POSTGRES, startLedger, startNats } from './servers.ts';
import { Streams } from './streams.ts';
import { Terminal } from './terminal.ts';

/** A dead node's actors are elsewhere after this long; an actor that is nowhere then has been given up. */
const PLACED_WITHIN_MS = 20_000;
const LOOK_AGAIN_MS = 20;

export class Fleet {
  /** Connection to the ledger; undefined without one. Holds a password: never print it. */
  ledgerUrl: string | undefined;
  /** The whole company's; undefined before the first. */
  status: Status | undefined;

  private readonly keepers = new Map<string, Keeper>();
  private nodeList: NodeProcess[] = [];
  private terminal: Terminal | undefined;
  private bridge: Bridge | undefined;
  private streams: Streams | undefined;
  private logins: Logins | undefined;
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;
  private readonly applied = new AppliedTicks();
  private acknowledged = -1;
  private held = false;
  private wakes: (() => void)[] = [];
  private readonly random = seededRandom(secretToken(8));
  /** Of the link between bridge and terminal, drawn for each run. */
  private readonly linkKey = secretHex(32);
  private readonly linkNews = new LinkNews();
  private readonly company: Company;
  private readonly o: FleetOptions;

  constructor(options: FleetOptions) {
    this.o = options;
    const { config, ledger } = options;
    this.company = {
      account: config.account?.id,
      symbols: Object.keys(config.market.symbols),
      strategies: config.account === undefined ? [] : config.strategies.map(({ id }) => id),
      ledger,
    };
  }

  /** How the node's user logs in to NATS. Holds a password: never print it. */
  get natsLogin(): NatsLogin | undefined {
    return this.logins?.node;
  }

  /** How a person, or whoever plays one, logs in. Holds a password: never print it. */
  get operatorLogin(): NatsLogin | undefined {
    return this.logins?.operator;
  }

  /** Where each node's metrics are served, in the order of the nodes. */
  get metricsUrls(): readonly string[] {
    return this.nodeList.map(({ metricsUrl }) => metricsUrl);
  }

  /** The nodes that run at this moment. */
  nodes(): { readonly name: string; readonly pid: number }[] {
    return this.nodeList.flatMap(({ name, keeper: { pid } }) => (pid === undefined ? [] : [{ name, pid }]));
  }

  /** The process of this name that runs at this moment: nats-server, postgres, node-1 ..., bridge, terminal. */
  processOf(name: string): ManagedProcess | undefined {
    return this.keepers.get(name)?.current;
  }

  /** Every program of the fleet; servers that the user named are not among them. */
  processes(): ProcessView[] {
    const actors = new Map(
      this.nodeList.map(({ name, status }) => [name, status === undefined ? 0 : actorsOf(status)]),
    );
    return [...this.keepers.values()].map(({ name, pid, state, restarts }) => ({
      ...{ name, pid, state, restarts: restarts.length },
      actors: state === 'running' ? actors.get(name) : actors.has(name) ? 0 : undefined,
    }));
  }

  /** When and why a program was started again, oldest first. */
  restartsOf(name: string): readonly Restart[] {
    return this.keepers.get(name)?.restarts ?? [];
  }

  /** Each node's own last status, of those that have told one. */
  nodeStatuses(): Status[] {
    return this.nodeList.flatMap(({ status, keeper }) =>
      status === undefined || keeper.state !== 'running' ? [] : [status],
    );
  }

  /** Everything up to a terminal that holds its first tick back. */
  start(): Promise<void> {
    this.starting ??= this.startAll();
    return this.starting;
  }

  private async startAll(): Promise<void> {
    const { runFolder, natsUrl, nodes } = this.o;
    rmSync(runFolder, { recursive: true, force: true });
    mkdirSync(runFolder, { recursive: true });
    await this.startServers();
    this.refuseIfStopping();
    this.streams = await Streams.prepare(this.logins!.node, natsUrl !== undefined, clock);
    this.refuseIfStopping();
    this.nodeList = Array.from({ length: nodes ?? 1 }, (_, i) => this.makeNode(i + 1));
    await all(this.nodeList.map(({ keeper }) => keeper.start()));
    this.refuseIfStopping();
    this.bridge = this.makeBridge();
    await this.bridge.keeper.start();
    this.refuseIfStopping();
    this.terminal = this.makeTerminal();
    await this.terminal.keeper.start();
    this.refuseIfStopping();
  }

  play(): void {
    this.terminal?.play();
  }

  /**
   * The market goes on no further than its lead limit allows; then it stands still, with everything sent applied, while
   * accounts and orders are served as before. For runs that end before their tape.
   */
  hold(): void {
    this.held = true;
  }

  /** Resolves when every tick of the tape has been acknowledged by its stream and applied by its symbol actor. */
  async played(): Promise<void> {
    while (this.acknowledged < 0 || this.applied.total < this.acknowledged) {
      await new Promise<void>((wake) => this.wakes.push(wake));
    }
  }

  /** Closes the open bars and waits until nothing is under way any more on any node; resolves to the last status. */
  async settle(): Promise<Status> {
    for (;;) {
      const before = placement(await this.quiet());
      for (const node of this.nodeList) node.send('flush');
      const statuses = await this.quiet();
      // An actor that was started anew in the meantime may not have closed its bars.
      if (placement(statuses) !== before) continue;
      const status = mergeStatus(statuses, this.company, this.status);
      const { tickToBar, intentToTerminal } = await this.latencies();
      const latencyMs = { tickToBar: quantilesOf(tickToBar), intentToTerminal: quantilesOf(intentToTerminal) };
      return { ...status, latencyMs };
    }
  }

  /** The terminal's own word, asked by the node that owns the account. */
  async terminalBooks(): Promise<Books> {
    const owner = this.nodeList.find(({ status }) => status !== undefined && status.account.id !== '');
    return (await (owner ?? this.nodeList[0]!).ask('snapshot', 'snapshot')) as unknown as Books;
  }

  /** Every latency from a strategy's decision to the terminal so far, of the node processes that run now. */
  async intentToTerminal(): Promise<LatencyJson> {
    return (await this.latencies()).intentToTerminal.toJSON();
  }

  /** Stops everything in order; may be called at any moment and again. */
  stop(): Promise<void> {
    this.stopping ??= (async () => {
      for (const keeper of this.keepers.values()) keeper.release();
      const failures: unknown[] = [];
      // One that does not stop cleanly must not keep the others running.
      const end = (keeper: Keeper | undefined): Promise<void> =>
        keeper?.stop().catch((error: unknown) => void failures.push(error)) ?? Promise.resolve();
      const endOf = (name: string): Promise<void> => end(this.keepers.get(name));
      const closeStreams = async (): Promise<void> =>
        this.streams?.close().catch((error: unknown) => void failures.push(error));
      await Promise.all(this.nodeList.map(({ keeper }) => end(keeper)));
      // The ledger is the nodes' alone.
      const ledger = endOf(POSTGRES);
      await end(this.terminal?.keeper);
      await end(this.bridge?.keeper);
      await closeStreams();
      await Promise.all([ledger, endOf(NATS)]);
      // What was just about to be started is not begun any more: every step asks first.
      await this.starting?.catch(() => undefined);
      await closeStreams();
      await Promise.all([...this.keepers.values()].map(end));
      if (failures.length > 0) throw failures[0];
    })();
    return this.stopping;
  }

  private async latencies() {
    const told = await Promise.all(this.nodeList.map((node) => node.ask('latencies', 'latencies')));
    const merged = (name: 'tickToBar' | 'intentToTerminal') =>
      mergeLatencies(told.map((one) => one[name] as LatencyJson));
    return { tickToBar: merged('tickToBar'), intentToTerminal: merged('intentToTerminal') };
  }

  /**
   * Resolves when nothing is under way on any node and nothing goes from one to another: every node has said so, and
   * between before the first and after the last nobody said anything that another one hears.
   */
  private async quiet(): Promise<Status[]> {
    const untilMs = clock.monotonicMs() + PLACED_WITHIN_MS;
    for (;;) {
      const before = await this.streams!.mark();
      const answers = await Promise.all(this.nodeList.map((node) => node.ask('settle', 'settled')));
      const statuses = answers.map(({ status }) => status as Status);
      const placed = unplaced(statuses, this.company).length === 0 || clock.monotonicMs() > untilMs;
      if (placed && before === (await this.streams!.mark())) return statuses;
      await clock.sleep(LOOK_AGAIN_MS);
    }
  }

  private get logs(): string {
    return path.join(this.o.stateFolder, 'logs');
  }

  private refuseIfStopping(): void {
    if (this.stopping !== undefined) throw new TroupeError('SERVER_FAILED', 'stopped while it was starting');
  }

  private readonly keep = (name: string, start: KeeperOptions['start']): Keeper => {
    const keeper = new Keeper({
      ...{ name, start, clock, random: this.random, logs: this.logs },
      onMend: (event) => this.mended(event),
      onGivenUp: (error) => this.o.onFailure(error),
    });
    this.keepers.set(name, keeper);
    return keeper;
  };

  private mended(event: MendEvent): void {
    if (event.event === 'restarted') {
      const away = (event.awayMs! / 1000).toFixed(1);
      this.o.onSay(`${event.name} ended (${event.cause}), started again, ready after ${away} s`);
    }
    this.o.onMend?.(event);
  }

  private async startServers(): Promise<void> {
    const starting = [startNats(this.o, this.logs, this.keep), startLedger(this.o, this.logs, this.keep)] as const;
    const [nats, ledger] = await Promise.allSettled(starting);
    if (nats.status === 'rejected') throw nats.reason;
    if (ledger.status === 'rejected') throw ledger.reason;
    this.logins = nats.value;
    this.ledgerUrl = ledger.value;
  }

  private makeNode(number: number): NodeProcess {
    return new NodeProcess(
      {
        ...{ fleet: this.o, number, logs: this.logs },
        login: () => this.logins!.node,
        ledgerUrl: () => this.ledgerUrl,
        // It gives up where it does not find NATS at its start; PostgreSQL it waits for.
        serversReady: async () => this.keepers.get(NATS)?.ready(),
        onStatus: () => this.tellStatus(),
        onApplied: (symbols) => {
          this.applied.add(symbols);
          this.o.onApplied?.(this.applied.total);
          if (!this.held) this.terminal?.tellApplied(this.applied.total);
          this.wake();
        },
      },
      this.keep,
    );
  }

  private makeBridge(): Bridge {
    return new Bridge(
      {
        ...{ fleet: this.o, logs: this.logs },
        login: () => this.logins!.bridge,
        key: this.linkKey,
        news: this.linkNews,
        onMessage: (message: Json) => {
          this.o.onMessage?.('bridge', message);
          if (message.event !== 'tape_end') return;
          this.acknowledged = Number(message.ticks);
          this.wake();
        },
      },
      this.keep,
    );
  }

  private makeTerminal(): Terminal {
    return new Terminal(
      {
        ...{ fleet: this.o, logs: this.logs },
        port: () => this.bridge!.port,
        key: this.linkKey,
        news: this.linkNews,
        onMessage: (message: Json) => {
          this.o.onMessage?.('terminal', message);
          if (message.event === 'progress') this.o.onProgress(Number(message.ticks_sent), Number(message.market_ms));
          else if (message.event === 'tape_end') this.o.onProgress(Number(message.ticks), 0);
        },
      },
      this.keep,
    );
  }

  private tellStatus(): void {
    this.status = mergeStatus(this.nodeStatuses(), this.company, this.status);
    this.o.onStatus(this.status);
  }

  private wake(): void {
    for (const wake of this.wakes.splice(0)) wake();
  }
}

/** Resolves when all have; where one fails, only after all the others have ended too. */
async function all(starting: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(starting)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
