/**
 * Runs one actor: takes events from its mailbox, asks the pure machine, commits, performs the effects, brings their
 * outcomes back as events. The only interpreter of effects there is.
 */
import type { ActorDefinition, ControlEvent, EffectContext } from './actor.ts';
import { hearAhead } from './ahead.ts';
import type { KvEntry } from './bus/bus.ts';
import type { Family, TopicName } from './bus/topics.ts';
import { topics } from './bus/topics.ts';
import type { Committed, Noted } from './commit.ts';
import { CommitStore, idleCommitMs } from './commit.ts';
import type { Delivered } from './delivered.ts';
import { Effects } from './effects.ts';
import { messageOf, TroupeError } from './errors.ts';
import type { Subscriber } from './hub.ts';
import type { Inspectable } from './inspect/inspector.ts';
import type { Watch } from './inspect/watch.ts';
import type { InterpreterOptions } from './interpreter-options.ts';
import { Mailbox } from './mailbox.ts';
import { Redo } from './redo.ts';
import type { Turn } from './run-queue.ts';
import { RunQueue } from './run-queue.ts';
import { Timers } from './timers.ts';
import type { Machine, MachineEvent, Snapshot, Step } from './xstate.ts';
import { restore, start, stateName, step } from './xstate.ts';

/** One turn ends after so many events or so long, whichever comes first; then everybody else has a turn. */
export const TURN_EVENTS = 64;
export const TURN_MS = 2;
/** Inputs taken in one step at most, where they may be joined: their effects wait for the step's end. */
export const JOINED_INPUTS = 32;
/** Who watches is told of a new state at once, and of a new description at most this often: prices change all the time. */
const SHOW_MS = 100;
/** So many unwanted messages are worth a commit: a restart would read them again. */
const SKIPPED_COMMIT = 1024;
/** A due commit waits so long for the effects under way. */
const QUIET_WITHIN_MS = 50;

export type { Exit, InterpreterOptions } from './interpreter-options.ts';

/** What waits in the mailbox: an input, an event of the actor's own, or one that may as well be missed. */
type Waiting = Delivered | { readonly event: MachineEvent; readonly completes?: number; readonly isHint?: boolean };

export class Interpreter implements Subscriber, Inspectable {
  readonly inputs: ActorDefinition['inputs'];
  private readonly o: InterpreterOptions;
  private readonly store: CommitStore;
  private readonly queue: RunQueue;
  /** Its place in line, while it waits for its turn. */
  private inLine: Turn | undefined;
  private readonly mailbox = new Mailbox<Waiting>();
  private readonly timers: Timers;
  private readonly effects: Effects;
  private readonly idleCommitMs: number;
  private readonly abort = new AbortController();
  /** Tests of topics of which not every message is wanted. */
  private readonly wants = new Map<TopicName, ((message: never) => boolean)[]>();
  private readonly joins = new Map<TopicName, (previous: never, next: never) => boolean>();
  /** Positions as of the last commit. */
  private readonly committed = new Map<Family, number>();
  private snapshot!: Snapshot;
  /** Last sequence put into the mailbox, and last one applied. */
  private readonly received = new Map<Family, number>();
  private readonly applied = new Map<Family, number>();
  private lineage = 0;
  /** The state has changed since the last commit. */
  private dirty = false;
  private commitDue = false;
  private commitTimer: (() => void) | undefined;
  private readonly redo = new Redo();
  /** A commit that waits for what has been said before it, while the actor goes on. */
  private behind: Promise<void> | undefined;
  private turning: Promise<void> | undefined;
  private state: 'new' | 'running' | 'stopping' | 'ended' = 'new';
  private shownName = '';
  private shownDetail: string | undefined;
  private showTimer: (() => void) | undefined;
  /** Set by the inspector while somebody watches. */
  watch: Watch | undefined;
  private uninspect: (() => void) | undefined;

  constructor(options: InterpreterOptions) {
    this.o = options;
    const { definition, clock, bus, layout, log } = options;
    this.inputs = definition.inputs;
    this.queue = options.queue ?? new RunQueue(clock);
    for (const { topic, joins } of this.inputs) {
      if (joins !== undefined) this.joins.set(topic, joins);
      const tests = this.inputs.filter((input) => input.topic === topic).map(({ wants }) => wants);
      if (tests.every((test) => test !== undefined)) this.wants.set(topic, tests);
    }
    this.store = new CommitStore(options.snapshots, definition);
    this.timers = new Timers(clock, (event) => this.push({ event }));
    const context: EffectContext = { bus, clock, log, layout, signal: this.abort.signal };
    this.idleCommitMs = idleCommitMs(this.name, definition.idleCommitMs);
    this.effects = new Effects(definition, context, {
      onEvent: (event, n) => this.push({ event, completes: n }),
      onFailure: (error) => this.crash(error),
    });
  }

