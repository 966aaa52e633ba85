/** One run: the company trades, the faults strike, and when all is over everything is compared. */
import { availableParallelism } from 'node:os';
import { systemClock as clock } from '../../runtime/clock.ts';
import { messageOf } from '../../runtime/errors.ts';
import { seededRandom } from '../../runtime/random.ts';
import { processesOf } from '../e2e/support.ts';
import type { Violation } from '../witness/witness.ts';
import { judge } from '../witness/witness.ts';
import { ChaosCompany, type ChaosPlace } from './company.ts';
import { ailments } from './health.ts';
import { observe } from './observe.ts';
import type { Fault, FaultKind } from './plan.ts';
import { faultKinds, planFaults } from './plan.ts';
import { type Quantiles, quantilesOf, type RecoveryKind, recoveryKind, recoveryKinds } from './result.ts';
import { reached, Striker } from './strike.ts';
import { Watch } from './watch.ts';

const HEALTHY_WITHIN_MS = 60_000;
const SETTLED_WITHIN_MS = 60_000;
const STANDS_MS = 1_000;
const GONE_WITHIN_MS = 10_000;

export interface ChaosResult {
  readonly seed: string;
  readonly faults: Readonly<Record<FaultKind, number>>;
  readonly violations: readonly Violation[];
  readonly recovery_ms: Readonly<Record<RecoveryKind, Quantiles>>;
  /** From the strike until the whole company was healthy and had filled an order again. */
  readonly healthy_ms: Quantiles;
  readonly intents: number;
  readonly fills: number;
  readonly ticks: number;
  readonly seconds: number;
  readonly cores: number;
}

export interface ChaosRun extends ChaosPlace {
  readonly faults: number;
  readonly seed: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

function described({ kind, target, how, lastsMs }: Fault): string {
  switch (kind) {
    case 'actor':
      return `${target} killed by request`;
    case 'thread':
      return `thread of ${target} ${how === 'exit' ? 'ended by process.exit' : 'in a loop without end'}`;
    case 'freeze':
      return `${target} SIGSTOP for ${seconds(lastsMs)}`;
    case 'cut':
      return `${target.replace(' ', ' to ')} cut${lastsMs === 0 ? '' : ` for ${seconds(lastsMs)}`}`;
    default:
      return `${target} SIGKILL`;
  }
}

class Run {
  readonly violations: Violation[] = [];
  readonly struck = Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<FaultKind, number>;
  readonly backMs = Object.fromEntries(recoveryKinds.map((kind) => [kind, []])) as unknown as Record<
    RecoveryKind,
    number[]
  >;
  readonly healthyMs: number[] = [];
  private readonly o: ChaosRun;
  private readonly company: ChaosCompany;
  private readonly watch: Watch;

  constructor(options: ChaosRun, company: ChaosCompany, watch: Watch) {
    this.o = options;
    this.company = company;
    this.watch = watch;
  }

  /** All faults; ends early where the company does not recover. */
  async strikeAll(): Promise<void> {
    const { faults: count, seed, say, signal } = this.o;
    const { parts } = this.company;
    const plan = planFaults(seededRandom(seed), count, parts);
    const striker = new Striker(this.company, this.watch);
    const width = String(count).length;
    const open: Promise<void>[] = [];
    for (const [i, fault] of plan.entries()) {
      signal.throwIfAborted();
      const number = `${String(i + 1).padStart(width)}/${count}`;
      this.company.note(`${number} ${described(fault)}`);
      const { atMs, back, over } = await striker.strike(fault);
      this.struck[fault.kind]++;
      open.push(
        Promise.all([back, over]).then(([backMs]) => {
          if (backMs === undefined) this.violate('recovery', `${described(fault)}: it did not come back`);
          else this.backMs[recoveryKind(fault.kind)].push(backMs);
        }),
      );
      if (fault.nextAfterMs !== undefined && i + 1 < count) {
        say(`${number}  ${described(fault)}, and ${seconds(fault.nextAfterMs)} later`);
        await clock.sleep(fault.nextAfterMs);
        continue;
      }
      await Promise.all(open.splice(0));
      const healthy = await this.healthy(over);
      const tookMs = clock.monotonicMs() - atMs;
      if (!healthy) return;
      this.healthyMs.push(tookMs);
      const backMs = await back;
      const own = backMs === undefined ? '' : `back after ${seconds(backMs)}, `;
      say(`${number}  ${described(fault)}: ${own}healthy after ${seconds(tookMs)}`);
    }
  }

