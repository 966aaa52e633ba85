/**
 * Inputs of a node: actors that read the same family of subjects share one ordered reader. Each actor drops what it
 * has already taken, so a reader may start again further back whenever an actor needs it.
 */
import type { Bus, StoredMessage, StreamReader } from './bus/bus.ts';
import { matchesSubject, partitionOf } from './bus/subjects.ts';
import type { Family, Layout, Topic, TopicKey, TopicName } from './bus/topics.ts';
import { topics } from './bus/topics.ts';
import type { Clock } from './clock.ts';
import { type Delivered, deliveredOf } from './delivered.ts';
import { LateComer } from './late-comer.ts';
import { RECENT_BYTES, Recent } from './recent.ts';
import type { Logger } from './telemetry/log.ts';

export interface Subscriber {
  readonly inputs: readonly { topic: TopicName; key: TopicKey }[];
  /** Sequence of the last message taken, per family; the hub asks before every delivery. */
  taken(family: Family): number;
  /** A promise means: wait with the next one. */
  deliver(message: Delivered): void | Promise<void>;
}

/** Where an actor's inputs come from. */
export interface Inputs {
  /**
   * It will subscribe soon, with what it has taken by now: what takes time may begin. Nothing is delivered before it
   * subscribes.
   */
  announce?(subscriber: Subscriber): void;
  /** Begins delivery of everything after `subscriber.taken()`. Resolves when the readers stand. */
  subscribe(subscriber: Subscriber): Promise<void>;
  unsubscribe(subscriber: Subscriber): Promise<void>;
}

const anyTopic = (name: TopicName): Topic<unknown, never> => topics[name] as unknown as Topic<unknown, never>;

const EVERY_PARTITION = -1;
/** How a filter of market data begins that leaves the symbol open. */
const OPEN_MARKET = 'md.*.';

/** So many read by themselves what they lack; when more come together, one reading for all is cheaper. */
const MOST_LATE = 8;
/** A reader that nobody hears any more stays open so long: who left because it starts again is back in a moment. */
export const LINGER_MS = 1_000;
/**
 * Who comes back is handed what it lacks for so long in one go, before others have a turn; the time is looked at after so
 * many messages of its own. Of ten messages that are kept nine may be others': with a turn for everybody after every 128 of
 * all of them, an actor that had four seconds to catch up with came back after sixty rounds of the event loop.
 */
const HANDING_MS = 2;
const HANDED_AT_ONCE = 32;
/** Messages that are looked through at once; most of them are others'. */
const LOOKED_AT_ONCE = 4_096;

interface Route {
  /** The same string for every message of it that waits. */
  readonly subject: string;
  readonly topic: TopicName;
  readonly subscribers: Subscriber[];
}

/** Who hears what: by whole subject where an input names one, by filter where it leaves something open. */
interface Routes {
  readonly whole: ReadonlyMap<string, Route>;
  readonly open: readonly { readonly filter: string; readonly topic: TopicName; readonly subscriber: Subscriber }[];
}

class FamilyReader {
  readonly subscribers = new Set<Subscriber>();
  /**
   * Those for whom the running reader began early enough. Who comes while it runs, or while it is being opened, gets
   * nothing of it: later messages before the earlier ones would make it miss these.
   */
  private readonly joined = new Set<Subscriber>();
  /** Those that still read by themselves what the others have had already. */
  private readonly late = new Map<Subscriber, LateComer>();
  /** Those that are still being handed what is kept of it, and by which handing over. */
  private readonly replaying = new Map<Subscriber, symbol>();
  private readonly recent: Recent;
  /** Set for a while after somebody has left. */
  private cancelLinger: (() => void) | undefined;
  /** Messages that a subscriber had no room for yet. */
  private waiting = 0;
  private reader: StreamReader | undefined;
  /** Subjects met so far. */
  private readonly met = new Map<string, Route | undefined>();
  private routes: Routes | undefined;
  /** Sequence of the last message handed out; nothing at or before it comes again from the running reader. */
  private position = 0;
  private change: Promise<void> = Promise.resolve();
  private waitingForOpen: Promise<void> | undefined;
  private readonly hub: InputHub;
  private readonly family: Family;