  /** Restores or begins, performs what the outbox still holds, and opens the inputs. Rejects when it is killed before it runs. */
  async start(): Promise<void> {
    const { definition } = this.o;
    const committed = await this.store.load(this.o.stored);
    this.checkWanted();
    // A node that was frozen may get here without its lease: its commit would put the actor's new owner in the wrong.
    if (this.o.mayRun?.() === false) throw new TroupeError('LEASE_LOST', `${this.name} does not start: no lease`);
    if (committed === undefined) await this.begin();
    else this.resume(committed);
    const first = definition.onStart?.(committed !== undefined);
    const isCommitted = committed !== undefined && definition.delivery === 'commit';
    if (isCommitted) {
      if (first !== undefined) this.accept(step(definition.machine, this.snapshot, this.stamped(first)), first);
      this.o.hub.announce?.(this);
      // Before any effect: an earlier owner that still runs without knowing loses its next commit.
      if (first !== undefined || this.o.stored?.isTakenOver !== true) await this.commit();
    }
    this.checkWanted();
    this.state = 'running';
    await this.effects.perform();
    if (this.abort.signal.aborted) return;
    if (first !== undefined && !isCommitted) this.push({ event: first });
    this.show();
    this.uninspect = this.o.inspector?.add(this);
    await this.o.hub.subscribe(this);
    void this.lookAhead();
    this.wake();
  }

  /** Takes no further input, finishes the turn at hand, commits. Resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    if (this.state !== 'running') return;
    this.state = 'stopping';
    await this.o.hub.unsubscribe(this);
    try {
      await this.turning;
      await this.effects.settled();
      await this.turn();
      await this.commit();
    } finally {
      this.end();
    }
  }

  /** Ends at once, without a commit: what was not committed happens again after the next start. */
  kill(): void {
    if (this.state === 'ended') return;
    void this.o.hub.unsubscribe(this);
    this.end();
  }

  /** Control lane. Throws MAILBOX_CONTROL_FULL. */
  tell(event: ControlEvent | MachineEvent): void {
    if (!this.mailbox.offerControl({ event })) {
      throw new TroupeError('MAILBOX_CONTROL_FULL', `${this.name}: control lane is full`);
    }
    this.wake();
    this.inLine?.hurry();
  }

  get kind(): string {
    return this.o.definition.kind;
  }

  get id(): string {
    return this.o.definition.id;
  }

  get machine(): Machine {
    return this.o.definition.machine;
  }

  /**
   * The last commit as the store has it, once a commit under way has come to its end; undefined where nobody knows. For
   * who starts the actor again.
   */
  lastCommit(): Promise<KvEntry | undefined> {
    return this.store.lastSaved();
  }

  describe(snapshot: Snapshot): string {
    return this.o.definition.describe?.(snapshot) ?? '';
  }

  get current(): Snapshot {
    return this.snapshot;
  }

  get depth(): number {
    return this.mailbox.depth;
  }

  /** Effects that are made and not yet known to be performed. */
  get pendingEffects(): number {
    return this.effects.pending;
  }

  /** Sequence of the last applied message of a family, 0 for none. */
  position(family: Family): number {
    return this.applied.get(family) ?? 0;
  }

  taken(family: Family): number {
    return this.received.get(family) ?? 0;
  }

  deliver(delivered: Delivered): void | Promise<void> {
    if (this.state !== 'running') return;
    if (!this.isWanted(delivered)) return this.skip(delivered);
    if (this.mailbox.offer(delivered)) {
      this.received.set(delivered.family, delivered.sequence);
      this.wake();
      return;
    }
    return this.mailbox.space().then(() => {
      // A reader that was opened meanwhile may have brought it.
      if (delivered.sequence > this.taken(delivered.family)) return this.deliver(delivered);
    });
  }

  /** What nobody tests is not decoded before its turn. */
  private isWanted(delivered: Delivered): boolean {
    const tests = this.wants.get(delivered.topic);
    if (tests === undefined || delivered.fault !== undefined) return true;
    return tests.some((test) => test(delivered.message as never));
  }

  private skip(skipped: Delivered): void {
    const { family, sequence } = skipped;
    skipped.letGo?.();
    this.received.set(family, sequence);
    // With inputs waiting, the position moves on with them.
    if (this.mailbox.depth > 0) return;
    this.applied.set(family, sequence);
    if (sequence - (this.committed.get(family) ?? 0) < SKIPPED_COMMIT) return;
    this.committed.set(family, sequence);
    this.dirty = true;
    this.armIdleCommit();
  }

