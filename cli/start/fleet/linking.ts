/** Waiting until bridge and terminal are linked; and where they are not, who is missing, why, and what to do about it. */
import type { Clock } from '../../../runtime/clock.ts';
import type { ErrorCode } from '../../../runtime/errors.ts';
import { TroupeError } from '../../../runtime/errors.ts';
import { nativeTable } from '../../../runtime/native-errors.ts';
import type { ManagedProcess } from '../../processes.ts';
import { jsonObject } from '../../processes.ts';
import { jsonEvent } from './ready.ts';

export interface LinkLimits {
  /** A link that does not stand by then is given up. */
  readonly withinMs: number;
  /** Sooner, where the terminal was told why it is not let in and nothing changes that by itself. */
  readonly hopelessMs: number;
}

export const LINK_LIMITS: LinkLimits = { withinMs: 60_000, hopelessMs: 5_000 };
const LOOK_MS = 250;

/** What a program says of the link, with its code (E_LINK_... of docs/errors.md). */
interface Said {
  readonly code: string;
  readonly text: string;
}

type Party = 'bridge' | 'terminal';

/** What both programs have told of their link since they were started. */
export class LinkNews {
  /** Of the bridge's own machine: empty until terminals may come. */
  bridgeState = '';
  private readonly said: Partial<Record<Party, Said>> = {};
  /** The bridge's last refusal, of whoever it was. */
  private refusal: Said | undefined;

  /** This program begins anew: what it said before does not count any more. */
  begin(party: Party): void {
    delete this.said[party];
    if (party === 'terminal') return;
    this.bridgeState = '';
    this.refusal = undefined;
  }

  /** A line of its output; those that say nothing of a link are passed over. */
  hear(party: Party, line: string): void {
    const value = jsonObject(line);
    if (value === undefined) return;
    if (party === 'bridge' && value.event === 'state') this.bridgeState = String(value.state);
    const { level, code, message } = value;
    if ((level !== 'warn' && level !== 'error') || typeof code !== 'string' || typeof message !== 'string') return;
    if (party === 'terminal') {
      this.said.terminal = inner({ code, text: message });
    } else if (message.startsWith(REFUSED)) {
      this.refusal = { code, text: message.slice(REFUSED.length) };
    } else {
      this.said.bridge = { code, text: message };
    }
  }

  /** Whether the terminal itself has heard that it is not let in, for a reason that lasts until a person acts. */
  get hopeless(): boolean {
    const { terminal } = this.said;
    if (this.bridgeState === 'syncing' || this.bridgeState === 'ready') return false;
    return terminal !== undefined && isRefusal(terminal.code) && !PASSES.has(terminal.code);
  }

  /** Why there is no link. `waitedMs`: how long it was waited for. */
  why(port: number, waitedMs: number): TroupeError {
    const { bridge, terminal } = this.said;
    const after = `after ${Math.round(waitedMs / 1000)} s`;
    const fault = (code: ErrorCode, ...parts: readonly (string | undefined)[]): TroupeError =>
      new TroupeError(code, parts.filter((part) => part !== undefined).join('; '));
    if (this.bridgeState === '') {
      return fault(
        'LINK_NO_BRIDGE',
        `the bridge takes no terminal ${after}`,
        words('the bridge', bridge),
        todo(bridge),
      );
    }
    if (this.bridgeState === 'syncing') {
      const last = bridge ?? terminal;
      return fault(
        'LINK_NOT_AGREED',
        `terminal and bridge are linked, but have not agreed on symbols and ticks ${after}`,
        ...[words('the bridge', bridge), words('the terminal', terminal), todo(last)],
      );
    }
    const theirs = terminal !== undefined && isRefusal(terminal.code) ? terminal : undefined;
    if (theirs !== undefined || this.refusal !== undefined) {
      const head = `the terminal is not linked to the bridge ${after}`;
      // A terminal without a reason of its own: that refusal may have been somebody else's.
      const known = theirs ?? terminal;
      const byBridge =
        this.refusal?.code === known?.code ? undefined : words('the bridge, of a terminal', this.refusal);
      return fault('LINK_REFUSED', head, words('the terminal', known), byBridge, todo(theirs ?? this.refusal));
    }
    return fault(
      'LINK_NO_TERMINAL',
      `no terminal has come to the bridge at 127.0.0.1:${port} ${after}`,
      terminal === undefined ? 'the terminal has said nothing of why' : words('the terminal', terminal),
      todo(terminal),
    );
  }
}

/** What the bridge writes before its reason. */
const REFUSED = 'terminal refused: ';

/** Refusals that may end by themselves: the seat of a terminal that has just ended is free in a moment. */
const PASSES: ReadonlySet<string> = new Set(['E_LINK_ACCOUNT_TAKEN']);

/** One side will not have the other; otherwise they have not met, or not for long. */
const isRefusal = (code: string): boolean =>
  code.startsWith('E_LINK_') && nativeTable[code] !== undefined && nativeTable[code].class !== 'retry';

/** "E_LINK_REFUSED" with the bridge's own code in front of its message is that code. */
function inner({ code, text }: Said): Said {
  const found = code === 'E_LINK_REFUSED' ? /^(E_[A-Z0-9_]+): (.*)$/s.exec(text) : null;
  return found === null ? { code, text } : { code: found[1]!, text: found[2]! };
}

const words = (who: string, said: Said | undefined): string | undefined =>
  said === undefined ? undefined : `${who} says ${said.code}: ${said.text}`;

const todo = (said: Said | undefined): string | undefined => said && nativeTable[said.code]?.meaning;

export interface Linking {
  readonly news: LinkNews;
  /** Where the bridge listens. */
  readonly port: number;
  readonly clock: Clock;
  readonly limits?: LinkLimits;
}

/**
 * Resolves when the terminal says that it is linked and ready. Throws LINK_... where it is not in time or ends over it,
 * and ProcessError where it ends for another reason; then it runs no more.
 */
export async function untilLinked(child: ManagedProcess, linking: Linking): Promise<void> {
  const { news, port, clock, limits = LINK_LIMITS } = linking;
  const sinceMs = clock.monotonicMs();
  const waitedMs = (): number => clock.monotonicMs() - sinceMs;
  let ready = false;
  const waiting = child.waitForLine(jsonEvent('ready'), limits.withinMs).then(() => {
    ready = true;
  });
  try {
    while (!ready) {
      await Promise.race([waiting, clock.sleep(LOOK_MS)]);
      if (!ready && news.hopeless && waitedMs() >= limits.hopelessMs) throw news.why(port, waitedMs());
    }
  } catch (error) {
    waiting.catch(() => undefined);
    const ended = child.exit !== undefined;
    await child.stop();
    throw error instanceof TroupeError || (ended && !news.hopeless) ? error : news.why(port, waitedMs());
  }
}
