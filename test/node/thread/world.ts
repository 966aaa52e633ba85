/** Strategies in threads over a real server, told bars by the test; nothing else of a company. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ThreadMemberOptions } from '../../../node/thread/member.ts';
import { ThreadMember } from '../../../node/thread/member.ts';
import type { Assignment } from '../../../node/thread/protocol.ts';
import { Threads } from '../../../node/thread/threads.ts';
import { connectNats, ensureStreams, type NatsBus } from '../../../runtime/bus/nats.ts';
import type { TopicMessage } from '../../../runtime/bus/topics.ts';
import { topics } from '../../../runtime/bus/topics.ts';
import { systemClock as clock } from '../../../runtime/clock.ts';
import { InputHub } from '../../../runtime/hub.ts';
import { seededRandom } from '../../../runtime/random.ts';
import { silentLogger } from '../../../runtime/telemetry/log.ts';
import { createMetrics } from '../../../runtime/telemetry/metrics.ts';
import type { SupervisorEvent } from '../../../supervisors/supervisor.ts';
import { Supervisor } from '../../../supervisors/supervisor.ts';
import { TestNats, until } from '../../runtime/bus/server.ts';

const layout = { partitions: 12 };
const SYMBOL = 'EURUSD';
const FIRST_MS = Date.UTC(2026, 4, 12);
/** Further behind than this the pace begins anew. */
const BEHIND_MS = 500;
const MINUTE_MS = 60_000;
export const ACCOUNT = 'thread-test';

/** What a strategy writes down of each bar that it hears: bar number, its own count, wall clock in µs. */
export interface Heard {
  readonly bar: number;
  readonly count: number;
  readonly atUs: number;
}

export class World {
  readonly metrics = createMetrics();
  readonly events: SupervisorEvent[] = [];
  readonly states = new Map<string, string>();
  private readonly nats = new TestNats();
  private readonly folder = mkdtempSync(join(tmpdir(), 'troupe-thread-'));
  private bus!: NatsBus;
  threads!: Threads;
  private hub!: InputHub;
  supervisor!: Supervisor;
  private told = 0;
  /** Wall clock, µs, at which each bar was stored. */
  readonly toldUs: number[] = [];

