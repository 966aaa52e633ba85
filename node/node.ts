/**
 * One node: holds its lease, and runs the actors that are placed here under their supervisor. Built only from what it is
 * given, so that several run in one process on a virtual clock; `main.ts` is its shell.
 */
import { fenceOf } from '../actors/broker/actor.ts';
import type { BrokerContext } from '../actors/broker/context.ts';
import type { OpenLedger } from '../actors/recorder/store.ts';
import type { Bus, KeyValue } from '../runtime/bus/bus.ts';
import { actorKey } from '../runtime/bus/topics.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Config } from '../runtime/config/index.ts';
import { messageOf, TroupeError } from '../runtime/errors.ts';
import { Flood } from '../runtime/flood.ts';
import { InputHub } from '../runtime/hub.ts';
import { Lease } from '../runtime/lease.ts';
import { Members } from '../runtime/members.ts';
import type { Random } from '../runtime/random.ts';
import { RunQueue } from '../runtime/run-queue.ts';
import { LatencyHistogram } from '../runtime/telemetry/latency.ts';
import type { Logger } from '../runtime/telemetry/log.ts';
import type { Metrics } from '../runtime/telemetry/metrics.ts';
import { drawingOf } from '../runtime/xstate.ts';
import { supervisorMachine } from '../supervisors/machine.ts';
import type { SupervisorEvent } from '../supervisors/spec.ts';
import type { TerminalBooks } from './ask.ts';
import { terminalBooks } from './ask.ts';
import type { Stage } from './child.ts';
import { ActorChild } from './child.ts';
import { Company } from './company.ts';
import { HAND_OVER_MS, SAFE_MS } from './deadlines.ts';
import { metricsFeed } from './feed-metrics.ts';
import { inParallel } from './in-parallel.ts';
import { Levels } from './levels.ts';
import type { Member } from './member.ts';
import { Operations } from './operations.ts';
import { PassedTicks } from './passed-ticks.ts';
import { Placer } from './placer.ts';
import type { Latencies, Planned } from './plan.ts';
import { planCompany } from './plan.ts';
import { ordersEnding, statusOf } from './report.ts';
import type { Status } from './status.ts';
import type { Place } from './this-process.ts';
import { ThreadMember } from './thread/member.ts';
import type { Threads } from './thread/threads.ts';
import { Tree } from './tree.ts';

const SETTLE_AGAIN_MS = 5;
/** Longer than a trade server shows deals late; an order that has none by then has another trouble. */
const ORDERS_END_WITHIN_MS = 10_000;
/** NATS may be away: then the others find out by themselves. */
const LAST_WORDS_MS = 1_000;
/** Actors that are made and started at once. */
const STARTS = 1_024;
/** Definitions that are made in one go, before others have a turn: each makes a machine. */
const MADE_AT_ONCE = 16;

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
  /** Where it runs. Without it every lease of another run is waited for. */
  readonly place?: Place;
  /** At once when the node finds that it must end; it then stops its actors, and `onEnd` follows. */
  readonly onFailure?: (error: TroupeError) => void;
  /** An operator has asked it to drain; it does so at once. */
  readonly onDrain?: () => void;
  /** Once, when nothing of the node runs any more; not after `kill`. */
  readonly onEnd: (outcome: Outcome) => void;
  /** A symbol actor of this node has applied ticks, or they went past it. Called for every frame. */
  readonly onTicksApplied?: (symbol: string) => void;
}

export class Node {
  readonly name: string;
  readonly company = new Company();
  readonly latencies: Latencies = { tickToBar: new LatencyHistogram(), intentToTerminal: new LatencyHistogram() };
  private readonly o: NodeOptions;
  readonly tree: Tree;
  private readonly hub: InputHub;
  private readonly feed: (status: Status) => void;
  private readonly operations: Operations;
  /** From the start on; one that ends before it has none. */
  private levels!: Levels;
  private lease: Lease | undefined;
  private members: Members | undefined;
  private placer: Placer | undefined;
  private readonly passed: PassedTicks;
  /** Other living nodes, as they were told of last. */
  private known = new Map<string, string>();
  private fence = 0;
  private restarts = 0;
  private readonly flushing = new Set<Promise<void>>();
  private ending: Promise<void> | undefined;
  private safety: Promise<void> | undefined;
  private killed = false;
  /** The whole company ends: nobody is left to take over. */
  private isLast = false;

