/** One seed from its beginning to its rest. */
import { createHash } from 'node:crypto';
import type { History, Violation } from '../witness/history.ts';
import { bounded } from '../witness/quiet.ts';
import { judge } from '../witness/witness.ts';
import type { Break } from './breaks.ts';
import { observe } from './observe.ts';
import { planOf } from './plan.ts';
import { SimWorld } from './sim-world.ts';
import { registerTrader } from './trader.ts';

/** After the last fault the company is quiet and healthy again within this, ms. */
export const REST_WITHIN_MS = 120_000;
/** Trading goes on for a while after the last fault, then everything is looked at again and again. */
const FIRST_LOOK_MS = 12_000;
const LOOK_EVERY_MS = 8_000;

export interface SeedResult {
  readonly seed: string;
  readonly violations: readonly Violation[];
  /** Over every subject's messages in their order, and the ledger. */
  readonly digest: string;
  readonly events: number;
  readonly intents: number;
  readonly restMs: number;
  /** What was tried and came to its end: safe modes by policy, flattened accounts, differences put right, nodes drained. */
  readonly done: readonly string[];
}

function digestOf(world: SimWorld): string {
  const hash = createHash('sha256');
  for (const stream of ['MARKET', 'TRADING', 'MODELS', 'SYSTEM']) {
    for (const { subject, data } of world.network.server.messages(stream)) hash.update(subject).update(data);
  }
  for (const table of ['orders', 'fills', 'trades', 'positions', 'equity', 'cash_flows'] as const) {
    hash.update(JSON.stringify(world.ledger.table(table)));
  }
  return hash.digest('hex');
}

const endings: readonly (readonly [event: string, text: RegExp])[] = [
  ['safe_mode', /^confirmed by the terminal: (no order of ours|no order and no position|nothing is under way)/],
  ['flattened', /^confirmed/],
  ['difference_resolved', /: (accepted|corrected);/],
];

function doneIn({ drained }: SimWorld, { account }: History): string[] {
  const told = (account?.words ?? []).flatMap((word): string[] => {
    if (word.kind !== 'event') return [];
    const [, text] = endings.find(([event]) => event === word.event) ?? [];
    const found = text?.exec(word.cause);
    return found ? [[word.event, found[1]].filter(Boolean).join(': ')] : [];
  });
  return [...new Set([...told, ...(drained > 0 ? ['drained'] : [])])];
}

export async function runSeed(
  seed: string,
  broken?: Break,
  trace?: (atMs: number, text: string) => void,
): Promise<SeedResult> {
  registerTrader();
  const plan = planOf(seed);
  const world = new SimWorld(plan, broken, trace);
  world.start();
  const { calmMs } = plan;
  let violations: Violation[] = [];
  let history = observe(world);
  const seen: Violation[] = world.seen;
  for (let atMs = calmMs + FIRST_LOOK_MS; atMs <= calmMs + REST_WITHIN_MS; atMs += LOOK_EVERY_MS) {
    await world.loop.runUntil(atMs);
    history = observe(world);
    violations = judge(history);
    if (violations.length === 0 || seen.length > 0) break;
  }
  const restMs = world.loop.elapsedMs;
  const result: SeedResult = {
    ...{ seed, violations: [...seen, ...bounded(history.actors ?? []), ...violations], digest: digestOf(world) },
    ...{ events: world.loop.fired, intents: history.intents.length, restMs, done: doneIn(world, history) },
  };
  for (const slot of world.slots) slot.node?.kill();
  return result;
}