  static async make(settings: { memory_mb?: number; spare?: boolean; restarts?: number } = {}): Promise<World> {
    const world = new World();
    await world.nats.start();
    const { url } = world.nats;
    world.bus = await connectNats({ url, name: 'thread test', clock, log: silentLogger });
    await ensureStreams(world.bus, { replay: true });
    world.hub = new InputHub({
      ...{ bus: world.bus, layout, clock, log: silentLogger },
      onFailure: (error) => assert.fail(error),
    });
    world.threads = new Threads({
      bus: { url, name: 'thread test, thread' },
      settings: { heartbeat_ms: 50, hang_after_ms: 1_000, memory_mb: settings.memory_mb ?? 128 },
      layout,
      clock,
      log: silentLogger,
      node: 'node-t',
      spare: settings.spare ?? true,
    });
    world.supervisor = new Supervisor({
      id: 'root',
      clock,
      log: silentLogger,
      random: seededRandom('threads'),
      childBudget: { restarts: settings.restarts ?? 2, windowMs: 60_000 },
      supervisorBudget: { restarts: 1_000, windowMs: 60_000 },
      backoff: { firstMs: 10, longestMs: 50 },
      onEvent: (event) => world.events.push(event),
      onGiveUp: () => undefined,
    });
    return world;
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  /** Phase of a strategy, as its supervisor has it. */
  phase(id: string): string | undefined {
    return this.supervisor.children().find((child) => child.id === id)?.phase;
  }

  /** A strategy whose handler runs `fault`, then writes down what it heard and says one intent. `top` runs when it is loaded. */
  async add(id: string, fault: string, top = '', more: Partial<ThreadMemberOptions> = {}): Promise<ThreadMember> {
    const member = new ThreadMember({
      run: this.write(id, fault, top),
      threads: this.threads,
      hub: this.hub,
      snapshots: await this.bus.kv('snapshots'),
      mayRun: () => true,
      shutdownMs: 2_000,
      metrics: this.metrics,
      log: silentLogger,
      onState: (state) => this.states.set(id, state),
      ...more,
    });
    await this.supervisor.add(member);
    return member;
  }

  /** The same, only written down. */
  write(id: string, fault: string, top = ''): Assignment {
    writeFileSync(
      this.file(`${id}.ts`),
      `import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { execSync } from 'node:child_process';
import { defineStrategy, z } from 'troupe/strategy';

/** Whether this is the first time, also over restarts: module state does not live that long. */
const once = (): boolean => {
  const mark = ${JSON.stringify(this.file(`${id}.mark`))};
  if (existsSync(mark)) return false;
  writeFileSync(mark, '');
  return true;
};
const kept: unknown[] = [];
${top}

export default defineStrategy({
  name: '${id}',
  params: z.object({}),
  timeframes: ['1m'],
  state: () => ({ bars: 0 }),
  onBar(ctx) {
    const bar = (ctx.bar.openTimeMs - ${FIRST_MS}) / ${MINUTE_MS};
    ctx.state.bars++;
    ${fault}
    const atUs = Math.round((performance.timeOrigin + performance.now()) * 1000);
    appendFileSync(${JSON.stringify(this.file(`${id}.log`))}, bar + ' ' + ctx.state.bars + ' ' + atUs + '\\n');
    ctx.cancel('bar-' + bar);
  },
});
`,
    );
    const run = { id, use: `./${id}.ts`, symbol: SYMBOL, params: {}, account: ACCOUNT, featureTimeframes: [] };
    return { ...run, folder: this.folder };
  }

  /** The next bar of one minute. `dueUs`: when it should have been told, where that was before now. */
  async tell(dueUs = clock.nowUs()): Promise<void> {
    const bar = this.told++;
    const openTimeMs = FIRST_MS + bar * MINUTE_MS;
    const price = 1.1 + bar / 1e5;
    const message = {
      ...{ symbol: SYMBOL, timeframe: '1m', openTimeMs, closeTimeMs: openTimeMs + MINUTE_MS },
      ...{ open: price, high: price, low: price, close: price, askClose: price + 1e-5 },
      ...{ ticks: 1, spreadMean: 1e-5, lastTickMs: openTimeMs + MINUTE_MS - 1 },
    };
    this.toldUs[bar] = dueUs;
    await this.bus.publish({
      subject: topics.bar.subject(topics.bar.keyOf(message), layout),
      data: topics.bar.encode(message as never),
      messageId: `bar.${bar}`,
    });
  }

  /**
   * Tells bars at a steady pace for as long as `more` says. Latencies count from the moment at which a bar was due: what
   * holds this thread up holds up who tells as well, and would not be seen otherwise.
   */
  async tellWhile(more: () => boolean, everyMs = 20, withinMs = 180_000): Promise<void> {
    const untilMs = clock.monotonicMs() + withinMs;
    let dueMs = clock.monotonicMs();
    while (more()) {
      const nowMs = clock.monotonicMs();
      if (nowMs > untilMs) throw new Error(`still so after ${withinMs} ms: ${more}`);
      // A machine that cannot keep the pace at all would only be later and later.
      if (nowMs - dueMs > BEHIND_MS) dueMs = nowMs;
      await this.tell(clock.nowUs() - Math.max(0, nowMs - dueMs) * 1_000);
      dueMs += everyMs;
      await clock.sleep(Math.max(0, dueMs - clock.monotonicMs()));
    }
  }

  get bars(): number {
    return this.told;
  }

  heard(id: string): Heard[] {
    let text = '';
    try {
      text = readFileSync(this.file(`${id}.log`), 'utf8');
    } catch {
      return [];
    }
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(' ').map(Number) as [number, number, number])
      .map(([bar, count, atUs]) => ({ bar, count, atUs }));
  }

  /** From the moment at which a bar was due to the strategy's handler, ms, of these bars. */
  latencies(id: string, from: number, to: number): number[] {
    return this.heard(id)
      .filter(({ bar }) => bar >= from && bar < to)
      .map(({ bar, atUs }) => (atUs - this.toldUs[bar]!) / 1000)
      .sort((a, b) => a - b);
  }

  of(id: string, event: SupervisorEvent['event']): SupervisorEvent[] {
    return this.events.filter((one) => one.id === id && one.event === event);
  }

  givenUp(id: string): boolean {
    return this.of(id, 'given_up').length > 0;
  }

  /** Every intent of a strategy that the audit trail holds, in order. */
  async intents(id: string): Promise<TopicMessage<'intent'>[]> {
    const { stream, decode, subject } = topics.intent;
    const filter = subject({ account: ACCOUNT, strategy: id }, layout);
    const last = await this.bus.lastSequence(stream, filter);
    const found: TopicMessage<'intent'>[] = [];
    if (last === 0) return found;
    await new Promise<void>((resolve, reject) => {
      void this.bus.read({
        stream,
        filters: [filter],
        fromSequence: 1,
        onMessage: ({ data, sequence }) => {
          found.push(decode(data));
          if (sequence === last) resolve();
        },
        onError: reject,
      });
    });
    return found;
  }

  async deadLetters(): Promise<number> {
    const { metrics } = this;
    const { values } = await metrics.deadLetters.get();
    return values.reduce((sum, { value }) => sum + value, 0);
  }

  async stop(): Promise<void> {
    await this.supervisor.stop();
    await this.threads.close();
    await this.bus.drain();
    await this.nats.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export { until };
