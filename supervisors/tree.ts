/**
 * The supervision tree of this system as data (DESIGN.md section 6), and the supervisors made of it. Order is the order of
 * starting; stopping goes the other way: edge, strategies, broker, market, stores.
 */
import { TroupeError } from '../runtime/errors.ts';
import type { ChildSpec, Strategy } from './spec.ts';
import type { SupervisorOptions } from './supervisor.ts';
import { Supervisor } from './supervisor.ts';

/** A supervisor and where it hangs. */
export interface Branch {
  readonly id: string;
  /** None: the root. */
  readonly parent?: string;
  readonly strategy: Strategy;
}

export interface SystemParts {
  readonly accounts: readonly string[];
  readonly models?: boolean;
  readonly edge?: boolean;
}

export const brokerSupervisor = (account: string): string => `trading.${account}`;
export const strategiesSupervisor = (account: string): string => `strategies.${account}`;

/**
 * `stores` (recorders), `market` (symbols), `models`, per account `trading` (the broker, then its strategies), `edge`.
 * When the broker is started again so are the strategies that came after it; they have a pool of their own, so that one
 * of them that fails costs the others nothing.
 */
export function systemTree({ accounts, models = false, edge = false }: SystemParts): readonly Branch[] {
  return [
    { id: 'root', strategy: 'one_for_one' },
    { id: 'stores', parent: 'root', strategy: 'one_for_one' },
    { id: 'market', parent: 'root', strategy: 'pool' },
    ...(models ? [{ id: 'models', parent: 'root', strategy: 'pool' } as const] : []),
    ...accounts.flatMap((account): Branch[] => [
      { id: brokerSupervisor(account), parent: 'root', strategy: 'rest_for_one' },
      { id: strategiesSupervisor(account), parent: brokerSupervisor(account), strategy: 'pool' },
    ]),
    ...(edge ? [{ id: 'edge', parent: 'root', strategy: 'one_for_one' } as const] : []),
  ];
}

/** Throws CONFIG_INVALID that names every fault: ids twice, parents that are not there, cycles, no root or several. */
export function checkTree(branches: readonly Branch[]): void {
  const faults: string[] = [];
  const byId = new Map<string, Branch>();
  for (const branch of branches) {
    if (byId.has(branch.id)) faults.push(`two supervisors are named ${branch.id}`);
    byId.set(branch.id, branch);
  }
  const roots = branches.filter(({ parent }) => parent === undefined).map(({ id }) => id);
  if (roots.length !== 1) faults.push(`there must be one root, there are ${roots.length}: ${roots.join(', ')}`);
  const told = new Set<string>();
  for (const { id, parent } of branches) {
    if (parent !== undefined && !byId.has(parent)) faults.push(`${id}: there is no supervisor ${parent} above it`);
    const path = [id];
    for (let above = parent; above !== undefined && !told.has(above); above = byId.get(above)?.parent) {
      path.push(above);
      if (above === id) {
        faults.push(`cycle: ${path.join(' -> ')}`);
        for (const each of path) told.add(each);
      } else if (path.length > branches.length) break;
    }
  }
  if (faults.length > 0) throw new TroupeError('CONFIG_INVALID', `supervision tree: ${faults.join('; ')}`);
}

export type BranchOptions = Omit<SupervisorOptions, 'id' | 'strategy'>;

export class SupervisionTree {
  readonly root: Supervisor;
  private readonly branches: readonly Branch[];
  private readonly supervisors = new Map<string, Supervisor>();

  /** `options` once per branch. `onGiveUp` is called for the root only. Throws CONFIG_INVALID, see `checkTree`. */
  constructor(branches: readonly Branch[], options: (branch: Branch) => BranchOptions) {
    checkTree(branches);
    this.branches = branches;
    for (const branch of branches) {
      const { id, strategy } = branch;
      this.supervisors.set(id, new Supervisor({ ...options(branch), id, strategy }));
    }
    this.root = this.get(branches.find(({ parent }) => parent === undefined)?.id ?? '');
  }

  /** Throws RangeError: there is none of that name. */
  get(id: string): Supervisor {
    const found = this.supervisors.get(id);
    if (found === undefined) throw new RangeError(`there is no supervisor ${id}`);
    return found;
  }

  /** All of them, the root first. */
  get all(): readonly Supervisor[] {
    return [...this.supervisors.values()];
  }

  /** Hangs the branches together and starts them, without children yet. Once. */
  async start(): Promise<void> {
    const specs = new Map<string, ChildSpec>();
    for (const { id, parent } of this.branches) if (parent !== undefined) specs.set(id, this.get(id).asChild());
    const hang = async ({ id, parent }: Branch): Promise<void> => {
      const spec = specs.get(id);
      if (spec !== undefined && parent !== undefined) await this.get(parent).add(spec);
    };
    const isLimb = ({ parent }: Branch): boolean => parent === this.root.id;
    // What does not hang from the root is only remembered until its parent starts.
    for (const branch of this.branches) if (!isLimb(branch)) await hang(branch);
    for (const branch of this.branches) if (isLimb(branch)) await hang(branch);
  }

  stop(): Promise<void> {
    return this.root.stop();
  }

  kill(): void {
    this.root.kill();
  }
}