  private get name(): string {
    return `${this.o.definition.kind}.${this.o.definition.id}`;
  }

  /** A start that was given up must not go on when the store answers: the actor may have another owner by then. */
  private checkWanted(): void {
    if (this.abort.signal.aborted) throw new Error(`${this.name} was ended while it started`);
  }

  private async begin(): Promise<void> {
    const { definition, bus } = this.o;
    const origins = new Map<Family, 'start' | 'now'>();
    for (const { topic, from, after } of definition.inputs) {
      const { family, stream } = topics[topic];
      const known = origins.get(family);
      if (known !== undefined && known !== from) {
        throw new RangeError(`${this.name}: inputs of family ${family} begin at different places`);
      }
      if (known === undefined) {
        origins.set(family, from);
        const answered = after && topics[after.topic].subject(after.key, this.o.layout);
        const position = from === 'now' ? await bus.lastSequence(stream, answered) : 0;
        this.applied.set(family, position);
        this.received.set(family, position);
      }
    }
    this.accept(start(definition.machine, definition.input));
    this.checkWanted();
    this.lineage = await this.store.save(this.store.encode(this.toCommit()));
    await this.perform();
  }

  private resume(committed: Committed): void {
    for (const [family, sequence] of Object.entries(committed.positions)) {
      this.applied.set(family as Family, sequence);
      this.received.set(family as Family, sequence);
    }
    this.lineage = committed.lineage;
    try {
      this.snapshot = restore(this.o.definition.machine, committed);
    } catch (thrown) {
      // A state that the machine does not have: somebody has changed the machine without raising its version.
      throw this.store.corrupt(messageOf(thrown), thrown);
    }
    for (const timer of committed.timers) this.timers.arm(timer);
    this.effects.restore(committed.outbox, committed.made, this.lineage);
    this.redo.committed(committed.made);
  }

  private push(waiting: Waiting): void {
    if (this.state === 'ended') return;
    this.mailbox.push(waiting);
    this.wake();
  }

  private wake(): void {
    if (this.turning !== undefined || this.state !== 'running') return;
    this.turning = this.run().finally(() => {
      this.turning = undefined;
      if (this.hasWork) this.wake();
    });
  }

  private get hasWork(): boolean {
    return this.mailbox.depth > 0 || this.commitDue;
  }

  private async run(): Promise<void> {
    try {
      while (this.hasWork && this.state === 'running') {
        // A turn comes after the caller's own work: whoever delivers must not find itself inside the machine.
        this.inLine = this.queue.turn(this.o.definition.urgent === true || this.mailbox.isTold);
        await this.inLine.comes;
        this.inLine = undefined;
        if (this.state !== 'running') return;
        // A node that was frozen finds the time gone before its timers fire: what waited must not be done any more.
        if (this.o.mayRun?.() === false) return this.kill();
        await this.turn();
        if (this.commitDue) await this.commitWhenQuiet();
      }
    } catch (thrown) {
      this.crash(thrown);
    }
  }

  private async turn(): Promise<void> {
    const { clock } = this.o;
    const sinceMs = clock.monotonicMs();
    for (let taken = 0; taken < TURN_EVENTS && this.mailbox.depth > 0; taken++) {
      const waiting = this.mailbox.take()!;
      this.apply(waiting);
      if (clock.monotonicMs() >= sinceMs + TURN_MS) break;
    }
    this.redo.worked(clock.monotonicMs() - sinceMs);
    await this.perform();
    if (this.redo.isMuch(this.effects.made) && this.mayCommitBehind && this.behind === undefined) this.commitDue = true;
    this.armIdleCommit();
    this.show();
  }

  private async perform(): Promise<void> {
    if (this.o.definition.delivery === 'commit' && this.effects.fresh) await this.commit();
    await this.effects.perform();
  }

  /** Nobody waits for it, and without it everything comes a little later. */
  private async lookAhead(): Promise<void> {
    const { ahead } = this.o.definition;
    if (ahead === undefined || ahead.ids.length === 0) return;
    const hear = (event: MachineEvent): void => {
      if (this.state === 'running' && this.mailbox.offer({ event, isHint: true })) this.wake();
    };
    try {
      const stop = await hearAhead(this.o.snapshots, ahead, hear);
      if (this.abort.signal.aborted) await stop();
      else this.abort.signal.addEventListener('abort', () => void stop());
    } catch (thrown) {
      this.o.log.warn({ err: thrown }, `${this.name}: ${ahead.topic}s are heard a round trip later`);
    }
  }

