/**
 * Whether a thread is to be ended, as a pure function of what the main thread sees of it.
 *
 * A thread is silent while its heartbeats do not count up. Silence is counted only in looks that came in time: after a
 * main thread that was busy, or a process that was frozen, nobody can say what the other did meanwhile.
 */

/** How often the main thread looks. */
export const LOOK_MS = 50;
/** A look that comes later than this counts as if it had come now. */
const LATE_MS = 2 * LOOK_MS;

export interface Limits {
  readonly hangAfterMs: number;
  readonly memoryBytes: number;
}

export interface Sight {
  /** Monotonic. */
  readonly nowMs: number;
  readonly beats: number;
}

export interface Watch {
  readonly lookedMs: number;
  readonly beats: number;
  readonly silentMs: number;
}

export const firstWatch = ({ nowMs, beats }: Sight): Watch => ({ lookedMs: nowMs, beats, silentMs: 0 });

export function look(watch: Watch, { nowMs, beats }: Sight): Watch {
  if (beats !== watch.beats) return { lookedMs: nowMs, beats, silentMs: 0 };
  const sinceMs = Math.max(0, nowMs - watch.lookedMs);
  return { lookedMs: nowMs, beats, silentMs: watch.silentMs + Math.min(sinceMs, LATE_MS) };
}

export const isHung = (watch: Watch, limits: Limits): boolean => watch.silentMs >= limits.hangAfterMs;

/** What V8 tells of the heap of a thread, bytes. */
export interface Heap {
  readonly used_heap_size: number;
  /** Buffers, WebAssembly memories: nothing of this is covered by V8's own limits. */
  readonly external_memory: number;
  readonly malloced_memory: number;
}

export const bytesOf = (heap: Heap): number => heap.used_heap_size + heap.external_memory + heap.malloced_memory;

/** Memory of the process that may be new before every thread is asked at once. */
const GROWN_BYTES = 16 * 2 ** 20;
/** Otherwise they are asked this often. */
const ASK_MS = 1_000;

export interface MemoryWatch {
  readonly askedMs: number;
  readonly rssBytes: number;
}

/** Whether to ask the threads for their heaps now: asking interrupts each of them for a moment. */
export const isTimeToAsk = (watch: MemoryWatch, nowMs: number, rssBytes: number): boolean =>
  nowMs - watch.askedMs >= ASK_MS || rssBytes - watch.rssBytes >= GROWN_BYTES;