  constructor(options: NodeOptions) {
    this.o = options;
    const { config, clock, log, bus, metrics, random } = options;
    this.name = config.node.name;
    this.feed = metricsFeed(metrics, this.company);
    this.hub = new InputHub({
      ...{ bus, clock, log, layout: { partitions: config.market.partitions } },
      symbols: Object.keys(config.market.symbols),
      onFailure: (error) => this.fail(error),
    });
    this.passed = new PassedTicks({
      ...{ hub: this.hub, source: config.market.source, log },
      onPassed: (symbol) => options.onTicksApplied?.(symbol),
    });
    this.company.countPassed(this.passed);
    this.tree = new Tree({
      ...{ node: this.name, config, clock, random, log },
      onEvent: (event) => this.supervised(event),
      // A node that refuses what it is to run ends before there is anybody to tell.
      onState: (id, state, detail) => this.levels?.state('supervisor', id, state, detail),
      onRemoved: (kind, id, reason) => {
        if (reason === 'fenced') this.fenced(kind, id);
      },
      onGiveUp: (error) => this.fail(error),
    });
    this.operations = new Operations({
      ...{ node: this.name, instance: options.instance, config, folder: options.folder, bus, clock, log },
      layout: { partitions: config.market.partitions },
      ...{ company: this.company, tree: this.tree },
      isDraining: () => this.ending !== undefined,
      onLogLevel: (level) => options.threads?.setLogLevel(level),
      drain: () => {
        options.onDrain?.();
        void this.drain();
      },
    });
  }

  /**
   * Resolves when the lease is held and everything that is placed here and is nobody else's has been started. Throws
   * TroupeError: NODE_NAME_TAKEN, CONFIG_INVALID, and what the bus throws.
   */
  async start(): Promise<void> {
    const { bus, clock, log, config, metrics, folder, ledger, instance } = this.o;
    const layout = { partitions: config.market.partitions };
    const [snapshots, actors, leases] = await Promise.all([bus.kv('snapshots'), bus.kv('actors'), bus.kv('leases')]);
    await this.operations.prepare();
    const plan = await planCompany({
      ...{ config, folder, metrics, ledger, latencies: this.latencies, threads: this.o.threads },
      fence: () => this.fence,
      onTicksApplied: (symbol) => this.o.onTicksApplied?.(symbol),
    });
    const levels = new Levels({
      ...{ node: this.name, instance, bus, actors, clock, log, layout },
      onTold: (kind, event) => metrics.lifecycle.inc({ kind, event }),
      onFenced: (kind, id, error) => this.company.get(kind, id)?.member.fence(error),
    });
    const lease = this.makeLease(leases);
    const members = new Members({ leases, clock, log, onChange: () => this.membersChanged() });
    this.levels = levels;
    this.lease = lease;
    this.members = members;
    const stage: Stage = {
      bus,
      snapshots,
      hub: this.hub,
      clock,
      queue: new RunQueue(clock, new Flood(() => this.hub.bytes)),
      log,
      layout,
      levels,
      metrics,
      inspector: this.operations.inspector,
      mayRun: () => lease.held,
    };
    await lease.acquire();
    if (this.isOver) return;
    levels.tell({ kind: 'node', id: this.name, event: 'lease_acquired', cause: 'the node starts' });
    await Promise.all([
      ...[members.start(), this.passed.start()],
      ...[this.publishMachines(plan), this.claimSupervisors(actors)],
    ]);
    await this.tree.start();
    await this.operations.open(levels);
    const placer = new Placer({
      ...{ node: this.name, instance, plan, actors, members, levels, clock, log },
      isHere: ({ kind, id }) => this.company.get(kind, id) !== undefined,
      run: (planned) => this.run(planned, stage),
      stop: ({ kind, id }, cause) => this.remove(kind, id, cause),
    });
    if (this.isOver) return;
    this.placer = placer;
    await placer.start();
  }

