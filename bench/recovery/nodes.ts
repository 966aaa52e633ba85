/**
 * How long the actors of a node are away that is killed with SIGKILL and does not come back: from the signal until each of
 * them runs on another node and has applied an input that it had not applied before. Three nodes, a market that does not
 * stand still. After each round the node is started again and takes its share back.
 */
import { parseLevel } from '../../node/levels.ts';
import type { KvEntry } from '../../runtime/bus/bus.ts';
import { actorKey } from '../../runtime/bus/topics.ts';
import { Cluster } from '../cluster.ts';
import type { ActorStatus } from '../operator.ts';
import { Operator } from '../operator.ts';
import { NotVerified } from '../result.ts';
import type { Stage } from '../stage.ts';
import { storedBars } from '../stored.ts';
import { recoveryFaults } from '../verify.ts';
import { ACCOUNT, recoveryConfig, recoveryTape, SPEED, tapeRoundsFor } from './actors.ts';
import type { Kind } from './watch.ts';
import { isUp, progressOf } from './watch.ts';

const NODES = 3;
const INLINE = 6;
const THREADS = 2;
const WARM_UP_MS = 4_000;
/** What one round takes, detection and the way back included. */
const ROUND_MS = 25_000;
const WITHIN_MS = 40_000;
const LOOK_AGAIN_MS = 10;
/** An actor that asks its whole share in one burst would delay what is measured. */
const ASKED_AT_ONCE = 8;

export interface NodeRound {
  readonly node: string;
  readonly actors: number;
  /** Until the last of its actors had a new owner and was running there, by KV `actors`. */
  readonly runningMs: number;
  /** Until the last of them had also gone on. */
  readonly servingMs: number;
}

interface Owned {
  readonly kind: string;
  readonly id: string;
  readonly node: string;
  readonly state: string;
}

/** Owner and state of every actor, as KV `actors` tells them. */
class Levels {
  private readonly known = new Map<string, Owned>();

  static async watch(cluster: Cluster): Promise<Levels> {
    const levels = new Levels();
    const kv = await (await cluster.connect('operator')).kv('actors');
    await kv.watch('>', (entry) => {
      const level = 'deleted' in entry ? undefined : parseLevel(entry as KvEntry);
      if (level === undefined || level.kind === 'supervisor' || level.kind === 'bridge') return;
      levels.known.set(entry.key, level);
    });
    return levels;
  }

  of(kind: string, id: string): Owned | undefined {
    return this.known.get(actorKey(kind, id));
  }

  ownedBy(node: string): Owned[] {
    return [...this.known.values()].filter((one) => one.node === node);
  }
}

export async function nodeTimes(stage: Stage, symbols: number, rounds: number): Promise<NodeRound[]> {
  const tape = await recoveryTape(stage, symbols);
  const config = recoveryConfig(stage, tape, INLINE, THREADS);
  const tapeRounds = tapeRoundsFor(tape, WARM_UP_MS + rounds * ROUND_MS);
  const cluster = new Cluster(stage, { config, nodes: NODES, tape, tapeRounds, speed: SPEED });
  stage.watch(cluster);
  const measured = async (): Promise<NodeRound[]> => {
    await cluster.start();
    const [operator, levels] = [new Operator(await cluster.connect('operator')), await Levels.watch(cluster)];
    const crew = new Crew(stage, cluster, operator, levels);
    await crew.until('the broker trades', async () => {
      const status = await operator.status('broker', ACCOUNT);
      return status !== undefined && isUp('broker', status);
    });
    cluster.play();
    await stage.clock.sleep(WARM_UP_MS);
    const done: NodeRound[] = [];
    for (let round = 0; round < rounds; round++) {
      // The account's node first: most hangs on it.
      const name = round === 0 ? levels.of('broker', ACCOUNT)!.node : `node-${(round % NODES) + 1}`;
      const one = await crew.lose(name);
      done.push(one);
      stage.say(`${name} killed: ${one.actors} actors serve elsewhere after ${(one.servingMs / 1000).toFixed(1)} s`);
      await crew.bringBack(name);
    }
    await cluster.played();
    const statuses = await cluster.settle();
    const bus = await cluster.connect('node');
    const { ticks: barTicks } = await storedBars(bus, { partitions: config.market.partitions });
    const faults = recoveryFaults({
      expected: new Map(tape.symbols.map((name, i) => [name, tape.perSymbol[i]! * tapeRounds])),
      ...{ sent: cluster.sent, acknowledged: cluster.acknowledged, statuses, barTicks },
      strategies: config.strategies.map(({ id }) => id),
    });
    if (faults.length > 0) throw new NotVerified(1, faults);
    return done;
  };
  try {
    return await Promise.race([measured(), cluster.failed]);
  } finally {
    await stage.stop(cluster);
  }
}

class Crew {
  private readonly stage: Stage;
  private readonly cluster: Cluster;
  private readonly operator: Operator;
  private readonly levels: Levels;

  constructor(stage: Stage, cluster: Cluster, operator: Operator, levels: Levels) {
    this.stage = stage;
    this.cluster = cluster;
    this.operator = operator;
    this.levels = levels;
  }

  async lose(name: string): Promise<NodeRound> {
    const { clock } = this.stage;
    const lost = this.levels.ownedBy(name);
    const before = new Map<Owned, ActorStatus>();
    await this.each(lost, async (one) => {
      const status = await this.operator.status(one.kind, one.id);
      if (status !== undefined) before.set(one, status);
    });
    const sinceMs = clock.monotonicMs();
    await this.cluster.killNode(name);
    const runs = ({ kind, id }: Owned): boolean => {
      const now = this.levels.of(kind, id);
      return now !== undefined && now.node !== name && now.node !== '' && isUp(kind as Kind, now as never);
    };
    await this.until(`the actors of ${name} run elsewhere`, async () => lost.every(runs));
    const runningMs = clock.monotonicMs() - sinceMs;
    const left = new Set(lost);
    await this.until(`the actors of ${name} have gone on`, async () => {
      await this.each([...left], async (one) => {
        const kind = one.kind as Kind;
        const [was, now] = [before.get(one), await this.operator.status(kind, one.id)];
        if (was === undefined || now === undefined || !isUp(kind, now)) return;
        if (kind === 'broker' || progressOf(kind, now) > progressOf(kind, was)) left.delete(one);
      });
      return left.size === 0;
    });
    return { node: name, actors: lost.length, runningMs, servingMs: clock.monotonicMs() - sinceMs };
  }

  /** Its share of the actors runs there again. */
  async bringBack(name: string): Promise<void> {
    await this.cluster.startNode(name);
    await this.until(`${name} has its actors back`, async () => {
      const own = this.levels.ownedBy(name);
      return own.length > 0 && own.every((one) => isUp(one.kind as Kind, one as never));
    });
    // Nothing is on its way any more: what is killed next has had time to run.
    await this.stage.clock.sleep(WARM_UP_MS / 2);
  }

  async until(what: string, done: () => Promise<boolean>): Promise<void> {
    const { clock } = this.stage;
    const untilMs = clock.monotonicMs() + WITHIN_MS;
    while (!(await done())) {
      if (clock.monotonicMs() > untilMs) throw new Error(`within ${WITHIN_MS} ms not: ${what}`);
      await clock.sleep(LOOK_AGAIN_MS);
    }
  }

  private async each(owned: readonly Owned[], work: (one: Owned) => Promise<void>): Promise<void> {
    for (let i = 0; i < owned.length; i += ASKED_AT_ONCE) {
      await Promise.all(owned.slice(i, i + ASKED_AT_ONCE).map(work));
    }
  }
}
