/**
 * Inside a thread: runs one strategy over a bus connection of its own, on which it commits and speaks. What it hears is
 * handed over by the main side (see feed.ts), which is told what it has to know.
 */
import { strategyActor, strategyPlan } from '../../actors/strategy/actor.ts';
import { loadStrategy } from '../../actors/strategy/registry.ts';
import type { ActorDefinition } from '../../runtime/actor.ts';
import type { Bus, KeyValue } from '../../runtime/bus/bus.ts';
import type { Clock } from '../../runtime/clock.ts';
import { Inspector } from '../../runtime/inspect/inspector.ts';
import { Interpreter } from '../../runtime/interpreter.ts';
import { PoisonRecord } from '../../runtime/poison.ts';
import type { Logger } from '../../runtime/telemetry/log.ts';
import { setLogLevel } from '../../runtime/telemetry/log.ts';
import type { Snapshot } from '../../runtime/xstate.ts';
import type { Captive } from './captive.ts';
import { PortInputs } from './inputs.ts';
import type { Assignment, FromThread, Needs, ToThread } from './protocol.ts';
import { faultOf } from './protocol.ts';
import { rehearse } from './rehearsal.ts';
import type { Vitals } from './vitals.ts';

/** The main side hears of a changed summary at most this often. */
const NEWS_MS = 250;
/** After a start it hears at once of each turn: whoever has restarted it wants to know how far it is. */
const FRESH_MS = 1_000;
const BREATH_MS = 1_000;
/** Durations of commits that one news carries; the rest of a burst is not measured. */
const MOST_COMMITS = 4_096;

type Run = Extract<ToThread, { type: 'run' }>;

interface Store {
  readonly bus: Bus;
  readonly snapshots: KeyValue;
}

/** What a start needs that is not the actor's state. */
interface Prepared extends Store {
  readonly actor: ActorDefinition;
}

/** The thread's end of what it is connected by. */
export interface Port {
  on(event: 'message', hear: (message: ToThread) => void): unknown;
  postMessage(message: FromThread): void;
}

export interface HostOptions {
  readonly port: Port;
  readonly vitals: Vitals;
  readonly clock: Clock;
  readonly log: Logger;
  /** Name of the node. */
  readonly node: string;
  readonly connect: () => Promise<Bus>;
  /** Keeps what the strategy's code does by itself within bounds, where it can do anything. */
  readonly captive?: Captive;
}

export class Host {
  private readonly port: Port;
  private readonly o: HostOptions;
  private readonly vitals: Vitals;
  private readonly clock: Clock;
  private readonly log: Logger;
  private readonly connecting: Promise<Store | undefined>;
  private readonly inputs: PortInputs;
  private interpreter: Interpreter | undefined;
  private definition: ActorDefinition | undefined;
  private prepared: Promise<Prepared> | undefined;
  private isTaken = false;
  /** Until then it has only just started, monotonic; 0: it runs not yet. */
  private freshUntilMs = 0;
  /** What it is now will be told when the turn is over. */
  private isTelling = false;
  private told: Snapshot | undefined;
  private commitsMs: number[] = [];

  constructor(options: HostOptions) {
    const { port, vitals, clock, log } = options;
    this.o = options;
    this.port = port;
    this.vitals = vitals;
    this.clock = clock;
    this.log = log;
    this.inputs = new PortInputs(
      (message) => this.say(message),
      (error) => this.fail('crash', error),
    );
    // A spare connects before it is needed. Where that fails it is tried again, and reported, when it is.
    this.connecting = this.connect().catch(() => undefined);
  }

  private async connect(): Promise<Store> {
    const bus = await this.o.connect();
    return { bus, snapshots: await bus.kv('snapshots') };
  }

  listen(): void {
    const { captive } = this.o;
    if (captive !== undefined) {
      captive.captureOutput();
      this.every(BREATH_MS, () => captive.breathe());
    }
    this.port.on('message', (message) => this.hear(message));
    this.say({ type: 'ready' });
  }

  private hear(message: ToThread): void {
    switch (message.type) {
      case 'prepare':
        // Why it cannot be done is told when it has to be.
        this.preparedFor(message.run).catch(() => undefined);
        break;
      case 'run':
        this.run(message).catch((thrown: unknown) => this.fail('crash', thrown));
        break;
      case 'rehearse':
        rehearse(this.clock, () => this.isTaken).catch((thrown: unknown) =>
          this.log.warn({ err: thrown }, 'a spare thread could not rehearse'),
        );
        break;
      case 'plan':
        this.plan(message.run).then(
          (needs) => this.say({ type: 'planned', ...needs }),
          (thrown: unknown) => this.fail('crash', thrown),
        );
        break;
      case 'tell':
        try {
          this.interpreter?.tell(message.event);
        } catch (thrown) {
          this.log.error({ err: thrown, event: message.event.type }, 'an event was not taken');
        }
        break;
      case 'inputs':
        this.inputs.handed(message);
        break;
      case 'subscribed':
        this.inputs.subscribed(message);
        break;
      case 'settled':
        this.tellNews();
        this.inputs.tell();
        this.say({ type: 'settled', ask: message.ask, settled: this.settled });
        break;
      case 'log':
        setLogLevel(this.log, message.level);
        break;
      case 'stop':
        this.stop().then(
          () => this.say({ type: 'stopped' }),
          (thrown: unknown) => this.say({ type: 'stopped', error: faultOf(thrown) }),
        );
        break;
    }
  }

