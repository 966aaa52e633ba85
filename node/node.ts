/**
 * One node: the actors that are placed here, started in order under their supervisor, stopped in reverse. Built only
 * from what it is given, so that several run in one process on a virtual clock; `main.ts` is its shell.
 */
import { fenceOf } from '../actors/broker/actor.ts';
import type { BrokerContext } from '../actors/broker/context.ts';
import type { OpenLedger } from '../actors/recorder/store.ts';
import type { Bus } from '../runtime/bus/bus.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Config } from '../runtime/config/index.ts';
import { messageOf, TroupeError } from '../runtime/errors.ts';
import { InputHub } from '../runtime/hub.ts';
import type { Random } from '../runtime/random.ts';
import { LatencyHistogram } from '../runtime/telemetry/latency.ts';
import type { Logger } from '../runtime/telemetry/log.ts';
import type { Metrics } from '../runtime/telemetry/metrics.ts';
import { Supervisor } from '../supervisors/supervisor.ts';
import type { TerminalBooks } from './ask.ts';
import { terminalBooks } from './ask.ts';
import type { Stage } from './child.ts';
import { ActorChild } from './child.ts';
import { Company } from './company.ts';
import { metricsFeed } from './feed-metrics.ts';
import { Levels } from './levels.ts';
import type { Member } from './member.ts';
import type { Latencies, Planned } from './plan.ts';
import { planCompany } from './plan.ts';
import { statusOf } from './report.ts';
import type { Status } from './status.ts';
import { ThreadMember } from './thread/member.ts';
import type { Threads } from './thread/threads.ts';

const SETTLE_AGAIN_MS = 5;

/** How a node ended: in order, or because of an error. */
export interface Outcome {
  readonly error: TroupeError | undefined;
}

export interface NodeOptions {
  readonly config: Config;
  /** Folder of the configuration: paths in it are relative to this. */
  readonly folder: string;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Where the ledger is kept: a PostgreSQL URL, which holds a password and is never logged. None: no recorder. */
  readonly ledger?: string | OpenLedger;
  /** For strategies with `isolation: thread`; without it they run in the node's own thread. */
  readonly threads?: Threads;
  /** This run of the node: no other run of a node of this name has had it. */
  readonly instance: string;
  /** At once when the node finds that it must end; it then stops its actors, and `onEnd` follows. */
  readonly onFailure?: (error: TroupeError) => void;
  /** Once, when nothing of the node runs any more; not after `kill`. */
  readonly onEnd: (outcome: Outcome) => void;
  /** A symbol actor of this node has applied ticks. Called for every frame. */
  readonly onTicksApplied?: (symbol: string) => void;
}

export class Node {
  readonly name: string;
  readonly company = new Company();
  readonly latencies: Latencies = { tickToBar: new LatencyHistogram(), intentToTerminal: new LatencyHistogram() };
  private readonly o: NodeOptions;
  private readonly supervisor: Supervisor;
  private readonly hub: InputHub;
  private readonly feed: (status: Status) => void;
  private levels!: Levels;
  private stage!: Stage;
  private fence = 0;
  private restarts = 0;
  private ending: Promise<void> | undefined;
  private killed = false;

  constructor(options: NodeOptions) {
    this.o = options;
    const { config, clock, log, bus, metrics, random } = options;
    this.name = config.node.name;
    this.feed = metricsFeed(metrics, this.company);
    this.hub = new InputHub({
      ...{ bus, log, layout: { partitions: config.market.partitions } },
      onFailure: (error) => this.fail(error),
    });
    const { child, supervisor, backoff } = config.supervision;
    this.supervisor = new Supervisor({
      id: 'root',
      clock,
      log,
      random,
      childBudget: { restarts: child.restarts, windowMs: child.window_ms },
      supervisorBudget: { restarts: supervisor.restarts, windowMs: supervisor.window_ms },
      backoff: { firstMs: backoff.first_ms, longestMs: backoff.longest_ms },
      onEvent: (event) => {
        if (event.event === 'restarted') {
          this.restarts++;
          metrics.actorRestarts.inc({ kind: event.kind });
        }
        this.levels.edge(event);
      },
      onGiveUp: (error) => this.fail(error),
    });
  }

