/** The whole simulated world of one seed: broker, network, nodes, and the faults that strike them. */
import { fromBinary } from '@bufbuild/protobuf';
import { CommandReplySchema, CommandSchema, Outcome } from '../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import type { Bus } from '../../runtime/bus/bus.ts';
import { actorKey, aheadSubject, commandSubject, topics } from '../../runtime/bus/topics.ts';
import { decodeSnapshot } from '../../runtime/codec.ts';
import { HOLD_MS } from '../../runtime/lease.ts';
import { seededRandom } from '../../runtime/random.ts';
import { bounded } from '../witness/quiet.ts';
import type { Break } from './breaks.ts';
import { Books } from './broker/books.ts';
import type { HeardCommand } from './broker/bridge.ts';
import { Bridge } from './broker/bridge.ts';
import { Journal } from './broker/journal.ts';
import { Market } from './broker/market.ts';
import { Terminal } from './broker/terminal.ts';
import { ACCOUNT, SOURCE, simConfig } from './config.ts';
import { LateOrders } from './late-orders.ts';
import { LeaseWatch } from './lease-watch.ts';
import { Ledger } from './ledger.ts';
import { crashActor, NodeSlot } from './node-slot.ts';
import { Operator } from './operator.ts';
import type { Fault, Plan } from './plan.ts';
import type { SimThread } from './thread.ts';
import type { ClockFault } from './world/host.ts';
import { Host } from './world/host.ts';
import { Loop, START_MS } from './world/loop.ts';
import { Network } from './world/network.ts';
import { SimBus } from './world/wire.ts';

const DEPOSIT = 1_000_000;
/** Strategies open nothing any more so long after the last fault. */
const TRADES_ON_MS = 3_000;
const LOOK_MS = 250;
const STORM_EVERY_MS = 200;

export interface StoredWrite {
  readonly bucket: string;
  readonly key: string;
  readonly by: string;
}

/** A message of a stream with the time at which it was stored. */
export interface ToldMessage {
  readonly atMs: number;
  readonly subject: string;
  readonly data: Uint8Array;
}

const WATCHED = [...['order', 'account'].map((what) => `trade.${what}.`), `sys.lifecycle.broker.${ACCOUNT}`];
const STRATEGIES_TOLD = 'sys.lifecycle.strategy.';
const BROKER_KEY = actorKey('broker', ACCOUNT);
const BROKER_CONTROL = `control.broker.${ACCOUNT}.`;

/** What the server tells of a commit may be heard so late. */
const LATEST_MS = 3_000;
const LATE_CHANCE = 0.1;

export class SimWorld {
  readonly plan: Plan;
  readonly loop = new Loop();
  readonly network: Network;
  readonly books: Books;
  readonly ledger = new Ledger();
  readonly slots: NodeSlot[];
  /** Nodes that handed over and ended because an operator had asked for it. */
  drained = 0;
  readonly heard: HeardCommand[] = [];
  readonly writes: StoredWrite[] = [];
  readonly sentTicks = new Map<string, number>();
  readonly orders = new LateOrders();
  /** What was said of orders and of the account, each once, and when it was stored. */
  readonly told: ToldMessage[] = [];
  /** When operators asked something of the broker, and the snapshots that the terminal gave. */
  readonly asked: { readonly atMs: number; readonly verb: string }[] = [];
  readonly shown: { readonly atMs: number; readonly positions: number; readonly orders: number }[] = [];
  /** Violations that are seen while the world runs. */
  readonly seen: { invariant: string; detail: string }[] = [];
  readonly trace: (text: string) => void;
  /** How late the next order is heard of whose link breaks meanwhile; 0: no such fault waits. */
  private unlinkMs = 0;
  /** What befalls the bridge when it next hears of an order in a commit. */
  private deafens = (): void => undefined;
  bridge: Bridge | undefined;
  terminal: Terminal | undefined;
  readonly broken: Break | undefined;
  private readonly journal: Journal;
  private readonly market: Market;
  private readonly operator: Operator;
  private bridgeRuns = 0;
  private terminalRuns = 0;
  private readonly crashes: { actor: string; left: number; how: 'kill' | 'exit' | 'hang' }[] = [];
  /** Run of a node that owns each actor, as the store has it. */
  private readonly owners = new Map<string, string | undefined>();
  private readonly leases = new LeaseWatch();