  /** Hands everything over and stops; `onEnd` follows. May be called at any moment and again. */
  drain(): Promise<void> {
    return this.end(undefined);
  }

  /**
   * The whole company ends: what runs here is stopped in order and given back, and nobody is waited for. A drain that is
   * under way waits no longer. `onEnd` follows.
   */
  stop(): Promise<void> {
    this.isLast = true;
    return this.end(undefined);
  }

  /** Something happened that no actor can mend: the node tells it, stops what it runs and ends. */
  fail(thrown: unknown): void {
    if (this.killed) return;
    const known = thrown instanceof TroupeError;
    const error = known ? thrown : new TroupeError('ACTOR_CRASHED', messageOf(thrown), { cause: thrown });
    this.o.onFailure?.(error);
    this.safety ??= this.secure(error.message);
    void this.end(error);
  }

  /**
   * What failed cannot be mended here, and orders stand in the market: the broker, if it runs here, carries out the
   * account's policy (`account.safe_mode`), and the terminal confirms it, before the node ends. Resolves when it has, or
   * when the time for it is over.
   */
  private async secure(reason: string): Promise<void> {
    const broker = this.company.of('broker')[0];
    if (broker === undefined) return;
    const { clock } = this.o;
    const { kind, id } = broker.planned;
    const untilMs = clock.monotonicMs() + SAFE_MS;
    const isSafe = (): boolean => this.levels.get(kind, id).state === 'safe';
    try {
      broker.member.tell({ type: 'control.safe_mode', reason });
      while (!isSafe() && this.lease?.held === true && clock.monotonicMs() < untilMs)
        await clock.sleep(SETTLE_AGAIN_MS);
      const { state, detail } = this.levels.get(kind, id);
      this.levels.tell({ kind, id, event: 'safe_mode', cause: `${reason}: ${state}, ${detail}` });
    } catch (error) {
      this.o.log.error({ kind, id, err: error }, 'the account could not be made safe');
    }
  }

  /** Ends everything at once: nothing more is said or written. What SIGKILL is to a process. */
  kill(): void {
    this.killed = true;
    this.lease?.kill();
    this.members?.kill();
    this.placer?.kill();
    this.tree.kill();
    this.operations.kill();
    this.levels?.kill();
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
    this.o.metrics.leaseHeld.set(this.lease?.held === true ? 1 : 0);
    return status;
  }

  /** No more ticks will come: symbols publish their open bars. */
  flush(): void {
    const flushing = this.company
      .flush(this.o.clock)
      .catch((error: unknown) => this.fail(error))
      .finally(() => this.flushing.delete(flushing));
    this.flushing.add(flushing);
  }

  /** Everything that belongs here runs here, and nothing else does. */
  get settled(): boolean {
    return this.placer?.settled === true;
  }

  /**
   * Resolves to true when every actor of this node has taken everything that the streams hold, and nothing is under way;
   * to false when the node ends before that. Orders that end by themselves are given some time to do so.
   */
  async settle(): Promise<boolean> {
    const { clock } = this.o;
    let untilMs: number | undefined;
    const ordersEnded = (): boolean => {
      if (ordersEnding(this.company) === 0) return true;
      untilMs ??= clock.monotonicMs() + ORDERS_END_WITHIN_MS;
      return clock.monotonicMs() >= untilMs;
    };
    const settled = async (): Promise<boolean> =>
      this.settled &&
      this.flushing.size === 0 &&
      (await this.company.settled()) &&
      (await this.hub.caughtUp()) &&
      (await this.company.settled()) &&
      ordersEnded();
    while (!(await settled())) {
      if (this.isOver) return false;
      await clock.sleep(SETTLE_AGAIN_MS);
    }
    return !this.isOver;
  }

