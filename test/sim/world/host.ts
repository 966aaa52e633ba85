/** One simulated process: its clocks, its timers and what reaches it, all of which stop when it is frozen or killed. */
import type { Clock } from '../../../runtime/clock.ts';
import type { Random } from '../../../runtime/random.ts';
import type { Loop } from './loop.ts';
import { START_MS } from './loop.ts';

/**
 * The virtual clock counts milliseconds since 1970 in a double, in which a quarter of a microsecond is nothing. A timer for
 * what is left of a time would fire without any of it having passed, for ever.
 */
const SHORTEST_MS = 0.001;

export interface ClockFault {
  /** Wall clock minus the true one, ms. */
  skewMs: number;
  /** Monotonic milliseconds per true one. */
  readonly rate: number;
}

export class Host {
  readonly name: string;
  readonly clock: Clock;
  state: 'up' | 'frozen' | 'dead' = 'up';
  /** The process that it is: itself, or of a thread the one it lives in. */
  readonly process: Host;
  /** It hangs: its process goes on without it. */
  isStuck = false;
  private readonly threads = new Set<Host>();
  readonly clockFault: ClockFault;
  private readonly loop: Loop;
  private readonly random: Random;
  /** What came due or arrived while it was frozen. */
  private timers: (() => void)[] = [];
  private arrived: (() => void)[] = [];
  private readonly onDeath: (() => void)[] = [];

  constructor(
    name: string,
    loop: Loop,
    random: Random,
    clockFault: ClockFault = { skewMs: 0, rate: 1 },
    process: Host | undefined = undefined,
  ) {
    this.name = name;
    this.process = process ?? this;
    if (process?.state === 'frozen') this.state = 'frozen';
    process?.threads.add(this);
    this.loop = loop;
    this.random = random;
    this.clockFault = clockFault;
    const { clock } = loop;
    const sinceMs = (): number => (clock.monotonicMs() - START_MS) * clockFault.rate;
    const setTimer = (delayMs: number, fire: () => void): (() => void) => this.setTimer(delayMs, fire);
    this.clock = {
      nowMs: () => Math.floor(clock.monotonicMs() + clockFault.skewMs),
      nowUs: () => Math.round((clock.monotonicMs() + clockFault.skewMs) * 1000),
      monotonicMs: sinceMs,
      setTimer,
      sleep: (delayMs) => new Promise((resolve) => setTimer(delayMs, resolve)),
      yield: () => Promise.resolve(),
    };
  }

  get alive(): boolean {
    return this.state !== 'dead';
  }

  /** Something from outside reaches the process. */
  receive(work: () => void): void {
    if (this.state === 'dead') return;
    if (this.state === 'frozen') this.arrived.push(work);
    else work();
  }

  freeze(): void {
    if (this.state === 'up') this.state = 'frozen';
    for (const thread of this.threads) thread.freeze();
  }

  /** Goes on where it stood: all at once finds out what has happened meanwhile. */
  thaw(): void {
    for (const thread of this.threads) if (!thread.isStuck) thread.thaw();
    if (this.state !== 'frozen') return;
    const timersFirst = this.random.next() < 0.7;
    const held = timersFirst ? [...this.timers, ...this.arrived] : [...this.arrived, ...this.timers];
    this.timers = [];
    this.arrived = [];
    this.state = 'up';
    // One after the other, as a process that wakes takes them; what comes due later waits behind them.
    for (const work of held) this.loop.after(0, () => this.receive(work));
  }

  /** What SIGKILL is. */
  kill(): void {
    if (this.state === 'dead') return;
    this.state = 'dead';
    this.process.threads.delete(this);
    for (const thread of [...this.threads]) thread.kill();
    this.timers = [];
    this.arrived = [];
    for (const work of this.onDeath) work();
  }

  whenDead(work: () => void): void {
    this.onDeath.push(work);
  }

  private setTimer(delayMs: number, fire: () => void): () => void {
    let cancelled = false;
    const due = (): void => {
      if (cancelled || this.state === 'dead') return;
      if (this.state === 'frozen') this.timers.push(due);
      else fire();
    };
    const waitMs = delayMs > 0 ? Math.max(SHORTEST_MS, delayMs / this.clockFault.rate) : 0;
    const cancel = this.loop.after(waitMs, due);
    return () => {
      cancelled = true;
      cancel();
    };
  }
}