  constructor(plan: Plan, broken: Break | undefined, trace: ((atMs: number, text: string) => void) | undefined) {
    this.plan = plan;
    this.broken = broken;
    const { seed } = plan;
    this.trace = trace === undefined ? () => undefined : (text) => trace(this.loop.elapsedMs, text);
    this.network = new Network(this.loop, seededRandom(`network ${seed}`), {
      duplicateWindowMs: broken?.forgetsIds ? 0 : plan.duplicateWindowMs,
    });
    this.network.weather = plan.weather;
    this.network.duplicateChance = plan.duplicateChance;
    const lateness = seededRandom(`lateness ${seed}`);
    this.network.tellDelayMs = (subject) => {
      if (subject === aheadSubject(actorKey('broker', ACCOUNT)) && this.unlinkMs > 0) return this.unlink();
      return lateness.next() < LATE_CHANCE ? lateness.next() * LATEST_MS : 0;
    };
    this.network.onStored = ({ bucket, key, by, value, revision }) => {
      this.writes.push({ bucket, key, by: by.name });
      this.leases.wrote(bucket, by.name, value === undefined, this.loop.elapsedMs);
      if (bucket === 'actors' && value !== undefined) this.claimed(key, by.name, value);
      if (key !== BROKER_KEY || value === undefined) return;
      if (bucket === 'actors') this.orders.claimed(by.name, revision);
      else if (bucket === 'snapshots') this.orders.committed(by.name, unsent(value));
    };
    const told = new Set<string>();
    this.network.onAppended = (subject, messageId, data) => {
      if (subject.startsWith(STRATEGIES_TOLD)) this.lookAfter(data);
      if (!WATCHED.some((prefix) => subject.startsWith(prefix)) || told.has(messageId)) return;
      told.add(messageId);
      this.told.push({ atMs: this.loop.elapsedMs, subject, data });
    };
    this.network.onRequest = (subject, data) => {
      if (subject.startsWith(BROKER_CONTROL)) {
        this.asked.push({ atMs: this.loop.elapsedMs, verb: subject.slice(BROKER_CONTROL.length) });
      }
      if (subject !== commandSubject(ACCOUNT)) return;
      const { body, fence } = fromBinary(CommandSchema, data);
      if (body.case === 'place') this.orders.sent(body.value.orderId, fence);
    };
    this.books = new Books(plan.hedging, DEPOSIT);
    this.market = new Market(plan.symbols, seededRandom(`market ${seed}`));
    this.operator = new Operator(this.network, seed, this.trace);
    this.journal = new Journal(broken?.bridge === 'journal-disk');
    this.slots = plan.nodes.map(({ skewMs, rate, capacity }, i) => this.makeSlot(i, { skewMs, rate }, capacity));
  }

  start(): void {
    this.startBridge();
    this.startTerminal();
    this.slots.forEach((slot, i) => {
      this.loop.after(i * 20, () => slot.start());
    });
    for (const fault of this.plan.faults) this.loop.after(fault.atMs, () => this.strike(fault));
    this.loop.after(this.plan.calmMs, () => void this.operator.takeBack());
    this.watchNodes();
  }

  /** The bridge and the terminal have never been killed or cut: nothing between market and stream may be missing. */
  get sourceWhole(): boolean {
    return this.bridgeRuns === 1;
  }

  private makeSlot(i: number, clockFault: ClockFault, capacity: number): NodeSlot {
    const { seed, symbols, strategies, hedging, calmMs, safeMode, budgets, threads } = this.plan;
    const config = simConfig({
      ...{ node: `node-${i + 1}`, capacity, symbols, strategies, hedging, seed, safeMode, budgets, threads },
      untilMs: START_MS + calmMs + TRADES_ON_MS,
    });
    return new NodeSlot({
      ...{ config, network: this.network, ledger: this.ledger, seed, clockFault: { ...clockFault } },
      ...{ trace: this.trace, threads: threads.length > 0, withoutInThreads: this.broken?.thread },
      onDrained: () => {
        this.drained++;
      },
      connect: (host, slot, thread) => this.connect(host, slot, thread),
    });
  }

  private connect(host: Host, slot: NodeSlot, thread?: SimThread): Bus {
    const passes = (_point: string, what: string, key: string): boolean => this.passes(host, slot, what, key, thread);
    const bus = new SimBus(this.network, thread?.host ?? host, passes);
    return this.broken?.bus?.(bus, host) ?? bus;
  }

  /** Nobody takes an actor from a run of a node that holds its lease, and has not given the actor back. */
  private claimed(key: string, by: string, value: Uint8Array): void {
    const before = this.owners.get(key);
    const { node } = JSON.parse(new TextDecoder().decode(value)) as { node?: string };
    this.owners.set(key, node === '' ? undefined : by);
    if (before === undefined || before === by) return;
    const ageMs = this.leases.ageMs(before, this.loop.elapsedMs);
    if (ageMs === undefined || ageMs > HOLD_MS) return;
    const detail = `${by} took ${key} from ${before}, which had renewed its lease ${Math.round(ageMs)} ms before`;
    this.seen.push({ invariant: 'claim', detail });
  }