  constructor(hub: InputHub, family: Family) {
    this.hub = hub;
    this.family = family;
    this.recent = new Recent(hub.recentBytes);
  }

  add(subscriber: Subscriber): Promise<void> {
    this.subscribers.add(subscriber);
    // Many actors start together: one opening serves all who came before it happens.
    this.waitingForOpen ??= Promise.resolve().then(() => {
      this.waitingForOpen = undefined;
      return this.serially(() => this.reopen());
    });
    return this.waitingForOpen;
  }

  remove(subscriber: Subscriber): Promise<void> {
    this.subscribers.delete(subscriber);
    this.joined.delete(subscriber);
    this.replaying.delete(subscriber);
    this.endLate(subscriber);
    this.forgetRoutes();
    // What is under way may still bring a reader: it is waited for, so that nobody leaves behind his back.
    return this.serially(async () => this.linger());
  }

  private linger(): void {
    this.cancelLinger?.();
    this.cancelLinger = this.hub.clock.setTimer(LINGER_MS, () => {
      this.cancelLinger = undefined;
      void this.serially(async () => {
        if (this.subscribers.size > 0) return;
        const { reader } = this;
        this.reader = undefined;
        await reader?.stop();
      });
    });
  }

  private serially(work: () => Promise<void>): Promise<void> {
    const run = this.change.then(work);
    this.change = run.catch(() => undefined);
    return run;
  }

  private async reopen(): Promise<void> {
    if (this.subscribers.size === 0) return;
    const planned = [...this.subscribers];
    const { filters, from } = this.plan();
    if (this.reader !== undefined && this.isOpenFor(filters)) {
      if (from >= this.position) {
        this.join(planned);
        return;
      }
      const lack = planned.filter((one) => !this.joined.has(one) && one.taken(this.family) < this.position);
      const lost = lack.filter((one) => !this.replaying.has(one) && !this.recent.reaches(one.taken(this.family)));
      if (lost.length <= MOST_LATE) {
        const lacking = new Set(lack);
        this.join(planned.filter((one) => !lacking.has(one)));
        const fresh = lack.filter((one) => !this.replaying.has(one) && !this.late.has(one));
        const late = new Set(lost);
        for (const one of fresh) if (!late.has(one)) this.replay(one);
        await Promise.all(fresh.filter((one) => late.has(one)).map((one) => this.letCatchUp(one)));
        return;
      }
    }
    const { reader } = this;
    this.reader = undefined;
    await reader?.stop();
    this.join(planned);
    this.open = filters;
    this.position = from;
    this.recent.begin(from);
    this.reader = await this.hub.bus.read({
      stream: this.stream(),
      filters,
      fromSequence: from + 1,
      onMessage: (message) => this.dispatch(message),
      onError: (error) => this.hub.onFailure(error),
    });
  }

  private join(planned: readonly Subscriber[]): void {
    for (const subscriber of planned) {
      if (!this.subscribers.has(subscriber)) continue;
      this.joined.add(subscriber);
      this.replaying.delete(subscriber);
      this.endLate(subscriber);
    }
    this.forgetRoutes();
  }

  /**
   * While somebody who has left may come back, a reader that reads more than is wanted just then is not made anew: with
   * the first of an account's actors all the others are on their way.
   */
  private isOpenFor(filters: readonly string[]): boolean {
    if (this.open.join(' ') === filters.join(' ')) return true;
    return (
      this.cancelLinger !== undefined && filters.every((one) => this.open.some((open) => matchesSubject(open, one)))
    );
  }

