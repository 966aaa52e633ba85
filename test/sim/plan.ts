/** What a seed decides: the shape of the company, the weather of the network, and which faults strike when. */
import type { Random } from '../../runtime/random.ts';
import { seededRandom } from '../../runtime/random.ts';

export type Fault =
  /** The actor dies at the n-th point at which it waits for something, counted from `atMs`. */
  | { readonly kind: 'actor'; readonly atMs: number; readonly actor: string; readonly countdown: number }
  /** A strategy's thread is ended, ends by itself or hangs at the n-th such point. */
  | {
      readonly kind: 'thread';
      readonly atMs: number;
      readonly actor: string;
      readonly countdown: number;
      readonly how: 'kill' | 'exit' | 'hang';
    }
  | { readonly kind: 'node-kill'; readonly atMs: number; readonly node: number; readonly backAfterMs: number }
  | { readonly kind: 'node-drain'; readonly atMs: number; readonly node: number; readonly backAfterMs: number }
  | { readonly kind: 'node-freeze'; readonly atMs: number; readonly node: number; readonly forMs: number }
  | {
      readonly kind: 'partition';
      readonly atMs: number;
      readonly node: number;
      readonly forMs: number;
      readonly how: 'hold' | 'drop';
    }
  | { readonly kind: 'bridge-cut'; readonly atMs: number; readonly forMs: number; readonly how: 'hold' | 'drop' }
  /** The next order that the bridge hears of in a commit is the last that it hears for that time. */
  | { readonly kind: 'deaf-after-hearing'; readonly atMs: number; readonly forMs: number }
  /** The link breaks when the next order is committed, and the bridge hears of the commit so much later. */
  | { readonly kind: 'unlinked-order'; readonly atMs: number; readonly lateMs: number }
  | { readonly kind: 'server-down'; readonly atMs: number; readonly forMs: number }
  | { readonly kind: 'store-away'; readonly atMs: number; readonly forMs: number; readonly place: string }
  | { readonly kind: 'ledger-down'; readonly atMs: number; readonly forMs: number }
  | { readonly kind: 'clock-step'; readonly atMs: number; readonly node: number; readonly byMs: number }
  | { readonly kind: 'bridge-kill'; readonly atMs: number; readonly backAfterMs: number }
  | { readonly kind: 'bridge-freeze'; readonly atMs: number; readonly forMs: number }
  | { readonly kind: 'terminal-kill'; readonly atMs: number; readonly backAfterMs: number }
  | { readonly kind: 'link-break'; readonly atMs: number }
  /** The actor dies again and again, wherever it is started, as one whose fault no restart mends. */
  | { readonly kind: 'storm'; readonly atMs: number; readonly actor: string; readonly forMs: number }
  /**
   * Somebody else's doing on the account: a deal made `by hand` at another terminal, or a position or the balance that
   * changes `unseen`, without a deal. A person then takes the terminal's word, or has it brought to our record.
   */
  | {
      readonly kind: 'outside';
      readonly atMs: number;
      readonly how: 'hand' | 'unseen' | 'money';
      readonly symbol: string;
      readonly roll: number;
      /** Signed lots, or money. */
      readonly by: number;
      readonly remedy: 'accept' | 'correct';
      /** They ask for a comparison at once, instead of waiting for the next one. */
      readonly looks: boolean;
    }
  /** A person asks something of an actor, and later `undo`. */
  | {
      readonly kind: 'operator';
      readonly atMs: number;
      readonly actor: string;
      readonly verb: string;
      readonly undo: string | undefined;
      readonly forMs: number;
    };

