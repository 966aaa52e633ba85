/** What a fleet is made of, and what it tells. */
import type { TapeInfo } from '../../../backtest/tape.ts';
import type { Status } from '../../../node/status.ts';
import type { Config } from '../../../runtime/config/index.ts';
import type { TroupeError } from '../../../runtime/errors.ts';
import type { MendEvent } from './keeper.ts';
import type { LinkLimits } from './linking.ts';

export type Json = Record<string, unknown>;

export interface FleetOptions {
  readonly root: string;
  /** Servers keep their data here between runs. */
  readonly stateFolder: string;
  /** Configuration, journal and history of this run; emptied first. */
  readonly runFolder: string;
  readonly config: Config;
  /** Node processes, 1 to MOST_NODES; they are named node-1, node-2 ... */
  readonly nodes?: number;
  readonly tape: TapeInfo;
  readonly speed: number;
  /** How far the market may run ahead of the company, milliseconds of market time; 0 for no limit. */
  readonly leadLimitMs: number;
  readonly rounds?: number;
  /** Without a ledger there is no PostgreSQL and no recorder. */
  readonly ledger: boolean;
  readonly natsUrl: string | undefined;
  readonly postgresUrl: string | undefined;
  readonly onSay: (text: string) => void;
  /** The whole company's, added up over its nodes. */
  readonly onStatus: (status: Status) => void;
  readonly onProgress: (ticksSent: number, marketMs: number) => void;
  /** How many ticks the symbol actors have applied in all. */
  readonly onApplied?: (ticks: number) => void;
  /** The run cannot go on: a program ended too often, or for a reason that starting it again cannot mend. */
  readonly onFailure: (error: TroupeError) => void;
  /** A program ended that should be running, was started again, or was given up. */
  readonly onMend?: (event: MendEvent) => void;
  /** Everything that nodes, bridge and terminal say, before it is acted on. For benchmarks. */
  readonly onMessage?: (from: 'node' | 'bridge' | 'terminal', message: Json) => void;
  /** The port to connect to instead of `port`, so that a test can stand between two programs and cut them off. */
  readonly route?: (from: string, to: string, port: number) => Promise<number>;
  /** How long a terminal has to be linked; LINK_LIMITS where absent. */
  readonly link?: LinkLimits;
  /** Arguments of the nodes' own Node.js, `--cpu-prof` for one. */
  readonly nodeArgs?: readonly string[];
}

export interface Books {
  readonly balance: number;
  readonly positions: Readonly<Record<string, number>>;
}

/** One program of the fleet, as a person sees it. */
export interface ProcessView {
  readonly name: string;
  readonly pid: number | undefined;
  readonly state: 'starting' | 'running' | 'waiting' | 'ended';
  /** Of the process, not of the actors in it. */
  readonly restarts: number;
  /** Actors that a node runs; undefined for other programs. */
  readonly actors: number | undefined;
}
