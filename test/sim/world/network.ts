/**
 * What lies between the processes and the server: delay, order within a lane, cuts and outages. Messages under way
 * belong to the network: they arrive although their sender has died.
 */
import { MemoryServer } from '../../../runtime/bus/memory.ts';
import type { Random } from '../../../runtime/random.ts';
import type { Host } from './host.ts';
import type { Loop } from './loop.ts';

/** `hold`: packets wait and arrive late, as TCP does over a short cut. `drop`: the connection is reset, all is lost. */
export type Cut = 'hold' | 'drop';

export interface Weather {
  /** Usual delay of one way, ms. */
  readonly meanMs: number;
  /** Chance that a message takes up to `slowMs`. */
  readonly slowChance: number;
  readonly slowMs: number;
}

/** One direction of one conversation: first in, first out. */
export class Lane {
  private readonly network: Network;
  private readonly host: Host;
  private lastMs = 0;
  private epoch = 0;
  private held: (() => void)[] = [];

  constructor(network: Network, host: Host) {
    this.network = network;
    this.host = host;
    network.lanes.add(this);
  }

  isOf(host: Host): boolean {
    return this.host.process === host;
  }

  send(work: () => void): void {
    const { clock } = this.network.loop;
    const nowMs = clock.monotonicMs();
    this.lastMs = Math.max(this.lastMs, nowMs + this.network.delayMs());
    const { epoch } = this;
    this.network.loop.after(this.lastMs - nowMs, () => {
      if (epoch === this.epoch) this.arrive(work);
    });
  }

  private arrive(work: () => void): void {
    const cut = this.network.cutOf(this.host);
    if (cut === 'drop') return;
    if (cut === 'hold') this.held.push(work);
    else work();
  }

  /** The connection is there again. */
  release(): void {
    const waiting = this.held;
    this.held = [];
    for (const work of waiting) this.send(work);
  }

  /** The connection was reset: what was under way is gone. */
  reset(): void {
    this.epoch++;
    this.held = [];
  }
}

const REPEATS_WITHIN_MS = 8_000;

export interface Service {
  readonly host: Host;
  readonly filter: string;
  deliver(data: Uint8Array, subject: string, answer: ((data: Uint8Array) => void) | undefined): void;
}

/** One write into a bucket, as the server took it. */
export interface Stored {
  readonly bucket: string;
  readonly key: string;
  /** Undefined for a deletion. */
  readonly value: Uint8Array | undefined;
  /** Of a deletion 0: nobody asks. */
  readonly revision: number;
  readonly by: Host;
}

export class Network {
  onStored: (write: Stored) => void = () => undefined;
  /** A stream has taken a message that it did not know. */
  onAppended: (subject: string, messageId: string, data: Uint8Array) => void = () => undefined;
  /** A request leaves its sender. */
  onRequest: (subject: string, data: Uint8Array) => void = () => undefined;
  readonly loop: Loop;
  readonly server: MemoryServer;
  readonly lanes = new Set<Lane>();
  readonly services = new Set<Service>();
  weather: Weather = { meanMs: 0.5, slowChance: 0, slowMs: 0 };
  /** How late what the server tells of a commit is taken, ms. */
  tellDelayMs: (subject: string) => number = () => 0;
  /** Chance that a place command that was answered comes a second time, some time later. */
  duplicateChance = 0;
  private readonly random: Random;
  private newest = (): void => undefined;
  private readonly cuts = new Map<Host, Cut>();
  private readonly cutCounts = new Map<Host, number>();
  private readonly listeners = new Map<Host, Set<() => void>>();
  /** The server process is gone; what it has stored is not. */
  private downs = 0;

  private get serverDown(): boolean {
    return this.downs > 0;
  }
  /** Streams and buckets whose storage answers "unavailable", and how many outages say so. */
  private readonly outages = new Map<string, number>();

  /** Whether a request is one that the adversary may repeat. */
  repeatable: (subject: string, data: Uint8Array, reply: Uint8Array) => boolean = () => false;

  constructor(loop: Loop, random: Random, options: { readonly duplicateWindowMs?: number | undefined } = {}) {
    this.loop = loop;
    this.random = random;
    const { duplicateWindowMs } = options;
    const server = { clock: loop.clock, ...(duplicateWindowMs === undefined ? {} : { duplicateWindowMs }) };
    this.server = new MemoryServer(server);
  }

  delayMs(): number {
    const { meanMs, slowChance, slowMs } = this.weather;
    const usual = meanMs * (0.5 + this.random.next());
    return this.random.next() < slowChance ? usual + this.random.next() * slowMs : usual;
  }

  chance(p: number): boolean {
    return p > 0 && this.random.next() < p;
  }

  uniform(upTo: number): number {
    return this.random.next() * upTo;
  }

  cutOf(host: Host): Cut | undefined {
    return this.serverDown ? 'drop' : this.cuts.get(host.process);
  }

  cut(host: Host, how: Cut): void {
    this.cutCounts.set(host, (this.cutCounts.get(host) ?? 0) + 1);
    this.cuts.set(host, how);
    if (how === 'drop') for (const lane of this.lanesOf(host)) lane.reset();
  }

  heal(host: Host): void {
    const left = (this.cutCounts.get(host) ?? 1) - 1;
    this.cutCounts.set(host, left);
    if (left > 0) return;
    this.cuts.delete(host);
    if (!this.serverDown) this.reconnected(host);
  }

  isAway(place: string): boolean {
    return (this.outages.get(place) ?? 0) > 0;
  }

  setUnavailable(place: string, away: boolean): void {
    this.outages.set(place, (this.outages.get(place) ?? 0) + (away ? 1 : -1));
  }

  /** A request that was answered: it may come again, some time later. */
  noteRepeatable(again: () => void): void {
    this.newest = again;
    if (this.chance(this.duplicateChance)) this.loop.after(this.uniform(REPEATS_WITHIN_MS), again);
  }

  /** The newest of them comes again: to a bridge that has just been started, for example. */
  repeatNewest(): void {
    if (this.duplicateChance > 0) this.loop.after(this.uniform(3_000), () => this.newest());
  }

  stopServer(): void {
    this.downs++;
    for (const lane of this.lanes) lane.reset();
  }

  startServer(): void {
    if (--this.downs > 0) return;
    for (const host of this.listeners.keys()) if (!this.cuts.has(host)) this.reconnected(host);
  }

  /** Tells when the connection of `host` is mended. */
  onReconnect(host: Host, work: () => void): () => void {
    const { process } = host;
    let own = this.listeners.get(process);
    if (own === undefined) {
      own = new Set();
      this.listeners.set(process, own);
    }
    const reach = (): void => host.receive(work);
    own.add(reach);
    return () => own.delete(reach);
  }

  private lanesOf(host: Host): Lane[] {
    return [...this.lanes].filter((lane) => lane.isOf(host));
  }

  private reconnected(host: Host): void {
    for (const lane of this.lanesOf(host)) lane.release();
    for (const reach of [...(this.listeners.get(host) ?? [])]) reach();
  }
}