  /** Waits until the whole company is well and has filled an order since; false, with a violation, where it is not. */
  async healthy(over: Promise<void>): Promise<boolean> {
    const { company, watch } = this;
    await over;
    const sinceMs = clock.monotonicMs();
    let ill = ['unknown'];
    let fills: number | undefined;
    const well = await reached(() => {
      if (company.failure !== undefined) return true;
      this.o.signal.throwIfAborted();
      const before = ill.join('; ');
      ill = ailments(company, sinceMs);
      if (ill.join('; ') !== before) company.note(ill.length === 0 ? 'well' : ill.join('; '));
      if (ill.length > 0) fills = undefined;
      else fills ??= watch.fills;
      return fills !== undefined && watch.fills > fills;
    }, HEALTHY_WITHIN_MS);
    if (company.failure !== undefined) {
      this.violate('healthy', `the run cannot go on: ${messageOf(company.failure)}`);
      return false;
    }
    if (well) return true;
    const what = ill.length > 0 ? ill.join('; ') : 'no order is filled';
    this.violate('healthy', `not within ${HEALTHY_WITHIN_MS / 1000} s of a fault: ${what}`);
    return false;
  }

  /** Trading ends, the market stands still, everything is compared. */
  async compare(): Promise<{ intents: number; fills: number }> {
    const { company, watch } = this;
    company.endTrading();
    const open = (): number => company.fleet.status?.orders.open ?? 0;
    await clock.sleep(STANDS_MS * 2);
    if (!(await reached(() => open() === 0)))
      this.violate('quiet', `${open()} orders are open although trading has ended`);
    company.fleet.hold();
    const applied = (): number => [...company.applied.values()].reduce((sum, { ticks }) => sum + ticks, 0);
    let sinceMs = clock.monotonicMs();
    let last = -1;
    const stands = await reached(() => {
      if (company.sentTicks !== last) [last, sinceMs] = [company.sentTicks, clock.monotonicMs()];
      return clock.monotonicMs() - sinceMs > STANDS_MS && applied() === last;
    });
    if (!stands) this.violate('ticks-once', `${last} ticks were sent, ${applied()} are applied`);
    const seen = company.statuses();
    const status = await within(company.fleet.settle(), SETTLED_WITHIN_MS, 'the company does not settle');
    const history = await observe(company, watch, seen, status);
    const kept = new Set(
      (history.frames ?? []).flatMap(({ symbol, firstSequence, timesMs }) =>
        timesMs.map((_, i) => `${symbol} ${firstSequence + i}`),
      ),
    ).size;
    if (kept !== company.sentTicks) {
      this.violate('ticks-once', `the terminal sent ${company.sentTicks} ticks, ${kept} stand in the stream`);
    }
    this.violations.push(...judge(history));
    return { intents: history.intents.length, fills: history.fills.length };
  }

  violate(invariant: string, detail: string): void {
    this.violations.push({ invariant, detail });
    this.o.say(`VIOLATION ${invariant}: ${detail}`);
  }
}

async function within<T>(work: Promise<T>, ms: number, otherwise: string): Promise<T> {
  let cancel = (): void => undefined;
  const late = new Promise<never>((_, reject) => {
    cancel = clock.setTimer(ms, () => reject(new Error(`${otherwise} within ${ms / 1000} s`)));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    cancel();
  }
}

export async function runChaos(options: ChaosRun): Promise<ChaosResult> {
  const beganMs = clock.monotonicMs();
  const company = await ChaosCompany.make(options);
  let run: Run | undefined;
  let watch: Watch | undefined;
  let figures = { intents: 0, fills: 0 };
  try {
    await company.fleet.start();
    watch = await Watch.begin(company);
    run = new Run(options, company, watch);
    company.fleet.play();
    if (await run.healthy(Promise.resolve())) {
      options.say(`the company trades after ${seconds(clock.monotonicMs() - beganMs)}`);
      await run.strikeAll();
    }
    try {
      figures = await run.compare();
    } catch (error) {
      options.signal.throwIfAborted();
      run.violate('settled', messageOf(error));
    }
  } finally {
    await watch?.stop();
    try {
      await company.stop();
    } catch (error) {
      run?.violate('ends', messageOf(error));
    }
  }
  if (!(await reached(() => processesOf(options.folder).length === 0, GONE_WITHIN_MS))) {
    for (const { pid, command } of processesOf(options.folder)) run.violate('ends', `${pid} ${command} still runs`);
  }
  return {
    seed: options.seed,
    faults: run.struck,
    violations: run.violations,
    recovery_ms: Object.fromEntries(recoveryKinds.map((kind) => [kind, quantilesOf(run.backMs[kind])])) as Record<
      RecoveryKind,
      Quantiles
    >,
    healthy_ms: quantilesOf(run.healthyMs),
    ...figures,
    ticks: company.sentTicks,
    seconds: Math.round((clock.monotonicMs() - beganMs) / 100) / 10,
    cores: availableParallelism(),
  };
}