  private apply(waiting: Waiting): void {
    if ('event' in waiting) {
      this.applyEvent(waiting);
      return;
    }
    const inputs = this.joined(waiting);
    if (inputs.length === 1) this.applyInput(waiting);
    else if (!this.applyTogether(inputs)) for (const input of inputs) this.applyInput(input);
    for (const input of inputs) input.letGo?.();
  }

  /** `first` and those right behind it that its input lets be taken with it. */
  private joined(first: Delivered): Delivered[] {
    const inputs = [first];
    const joins = this.joins.get(first.topic);
    if (joins === undefined || !this.isUsable(first)) return inputs;
    const test = (next: Waiting): boolean =>
      !('event' in next) &&
      next.topic === first.topic &&
      this.isUsable(next) &&
      joins(inputs.at(-1)!.message as never, next.message as never);
    while (inputs.length < JOINED_INPUTS) {
      const next = this.mailbox.takeIf(test);
      if (next === undefined) break;
      inputs.push(next as Delivered);
    }
    return inputs;
  }

  private applyEvent({ event, completes, isHint }: Exclude<Waiting, Delivered>): void {
    if (completes !== undefined) this.effects.complete(completes);
    let next: Step;
    try {
      next = step(this.o.definition.machine, this.snapshot, this.stamped(event));
    } catch (thrown) {
      if (isHint !== true) throw thrown;
      return; // Nothing has happened. The message itself will come, and what the machine throws at that is counted.
    }
    this.accept(next, event);
  }

  private isUsable({ fault, family, sequence }: Delivered): boolean {
    return fault === undefined && !this.o.poison.isBuried(family, sequence);
  }

  /** False when the machine threw: then nothing has happened, and which of them it was shows one by one. */
  private applyTogether(inputs: readonly Delivered[]): boolean {
    const [first, ...rest] = inputs as [Delivered, ...Delivered[]];
    const more = rest.map(({ message }) => message);
    const event = { type: first.topic, message: first.message, more, sequence: first.sequence };
    let next: Step;
    try {
      next = step(this.o.definition.machine, this.snapshot, this.stamped(event));
    } catch {
      return false;
    }
    this.accept(next, event, inputs);
    this.applied.set(first.family, inputs.at(-1)!.sequence);
    return true;
  }

  private applyInput(delivered: Delivered): void {
    const { poison } = this.o;
    const { family, sequence, fault } = delivered;
    if (fault !== undefined) poison.bury(delivered, fault);
    else if (poison.isBuried(family, sequence)) this.o.log.warn({ family, sequence }, 'skipping a buried input');
    // Past it for good: the record dies with this node, and the next one would try it five times more.
    if (fault !== undefined || poison.isBuried(family, sequence)) this.commitDue = true;
    else {
      const event = { type: delivered.topic, message: delivered.message, sequence };
      try {
        this.accept(step(this.o.definition.machine, this.snapshot, this.stamped(event)), event, [delivered]);
      } catch (thrown) {
        poison.failed(delivered, messageOf(thrown));
        throw new TroupeError('ACTOR_THREW', messageOf(thrown), { cause: thrown });
      }
    }
    this.applied.set(family, sequence);
    this.dirty = true;
  }

  private stamped(event: MachineEvent): MachineEvent {
    const atUs = this.o.clock.nowUs();
    return { ...event, atMs: Math.floor(atUs / 1000), atUs };
  }

  private accept(next: Step, event?: MachineEvent, causes: readonly Delivered[] = []): void {
    if (this.watch !== undefined && event !== undefined) this.watch.stepped(this.snapshot, event, next);
    this.snapshot = next.snapshot;
    this.dirty = true;
    for (const id of next.cancelledTimers) this.timers.cancel(id);
    for (const { id, delayMs, event: due } of next.timers) {
      this.timers.arm({ id, atMs: this.o.clock.nowMs() + delayMs, event: due });
    }
    this.effects.add(next.effects, causes);
    if (event !== undefined) this.o.definition.observe?.(event, next.snapshot);
  }

  private toCommit(): Committed {
    return {
      value: this.snapshot.value,
      context: this.snapshot.context,
      positions: Object.fromEntries(this.applied),
      outbox: this.effects.outbox(),
      timers: this.timers.pending(),
      made: this.effects.made,
      lineage: this.lineage,
    };
  }

