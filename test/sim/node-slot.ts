/** One node of the simulated company and whoever starts its process again: every run has its own clock, bus and state. */
import type { Outcome } from '../../node/node.ts';
import { Node } from '../../node/node.ts';
import { Threads } from '../../node/thread/threads.ts';
import type { Bus } from '../../runtime/bus/bus.ts';
import type { Config } from '../../runtime/config/index.ts';
import { seededRandom } from '../../runtime/random.ts';
import { silentLogger } from '../../runtime/telemetry/log.ts';
import type { Metrics } from '../../runtime/telemetry/metrics.ts';
import { createMetrics } from '../../runtime/telemetry/metrics.ts';
import type { Ledger } from './ledger.ts';
import { openLedger } from './ledger.ts';
import type { SimThread, SimThreadOptions } from './thread.ts';
import { bearIn } from './thread.ts';
import type { ClockFault } from './world/host.ts';
import { Host } from './world/host.ts';
import type { Network } from './world/network.ts';

let metrics: Metrics | undefined;

export interface SlotOptions {
  readonly config: Config;
  readonly network: Network;
  readonly ledger: Ledger;
  readonly seed: string;
  readonly clockFault: ClockFault;
  readonly connect: (host: Host, slot: NodeSlot, thread?: SimThread) => Bus;
  /** Some of its strategies run in threads. */
  readonly threads: boolean;
  readonly withoutInThreads?: SimThreadOptions['without'];
  readonly trace: (text: string) => void;
  /** A node that was asked to drain has ended. */
  readonly onDrained: () => void;
}

const FIRST_BACK_MS = 100;
const LONGEST_BACK_MS = 3_000;

export class NodeSlot {
  readonly name: string;
  node: Node | undefined;
  host: Host | undefined;
  /** When it last found that it must end, or undefined while it runs. */
  failing = false;
  /** Of the node that runs. */
  private threads: SimThread[] = [];
  private runs = 0;
  private endedInARow = 0;
  private startedMs = 0;
  private stayAway = false;
  /** An operator has asked it to drain. */
  private asked = false;
  /** How long it stays away after its next drain. */
  backMs = 0;
  private readonly o: SlotOptions;

  constructor(options: SlotOptions) {
    this.o = options;
    this.name = options.config.node.name;
  }

  /** The thread in which this strategy runs. */
  threadOf(strategy: string): SimThread | undefined {
    return this.threads.findLast((thread) => thread.host.alive && thread.strategy === strategy);
  }

  get run(): string {
    return `${this.name}#${this.runs}`;
  }

  start(): void {
    const { config, network, ledger, seed, clockFault, connect, trace } = this.o;
    this.runs++;
    this.failing = false;
    this.stayAway = false;
    this.asked = false;
    this.startedMs = network.loop.elapsedMs;
    const { run } = this;
    const host = new Host(run, network.loop, seededRandom(`${seed} host ${run}`), clockFault);
    this.host = host;
    this.threads = [];
    const random = seededRandom(`${seed} threads ${run}`);
    const bear = bearIn({
      ...{ node: host, loop: network.loop, random, without: this.o.withoutInThreads },
      connect: (thread) => connect(host, this, thread),
      onBorn: (thread) => this.threads.push(thread),
    });
    const layout = { partitions: config.market.partitions };
    const threads = new Threads({
      ...{ bus: { url: 'simulated', name: run }, settings: config.supervision.thread, layout, clock: host.clock },
      ...{ log: silentLogger, node: this.name, spare: true, bear },
    });
    metrics ??= createMetrics();
    const node = new Node({
      ...{ config, folder: '/', bus: connect(host, this), clock: host.clock, log: silentLogger, metrics },
      random: seededRandom(`${seed} node ${run}`),
      ledger: openLedger(ledger, network.loop, seededRandom(`${seed} ledger ${run}`), host),
      instance: run,
      ...(this.o.threads ? { threads } : {}),
      onFailure: (error) => {
        trace(`${run} fails: ${error.code} ${error.message}`);
        if (this.host === host) this.failing = true;
      },
      onDrain: () => {
        if (this.host !== host) return;
        this.stayAway = true;
        this.asked = true;
        this.endedInARow = 0;
      },
      onEnd: (outcome) => this.ended(host, outcome),
    });
    this.node = node;
    trace(`${run} starts`);
    node.start().catch((error: unknown) => node.fail(error));
  }

  /** SIGKILL. */
  kill(backAfterMs: number): void {
    const { host } = this;
    if (host === undefined) return;
    this.o.trace(`${this.run} is killed`);
    this.node?.kill();
    this.gone(host, backAfterMs);
  }

  /** SIGTERM; started again so long after its end. */
  drain(backAfterMs: number): void {
    if (this.node === undefined || this.host?.state !== 'up') return;
    this.o.trace(`${this.run} drains`);
    this.stayAway = true;
    this.endedInARow = 0;
    void this.node.drain();
    this.backMs = backAfterMs;
  }

  private ended(host: Host, { error }: Outcome): void {
    if (this.host !== host) return;
    this.o.trace(`${this.run} has ended${error === undefined ? '' : `: ${error.code}`}`);
    if (this.asked && error === undefined) this.o.onDrained();
    const quick = this.o.network.loop.elapsedMs - this.startedMs < 60_000;
    this.endedInARow = quick ? this.endedInARow + 1 : 1;
    const again = Math.min(LONGEST_BACK_MS, FIRST_BACK_MS * 2 ** (this.endedInARow - 1));
    this.gone(host, this.stayAway ? this.backMs : again);
  }

  private gone(host: Host, backAfterMs: number): void {
    this.host = undefined;
    this.node = undefined;
    host.kill();
    this.o.network.loop.after(backAfterMs, () => {
      if (this.host === undefined) this.start();
    });
  }
}

/** Kills one actor as if it had crashed; its supervisor does what it does then. False where it does not run. */
export function crashActor(node: Node, kind: string, id: string): boolean {
  return node.company.get(kind, id) !== undefined && node.tree.of(kind, id).crash(kind, id, 'simulated crash');
}