export interface Plan {
  readonly seed: string;
  readonly nodes: readonly { readonly skewMs: number; readonly rate: number; readonly capacity: number }[];
  readonly symbols: readonly string[];
  readonly strategies: readonly { readonly id: string; readonly symbol: string }[];
  /** Of the strategies, those that run in threads. */
  readonly threads: readonly string[];
  readonly hedging: boolean;
  readonly safeMode: 'cancel' | 'flatten' | 'hold';
  /** Of supervisors, where they are to be spent; otherwise the usual ones. */
  readonly budgets: { readonly child: number; readonly supervisor: number } | undefined;
  readonly weather: { readonly meanMs: number; readonly slowChance: number; readonly slowMs: number };
  readonly duplicateChance: number;
  /** How long the streams know a message id. */
  readonly duplicateWindowMs: number | undefined;
  readonly manners: {
    readonly rejectChance: number;
    readonly partialChance: number;
    readonly latencyMs: number;
    readonly slowChance: number;
    readonly slowMs: number;
    readonly ticksPerSecond: number;
  };
  readonly faults: readonly Fault[];
  /** When the last fault is over. */
  readonly calmMs: number;
}

/** Trading begins by itself; faults may strike from the first moment on. */
const FAULTS_FROM_MS = 500;
const FAULTS_UNTIL_MS = 30_000;
const OPERATOR_CHANCE = 0.4;
const STORM_CHANCE = 0.25;
const OUTSIDE_CHANCE = 0.3;
const PLACES = ['trade', 'md', 'snapshots', 'actors', 'leases'] as const;

const between = (random: Random, low: number, high: number): number => low + random.next() * (high - low);
const pick = <T>(random: Random, items: readonly T[]): T => items[random.nextInt(items.length)]!;

/** Mostly short, sometimes longer than a lease. */
function span(random: Random): number {
  return random.next() < 0.6 ? between(random, 50, 3_000) : between(random, 3_000, 16_000);
}

type Shape = Pick<Plan, 'nodes' | 'symbols' | 'strategies'>;
type Maker = (random: Random, atMs: number, plan: Shape) => Fault;

const makers: readonly (readonly [number, Maker])[] = [
  [
    10,
    (random, atMs, { symbols, strategies }) => {
      const kinds = [
        ...['broker.sim', 'broker.sim', 'broker.sim', 'recorder.ledger'],
        ...symbols.map((symbol) => `symbol.${symbol}`),
        ...strategies.flatMap(({ id }) => [`strategy.${id}`, `strategy.${id}`]),
      ];
      return { kind: 'actor', atMs, actor: pick(random, kinds), countdown: random.nextInt(12) };
    },
  ],
  [
    2,
    (random, atMs, { nodes }) => ({
      kind: 'node-kill',
      atMs,
      node: random.nextInt(nodes.length),
      backAfterMs: span(random),
    }),
  ],
  [
    1,
    (random, atMs, { nodes }) => ({
      kind: 'node-drain',
      atMs,
      node: random.nextInt(nodes.length),
      backAfterMs: span(random),
    }),
  ],
  [
    2,
    (random, atMs, { nodes }) => ({
      kind: 'node-freeze',
      atMs,
      node: random.nextInt(nodes.length),
      forMs: span(random),
    }),
  ],
  [
    2,
    (random, atMs, { nodes }) => {
      const how = pick(random, ['hold', 'drop'] as const);
      return { kind: 'partition', atMs, node: random.nextInt(nodes.length), forMs: span(random), how };
    },
  ],
  [
    1,
    (random, atMs) => ({ kind: 'bridge-cut', atMs, forMs: span(random), how: pick(random, ['hold', 'drop'] as const) }),
  ],
  [1, (random, atMs) => ({ kind: 'server-down', atMs, forMs: span(random) })],
  [1, (random, atMs) => ({ kind: 'store-away', atMs, forMs: span(random), place: pick(random, PLACES) })],
  [1, (random, atMs) => ({ kind: 'ledger-down', atMs, forMs: span(random) })],
  [
    1,
    (random, atMs, { nodes }) => ({
      kind: 'clock-step',
      atMs,
      node: random.nextInt(nodes.length),
      byMs: between(random, -2_000, 2_000),
    }),
  ],
  [2, (random, atMs) => ({ kind: 'bridge-kill', atMs, backAfterMs: between(random, 50, 4_000) })],
  [1, (random, atMs) => ({ kind: 'bridge-freeze', atMs, forMs: span(random) })],
  [2, (random, atMs) => ({ kind: 'terminal-kill', atMs, backAfterMs: between(random, 50, 6_000) })],
  [2, (_random, atMs) => ({ kind: 'link-break', atMs })],
];

