/** Several nodes of one company in this process: the bus in memory, time virtual, every promise run between two timers. */

import type { LevelValue } from '../../node/levels.ts';
import { parseLevel } from '../../node/levels.ts';
import type { NodeOptions, Outcome } from '../../node/node.ts';
import { Node } from '../../node/node.ts';
import type { Place } from '../../node/this-process.ts';
import type { Bus, KvEntry } from '../../runtime/bus/bus.ts';
import { MemoryServer } from '../../runtime/bus/memory.ts';
import type { TopicMessage } from '../../runtime/bus/topics.ts';
import { actorKey, topics } from '../../runtime/bus/topics.ts';
import { systemClock, VirtualClock } from '../../runtime/clock.ts';
import type { Config } from '../../runtime/config/index.ts';
import { configSchema } from '../../runtime/config/index.ts';
import { seededRandom } from '../../runtime/random.ts';
import { silentLogger } from '../../runtime/telemetry/log.ts';
import { createMetrics } from '../../runtime/telemetry/metrics.ts';
import { projectFolder } from '../support/source.ts';

const SYMBOL = { digits: 5, contract_size: 100_000, currency_base: 'EUR', currency_profit: 'USD' };

export interface CompanySpec {
  readonly symbols?: number;
  readonly strategies?: number;
  readonly capacity?: number;
  readonly partitions?: number;
}

export function configOf(name: string, spec: CompanySpec = {}): Config {
  const { symbols = 8, strategies = 0, capacity = 1, partitions = 12 } = spec;
  const names = Array.from({ length: symbols }, (_, i) => `SYM${i}`);
  return configSchema.parse({
    node: { name, metrics_port: 'off', capacity },
    market: { partitions, symbols: Object.fromEntries(names.map((symbol) => [symbol, SYMBOL])) },
    ...(strategies === 0 ? {} : { account: { id: 'acc' } }),
    strategies: Array.from({ length: strategies }, (_, i) => ({
      ...{ id: `s${i}`, use: 'ema-cross', symbol: names[i % names.length] },
    })),
    log: { level: 'silent' },
  });
}

/** One node and what it has said of its end. */
export interface Run {
  readonly node: Node;
  readonly bus: Bus;
  outcome: Outcome | undefined;
  started: boolean;
  startError: unknown;
}

export class Rig {
  readonly clock = new VirtualClock(1_700_000_000_000);
  readonly server = new MemoryServer({ clock: this.clock });
  private runs = 0;
  private readonly observer = this.server.connect();

  /** Begins a node; `until` it is started. */
  begin(name: string, spec: CompanySpec = {}, more: Partial<NodeOptions> & { wrap?: (bus: Bus) => Bus } = {}): Run {
    const { wrap = (bus: Bus) => bus, ...options } = more;
    const bus = wrap(this.server.connect());
    const instance = `run-${++this.runs}`;
    const run: Run = { node: undefined as never, bus, outcome: undefined, started: false, startError: undefined };
    const node = new Node({
      config: configOf(name, spec),
      folder: projectFolder,
      ...{ bus, instance, clock: this.clock },
      random: seededRandom(instance),
      log: silentLogger,
      metrics: createMetrics(),
      onEnd: (outcome) => {
        run.outcome = outcome;
      },
      ...options,
    });
    (run as { node: Node }).node = node;
    node.start().then(
      () => {
        run.started = true;
      },
      (error: unknown) => {
        run.startError = error;
      },
    );
    return run;
  }

  async start(name: string, spec: CompanySpec = {}, more: Parameters<Rig['begin']>[2] = {}): Promise<Run> {
    const run = this.begin(name, spec, more);
    await this.until(`${name} has started`, () => run.started || run.startError !== undefined);
    if (run.startError !== undefined) throw run.startError;
    return run;
  }

  /** Lets `ms` of virtual time pass. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.clock.nowMs() + ms;
    do await settle();
    while (this.clock.fireNext(untilMs));
    await settle();
    this.clock.advance(untilMs - this.clock.nowMs());
  }

  /** Lets time pass until `ready`. */
  async until(what: string, ready: () => boolean | Promise<boolean>, withinMs = 60_000): Promise<void> {
    const untilMs = this.clock.nowMs() + withinMs;
    for (;;) {
      await settle();
      if (await ready()) return;
      if (this.clock.fireNext(untilMs)) continue;
      if (this.clock.nowMs() >= untilMs) throw new Error(`within ${withinMs} ms not: ${what}`);
      await this.pass(1);
    }
  }

  /** Every actor's level, by key; not those of supervisors. */
  async levels(): Promise<Map<string, LevelValue>> {
    const found = new Map<string, LevelValue>();
    const kv = await this.observer.kv('actors');
    const stop = await kv.watch('>', (entry) => {
      const level = 'deleted' in entry ? undefined : parseLevel(entry as KvEntry);
      if (level !== undefined && level.kind !== 'supervisor') found.set(entry.key, level);
    });
    await stop();
    return found;
  }

  async ownerOf(kind: string, id: string): Promise<string> {
    return (await this.levels()).get(actorKey(kind, id))?.node ?? '';
  }

  /** Everything told on `sys.lifecycle`. */
  edges(): TopicMessage<'lifecycle'>[] {
    return this.server
      .messages('SYSTEM')
      .filter(({ subject }) => subject.startsWith('sys.lifecycle.'))
      .map(({ data }) => topics.lifecycle.decode(data));
  }

  stop(...runs: Run[]): void {
    for (const { node } of runs) node.kill();
  }
}

/** Every promise that can go on has gone on; real I/O (a module that is loaded) too, if it is quick. */
async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await systemClock.yield();
}

/** Actors of a run, as keys. */
export const here = ({ node }: Run): string[] =>
  [...node.company.all].map(({ planned: { kind, id } }) => actorKey(kind, id)).sort();

export const deadPlace = (dead: (pid: number) => boolean, pid: number): Place => ({
  ...{ host: 'host', pid, boot: 'boot' },
  isDead: (lease) => dead(lease.pid),
});
