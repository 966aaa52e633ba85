/** The supervision tree of one node: which of its supervisors has which actor, and the names they go by outside. */

import type { Clock } from '../runtime/clock.ts';
import type { Config } from '../runtime/config/index.ts';
import type { TroupeError } from '../runtime/errors.ts';
import type { Random } from '../runtime/random.ts';
import type { Logger } from '../runtime/telemetry/log.ts';
import type { Removal, SupervisorEvent } from '../supervisors/spec.ts';
import type { Supervisor } from '../supervisors/supervisor.ts';
import { brokerSupervisor, SupervisionTree, strategiesSupervisor, systemTree } from '../supervisors/tree.ts';
import type { Member } from './member.ts';

/** Symbol actors that start or stop at once: what starts together is read with one opening of the stream. */
const POOL_CONCURRENCY = 1_024;

export interface TreeOptions {
  readonly node: string;
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly onEvent: (event: SupervisorEvent) => void;
  /** State of a supervisor, by the name it has outside. */
  readonly onState: (id: string, state: string, detail: string) => void;
  readonly onRemoved: (kind: string, id: string, reason: Removal) => void;
  readonly onGiveUp: (error: TroupeError) => void;
}

/** Every node has the same supervisors; outside, their names say whose they are. */
export const supervisorId = (node: string, branch: string): string => `${node}_${branch}`;

export class Tree {
  private readonly tree: SupervisionTree;
  private readonly o: TreeOptions;

  constructor(options: TreeOptions) {
    this.o = options;
    const { node, config, clock, random, log, onGiveUp, onState, onRemoved } = options;
    const { child, supervisor, backoff, start_deadline_ms: startMs } = config.supervision;
    const accounts = config.account === undefined ? [] : [config.account.id];
    const branches = systemTree({ accounts }).map((branch) => ({
      ...branch,
      id: supervisorId(node, branch.id),
      ...(branch.parent === undefined ? {} : { parent: supervisorId(node, branch.parent) }),
    }));
    this.tree = new SupervisionTree(branches, ({ id, strategy }) => ({
      ...{ clock, random, log, onGiveUp, startMs },
      childBudget: { restarts: child.restarts, windowMs: child.window_ms },
      supervisorBudget: { restarts: supervisor.restarts, windowMs: supervisor.window_ms },
      backoff: { firstMs: backoff.first_ms, longestMs: backoff.longest_ms },
      ...(strategy === 'pool' ? { concurrency: POOL_CONCURRENCY } : {}),
      onEvent: options.onEvent,
      onState: (state, detail) => onState(id, state, detail),
      onRemoved: (kind, childId, reason) => onRemoved(kind, childId, reason),
    }));
  }

  /** All supervisors, the root first; their `id` is the name they have outside. */
  get all(): readonly Supervisor[] {
    return this.tree.all;
  }

  start(): Promise<void> {
    return this.tree.start();
  }

  add(member: Member): Promise<void> {
    return this.of(member.kind, member.id).add(member);
  }

  async remove(kind: string, id: string, cause: string): Promise<void> {
    await this.of(kind, id).remove(kind, id, cause);
  }

  stop(): Promise<void> {
    return this.tree.stop();
  }

  kill(): void {
    this.tree.kill();
  }

  /** The supervisor of an actor, which need not be there. */
  of(kind: string, id: string): Supervisor {
    return this.tree.get(supervisorId(this.o.node, this.branchOf(kind, id)));
  }

  private branchOf(kind: string, id: string): string {
    if (kind === 'recorder') return 'stores';
    if (kind === 'broker') return brokerSupervisor(id);
    if (kind === 'strategy') return strategiesSupervisor(this.o.config.account?.id ?? '');
    return 'market';
  }
}