  /** Resolves when the actors that are placed here have been started. Throws TroupeError. */
  async start(): Promise<void> {
    const { bus, clock, log, config, metrics, folder, ledger } = this.o;
    const layout = { partitions: config.market.partitions };
    const [snapshots, actors] = await Promise.all([bus.kv('snapshots'), bus.kv('actors')]);
    this.levels = new Levels({ node: this.name, bus, actors, clock, log, layout });
    this.stage = { bus, snapshots, hub: this.hub, clock, log, layout, levels: this.levels, metrics };
    const plan = await planCompany({
      ...{ config, folder, metrics, ledger, latencies: this.latencies },
      fence: () => this.fence,
      onTicksApplied: (symbol) => this.o.onTicksApplied?.(symbol),
    });
    await this.publishMachines(plan);
    for (const branch of ['stores', 'market'] as const) {
      await Promise.all(plan.filter((one) => one.branch === branch).map((planned) => this.run(planned)));
    }
    for (const planned of plan.filter(({ branch }) => branch === 'trading')) await this.run(planned);
  }

  /** Stops everything in order; `onEnd` follows. May be called at any moment and again. */
  drain(): Promise<void> {
    return this.end(undefined);
  }

  /** Something happened that no actor can mend: the node tells it, stops what it runs and ends. */
  fail(thrown: unknown): void {
    if (this.killed) return;
    const known = thrown instanceof TroupeError;
    const error = known ? thrown : new TroupeError('ACTOR_CRASHED', messageOf(thrown), { cause: thrown });
    this.o.onFailure?.(error);
    void this.end(error);
  }

  /** Ends everything at once: nothing more is said or written. What SIGKILL is to a process. */
  kill(): void {
    this.killed = true;
    this.supervisor.kill();
    this.levels.kill();
  }

  status(): Status {
    const { symbols } = this.o.config.market;
    const { name: node, company, levels, latencies, restarts } = this;
    const status = statusOf({
      ...{ node, company, levels, latencies, restarts },
      digitsOf: (symbol) => symbols[symbol]?.digits ?? 0,
      traded: [...new Set(this.o.config.strategies.map(({ symbol }) => symbol))],
    });
    this.feed(status);
    return status;
  }

  /** No more ticks will come: symbols publish their open bars. */
  flush(): void {
    this.company.flush();
  }

  /** Resolves when every actor of this node has taken everything that the streams hold, and nothing is under way. */
  async settle(): Promise<void> {
    const settled = async (): Promise<boolean> =>
      (await this.company.settled()) && (await this.hub.caughtUp()) && (await this.company.settled());
    while (!(await settled())) await this.o.clock.sleep(SETTLE_AGAIN_MS);
  }

  /** The account at the terminal, past all actors; empty where no broker runs here. Throws TroupeError. */
  async terminalBooks(): Promise<TerminalBooks> {
    const broker = this.company.of('broker')[0];
    if (broker === undefined) return { balance: 0, positions: {} };
    const { seals = 0 } = (broker.member.summary ?? {}) as Partial<BrokerContext>;
    return terminalBooks(this.o.bus, broker.planned.id, fenceOf(this.fence, seals));
  }

  private async run(planned: Planned): Promise<void> {
    const member = this.memberOf(planned);
    this.company.add(planned, member);
    await this.supervisor.add(member);
  }

  private memberOf(planned: Planned): Member {
    const { kind, id, shutdownMs, thread, fenced } = planned;
    const { threads, metrics, log } = this.o;
    if (thread !== undefined && threads !== undefined) {
      const onState = (state: string, detail: string): void => this.levels.state(kind, id, state, detail);
      return new ThreadMember({ run: thread, threads, shutdownMs, metrics, log, onState });
    }
    return new ActorChild(planned.definition(), this.stage, shutdownMs, async () => {
      if (fenced) this.fence = await this.levels.claim(kind, id);
    });
  }

  private end(error: TroupeError | undefined): Promise<void> {
    if (this.killed) return Promise.resolve();
    this.ending ??= (async () => {
      await this.supervisor.stop();
      await this.levels?.flush();
      this.o.onEnd({ error });
    })();
    return this.ending;
  }

  /** KV `machines`: how each kind of actor can be drawn, for any visualizer. */
  private async publishMachines(plan: readonly Planned[]): Promise<void> {
    const machines = await this.o.bus.kv('machines');
    const first = new Map(plan.map((planned) => [planned.kind, planned]));
    for (const [kind, planned] of first) {
      const { definition } = planned.definition().machine;
      await machines.put(kind, new TextEncoder().encode(JSON.stringify(definition)));
    }
  }
}