  /**
   * What can be replayed waits for its effects before it is committed. A store that is away must not hold the actor's
   * turns and its control lane: then the commit comes later.
   */
  private async commitWhenQuiet(): Promise<void> {
    if (this.mayCommitBehind) {
      this.commitBehind();
      return;
    }
    if (this.o.definition.delivery === 'replay' && this.effects.pending > 0) {
      let cancel = (): void => undefined;
      const late = new Promise<void>((resolve) => {
        cancel = this.o.clock.setTimer(QUIET_WITHIN_MS, resolve);
      });
      await Promise.race([this.effects.settled(), late]);
      cancel();
      if (this.effects.running) {
        this.commitDue = false;
        return;
      }
    }
    await this.commit();
  }

  /** What it has said needs no answer, and would be said again with the same ids. */
  private get mayCommitBehind(): boolean {
    return this.o.definition.delivery === 'replay' && this.effects.onlySpeaks;
  }

  /** The actor goes on: what it is now is saved once all that it has said until now is stored. */
  private commitBehind(): void {
    this.commitDue = false;
    // One at a time; what has changed since then is committed a little later.
    if (this.behind !== undefined) return;
    const noted = this.noteCommit();
    const work = this.effects.begun().then(async () => {
      if (this.o.poison.telling !== undefined) await this.o.poison.telling;
      if (!this.abort.signal.aborted) await this.save(noted);
    });
    this.behind = work
      .catch((thrown: unknown) => this.crash(thrown))
      .finally(() => {
        this.behind = undefined;
        if (this.state === 'running') this.armIdleCommit();
      });
  }

  /** `committed` may move on before it is stored, past messages that are only skipped: its positions stand here. */
  private noteCommit(): Noted {
    this.dirty = false;
    this.commitDue = false;
    this.redo.committed(this.effects.made);
    for (const [family, sequence] of this.applied) this.committed.set(family, sequence);
    const bytes = this.store.encode(this.toCommit());
    return { bytes, positions: new Map(this.applied), foretold: this.effects.foretold() };
  }

  private async save({ bytes, positions, foretold }: Noted): Promise<void> {
    const sinceMs = this.o.clock.monotonicMs();
    const revision = await this.store.save(bytes, foretold);
    this.o.onCommit?.(this.o.clock.monotonicMs() - sinceMs);
    if (this.lineage === 0) this.lineage = revision;
    this.effects.committed(this.lineage);
    this.o.poison.committed(positions);
  }

  private async commit(): Promise<void> {
    if (this.behind !== undefined) await this.behind;
    // What can be replayed is only committed once all its effects have been performed and their answers applied.
    while (this.o.definition.delivery === 'replay' && this.effects.pending > 0) {
      await this.effects.perform();
      await this.effects.settled();
      // Killed meanwhile: what is under way will never be known to be done, and to wait for it would stop the process.
      if (this.abort.signal.aborted) return;
      for (let own = this.mailbox.takeOwn(); own !== undefined; own = this.mailbox.takeOwn()) this.apply(own);
    }
    if (this.o.poison.telling !== undefined) await this.o.poison.telling;
    await this.save(this.noteCommit());
  }

  /** State without effects is committed too, a little later: a restart then has less to read again. */
  private armIdleCommit(): void {
    if (!this.dirty || this.commitTimer !== undefined) return;
    this.commitTimer = this.o.clock.setTimer(this.idleCommitMs, () => {
      this.commitTimer = undefined;
      if (!this.dirty) return;
      this.commitDue = true;
      this.wake();
    });
  }

  private show(): void {
    if (this.o.onState === undefined) return;
    const name = stateName(this.snapshot);
    if (name === this.shownName && this.showTimer !== undefined) return;
    const detail = this.o.definition.describe?.(this.snapshot) ?? '';
    if (name === this.shownName && detail === this.shownDetail) return;
    this.shownName = name;
    this.shownDetail = detail;
    this.o.onState(name, detail);
    // The timer looks again, so the last description always arrives.
    this.showTimer ??= this.o.clock.setTimer(SHOW_MS, () => {
      this.showTimer = undefined;
      if (this.state === 'running') this.show();
    });
  }

  private crash(thrown: unknown): void {
    if (this.state === 'ended' || this.state === 'stopping') return;
    this.state = 'ended';
    this.watch?.failed(thrown);
    void this.o.hub.unsubscribe(this);
    this.end();
    const fenced = thrown instanceof TroupeError && (thrown.code === 'BUS_CONFLICT' || thrown.code === 'FENCED');
    this.o.onExit({ reason: fenced ? 'fenced' : 'crash', error: thrown });
  }

  private end(): void {
    this.state = 'ended';
    this.abort.abort();
    this.uninspect?.();
    this.commitTimer?.();
    this.showTimer?.();
    this.timers.stop();
    this.mailbox.close();
  }
}
