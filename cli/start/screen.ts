/** Where progress goes: a page that is drawn over itself on a terminal, one line every five seconds elsewhere. */
import type { Clock } from '../../runtime/clock.ts';
import type { Seen } from './view.ts';
import { linesOf, pageOf } from './view.ts';

const FRAME_MS = 250;
const LINE_MS = 5_000;
/** What is done sooner than this needs no announcement. */
const FIRST_LINE_MS = 1_000;
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';

export interface Screen {
  /** One thing that happened; it stays on the screen. */
  say(text: string): void;
  /** What is being done now; replaced by the next. */
  doing(text: string): void;
  /** Starts showing the run. */
  show(look: () => Seen): void;
  /** Shows the last state and nothing more after it. */
  close(): void;
}

export function createScreen(out: NodeJS.WriteStream, clock: Clock): Screen {
  return out.isTTY ? new LiveScreen(out, clock) : new LineScreen(out, clock);
}

class LineScreen implements Screen {
  private readonly out: NodeJS.WritableStream;
  private readonly clock: Clock;
  private cancel = (): void => undefined;
  private saidMs: number;

  constructor(out: NodeJS.WritableStream, clock: Clock) {
    this.out = out;
    this.clock = clock;
    this.saidMs = clock.monotonicMs() - LINE_MS + FIRST_LINE_MS;
  }

  say(text: string): void {
    this.out.write(`${text}\n`);
  }

  doing(text: string): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.saidMs < LINE_MS) return;
    this.saidMs = nowMs;
    this.say(text);
  }

  show(look: () => Seen): void {
    const again = (): void => {
      this.cancel = this.clock.setTimer(LINE_MS, () => {
        for (const line of linesOf(look())) this.say(line);
        again();
      });
    };
    again();
  }

  close(): void {
    this.cancel();
  }
}

class LiveScreen implements Screen {
  private readonly out: NodeJS.WriteStream;
  private readonly clock: Clock;
  private cancel = (): void => undefined;
  /** Lines of the page that stand below the cursor's home. */
  private drawn = 0;
  private last: (() => void) | undefined;
  private passing = false;

  constructor(out: NodeJS.WriteStream, clock: Clock) {
    this.out = out;
    this.clock = clock;
  }

  say(text: string): void {
    this.erase();
    this.out.write(`${text}\n`);
  }

  doing(text: string): void {
    this.erase();
    this.out.write(text.slice(0, this.out.columns - 1));
    this.passing = true;
  }

  show(look: () => Seen): void {
    this.out.write(HIDE_CURSOR);
    this.last = () => {
      const seen = look();
      this.erase();
      const page = pageOf(seen, { width: this.out.columns, height: Math.max(8, this.out.rows - 1) });
      this.out.write(`${page.join('\n')}\n`);
      this.drawn = page.length;
    };
    const again = (): void => {
      this.cancel = this.clock.setTimer(FRAME_MS, () => {
        this.last?.();
        again();
      });
    };
    this.last();
    again();
  }

  close(): void {
    this.cancel();
    if (this.last === undefined) {
      this.erase();
      return;
    }
    this.last();
    this.last = undefined;
    this.drawn = 0;
    this.out.write(SHOW_CURSOR);
  }

  private erase(): void {
    if (this.passing) this.out.write('\r\x1b[K');
    this.passing = false;
    if (this.drawn > 0) this.out.write(`\x1b[${this.drawn}A\x1b[J`);
    this.drawn = 0;
  }
}
