/** Which fault strikes what, and for how long, drawn from a seed. Pure. */
import type { Random } from '../../runtime/random.ts';

/** Each so often in a deck: every kind comes early and about as often as the others, in an order that the seed draws. */
const DECK = {
  actor: 3,
  thread: 3,
  node: 2,
  freeze: 1,
  nats: 1,
  bridge: 1,
  terminal: 1,
  postgres: 1,
  cut: 3,
} as const;

export type FaultKind = keyof typeof DECK;
export const faultKinds = Object.keys(DECK) as FaultKind[];

export interface Parts {
  /** `kind.id` of every actor. */
  readonly actors: readonly string[];
  /** Ids of the strategies that live in threads. */
  readonly threads: readonly string[];
  readonly nodes: readonly string[];
  /** Connections, `from to`. */
  readonly links: readonly string[];
}

export interface Fault {
  readonly kind: FaultKind;
  /** An actor, a strategy, a process or a connection. */
  readonly target: string;
  /** How a thread ends; '' for the other kinds. */
  readonly how: '' | 'exit' | 'loop';
  /** How long a process is frozen or a connection cannot be made again, ms; 0 for the other kinds. */
  readonly lastsMs: number;
  /** The next one strikes so long after this one, whatever is still being mended; undefined: once all is well. */
  readonly nextAfterMs: number | undefined;
}

/** Longer than a lease: 10 s. */
const FROZEN_MS = 12_000;
const LONGEST_CUT_MS = 3_000;
const OVERLAPPING = 0.25;
const SOON_MS = 2_000;

export function planFaults(random: Random, count: number, parts: Parts): Fault[] {
  const faults: Fault[] = [];
  let deck: FaultKind[] = [];
  while (faults.length < count) {
    if (deck.length === 0) deck = shuffled(random);
    const kind = deck.pop()!;
    const overlaps = random.next() < OVERLAPPING;
    const soonMs = Math.floor(random.next() * SOON_MS);
    faults.push({
      kind,
      target: target(kind, parts, random),
      how: kind !== 'thread' ? '' : random.next() < 0.7 ? 'exit' : 'loop',
      lastsMs: lasts(kind, random),
      // One after the other is frozen, one after the other mends: two at once are many, three would be a company of none.
      nextAfterMs: overlaps && faults.at(-1)?.nextAfterMs === undefined ? soonMs : undefined,
    });
  }
  return faults;
}

function shuffled(random: Random): FaultKind[] {
  const deck = faultKinds.flatMap((kind) => Array<FaultKind>(DECK[kind]).fill(kind));
  for (let i = deck.length - 1; i > 0; i--) {
    const j = random.nextInt(i + 1);
    [deck[i], deck[j]] = [deck[j]!, deck[i]!];
  }
  return deck;
}

function target(kind: FaultKind, { actors, threads, nodes, links }: Parts, random: Random): string {
  const one = (names: readonly string[]): string => names[random.nextInt(names.length)]!;
  switch (kind) {
    case 'actor':
      return one(actors);
    case 'thread':
      return one(threads);
    case 'node':
    case 'freeze':
      return one(nodes);
    case 'cut':
      return one(links);
    case 'nats':
      return 'nats-server';
    default:
      return kind;
  }
}

function lasts(kind: FaultKind, random: Random): number {
  if (kind === 'freeze') return FROZEN_MS;
  // Half of the cuts are over at once.
  return kind === 'cut' && random.next() < 0.5 ? Math.floor(random.next() * LONGEST_CUT_MS) : 0;
}