  private async plan({ id, use, folder, account, symbol, params, featureTimeframes }: Assignment): Promise<Needs> {
    const definition = await loadStrategy(use, folder, `strategies.${id}.use`);
    const plan = strategyPlan({ id, account, symbol, definition, params, featureTimeframes });
    return { timeframes: plan.timeframes, features: plan.features };
  }

  private preparedFor(run: Assignment): Promise<Prepared> {
    this.isTaken = true;
    this.prepared ??= this.prepare(run);
    return this.prepared;
  }

  private async prepare(run: Assignment): Promise<Prepared> {
    const { id, account, symbol, params, featureTimeframes, use, folder } = run;
    const connected = this.connecting.then((early) => early ?? this.connect());
    const [store, strategy] = await Promise.all([connected, loadStrategy(use, folder, `strategies.${id}.use`)]);
    const actor = strategyActor({ id, account, symbol, definition: strategy, params, featureTimeframes });
    return { ...store, actor };
  }

  private async run({ run, layout, poison, stored }: Run): Promise<void> {
    const { clock } = this;
    const { id } = run;
    const { bus, snapshots, actor } = await this.preparedFor(run);
    const log = this.log.child({ kind: actor.kind, id });
    this.definition = {
      ...actor,
      observe: (event, snapshot) => {
        this.vitals.depth = this.interpreter?.depth ?? 0;
        actor.observe?.(event, snapshot);
        if ('sequence' in event) this.tellWhileFresh();
      },
    };
    const record = new PoisonRecord({
      ...{ kind: actor.kind, id, bus, clock, log, layout },
      known: poison,
      onChange: (state) => this.say({ type: 'poison', state }),
    });
    this.interpreter = new Interpreter({
      definition: this.definition,
      bus,
      snapshots,
      stored,
      hub: {
        announce: (subscriber) => this.inputs.announce(subscriber),
        // Restored and committed, and no input taken yet: one that blocks at its first input has started and hangs.
        subscribe: (subscriber) => {
          this.say({ type: 'started' });
          this.freshUntilMs = clock.monotonicMs() + FRESH_MS;
          return this.inputs.subscribe(subscriber);
        },
        unsubscribe: () => this.inputs.unsubscribe(),
      },
      clock,
      log,
      layout,
      poison: record,
      onExit: (exit) => {
        if (exit.reason === 'shutdown') return;
        const { reason, error } = exit;
        // This thread is ended as soon as it has said so: a dead letter under way goes first.
        const told = record.telling ?? Promise.resolve();
        void told.catch(() => undefined).then(() => this.fail(reason, error));
      },
      onCommit: (tookMs) => {
        if (this.commitsMs.length < MOST_COMMITS) this.commitsMs.push(tookMs);
      },
      inspector: new Inspector({ bus, clock, log, node: this.o.node }),
      onState: (state, detail) => this.say({ type: 'state', state, detail }),
    });
    await this.interpreter.start();
    this.tellNews();
    this.every(NEWS_MS, () => this.tellNews());
  }

  private get settled(): boolean {
    const { interpreter, inputs } = this;
    return interpreter !== undefined && inputs.idle && interpreter.depth === 0 && interpreter.pendingEffects === 0;
  }

  private async stop(): Promise<void> {
    // All that it has said is stored then; its connection ends with the thread.
    await this.interpreter?.stop();
    this.tellNews();
  }

  private tellWhileFresh(): void {
    if (this.isTelling || this.clock.monotonicMs() >= this.freshUntilMs) return;
    this.isTelling = true;
    // The interpreter's snapshot is the new one when the turn is over.
    queueMicrotask(() => {
      this.isTelling = false;
      this.tellNews();
    });
  }

  private tellNews(): void {
    const { interpreter, definition } = this;
    if (interpreter === undefined || definition === undefined) return;
    this.vitals.depth = interpreter.depth;
    const { current } = interpreter;
    if (current === undefined || (current === this.told && this.commitsMs.length === 0)) return;
    this.told = current;
    const { commitsMs } = this;
    this.commitsMs = [];
    this.say({ type: 'news', summary: definition.summary?.(current) ?? current.context, commitsMs });
  }

  private fail(reason: 'crash' | 'fenced', thrown: unknown): void {
    this.tellNews();
    this.say({ type: 'exit', reason, error: faultOf(thrown) });
  }

  private say(message: FromThread): void {
    this.port.postMessage(message);
  }

  private every(ms: number, work: () => void): void {
    this.clock.setTimer(ms, () => {
      work();
      this.every(ms, work);
    });
  }
}
