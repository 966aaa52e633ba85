/** One run of `npm start`, from the command line to the exit status. */
import path from 'node:path';
import { Pool } from 'pg';
import { ledgerBalance, ledgerPositions } from '../../actors/recorder/ledger.ts';
import type { TapeInfo } from '../../backtest/tape.ts';
import { COMPANY_MS } from '../../node/deadlines.ts';
import type { Status } from '../../node/status.ts';
import { actorKey } from '../../runtime/bus/topics.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type Config, loadConfig } from '../../runtime/config/index.ts';
import { messageOf, TroupeError } from '../../runtime/errors.ts';
import { claimState } from '../claim.ts';
import { Fleet } from './fleet/fleet.ts';
import { LEAD_LIMIT_MS } from './fleet/lead.ts';
import { checkLink } from './fleet/link.ts';
import { prepareMarket } from './market.ts';
import { Milestones } from './milestones.ts';
import type { StartOptions } from './options.ts';
import { type Report, reportOf, summaryOf } from './report.ts';
import { checkReportFile, writeReport } from './report-file.ts';
import { runConfig } from './run-config.ts';
import { createScreen, type Screen } from './screen.ts';
import type { Progress } from './view.ts';
import { formatDuration } from './view.ts';

const TRADING_WITHIN_MS = 60_000;

export interface RunOptions {
  readonly root: string;
  /** Servers' data, tapes, logs and the run's own files; `.run` of the project unless TROUPE_STATE names another. */
  readonly stateFolder: string;
  readonly start: StartOptions;
  readonly clock: Clock;
  /** What the set-up before it has taken. */
  readonly setUpS: number;
  readonly out: NodeJS.WriteStream;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
}

/** What has been seen of the run so far. */
class Watched {
  status: Status | undefined;
  ticksSent = 0;
  marketMs = 0;
  phase = 'starting';
  readonly milestones: Milestones;
  /** Once everything has been played and written. */
  report: Report | undefined;
  private failed: ReadonlySet<string> = new Set();
  private startedMs = 0;
  private readonly clock: Clock;
  private readonly total: number;
  private readonly speed: number;
  /** Broker's clock of the last tick of the tape. */
  private readonly endMs: number;
  private readonly samples: { atMs: number; ticks: number }[] = [];

  constructor(clock: Clock, tape: TapeInfo, speed: number, milestones: Milestones) {
    this.clock = clock;
    this.milestones = milestones;
    this.total = tape.ticks;
    this.endMs = tape.lastMs;
    this.speed = speed;
  }

  begin(): void {
    this.startedMs = this.clock.monotonicMs();
    this.phase = 'trading';
  }

  /** A line for each actor that has been given up since the last time. */
  newlyFailed({ failed }: Status): string[] {
    const before = this.failed;
    this.failed = new Set(failed.map(({ kind, id }) => actorKey(kind, id)));
    return failed
      .filter(({ kind, id }) => !before.has(actorKey(kind, id)))
      .map(({ kind, id, cause }) => `${kind} ${id} has been given up and stays down, the others go on: ${cause}`);
  }

  sent(ticks: number, marketMs: number): void {
    this.ticksSent = ticks;
    if (marketMs > 0) this.marketMs = marketMs;
    this.samples.push({ atMs: this.clock.monotonicMs(), ticks });
    if (this.samples.length > 15) this.samples.shift();
  }

  /** At a set speed the market's clock tells; at the company's own pace only the ticks so far. */
  private leftS(nowMs: number): number {
    if (this.startedMs === 0 || this.ticksSent === 0) return Number.NaN;
    if (this.speed > 0) return (this.endMs - this.marketMs) / this.speed / 1000;
    return ((this.total - this.ticksSent) * (nowMs - this.startedMs)) / 1000 / this.ticksSent;
  }

  progress(): Progress {
    const nowMs = this.clock.monotonicMs();
    const first = this.samples[0];
    const spanS = first === undefined ? 0 : (nowMs - first.atMs) / 1000;
    return {
      ticksSent: this.ticksSent,
      ticksTotal: this.total,
      ticksPerS: first === undefined || spanS === 0 ? 0 : (this.ticksSent - first.ticks) / spanS,
      leftS: this.leftS(nowMs),
      marketMs: this.marketMs,
      phase: this.phase,
    };
  }
}

/** Rejects with the signal's reason once it is aborted. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** Runs to the end of the tape (or of the watching). Throws what stopped it; everything is down when it returns. */
export async function run(options: RunOptions): Promise<Report> {
  const { clock, out, stateFolder, start, signal } = options;
  const screen = createScreen(out, clock);
  const milestones = new Milestones(clock, options.setUpS, (text) => screen.say(text));
  const ended = aborted(signal);
  ended.catch(() => undefined);
  if (start.report !== undefined) checkReportFile(start.report);
  const config = loadConfig(start.config);
  const release = await claimState(stateFolder, 'npm start');
  try {
    return await runClaimed(options, config, screen, milestones, ended);
  } finally {
    release();
  }
}

