/**
 * The effects of one actor: those that wait for a commit, those that are under way, and the outbox that a commit
 * carries.
 */
import type { ActorDefinition, EffectContext, PublishEffect } from './actor.ts';
import type { Topic, TopicKey } from './bus/topics.ts';
import { actorKey, topics } from './bus/topics.ts';
import type { OutboxEntry } from './commit.ts';
import type { Effect, MachineEvent } from './xstate.ts';

const DEFAULT_IN_FLIGHT = 256;
/** The rest of a commit is heard when it is said. */
export const MOST_FORETOLD_BYTES = 16 * 2 ** 10;

interface Made extends OutboxEntry {
  /** Message id where it can be told from the input alone; otherwise the lineage and `n` make it. */
  readonly messageId?: string;
}

export interface EffectsHooks {
  /** An effect's answer; the entry is done when this event has been applied. */
  readonly onEvent: (event: MachineEvent, n: number) => void;
  readonly onFailure: (error: unknown) => void;
}

export class Effects {
  made = 0;
  private lineage = 0;
  /** Made, not yet begun. */
  private waiting: Made[] = [];
  /** Messages among those that are under way. */
  private speaking = 0;
  /** Begun, not yet done. */
  private readonly underWay = new Map<number, Made>();
  private readonly works = new Set<Promise<void>>();
  private room: (() => void) | undefined;
  private readonly definition: ActorDefinition;
  private readonly context: EffectContext;
  private readonly hooks: EffectsHooks;
  private readonly prefix: string;

  constructor(definition: ActorDefinition, context: EffectContext, hooks: EffectsHooks) {
    this.definition = definition;
    this.context = context;
    this.hooks = hooks;
    this.prefix = actorKey(definition.kind, definition.id);
  }

  get pending(): number {
    return this.waiting.length + this.underWay.size;
  }

  /** Whether an effect is under way: begun, and its performer has not answered. */
  get running(): boolean {
    return this.works.size > 0;
  }

  /** Whether everything that is pending is a message under way, of which no event comes back. */
  get onlySpeaks(): boolean {
    if (this.waiting.length > 0) return false;
    return this.underWay.size === this.speaking;
  }

  /** Resolves when what is under way now is done. */
  async begun(): Promise<void> {
    await Promise.all(this.works);
  }

  /** Whether there are effects that no commit knows yet. */
  get fresh(): boolean {
    return this.waiting.length > 0;
  }

  /** `causes`: the inputs that were taken in this step. An id is that of its input, and the effect's place among its. */
  add(effects: readonly Effect[], causes: readonly { family: string; sequence: number }[]): void {
    const fromInput = this.definition.delivery === 'replay' && causes.length > 0;
    let of = -1;
    let index = 0;
    for (const effect of effects) {
      const entry = { n: ++this.made, type: effect.type, params: effect.params };
      if (!fromInput) {
        this.waiting.push(entry);
        continue;
      }
      const from = (effect.params as { of?: number } | undefined)?.of ?? 0;
      index = from === of ? index + 1 : 0;
      of = from;
      const { family, sequence } = causes[from]!;
      this.waiting.push({ ...entry, messageId: `${this.prefix}.${family}.${sequence}.${index}` });
    }
  }

  /** Takes over the outbox of a commit: what the actor's definition lets be performed again is begun again. */
  restore(outbox: readonly OutboxEntry[], made: number, lineage: number): void {
    this.made = made;
    this.lineage = lineage;
    this.waiting = outbox.filter(({ type, params }) => this.definition.redeliver?.(type, params) ?? true);
  }

  outbox(): OutboxEntry[] {
    if (this.definition.delivery === 'replay') return [];
    return [...this.underWay.values(), ...this.waiting].map(({ n, type, params }) => ({ n, type, params }));
  }

  /** What the next commit foretells: of those that wait for it, in their order, as much as has room. */
  foretold(): Uint8Array[] {
    const { foretell } = this.definition;
    const told: Uint8Array[] = [];
    if (foretell === undefined) return told;
    let room = MOST_FORETOLD_BYTES;
    for (const { type, params } of this.waiting) {
      const bytes = foretell(type, params);
      if (bytes === undefined) continue;
      room -= bytes.length;
      if (room < 0) break;
      told.push(bytes);
    }
    return told;
  }

  committed(lineage: number): void {
    this.lineage = lineage;
  }

  complete(n: number): void {
    this.underWay.delete(n);
  }

  /** Begins everything that waits; delivery `replay` waits for room first. */
  async perform(): Promise<void> {
    const limit = this.definition.maxInFlight ?? DEFAULT_IN_FLIGHT;
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      // Somebody waits for what is asked of others (a command to the terminal); messages leave after it, in their order.
      for (const entry of batch) if (entry.type !== 'publish') this.begin(entry);
      for (const entry of batch) if (entry.type === 'publish') this.begin(entry);
      if (this.definition.delivery === 'replay' && this.works.size > limit) {
        await new Promise<void>((resolve) => {
          this.room = resolve;
        });
      }
    }
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    while (this.works.size > 0 && !this.context.signal.aborted) await Promise.all(this.works);
  }

  private begin(entry: Made): void {
    this.underWay.set(entry.n, entry);
    if (entry.type === 'publish') this.speaking++;
    const work: Promise<void> = this.performOne(entry)
      .then((event) => {
        if (event === undefined) {
          this.underWay.delete(entry.n);
          if (entry.type === 'publish') this.speaking--;
        } else this.hooks.onEvent(event, entry.n);
      })
      .catch((thrown: unknown) => {
        if (!this.context.signal.aborted) this.hooks.onFailure(thrown);
      })
      .finally(() => {
        this.works.delete(work);
        const limit = this.definition.maxInFlight ?? DEFAULT_IN_FLIGHT;
        if (this.works.size <= limit / 2 || this.context.signal.aborted) {
          this.room?.();
          this.room = undefined;
        }
      });
    this.works.add(work);
  }

  private async performOne(entry: Made): Promise<MachineEvent | undefined> {
    if (entry.type === 'publish') {
      await this.publish(entry);
      return undefined;
    }
    const perform = this.definition.perform?.[entry.type];
    if (perform === undefined) {
      throw new RangeError(`${this.prefix}: no performer for effect ${entry.type}`);
    }
    return perform(entry.params as never, this.context);
  }

  private async publish(entry: Made): Promise<void> {
    const { topic, message } = entry.params as PublishEffect['params'];
    const wire = topics[topic] as unknown as Topic<unknown, unknown> & { keyOf(message: unknown): TopicKey };
    await this.context.bus.publish({
      subject: wire.subject(wire.keyOf(message), this.context.layout),
      data: wire.encode(message),
      messageId: entry.messageId ?? `${this.prefix}.${this.lineage}.${entry.n}`,
      // Of what can be replayed there is much, and nobody waits for one of it.
      patient: this.definition.delivery === 'replay',
    });
  }
}
