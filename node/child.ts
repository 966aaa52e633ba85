/** An actor as a child of a supervisor: every start is a new interpreter over the same definition. */
import type { ActorDefinition } from '../runtime/actor.ts';
import type { Bus, KeyValue, KvEntry } from '../runtime/bus/bus.ts';
import type { Layout } from '../runtime/bus/topics.ts';
import type { Clock } from '../runtime/clock.ts';
import type { InputHub } from '../runtime/hub.ts';
import type { Inspector } from '../runtime/inspect/inspector.ts';
import { Interpreter } from '../runtime/interpreter.ts';
import { failedInputs, PoisonRecord, poisonState } from '../runtime/poison.ts';
import type { RunQueue } from '../runtime/run-queue.ts';
import type { Logger } from '../runtime/telemetry/log.ts';
import type { Metrics } from '../runtime/telemetry/metrics.ts';
import type { ChildSpec, OnBudgetSpent } from '../supervisors/spec.ts';
import { countsOf } from './feed-metrics.ts';
import type { Levels } from './levels.ts';
import type { Member } from './member.ts';

/** What an actor that ran for less than this had stored is asked of the store: an operator may be mending it there. */
const HEALTHY_MS = 1_000;
/** A store that does not answer is asked anew. */
const COMMIT_WAIT_MS = 500;

/** What always fails by its own fault costs itself, and nobody else anything: a user's code, a symbol with such ticks. */
const ON_BUDGET_SPENT: Readonly<Record<string, OnBudgetSpent>> = { strategy: 'leave', symbol: 'leave_if_threw' };

export interface Stage {
  readonly bus: Bus;
  readonly snapshots: KeyValue;
  readonly hub: InputHub;
  readonly clock: Clock;
  /** Of all actors that run on this thread. */
  readonly queue: RunQueue;
  readonly log: Logger;
  readonly layout: Layout;
  readonly levels: Levels;
  readonly metrics: Metrics;
  readonly inspector: Inspector;
  /** Whether this node holds its lease at this moment. */
  readonly mayRun: () => boolean;
}

/** The running interpreter of one actor, whichever start it is. */
export class ActorChild implements Member {
  readonly kind: string;
  readonly id: string;
  readonly shutdownMs: number;
  /** A broker may come to a node whose strategies are there already: they depend on it. */
  readonly place: 'first' | 'last';
  readonly onBudgetSpent: OnBudgetSpent;
  restored: unknown;
  private interpreter: Interpreter | undefined;
  /** Of the last start, whatever became of it. */
  private last: { readonly interpreter: Interpreter; readonly startedMs: number } | undefined;
  private definition: ActorDefinition;
  private readonly make: () => ActorDefinition;
  private readonly stage: Stage;
  private readonly poison: PoisonRecord;
  private readonly beforeStart: () => Promise<void>;
  private onExit: Parameters<ChildSpec['start']>[0] = () => undefined;

  /**
   * `make` gives the definition anew for each restart, because live settings change what it is made of. `beforeStart`
   * runs before every start: a broker takes its fence there.
   */
  constructor(make: () => ActorDefinition, stage: Stage, shutdownMs: number, beforeStart = async () => {}) {
    const definition = make();
    this.make = make;
    this.kind = definition.kind;
    this.id = definition.id;
    this.shutdownMs = shutdownMs;
    this.place = definition.kind === 'broker' ? 'first' : 'last';
    this.onBudgetSpent = ON_BUDGET_SPENT[definition.kind] ?? 'escalate';
    this.definition = definition;
    this.stage = stage;
    this.beforeStart = beforeStart;
    const { kind, id } = this;
    const onBuried = (): void => stage.metrics.deadLetters.inc({ kind });
    this.poison = new PoisonRecord({
      ...{ ...stage, kind, id, onBuried },
      known: poisonState(stage.levels.failedInputs(kind, id)),
      onChange: (state) => stage.levels.failed(kind, id, failedInputs(state)),
    });
  }

  async start(onExit: Parameters<ChildSpec['start']>[0], signal?: AbortSignal): Promise<Interpreter> {
    const [stored] = await Promise.all([this.lastCommit(), this.beforeStart()]);
    if (signal?.aborted) throw new Error(`${this.kind} ${this.id} was ended before it started`);
    if (this.interpreter !== undefined) this.definition = this.make();
    const { levels, log, metrics, clock } = this.stage;
    this.onExit = onExit;
    const { definition } = this;
    const interpreter: Interpreter = new Interpreter({
      ...this.stage,
      definition: {
        ...definition,
        onStart: (restored) => {
          this.restored = countsOf(definition.kind, summaryOf(definition, interpreter));
          return definition.onStart?.(restored);
        },
      },
      stored,
      log: log.child({ kind: this.kind, id: this.id }),
      poison: this.poison,
      onExit,
      onCommit: (tookMs) => metrics.commitLatency.observe(tookMs),
      onState: (state, detail) => levels.state(this.kind, this.id, state, detail),
    });
    this.last = { interpreter, startedMs: clock.monotonicMs() };
    signal?.addEventListener('abort', () => interpreter.kill(), { once: true });
    await interpreter.start();
    this.interpreter = interpreter;
    return interpreter;
  }

  /**
   * A commit that was under way when the actor was killed is waited for: who reads while it arrives would find himself
   * overtaken by it, and think that the actor is somebody else's.
   */
  private async lastCommit(): Promise<KvEntry | undefined> {
    const { last } = this;
    if (last === undefined) return undefined;
    const { clock } = this.stage;
    let cancel = (): void => undefined;
    const late = new Promise<undefined>((resolve) => {
      cancel = clock.setTimer(COMMIT_WAIT_MS, () => resolve(undefined));
    });
    const stored = await Promise.race([last.interpreter.lastCommit(), late]);
    cancel();
    const isHealthy = clock.monotonicMs() - last.startedMs >= HEALTHY_MS;
    return isHealthy ? stored : undefined;
  }

  get summary(): unknown {
    return this.interpreter && summaryOf(this.definition, this.interpreter);
  }

  async settled(): Promise<boolean> {
    return this.interpreter !== undefined && this.interpreter.depth === 0 && this.interpreter.pendingEffects === 0;
  }

  get depth(): number {
    return this.interpreter?.depth ?? 0;
  }

  fence(error: Error): void {
    this.interpreter?.kill();
    this.onExit({ reason: 'fenced', error });
  }

  tell(event: Parameters<Interpreter['tell']>[0]): void {
    this.interpreter?.tell(event);
  }
}

function summaryOf({ summary }: ActorDefinition, { current }: Interpreter): unknown {
  return summary === undefined ? current.context : summary(current);
}