async function runClaimed(
  options: RunOptions,
  config: Config,
  screen: Screen,
  milestones: Milestones,
  ended: Promise<never>,
): Promise<Report> {
  const { clock, root, stateFolder, start, signal } = options;
  const market = await prepareMarket({
    start,
    folder: path.join(stateFolder, 'tapes'),
    utcOffsetS: config.terminal.utc_offset_s,
    onProgress: (text) => screen.doing(text),
    signal,
  });
  const { tape } = market;
  for (const note of market.notes) screen.say(note);
  if (tape.ticks === 0)
    throw new TroupeError('TICKS_NONE', `${start.ticks.join(', ')}: no usable tick, nothing to play`);

  const watched = new Watched(clock, tape, start.speed, milestones);
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => undefined);
  const thisRun = runConfig(config, start.config, tape, clock.nowMs());
  checkLink(thisRun, clock.nowMs());
  const fleet = new Fleet({
    root,
    stateFolder,
    runFolder: path.join(stateFolder, 'run'),
    config: thisRun,
    tape,
    speed: start.speed,
    nodes: start.nodes,
    leadLimitMs: LEAD_LIMIT_MS,
    ledger: thisRun.account !== undefined,
    natsUrl: process.env.TROUPE_NATS_URL,
    postgresUrl: process.env.TROUPE_POSTGRES_URL,
    onSay: (text) => screen.say(text),
    onStatus: (status) => {
      watched.status = status;
      milestones.fills(status.fills);
      for (const text of watched.newlyFailed(status)) screen.say(text);
    },
    onProgress: (ticks, marketMs) => watched.sent(ticks, marketMs),
    onApplied: (ticks) => milestones.ticks(ticks),
    onFailure: (error) => fail(error),
  });
  try {
    // With --watch the interruption is the end that was asked for: the run itself is over and its books compared.
    const interrupted = ended.catch((reason: unknown) => watched.report ?? Promise.reject(reason));
    return await Promise.race([play(options, fleet, watched, screen, market.unusable), failed, interrupted]);
  } finally {
    screen.close();
    await stopWithin(fleet, clock, screen);
  }
}

async function play(
  { clock, start, signal }: RunOptions,
  fleet: Fleet,
  watched: Watched,
  screen: Screen,
  unusable: Readonly<Record<string, number>>,
): Promise<Report> {
  await fleet.start();
  screen.say(`metrics     ${fleet.metricsUrls.join('  ')}`);
  await tradingBegins(clock, watched);
  watched.begin();
  const sinceMs = clock.monotonicMs();
  screen.show(() => ({ progress: watched.progress(), status: watched.status, processes: fleet.processes() }));
  fleet.play();
  await fleet.played();
  watched.phase = 'settling';
  const status = await fleet.settle();
  watched.status = status;
  watched.milestones.fills(status.fills);
  const seconds = Math.round(clock.monotonicMs() - sinceMs) / 1000;
  const [terminal, ledger] = await Promise.all([fleet.terminalBooks(), ledgerBooks(fleet, status.account.id)]);
  const report = reportOf({
    status,
    ticksSent: watched.ticksSent,
    unusable,
    balance: { terminal: terminal.balance, ledger: ledger.balance },
    positions: { terminal: terminal.positions, ledger: ledger.positions },
    seconds,
    milestones: watched.milestones.figures(),
  });
  watched.phase = 'done';
  screen.close();
  for (const line of ['', ...summaryOf(report, status)]) screen.say(line);
  if (start.report !== undefined) {
    writeReport(start.report, report);
    screen.say(`report written to ${start.report}`);
  }
  watched.report = report;
  if (start.watch) {
    screen.say('The file has ended; everything goes on running until Ctrl-C.');
    await aborted(signal).catch(() => undefined);
  }
  return report;
}

async function tradingBegins(clock: Clock, watched: Watched): Promise<void> {
  const untilMs = clock.monotonicMs() + TRADING_WITHIN_MS;
  while (watched.status === undefined || !ready(watched.status)) {
    if (clock.monotonicMs() > untilMs) {
      const state = watched.status?.account.state ?? 'silent';
      throw new TroupeError(
        'RECONCILE_DIFFERENCE',
        `the broker is still ${state} after ${formatDuration(TRADING_WITHIN_MS / 1000)}: ${watched.status?.account.detail ?? ''}`,
      );
    }
    await clock.sleep(20);
  }
}

const ready = ({ account }: Status): boolean => account.id === '' || account.state.startsWith('trading');

export async function ledgerBooks(
  fleet: Fleet,
  account: string,
): Promise<{ balance: number; positions: Record<string, number> }> {
  if (fleet.ledgerUrl === undefined || account === '') return { balance: 0, positions: {} };
  const pool = new Pool({ connectionString: fleet.ledgerUrl, max: 1 });
  try {
    const [balance, positions] = await Promise.all([ledgerBalance(pool, account), ledgerPositions(pool, account)]);
    return { balance, positions: Object.fromEntries(positions) };
  } finally {
    await pool.end();
  }
}

async function stopWithin(fleet: Fleet, clock: Clock, screen: Screen): Promise<void> {
  const cancel = clock.setTimer(COMPANY_MS, () => {
    screen.say(`not everything stopped within ${COMPANY_MS / 1000} s; what is left is killed`);
    process.exit(1);
  });
  try {
    await fleet.stop();
  } catch (error) {
    screen.say(`while stopping: ${messageOf(error)}`);
  }
  cancel();
}
