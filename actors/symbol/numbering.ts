/**
 * Tick numbers: what has been applied, what never came, what came twice.
 *
 * A source numbers the ticks of a symbol from 1 in each of its sessions. A number that was passed over counts as
 * missing at once; should it come after all, its time has been passed as well, so it is dropped as a duplicate is.
 */
import type { TickColumns } from '../../runtime/bus/ticks.ts';

interface Session {
  readonly session: string;
  /** Number of the last tick taken from it. */
  readonly lastSequence: number;
}

export interface Numbering extends Session {
  /** False until the first frame: then `session` means nothing yet. */
  readonly begun: boolean;
  /** Sessions before the current one, newest first, so that a frame of theirs that comes twice is known as such. */
  readonly earlier: readonly Session[];
}

/** Sessions remembered beside the current one. */
const REMEMBERED = 4;

export const unbegun: Numbering = { begun: false, session: '', lastSequence: 0, earlier: [] };

/**
 * - `fresh`: it has ticks that are next in order. - `gap`: ticks before it are missing. - `old`: all of it is known.
 */
export type Continuity = 'fresh' | 'gap' | 'old';

/** Last number known of the frame's session; undefined for the very first frame, which may begin anywhere. */
function lastKnown(numbering: Numbering, frame: TickColumns): number | undefined {
  if (frame.session === numbering.session && numbering.begun) return numbering.lastSequence;
  if (!numbering.begun) return undefined;
  const known = numbering.earlier.find(({ session }) => session === frame.session);
  return known === undefined ? 0 : known.lastSequence;
}

export function continuityOf(numbering: Numbering, frame: TickColumns): Continuity {
  const last = lastKnown(numbering, frame);
  if (last === undefined) return 'fresh';
  if (frame.firstSequence > last + 1) return 'gap';
  return frame.firstSequence + frame.count - 1 > last ? 'fresh' : 'old';
}

export interface Placed {
  readonly numbering: Numbering;
  /** Index of the first tick that is new; the frame's length when none is. */
  readonly from: number;
  /** Ticks passed over before the frame. */
  readonly missing: number;
}

/** Places a frame after what has been taken. */
export function place(numbering: Numbering, frame: TickColumns): Placed {
  const count = frame.count;
  // The stream may have dropped what is older than its age limit, so nothing is missing before the very first frame.
  const last = lastKnown(numbering, frame) ?? frame.firstSequence - 1;
  const from = Math.min(count, Math.max(0, last + 1 - frame.firstSequence));
  const missing = Math.max(0, frame.firstSequence - last - 1);
  const lastSequence = Math.max(last, frame.firstSequence + count - 1);
  return { numbering: moveTo(numbering, frame.session, lastSequence), from, missing };
}

function moveTo(numbering: Numbering, session: string, lastSequence: number): Numbering {
  if (!numbering.begun || session === numbering.session) {
    return { begun: true, session, lastSequence, earlier: numbering.earlier };
  }
  const left: Session = { session: numbering.session, lastSequence: numbering.lastSequence };
  const others = numbering.earlier.filter((known) => known.session !== session);
  return { begun: true, session, lastSequence, earlier: [left, ...others].slice(0, REMEMBERED) };
}
