/** The company that the faults strike: `Fleet` as `npm start` runs it, with cables between its programs. */
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { wideSymbols, writeSyntheticTape } from '../../backtest/synthetic/index.ts';
import type { TapeInfo } from '../../backtest/tape.ts';
import { configFor } from '../../bench/stage.ts';
import { Fleet } from '../../cli/start/fleet/fleet.ts';
import type { Status } from '../../node/status.ts';
import { systemClock as clock } from '../../runtime/clock.ts';
import type { Config } from '../../runtime/config/index.ts';
import { Cable } from './cable.ts';
import type { Parts } from './plan.ts';

const SYMBOLS = 5;
const NODES = 3;
const TICKS_PER_S = 250;
/** Played again and again. */
const TAPE_TICKS = 100_000;
const ROUNDS = 100_000;
/** The market waits for a company that is being mended: strategies trade at prices that they have seen. */
const LEAD_LIMIT_MS = 5_000;

export interface ChaosPlace {
  readonly root: string;
  /** Emptied first. */
  readonly folder: string;
}

export class ChaosCompany {
  readonly fleet: Fleet;
  readonly config: Config;
  readonly cables = new Map<string, Cable>();
  /** Of the market, by the terminal. */
  sentTicks = 0;
  /** Ticks that each symbol's actor has applied, and when it last applied one (monotonic ms). */
  readonly applied = new Map<string, { ticks: number; atMs: number }>();
  /** When each node last told its status (monotonic ms). */
  readonly toldMs = new Map<string, number>();
  failure: Error | undefined;
  readonly overFile: string;
  private readonly folder: string;
  private readonly opening = new Map<string, Promise<Cable>>();

  private constructor(place: ChaosPlace, tape: TapeInfo) {
    this.folder = place.folder;
    this.overFile = path.join(place.folder, 'over');
    this.config = this.configure(place.root, tape);
    this.fleet = new Fleet({
      ...{ root: place.root, stateFolder: place.folder, runFolder: path.join(place.folder, 'run') },
      ...{ config: this.config, nodes: NODES, tape, rounds: ROUNDS, speed: 1, leadLimitMs: LEAD_LIMIT_MS },
      ...{ ledger: true, natsUrl: undefined, postgresUrl: undefined },
      onSay: () => undefined,
      onStatus: () => undefined,
      onProgress: (ticks) => {
        this.sentTicks = Math.max(this.sentTicks, ticks);
      },
      onFailure: (error) => {
        this.failure ??= error;
      },
      onMessage: (from, message) => this.hear(from, message),
      onMend: ({ name, event, cause, awayMs }) =>
        this.note(`${name} ${event}: ${cause}${awayMs === undefined ? '' : `, ready after ${Math.round(awayMs)} ms`}`),
      route: async (from, to, port) => (await this.cable(`${from} ${to}`, port)).port,
    });
  }

  static async make(place: ChaosPlace): Promise<ChaosCompany> {
    const { folder } = place;
    // What an earlier run has left is another company's.
    for (const name of ['nats', 'postgres', 'run', 'logs', 'over'])
      rmSync(path.join(folder, name), { recursive: true, force: true });
    mkdirSync(path.join(folder, 'logs'), { recursive: true });
    const tape = await writeSyntheticTape(path.join(folder, 'chaos.tape'), {
      ...{ seed: 'chaos', symbols: wideSymbols(SYMBOLS), ticks: TAPE_TICKS, ticksPerSecond: TICKS_PER_S },
      ...{ shape: 'flat', utcOffsetS: 0 },
    });
    return new ChaosCompany(place, tape);
  }

  get account(): string {
    return this.config.account!.id;
  }

  get symbols(): string[] {
    return Object.keys(this.config.market.symbols);
  }

  get nodes(): string[] {
    return Array.from({ length: NODES }, (_, i) => `node-${i + 1}`);
  }

  get parts(): Parts {
    const { strategies } = this.config;
    return {
      actors: [
        ...[`broker.${this.account}`, 'recorder.ledger'],
        ...this.symbols.map((symbol) => `symbol.${symbol}`),
        ...strategies.map(({ id }) => `strategy.${id}`),
      ],
      threads: strategies.filter(({ isolation }) => isolation === 'thread').map(({ id }) => id),
      nodes: this.nodes,
      links: [
        ...this.nodes.flatMap((node) => [`${node} nats-server`, `${node} postgres`]),
        ...['bridge nats-server', 'terminal bridge', 'terminal bridge'],
      ],
    };
  }

  /** A file with which `restless` is told to end its thread. */
  diesFile(strategy: string): string {
    return path.join(this.folder, `dies-${strategy}`);
  }

  /** Strategies open nothing any more and cancel what stands. */
  endTrading(): void {
    writeFileSync(this.overFile, '');
  }

  /** Each node's own; a node that is not heard is not among them. */
  statuses(): Status[] {
    return this.fleet.nodeStatuses();
  }

  /** Into logs/chaos.log: what happened when, for whoever looks into a run that went wrong. */
  note(text: string): void {
    appendFileSync(path.join(this.folder, 'logs', 'chaos.log'), `${new Date(clock.nowMs()).toISOString()} ${text}\n`);
  }

  async stop(): Promise<void> {
    await this.fleet.stop();
    await Promise.all([...this.cables.values()].map((cable) => cable.close()));
  }

  private hear(from: string, message: Record<string, unknown>): void {
    const nowMs = clock.monotonicMs();
    if (from !== 'node') return;
    if (message.event === 'status') this.toldMs.set(String(message.node), nowMs);
    if (message.event !== 'applied') return;
    for (const [symbol, ticks] of Object.entries(message.symbols as Record<string, number>)) {
      // One that was restarted counts again from where its snapshot was.
      if (ticks > (this.applied.get(symbol)?.ticks ?? 0)) this.applied.set(symbol, { ticks, atMs: nowMs });
    }
  }

  private async cable(name: string, port: number): Promise<Cable> {
    let opening = this.opening.get(name);
    if (opening === undefined) {
      opening = Cable.to(port);
      this.opening.set(name, opening);
      this.cables.set(name, await opening);
    }
    return opening;
  }

  private configure(root: string, tape: TapeInfo): Config {
    const use = path.join(root, 'test', 'chaos', 'strategies', 'restless.ts');
    const strategy = (id: string, symbol: string, isolation: string): object => ({
      ...{ id, use, symbol, isolation },
      params: { salt: id, dies: this.diesFile(id), over: this.overFile },
    });
    const [first, second, third, fourth] = tape.symbols as [string, string, string, string];
    return configFor(tape.symbols, tape.digits, {
      account: {
        // A name of its own for each run, although the ledger is new: ids of orders are made of it.
        id: `chaos-${Math.floor(clock.nowMs() / 1000).toString(36)}`,
        balance: 10_000_000,
        leverage: 100,
        risk: { duplicate_window_ms: 0 },
      },
      strategies: [
        strategy('one', first, 'thread'),
        strategy('two', first, 'thread'),
        strategy('three', second, 'thread'),
        strategy('four', third, 'inline'),
        strategy('five', fourth, 'inline'),
      ],
      terminal: { latency_ms: 2, latency_jitter_ms: 1, commission_per_lot: 3.5, partial_fill_probability: 0.1 },
      log: { level: 'info' },
    });
  }
}