  /** An actor waits for something: does it live to hear of it? */
  private passes(host: Host, slot: NodeSlot, what: string, key: string, thread?: SimThread): boolean {
    if (this.crashes.length === 0) return true;
    const name = what === 'request' ? `broker.${ACCOUNT}` : what === 'publish' || what === 'snapshots' ? key : '';
    const at = this.crashes.findIndex(({ actor }) => name === actor || name.startsWith(`${actor}.`));
    const crash = this.crashes[at];
    if (crash === undefined || crash.left-- > 0) return true;
    this.crashes.splice(at, 1);
    const [kind, id] = crash.actor.split('.') as [string, string];
    const { node } = slot;
    if (node === undefined || slot.host !== host) return true;
    if (thread !== undefined && crash.how !== 'kill') {
      this.trace(`the thread of ${crash.actor} ${crash.how === 'exit' ? 'ends' : 'hangs'} at ${what} ${key}`);
      if (crash.how === 'exit') thread.exit(0);
      else thread.hang();
      return false;
    }
    const died = crashActor(node, kind, id);
    this.trace(`${crash.actor} ${died ? 'dies' : 'would die'} on ${slot.run} at ${what} ${key}`);
    return !died;
  }

  /** The link breaks while an order is on its way, and its commit is heard of when the link is there again. */
  private unlink(): number {
    const lateMs = this.unlinkMs;
    this.unlinkMs = 0;
    this.terminal?.link?.break();
    return lateMs;
  }

  private startBridge(): void {
    const run = ++this.bridgeRuns;
    const host = new Host(`bridge#${run}`, this.loop, seededRandom(`${this.plan.seed} bridge ${run}`));
    const { symbols, hedging } = this.plan;
    this.bridge = new Bridge({
      ...{ account: ACCOUNT, source: SOURCE, host, run, symbols, hedging, layout: { partitions: 4 } },
      ...{ bus: new SimBus(this.network, host), journal: this.journal, nowMs: () => this.loop.elapsedMs },
      heard: (command) => {
        this.heard.push(command);
        const { fence, kind, orderId, obeyed, ahead } = command;
        if (kind !== 'snapshot')
          this.trace(
            `bridge hears ${kind} ${orderId} fence ${fence}${ahead ? ' ahead' : ''}${obeyed ? '' : ' REFUSED'}`,
          );
        if (!ahead) return;
        this.deafens();
        this.deafens = () => undefined;
      },
      counted: (symbol, ticks) => this.sentTicks.set(symbol, (this.sentTicks.get(symbol) ?? 0) + ticks),
      without: this.broken?.bridge === 'journal-disk' ? undefined : this.broken?.bridge,
    });
    // Only what the bridge has taken: an order that it refused and that came again would be a new one to it.
    this.network.repeatable = (subject, data, reply) =>
      subject === commandSubject(ACCOUNT) &&
      fromBinary(CommandSchema, data).body.case === 'place' &&
      fromBinary(CommandReplySchema, reply).outcome !== Outcome.REFUSED;
  }

  private startTerminal(): void {
    const run = ++this.terminalRuns;
    const { seed, manners, symbols } = this.plan;
    const host = new Host(`terminal#${run}`, this.loop, seededRandom(`${seed} terminal host ${run}`));
    this.terminal = new Terminal({
      ...{ host, loop: this.loop, run: `run${run}`, books: this.books, market: this.market, manners, symbols },
      random: seededRandom(`${seed} terminal ${run}`),
      bridge: () => this.bridge,
      shown: (positions, orders) => this.shown.push({ atMs: this.loop.elapsedMs, positions, orders }),
    });
  }