const WEIGHT = makers.reduce((sum, [weight]) => sum + weight, 0);

function drawFault(random: Random, atMs: number, shape: Shape): Fault {
  let left = random.next() * WEIGHT;
  for (const [weight, make] of makers) {
    left -= weight;
    if (left < 0) return make(random, atMs, shape);
  }
  return makers[0]![1](random, atMs, shape);
}

const asked: readonly (readonly [verb: string, undo: string | undefined])[] = [
  ['pause', 'resume'],
  ['halt', 'activate'],
  ['reduce', 'activate'],
  ['flatten', 'activate'],
  ['reconcile', undefined],
  ['restart', undefined],
];

/** People are no faults of the network: what they ask is drawn apart, so that the rest of a seed does not depend on it. */
function operatorOf(seed: string, { nodes, symbols, strategies }: Shape): Fault[] {
  const random = seededRandom(`operator ${seed}`);
  if (random.next() >= OPERATOR_CHANCE) return [];
  return Array.from({ length: 1 + random.nextInt(3) }, (): Fault => {
    const atMs = between(random, FAULTS_FROM_MS, FAULTS_UNTIL_MS);
    const forMs = between(random, 100, 8_000);
    const roll = random.next();
    if (roll < 0.5) {
      const [verb, undo] = pick(random, asked);
      return { kind: 'operator', atMs, forMs, actor: 'broker.sim', verb, undo };
    }
    if (roll < 0.65) {
      const actor = `node.node-${1 + random.nextInt(nodes.length)}`;
      return { kind: 'operator', atMs, forMs, actor, verb: 'drain', undo: undefined };
    }
    if (roll < 0.85) {
      const [verb, undo] = pick(random, [asked[0]!, asked.at(-1)!]);
      return { kind: 'operator', atMs, forMs, actor: `strategy.${pick(random, strategies).id}`, verb, undo };
    }
    const actor = pick(random, ['recorder.ledger', ...symbols.map((symbol) => `symbol.${symbol}`)]);
    return { kind: 'operator', atMs, forMs, actor, verb: 'restart', undo: undefined };
  });
}

/** An actor that cannot live: its supervisors' budgets are spent, its node gives up, and the account is made safe. */
function stormOf(seed: string, { symbols }: Shape): Fault[] {
  const random = seededRandom(`storm ${seed}`);
  if (random.next() >= STORM_CHANCE) return [];
  const actor = pick(random, ['recorder.ledger', 'broker.sim', ...symbols.map((symbol) => `symbol.${symbol}`)]);
  const atMs = between(random, 4_000, FAULTS_UNTIL_MS);
  return [{ kind: 'storm', atMs, actor, forMs: between(random, 2_000, 8_000) }];
}

function outsideOf(seed: string, { symbols }: Shape): Fault[] {
  const random = seededRandom(`outside ${seed}`);
  if (random.next() >= OUTSIDE_CHANCE) return [];
  return Array.from({ length: 1 + random.nextInt(3) }, (): Fault => {
    const how = pick(random, ['hand', 'unseen', 'unseen', 'money'] as const);
    const sign = random.next() < 0.5 ? -1 : 1;
    const by = (sign * (1 + random.nextInt(40))) / 100;
    return {
      ...{ kind: 'outside', atMs: between(random, 3_000, FAULTS_UNTIL_MS), how, symbol: pick(random, symbols) },
      ...{ roll: random.next(), by: how === 'money' ? by * 100 : by },
      remedy: how !== 'money' && random.next() < 0.5 ? 'correct' : 'accept',
      looks: random.next() < 0.7,
    };
  });
}