  private replay(subscriber: Subscriber): void {
    const work = Symbol();
    this.replaying.set(subscriber, work);
    this.handOver(subscriber, work).catch((error: Error) => this.hub.onFailure(error));
  }

  private async handOver(subscriber: Subscriber, work: symbol): Promise<void> {
    const inputOf = bySubject(this.wantedBy(subscriber));
    // Over: it has left, or a reader was opened that brings everything.
    const isOver = (): boolean => this.replaying.get(subscriber) !== work;
    const { clock } = this.hub;
    let untilMs = clock.monotonicMs() + HANDING_MS;
    const pause = async (): Promise<void> => {
      await clock.yield();
      untilMs = clock.monotonicMs() + HANDING_MS;
    };
    let handed = 0;
    for (let at = subscriber.taken(this.family); ; ) {
      const found = this.recent.after(at, LOOKED_AT_ONCE, (subject) => inputOf(subject) !== undefined);
      if (found === undefined) break;
      if (found.looked === 0) {
        this.join([subscriber]);
        return;
      }
      for (const message of found.messages) {
        const wait = subscriber.deliver(deliveredOf(inputOf(message.subject)!.topic, message));
        if (wait !== undefined) await wait;
        else if (++handed % HANDED_AT_ONCE === 0 && clock.monotonicMs() >= untilMs) await pause();
        if (isOver()) return;
      }
      at = found.last;
      if (found.looked === LOOKED_AT_ONCE && clock.monotonicMs() >= untilMs) await pause();
      if (isOver()) return;
    }
    // It took too long: what it lacks now is not kept any more.
    this.replaying.delete(subscriber);
    await this.letCatchUp(subscriber);
  }

  private wantedBy({ inputs }: Subscriber): { readonly topic: TopicName; readonly filter: string }[] {
    return inputs
      .filter(({ topic }) => topics[topic].family === this.family)
      .map(({ topic, key }) => ({ topic, filter: anyTopic(topic).subject(key, this.hub.layout) }));
  }

  private async letCatchUp(subscriber: Subscriber): Promise<void> {
    const wanted = this.wantedBy(subscriber);
    const late: LateComer = new LateComer({
      ...{ bus: this.hub.bus, stream: this.stream() },
      filters: wanted.map(({ filter }) => filter),
      taken: () => subscriber.taken(this.family),
      deliver: (message) => {
        const input = wanted.find(({ filter }) => matchesSubject(filter, message.subject));
        return input && subscriber.deliver(deliveredOf(input.topic, message));
      },
      onLevel: () => {
        if (this.late.get(subscriber) === late) this.join([subscriber]);
      },
      onError: (error) => this.hub.onFailure(error),
    });
    this.late.set(subscriber, late);
    this.forgetRoutes();
    await late.start();
  }

  private endLate(subscriber: Subscriber): void {
    const late = this.late.get(subscriber);
    this.late.delete(subscriber);
    late?.end();
  }

  private open: readonly string[] = [];

  private stream(): string {
    for (const { inputs } of this.subscribers) {
      for (const { topic } of inputs) if (topics[topic].family === this.family) return topics[topic].stream;
    }
    throw new RangeError(`no input of family ${this.family}`);
  }

