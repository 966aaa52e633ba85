/** Whether a program that has ended is started again, and when. Pure but for the jitter that it is given. */
import type { ErrorCode } from '../../../runtime/errors.ts';
import { isErrorCode, TroupeError } from '../../../runtime/errors.ts';
import type { Random } from '../../../runtime/random.ts';
import { BACKOFF, delayMs, isHopeless, isSpent, recent } from '../../../supervisors/policy.ts';
import { jsonObject } from '../../processes.ts';

/** Of each program. */
export const PROCESS_BUDGET = { restarts: 5, windowMs: 60_000 } as const;

/**
 * For a whole program these too will end the next start. A taken port is not among them: it was the program's own a
 * moment ago, and whoever has it now may be a connection that is just ending.
 */
const NEEDS_A_PERSON: ReadonlySet<string> = new Set<ErrorCode>([
  'BUS_FOREIGN_STREAMS',
  'BUS_NO_STREAM',
  'BUS_REWOUND',
  'BUS_STORAGE_FULL',
  'DISK_FULL',
  'ALREADY_RUNNING',
  'LINK_REFUSED',
]);

/** A node ends itself with these so that a new one can begin. */
const ENDS_TO_BEGIN: ReadonlySet<string> = new Set(['LEASE_LOST', 'NODE_NAME_TAKEN']);

export function cannotMend(code: ErrorCode | undefined): boolean {
  if (code === undefined || ENDS_TO_BEGIN.has(code)) return false;
  return NEEDS_A_PERSON.has(code) || isHopeless(code);
}

export type Verdict =
  | { readonly restart: true; readonly delayMs: number; readonly attempt: number }
  | { readonly restart: false; readonly attempt: number };

/** `failuresMs`: earlier ends of this program, ascending; returns them with this one, and what is to be done. */
export function judgeEnd(
  failuresMs: readonly number[],
  nowMs: number,
  random: Random,
  code: ErrorCode | undefined,
): { readonly failuresMs: readonly number[]; readonly verdict: Verdict } {
  const kept = [...recent(failuresMs, nowMs, PROCESS_BUDGET), nowMs];
  const attempt = kept.length;
  if (cannotMend(code) || isSpent(attempt, PROCESS_BUDGET)) {
    return { failuresMs: kept, verdict: { restart: false, attempt } };
  }
  return { failuresMs: kept, verdict: { restart: true, delayMs: delayMs(attempt, random.next(), BACKOFF), attempt } };
}

/** What a program said last about why it ends. */
export interface LastWords {
  readonly code: ErrorCode | undefined;
  readonly text: string;
}

/**
 * From its last lines of output: nodes say `{"event":"error"}`, bridge and terminal write JSON with a code of their own
 * to stderr. Undefined where none of them tells.
 */
export function lastWords(tail: readonly string[]): LastWords | undefined {
  for (const line of [...tail].reverse()) {
    const value = jsonObject(line);
    if (value === undefined || typeof value.message !== 'string') continue;
    if (value.event !== 'error' && value.level !== 'error') continue;
    const own = typeof value.code === 'string' ? value.code : '';
    return isErrorCode(own)
      ? { code: own, text: value.message }
      : { code: undefined, text: `${own}: ${value.message}` };
  }
  return undefined;
}

/** The one error with which the run ends when `name` is given up. */
export function givenUp(name: string, attempt: number, how: string, words: LastWords | undefined, logs: string) {
  const often = attempt > 1 ? `, ${attempt} times within ${PROCESS_BUDGET.windowMs / 1000} s` : '';
  // A code of the table says what to do; without one only the logs can.
  if (words?.code !== undefined) {
    return new TroupeError(
      words.code,
      `${name}: ${words.text}${attempt > 1 ? ` (${name} ended ${often.slice(2)})` : ''}`,
    );
  }
  const said = words === undefined ? '' : `: ${words.text}`;
  return new TroupeError('SERVER_FAILED', `${name} ended unexpectedly (${how})${often}${said}; see ${logs}`);
}