/** Drawn apart, like threads. */
function hearingOf(seed: string): Fault[] {
  const random = seededRandom(`hearing ${seed}`);
  return Array.from({ length: random.nextInt(4) }, (): Fault => {
    const atMs = between(random, FAULTS_FROM_MS, FAULTS_UNTIL_MS);
    if (random.next() < 0.5) return { kind: 'deaf-after-hearing', atMs, forMs: between(random, 1, 3_000) };
    return { kind: 'unlinked-order', atMs, lateMs: between(random, 100, 3_000) };
  });
}

/** Drawn apart, so that the rest of a seed's world is what it was without threads. */
function threadsOf(seed: string, { strategies }: Shape): { threads: string[]; faults: Fault[] } {
  const random = seededRandom(`threads ${seed}`);
  if (random.next() < 0.5) return { threads: [], faults: [] };
  const threads = strategies.map(({ id }) => id).filter(() => random.next() < 0.8);
  if (threads.length === 0) return { threads, faults: [] };
  const faults = Array.from({ length: random.nextInt(4) }, (): Fault => {
    const atMs = between(random, FAULTS_FROM_MS, FAULTS_UNTIL_MS);
    const how = pick(random, ['kill', 'exit', 'hang'] as const);
    return { kind: 'thread', atMs, actor: `strategy.${pick(random, threads)}`, countdown: random.nextInt(12), how };
  });
  return { threads, faults };
}

const endOf = (fault: Fault): number => {
  if ('forMs' in fault) return fault.atMs + fault.forMs;
  return 'backAfterMs' in fault ? fault.atMs + fault.backAfterMs : fault.atMs;
};

export function planOf(seed: string): Plan {
  const random = seededRandom(`plan ${seed}`);
  const symbols = ['EURUSD', 'GBPUSD', 'AUDUSD'].slice(0, 1 + random.nextInt(2));
  const nodes = Array.from({ length: 2 + random.nextInt(2) }, () => ({
    skewMs: random.next() < 0.3 ? between(random, -3_000, 3_000) : between(random, -20, 20),
    rate: 1 + between(random, -2e-4, 2e-4),
    capacity: random.next() < 0.2 ? 2 : 1,
  }));
  const strategies = Array.from({ length: 1 + random.nextInt(3) }, (_, i) => ({
    id: `s${i + 1}`,
    symbol: symbols[i % symbols.length]!,
  }));
  const shape = { nodes, symbols, strategies };
  const storm = stormOf(seed, shape);
  const house = seededRandom(`house ${seed}`);
  const threaded = threadsOf(seed, shape);
  const count = random.next() < 0.05 ? 0 : 1 + random.nextInt(7);
  const faults = Array.from({ length: count }, () =>
    drawFault(random, between(random, FAULTS_FROM_MS, FAULTS_UNTIL_MS), shape),
  )
    .concat(operatorOf(seed, shape), storm, outsideOf(seed, shape), threaded.faults, hearingOf(seed))
    .sort((a, b) => a.atMs - b.atMs);
  const stormy = random.next() < 0.4;
  const rough = random.next() < 0.5;
  return {
    seed,
    ...shape,
    threads: threaded.threads,
    hedging: random.next() < 0.5,
    safeMode: pick(house, ['cancel', 'flatten', 'hold'] as const),
    budgets: storm.length > 0 ? { child: 1, supervisor: 2 + house.nextInt(2) } : undefined,
    weather: {
      meanMs: between(random, 0.2, 3),
      slowChance: stormy ? between(random, 0, 0.03) : 0,
      slowMs: between(random, 50, 1_500),
    },
    duplicateChance: random.next() < 0.5 ? between(random, 0.05, 0.4) : 0,
    duplicateWindowMs: random.next() < 0.3 ? between(random, 500, 4_000) : undefined,
    manners: {
      rejectChance: rough ? between(random, 0, 0.2) : 0,
      partialChance: between(random, 0, 0.4),
      latencyMs: between(random, 1, 40),
      slowChance: rough ? between(random, 0, 0.1) : 0,
      slowMs: between(random, 1_000, 15_000),
      ticksPerSecond: between(random, 1.5, 3),
    },
    faults,
    calmMs: faults.reduce((latest, fault) => Math.max(latest, endOf(fault)), FAULTS_UNTIL_MS),
  };
}