  /** The account at the terminal, past all actors; empty where no broker runs here. Throws TroupeError. */
  async terminalBooks(): Promise<TerminalBooks> {
    const broker = this.company.of('broker')[0];
    if (broker === undefined) return { balance: 0, positions: {} };
    const { seals = 0 } = (broker.member.summary ?? {}) as Partial<BrokerContext>;
    return terminalBooks(this.o.bus, broker.planned.id, fenceOf(this.fence, seals));
  }

  private get isOver(): boolean {
    return this.killed || this.ending !== undefined;
  }

  private makeLease(leases: KeyValue): Lease {
    const { clock, log, config, instance, place } = this.o;
    return new Lease({
      ...{ leases, clock, log },
      value: {
        ...{ node: this.name, instance, capacity: config.node.capacity, startedMs: clock.nowMs(), draining: false },
        ...{ host: place?.host ?? '', pid: place?.pid ?? 0, boot: place?.boot ?? '' },
      },
      ...(place === undefined ? {} : { isDead: (other) => place.isDead(other) }),
      onLost: (error) => void this.leaseLost(error),
    });
  }

  /** Starts actors that have been claimed: of those of a kind many at once, in their order. */
  private async run(planned: readonly Planned[], stage: Stage): Promise<void> {
    const members: Member[] = [];
    for (const one of planned) {
      members.push(this.employ(one, stage));
      if (members.length % MADE_AT_ONCE === 0) await this.o.clock.yield();
    }
    // Strategies speak to their broker.
    const first = members.filter(({ kind }) => kind === 'broker');
    for (const group of [first, members.filter(({ kind }) => kind !== 'broker')]) {
      await inParallel(group, STARTS, async (member) => {
        if (!this.isOver) await this.tree.add(member);
      });
    }
  }

  /** Their levels are this node's as its actors' are; what an earlier run of it wrote is taken over. */
  private async claimSupervisors(actors: KeyValue): Promise<void> {
    for (const { id } of this.tree.all) {
      const before = await actors.get(actorKey('supervisor', id));
      await this.levels.claim('supervisor', id, before?.revision ?? 0);
    }
  }

  private employ(planned: Planned, stage: Stage): Member {
    const member = this.memberOf(planned, stage);
    this.company.add(planned, member);
    return member;
  }

  private memberOf(planned: Planned, stage: Stage): Member {
    const { kind, id, shutdownMs, thread, fenced } = planned;
    const { threads, metrics, log } = this.o;
    if (thread !== undefined && threads !== undefined) {
      const onState = (state: string, detail: string): void => this.levels.state(kind, id, state, detail);
      return new ThreadMember({
        ...{ run: thread, threads, shutdownMs, metrics, log, onState },
        ...{ hub: stage.hub, snapshots: stage.snapshots, mayRun: stage.mayRun },
        failedInputs: this.levels.failedInputs(kind, id),
        onFailedInputs: (failed) => this.levels.failed(kind, id, failed),
      });
    }
    return new ActorChild(
      () => planned.definition(),
      stage,
      shutdownMs,
      async () => {
        if (fenced) this.fence = await this.levels.renew(kind, id);
      },
    );
  }

  private async remove(kind: string, id: string, cause: string): Promise<void> {
    await this.tree.remove(kind, id, cause);
    this.company.remove(kind, id);
  }

  private supervised(event: SupervisorEvent): void {
    const { kind } = event;
    this.company.supervised(event);
    if (event.event === 'restarted') {
      this.restarts++;
      this.o.metrics.actorRestarts.inc({ kind });
    }
    if (event.event === 'started' || event.event === 'restarted') {
      if (kind === 'broker') this.operations.brokerStarted(event.id);
      // Its last life may have died before it could say how far it was, and there may be no more ticks to say it with.
      if (kind === 'symbol') this.o.onTicksApplied?.(event.id);
    }
    if (event.event === 'fenced') this.levels.tell(event);
    else this.levels.edge(event);
  }

