/** What all questions share: the folders, the company of one round, and the way out when somebody interrupts. */
import { rmSync } from 'node:fs';
import path from 'node:path';
import type { TapeInfo } from '../backtest/tape.ts';
import { Fleet } from '../cli/start/fleet/fleet.ts';
import type { FleetOptions } from '../cli/start/fleet/options.ts';
import type { NatsBus } from '../runtime/bus/nats.ts';
import { connectNats } from '../runtime/bus/nats.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Config } from '../runtime/config/index.ts';
import { configSchema } from '../runtime/config/index.ts';
import type { TroupeError } from '../runtime/errors.ts';
import { silentLogger } from '../runtime/telemetry/log.ts';

export interface Login {
  readonly url: string;
  readonly user?: string;
  readonly password?: string;
}

export type Say = (text: string) => void;

/** One symbol of a synthetic market, in dollars throughout, so that no rates are needed. */
const SYMBOL = { digits: 5, contract_size: 100_000, currency_base: 'USD', currency_profit: 'USD' };

type Given = Record<string, unknown>;

/** A configuration for `symbols`, with everything at its default but what is given. Throws ZodError. */
export function configFor(symbols: readonly string[], digits: readonly number[], given: Given = {}): Config {
  const named = Object.fromEntries(symbols.map((name, i) => [name, { ...SYMBOL, digits: digits[i]! }]));
  return configSchema.parse({
    node: { metrics_port: 'off' },
    market: { source: 'bench', symbols: named },
    log: { level: 'warn' },
    ...given,
  });
}

interface Stoppable {
  stop(): Promise<unknown>;
}

export interface RoundSpec {
  /** Names the round's profile. */
  readonly round: number | string;
  readonly config: Config;
  readonly tape: TapeInfo;
  readonly tapeRounds: number;
  readonly speed: number;
  readonly ledger: boolean;
  readonly onMessage: NonNullable<FleetOptions['onMessage']>;
}

/** The company of one round; `failed` rejects when one of its programs ends. */
export interface Company {
  readonly fleet: Fleet;
  readonly failed: Promise<never>;
}

export class Stage {
  readonly root: string;
  readonly clock: Clock;
  readonly say: Say;
  /** Servers' data, tapes and logs of benchmarks, apart from those of `npm start`. */
  readonly folder: string;
  private readonly profile: string | undefined;
  private readonly running = new Set<Stoppable>();

  constructor(root: string, folder: string, clock: Clock, say: Say, profile: string | undefined) {
    this.root = root;
    this.folder = folder;
    this.clock = clock;
    this.say = say;
    this.profile = profile;
  }

  get natsUrl(): string | undefined {
    return process.env.TROUPE_NATS_URL;
  }

  company(spec: RoundSpec): Company {
    let fail: (error: TroupeError) => void = () => undefined;
    const failed = new Promise<never>((_, reject) => {
      fail = reject;
    });
    failed.catch(() => undefined);
    // A store that an earlier round has filled would cost this one its recovery.
    if (this.natsUrl === undefined) this.remove('nats');
    const { round, tapeRounds, ...rest } = spec;
    const fleet = new Fleet({
      ...rest,
      rounds: tapeRounds,
      root: this.root,
      stateFolder: this.folder,
      runFolder: path.join(this.folder, 'run'),
      leadLimitMs: 0,
      natsUrl: this.natsUrl,
      postgresUrl: process.env.TROUPE_POSTGRES_URL,
      onSay: () => undefined,
      onStatus: () => undefined,
      onProgress: () => undefined,
      onFailure: fail,
      nodeArgs: this.profileArgs(`node-${round}`),
    });
    this.running.add(fleet);
    return { fleet, failed };
  }

  /** Of Node.js, for a process of this name. */
  profileArgs(name: string): string[] {
    if (this.profile === undefined) return [];
    return ['--cpu-prof', `--cpu-prof-dir=${this.profile}`, `--cpu-prof-name=${name}.cpuprofile`];
  }

  connect(login: Login, name: string): Promise<NatsBus> {
    return connectNats({ ...login, name, clock: this.clock, log: silentLogger });
  }

  /** From now on `one` is stopped when somebody interrupts. */
  watch(one: Stoppable): void {
    this.running.add(one);
  }

  async stop(one: Stoppable): Promise<void> {
    await one.stop();
    this.running.delete(one);
  }

  remove(name: string): void {
    rmSync(path.join(this.folder, name), { recursive: true, force: true });
  }

  async stopAll(): Promise<void> {
    await Promise.allSettled([...this.running].map((one) => one.stop()));
  }
}
