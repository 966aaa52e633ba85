/** How long after the command the first tick was applied and the first order filled: for people, and for the report. */
import type { Clock } from '../../runtime/clock.ts';

export interface MilestoneFigures {
  /** From the command until the set-up, which looks what is there and does what is missing, has started this program. */
  readonly set_up: number;
  /** From the command to the first tick that its symbol actor has applied; null without one. */
  readonly to_first_tick: number | null;
  /** From the command to the first fill that the broker actor has booked; null without one. */
  readonly to_first_fill: number | null;
}

/** Set by the set-up for the program that it starts: wall clock of the command, milliseconds. */
const COMMAND_VARIABLE = 'TROUPE_COMMAND_MS';

/** Seconds since the command, when this program begins. Without a set-up, or with a clock that was put back: none. */
export function setUpSeconds(env: NodeJS.ProcessEnv, nowMs: number): number {
  const text = env[COMMAND_VARIABLE] ?? '';
  return /^\d{1,15}$/.test(text) ? Math.max(0, (nowMs - Number(text)) / 1000) : 0;
}

const rounded = (seconds: number): number => Math.round(seconds * 1000) / 1000;

export class Milestones {
  private readonly clock: Clock;
  private readonly setUpS: number;
  private readonly madeMs: number;
  private readonly say: (text: string) => void;
  private tickS: number | null = null;
  private fillS: number | null = null;

  /** `say` hears each of them once, as it is reached. */
  constructor(clock: Clock, setUpS: number, say: (text: string) => void) {
    this.clock = clock;
    this.setUpS = setUpS;
    this.madeMs = clock.monotonicMs();
    this.say = say;
  }

  /** So many ticks have been applied. */
  ticks(applied: number): void {
    if (applied === 0 || this.tickS !== null) return;
    this.tickS = this.nowS();
    this.say(`first tick  applied ${this.tickS.toFixed(1)} s after the command`);
  }

  /** So many fills are booked. */
  fills(booked: number): void {
    if (booked === 0 || this.fillS !== null) return;
    this.fillS = this.nowS();
    this.say(`first fill  booked ${this.fillS.toFixed(1)} s after the command`);
  }

  figures(): MilestoneFigures {
    return { set_up: rounded(this.setUpS), to_first_tick: this.tickS, to_first_fill: this.fillS };
  }

  private nowS(): number {
    return rounded(this.setUpS + (this.clock.monotonicMs() - this.madeMs) / 1000);
  }
}