  /** Somebody else's now, or ours to start anew: the placer finds out. */
  private fenced(kind: string, id: string): void {
    // The claim may stand although its snapshot was another's: what belongs elsewhere by now must not wait for it.
    void this.levels.release(kind, id);
    this.company.remove(kind, id);
    this.placer?.fenced(kind, id);
  }

  private membersChanged(): void {
    if (this.isOver || this.members === undefined) return;
    const { alive } = this.members;
    const others = new Map(alive.filter(({ node }) => node !== this.name).map((one) => [one.node, one.instance]));
    // Those who were there before this node are no news.
    if (this.placer === undefined) this.known = others;
    // One event per change, not one per witness: it is the first of those who stayed that tells.
    const tells = [...this.known.keys()].filter((node) => others.has(node)).every((node) => this.name < node);
    const changes: [string, string][] = [
      ...[...others]
        .filter(([node, run]) => this.known.get(node) !== run)
        .map(([node]): [string, string] => [node, 'node_joined']),
      ...[...this.known.keys()]
        .filter((node) => !others.has(node))
        .map((node): [string, string] => [node, 'node_left']),
    ];
    this.known = others;
    for (const [id, event] of changes) {
      if (tells) this.levels.tell({ kind: 'node', id, event, cause: `as ${this.name} sees it` });
    }
    this.placer?.changed();
  }

  /** What ran here may run elsewhere in a moment: nothing may go on, and nothing may be committed or said. */
  private async leaseLost(error: TroupeError): Promise<void> {
    if (this.killed) return;
    this.levels.tell({ kind: 'node', id: this.name, event: 'lease_lost', cause: error.message });
    this.kill();
    this.o.metrics.leaseHeld.set(0);
    this.o.onFailure?.(error);
    await Promise.race([this.levels.told(), this.o.clock.sleep(LAST_WORDS_MS)]);
    this.o.onEnd({ error });
  }

  private end(error: TroupeError | undefined): Promise<void> {
    if (this.killed) return Promise.resolve();
    this.ending ??= (async () => {
      const { clock } = this.o;
      const untilMs = clock.monotonicMs() + HAND_OVER_MS;
      await this.placer?.stop();
      await this.safety;
      await Promise.race([this.lease?.drain(), clock.sleep(LAST_WORDS_MS)]);
      await this.placer?.handOver(() => !this.isLast && clock.monotonicMs() < untilMs);
      await this.tree.stop();
      await Promise.race([this.passed.stop(), clock.sleep(LAST_WORDS_MS)]);
      await Promise.race([this.operations.close(), clock.sleep(LAST_WORDS_MS)]);
      await Promise.all(this.tree.all.map(({ id }) => this.levels?.release('supervisor', id)));
      await this.levels?.flush();
      await this.members?.stop();
      await Promise.race([this.giveLeaseBack(error), clock.sleep(LAST_WORDS_MS)]);
      if (!this.killed) this.o.onEnd({ error });
    })();
    return this.ending;
  }

  private async giveLeaseBack(error: TroupeError | undefined): Promise<void> {
    if ((await this.lease?.release()) !== true || this.killed) return;
    const cause = error?.message ?? (this.isLast ? 'the company ends' : 'everything is handed over');
    this.levels.tell({ kind: 'node', id: this.name, event: 'lease_released', cause });
    await this.levels.told();
  }

  /** KV `machines`: how each kind of actor can be drawn, for any visualizer. */
  private async publishMachines(plan: readonly Planned[]): Promise<void> {
    const machines = await this.o.bus.kv('machines');
    const first = new Map(plan.map((planned) => [planned.kind, planned]));
    const drawn = [...first].map(([kind, planned]) => [kind, planned.definition().machine] as const);
    for (const [kind, machine] of [...drawn, ['supervisor', supervisorMachine] as const]) {
      await machines.put(kind, new TextEncoder().encode(JSON.stringify(drawingOf(machine))));
    }
  }
}