  private strike(fault: Fault): void {
    this.trace(`FAULT ${JSON.stringify(fault)}`);
    const { loop, network } = this;
    switch (fault.kind) {
      case 'actor':
        this.crashes.push({ actor: fault.actor, left: fault.countdown, how: 'kill' });
        return;
      case 'thread':
        this.crashes.push({ actor: fault.actor, left: fault.countdown, how: fault.how });
        return;
      case 'node-kill':
        this.slots[fault.node]?.kill(fault.backAfterMs);
        return;
      case 'node-drain':
        this.slots[fault.node]?.drain(fault.backAfterMs);
        return;
      case 'node-freeze':
        this.freeze(this.slots[fault.node]?.host, fault.forMs);
        return;
      case 'bridge-freeze':
        this.freeze(this.bridge?.host, fault.forMs);
        return;
      case 'partition':
        this.cut(this.slots[fault.node]?.host, fault.how, fault.forMs);
        return;
      case 'bridge-cut':
        this.cut(this.bridge?.host, fault.how, fault.forMs);
        return;
      case 'unlinked-order':
        this.unlinkMs = fault.lateMs;
        return;
      case 'deaf-after-hearing':
        this.deafens = () => this.cut(this.bridge?.host, 'drop', fault.forMs);
        return;
      case 'server-down':
        network.stopServer();
        loop.after(fault.forMs, () => network.startServer());
        return;
      case 'store-away':
        network.setUnavailable(fault.place, true);
        loop.after(fault.forMs, () => network.setUnavailable(fault.place, false));
        return;
      case 'ledger-down':
        this.ledger.down = true;
        loop.after(fault.forMs, () => {
          this.ledger.down = false;
        });
        return;
      case 'clock-step': {
        const clock = this.slots[fault.node]?.host?.clockFault;
        if (clock !== undefined) clock.skewMs += fault.byMs;
        return;
      }
      case 'bridge-kill':
        this.bridge?.host.kill();
        this.bridge = undefined;
        loop.after(fault.backAfterMs, () => {
          if (this.bridge !== undefined) return;
          this.startBridge();
          network.repeatNewest();
        });
        return;
      case 'terminal-kill':
        this.terminal?.host.kill();
        this.terminal = undefined;
        loop.after(fault.backAfterMs, () => {
          if (this.terminal === undefined) this.startTerminal();
        });
        return;
      case 'operator': {
        const { actor, verb, undo, forMs } = fault;
        const node = this.slots.find(({ name }) => actor === `node.${name}`);
        if (node !== undefined) node.backMs = forMs;
        void this.operator.insist(actor, verb);
        if (undo !== undefined) loop.after(forMs, () => void this.operator.insist(actor, undo));
        return;
      }
      case 'storm':
        // What it leaves in safe mode, or down, stays so until somebody says otherwise.
        for (const id of this.plan.strategies.map((strategy) => strategy.id)) this.operator.care(`strategy.${id}`);
        this.operator.care(`broker.${ACCOUNT}`);
        this.storm(fault.actor, this.loop.elapsedMs + fault.forMs);
        return;
      case 'outside':
        this.outside(fault);
        return;
      case 'link-break':
        this.terminal?.link?.break();
        return;
    }
  }

  /** A strategy that was hurt more often than its budget allows stays down until an operator brings it back. */
  private lookAfter(told: Uint8Array): void {
    const { kind, id, event } = topics.lifecycle.decode(told);
    if (event === 'given_up') this.operator.care(actorKey(kind, id));
  }

  private storm(actor: string, untilMs: number): void {
    const [kind, id] = actor.split('.') as [string, string];
    for (const { node, host } of this.slots) {
      if (node === undefined || host?.state !== 'up') continue;
      if (crashActor(node, kind, id)) this.trace(`${actor} dies on ${host.name}`);
    }
    if (this.loop.elapsedMs < untilMs) this.loop.after(STORM_EVERY_MS, () => this.storm(actor, untilMs));
  }

  private outside({ how, symbol, roll, by, remedy, looks }: Extract<Fault, { kind: 'outside' }>): void {
    if (how === 'money') this.books.unseenMoney(by);
    else this.terminal?.outside(how, symbol, roll, by);
    if (how !== 'hand') this.operator.expect(`broker.${ACCOUNT}`, how === 'money' ? '' : symbol, remedy);
    if (looks) void this.operator.ask(`broker.${ACCOUNT}`, 'reconcile');
  }

  private freeze(host: Host | undefined, forMs: number): void {
    if (host === undefined) return;
    host.freeze();
    this.loop.after(forMs, () => {
      if (host.state !== 'frozen') return;
      this.trace(`${host.name} goes on`);
      host.thaw();
    });
  }

  private cut(host: Host | undefined, how: 'hold' | 'drop', forMs: number): void {
    if (host === undefined) return;
    this.network.cut(host, how);
    this.loop.after(forMs, () => this.network.heal(host));
  }

  /** Looks at every node four times a second: mailboxes, and leases. */
  private watchNodes(): void {
    const look = (): void => {
      for (const { node, run } of this.slots) {
        if (node === undefined) continue;
        for (const { planned, member } of node.company.all) {
          const { kind, id } = planned;
          this.seen.push(...bounded([{ name: `${kind}.${id}`, state: '', runsOn: [run], depth: member.depth }]));
        }
      }
      const running = this.slots.filter(({ host, failing }) => host?.state === 'up' && !failing);
      this.seen.push(...this.leases.look(running, this.loop.elapsedMs));
      this.loop.after(LOOK_MS, look);
    };
    look();
  }
}

/** Orders whose command stands in the outbox of a commit. */
function unsent(value: Uint8Array): string[] {
  // Few of them hold one, and to decode them all would cost a tenth of the simulation's time.
  if (!Buffer.from(value.buffer, value.byteOffset, value.byteLength).includes('"command"')) return [];
  const { outbox } = decodeSnapshot(value) as {
    outbox: { type: string; params: { orderId: string; body: { case: string } } }[];
  };
  return outbox.flatMap(({ type, params }) =>
    type === 'command' && params.body.case === 'place' ? [params.orderId] : [],
  );
}