  /**
   * One filter per topic, with every name left open that differs between subscribers: a reader with hundreds of
   * filters costs the server more than messages that nobody here wants. Where symbols are left open and only some of the
   * partitions are wanted, one per partition: a node that runs a part of the market reads that part. One filter is the
   * cheapest: with several the server searches all subjects of a block for each message.
   */
  private plan(): { filters: string[]; from: number } {
    const keys = new Map<TopicName, TopicKey>();
    const wanted = new Map<TopicName, Set<number>>();
    let from = Number.MAX_SAFE_INTEGER;
    for (const subscriber of this.subscribers) {
      for (const { topic, key } of subscriber.inputs) {
        if (topics[topic].family !== this.family) continue;
        const known = keys.get(topic);
        keys.set(topic, known === undefined ? key : commonKey(known, key));
        const { symbol } = key;
        const some = wanted.get(topic) ?? new Set();
        wanted.set(topic, some);
        // No symbol: all partitions, which no number stands for.
        some.add(symbol === undefined ? EVERY_PARTITION : this.hub.partitionOf(symbol));
      }
      // Who was there when the reader opened has been offered everything up to its position, however old the last
      // message is that it took: only who came since may need more.
      const isNew = !this.joined.has(subscriber) || this.reader === undefined || this.waiting > 0;
      from = Math.min(from, isNew ? subscriber.taken(this.family) : this.position);
    }
    const filters = [...keys].flatMap(([topic, key]) => this.filtersOf(topic, key, wanted.get(topic)!)).sort();
    return { filters, from };
  }

  private filtersOf(topic: TopicName, key: TopicKey, wanted: ReadonlySet<number>): string[] {
    const { layout, inhabited } = this.hub;
    const all = anyTopic(topic).subject(key, layout);
    if (!all.startsWith(OPEN_MARKET) || wanted.has(EVERY_PARTITION) || wanted.size >= inhabited) return [all];
    return [...wanted].map((partition) => anyTopic(topic).subject({ ...key, partition }, layout));
  }

  /** Whether everything that the stream holds for this reader has been handed out. */
  async caughtUp(): Promise<boolean> {
    if (this.subscribers.size === 0) return true;
    if (this.late.size > 0 || this.replaying.size > 0) return false;
    const stream = this.stream();
    for (const filter of this.plan().filters) {
      if ((await this.hub.bus.lastSequence(stream, filter)) > this.position) return false;
    }
    return true;
  }

  private dispatch(message: StoredMessage): void | Promise<void> {
    this.position = message.sequence;
    this.hub.bytes += message.data.length;
    this.recent.add(message);
    const route = this.routeOf(message.subject);
    if (route === undefined) {
      message.loan?.giveBack();
      return;
    }
    const delivered = deliveredOf(route.topic, message, route.subject);
    let waits: Promise<void>[] | undefined;
    for (const subscriber of route.subscribers) {
      if (subscriber.taken(this.family) >= message.sequence) continue;
      const late = this.late.size === 0 ? undefined : this.late.get(subscriber);
      if (late !== undefined) {
        late.pass(message.sequence);
        continue;
      }
      delivered.hold?.();
      const wait = subscriber.deliver(delivered);
      if (wait !== undefined) {
        waits ??= [];
        waits.push(wait);
      }
    }
    delivered.letGo?.();
    if (waits === undefined) return undefined;
    this.waiting++;
    return Promise.all(waits).then(
      () => {
        this.waiting--;
      },
      (error: unknown) => {
        this.waiting--;
        throw error;
      },
    );
  }

  private forgetRoutes(): void {
    this.met.clear();
    this.routes = undefined;
  }

  private routeOf(subject: string): Route | undefined {
    const met = this.met.get(subject);
    if (met !== undefined || this.met.has(subject)) return met;
    this.routes ??= this.makeRoutes();
    const { whole, open } = this.routes;
    const known = whole.get(subject);
    const matching = open.filter(({ filter }) => matchesSubject(filter, subject));
    const topic = known?.topic ?? matching[0]?.topic;
    const subscribers = new Set([...(known?.subscribers ?? []), ...matching.map(({ subscriber }) => subscriber)]);
    const route = topic === undefined ? undefined : { subject, topic, subscribers: [...subscribers] };
    this.met.set(subject, route);
    return route;
  }

