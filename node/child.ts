/** An actor as a child of a supervisor: every start is a new interpreter over the same definition. */
import type { ActorDefinition } from '../runtime/actor.ts';
import type { Bus, KeyValue } from '../runtime/bus/bus.ts';
import type { Layout } from '../runtime/bus/topics.ts';
import type { Clock } from '../runtime/clock.ts';
import type { InputHub } from '../runtime/hub.ts';
import { Interpreter } from '../runtime/interpreter.ts';
import { PoisonRecord } from '../runtime/poison.ts';
import type { Logger } from '../runtime/telemetry/log.ts';
import type { Metrics } from '../runtime/telemetry/metrics.ts';
import type { ChildSpec } from '../supervisors/supervisor.ts';
import type { Levels } from './levels.ts';
import type { Member } from './member.ts';

export interface Stage {
  readonly bus: Bus;
  readonly snapshots: KeyValue;
  readonly hub: InputHub;
  readonly clock: Clock;
  readonly log: Logger;
  readonly layout: Layout;
  readonly levels: Levels;
  readonly metrics: Metrics;
}

/** The running interpreter of one actor, whichever start it is. */
export class ActorChild implements Member {
  readonly kind: string;
  readonly id: string;
  readonly shutdownMs: number;
  private interpreter: Interpreter | undefined;
  readonly definition: ActorDefinition;
  private readonly stage: Stage;
  private readonly poison: PoisonRecord;
  private readonly beforeStart: () => Promise<void>;

  /** `beforeStart` runs before every start: a broker takes its fence there. */
  constructor(definition: ActorDefinition, stage: Stage, shutdownMs: number, beforeStart = async () => {}) {
    this.kind = definition.kind;
    this.id = definition.id;
    this.shutdownMs = shutdownMs;
    this.definition = definition;
    this.stage = stage;
    this.beforeStart = beforeStart;
    const { kind, id } = this;
    this.poison = new PoisonRecord({ ...stage, kind, id, onBuried: () => stage.metrics.deadLetters.inc({ kind }) });
  }

  async start(onExit: Parameters<ChildSpec['start']>[0]): Promise<Interpreter> {
    await this.beforeStart();
    const { levels, log, metrics } = this.stage;
    const interpreter = new Interpreter({
      ...this.stage,
      definition: this.definition,
      log: log.child({ kind: this.kind, id: this.id }),
      poison: this.poison,
      onExit,
      onCommit: (tookMs) => metrics.commitLatency.observe(tookMs),
      onState: (state, detail) => levels.state(this.kind, this.id, state, detail),
    });
    await interpreter.start();
    this.interpreter = interpreter;
    return interpreter;
  }

  get summary(): unknown {
    const snapshot = this.interpreter?.current;
    if (snapshot === undefined) return undefined;
    const { summary } = this.definition;
    return summary === undefined ? snapshot.context : summary(snapshot);
  }

  async settled(): Promise<boolean> {
    return this.interpreter !== undefined && this.interpreter.depth === 0 && this.interpreter.pendingEffects === 0;
  }

  get depth(): number {
    return this.interpreter?.depth ?? 0;
  }

  tell(event: Parameters<Interpreter['tell']>[0]): void {
    this.interpreter?.tell(event);
  }
}