  private makeRoutes(): Routes {
    const whole = new Map<string, Route>();
    const open: { filter: string; topic: TopicName; subscriber: Subscriber }[] = [];
    for (const subscriber of [...this.joined, ...this.late.keys()]) {
      for (const { topic, key } of subscriber.inputs) {
        if (topics[topic].family !== this.family) continue;
        const filter = anyTopic(topic).subject(key, this.hub.layout);
        if (filter.includes('*') || filter.includes('>')) open.push({ filter, topic, subscriber });
        else if (whole.has(filter)) whole.get(filter)!.subscribers.push(subscriber);
        else whole.set(filter, { subject: filter, topic, subscribers: [subscriber] });
      }
    }
    return { whole, open };
  }
}

/** Which of the inputs hears a subject; each subject is matched once. */
function bySubject<T extends { readonly filter: string }>(inputs: readonly T[]): (subject: string) => T | undefined {
  const met = new Map<string, T | undefined>();
  return (subject) => {
    let input = met.get(subject);
    if (input === undefined && !met.has(subject)) {
      input = inputs.find(({ filter }) => matchesSubject(filter, subject));
      met.set(subject, input);
    }
    return input;
  };
}

/** Families of the topics that a subscriber hears. */
export function familiesOf({ inputs }: Pick<Subscriber, 'inputs'>): Family[] {
  return [...new Set(inputs.map(({ topic }) => topics[topic].family))];
}

function commonKey(a: TopicKey, b: TopicKey): TopicKey {
  const common: Record<string, string> = {};
  for (const [name, value] of Object.entries(a)) {
    if (value !== undefined && b[name as keyof TopicKey] === value) common[name] = value;
  }
  return common;
}

export interface HubOptions {
  readonly bus: Bus;
  readonly layout: Layout;
  readonly clock: Clock;
  readonly log: Logger;
  /** Of each family so much is kept of what was handed out. Default: RECENT_BYTES. */
  readonly recentBytes?: number;
  /** All symbols of the market, where they are known: a reader that wants the partition of each wants everything. */
  readonly symbols?: Iterable<string>;
  /** A reader cannot go on (its stream is gone): the node cannot do its work. */
  readonly onFailure: (error: Error) => void;
}

export class InputHub implements Inputs {
  readonly bus: Bus;
  readonly layout: Layout;
  readonly clock: Clock;
  readonly recentBytes: number;
  readonly onFailure: (error: Error) => void;
  private readonly families = new Map<Family, FamilyReader>();
  private readonly partitions = new Map<string, number>();
  /** Partitions that have a symbol. */
  readonly inhabited: number;
  /** Of the messages handed out so far, whoever heard them. */
  bytes = 0;

  constructor(options: HubOptions) {
    this.bus = options.bus;
    this.layout = options.layout;
    this.clock = options.clock;
    this.recentBytes = options.recentBytes ?? RECENT_BYTES;
    this.onFailure = options.onFailure;
    const { symbols, layout } = options;
    this.inhabited = symbols ? new Set([...symbols].map((one) => this.partitionOf(one))).size : layout.partitions;
  }

  /** Hashed once per name: all of them are asked for whenever somebody comes or goes. */
  partitionOf(symbol: string): number {
    let partition = this.partitions.get(symbol);
    if (partition === undefined) {
      partition = partitionOf(symbol, this.layout.partitions);
      this.partitions.set(symbol, partition);
    }
    return partition;
  }

  async subscribe(subscriber: Subscriber): Promise<void> {
    await Promise.all(familiesOf(subscriber).map((family) => this.family(family).add(subscriber)));
  }

  async unsubscribe(subscriber: Subscriber): Promise<void> {
    await Promise.all(familiesOf(subscriber).map((family) => this.family(family).remove(subscriber)));
  }

  /** Whether every reader has handed out everything that its stream holds now. */
  async caughtUp(): Promise<boolean> {
    const answers = await Promise.all([...this.families.values()].map((family) => family.caughtUp()));
    return answers.every((caughtUp) => caughtUp);
  }

  private family(name: Family): FamilyReader {
    let reader = this.families.get(name);
    if (reader === undefined) {
      reader = new FamilyReader(this, name);
      this.families.set(name, reader);
    }
    return reader;
  }
}
