/**
 * Brings what runs on this node into line with where it belongs: gives up what belongs to another living node, claims
 * what belongs here and is nobody's. All nodes do the same by the same rule (`runtime/placement.ts`); the
 * compare-and-set of a claim is what keeps two from having the same actor, whatever they believe of each other.
 */
import { actorKey } from '../runtime/bus/topics.ts';
import type { Clock } from '../runtime/clock.ts';
import { messageOf } from '../runtime/errors.ts';
import { isConflict } from '../runtime/lease.ts';
import type { Members } from '../runtime/members.ts';
import { ownerOf } from '../runtime/placement.ts';
import type { Logger } from '../runtime/telemetry/log.ts';
import { inParallel } from './in-parallel.ts';
import type { Levels } from './levels.ts';
import { givenBy } from './levels.ts';
import type { Owner } from './owners.ts';
import { Owners } from './owners.ts';
import type { Branch, Planned } from './plan.ts';

/** Changes come in bursts (several nodes start together): one pass for all of them. */
const GATHER_MS = 50;
/** The same, for actors that others give up one after the other. */
const SOON_MS = 10;
/** An actor that was fenced here, or could not be claimed, is looked at again after this. */
const AGAIN_MS = 1_000;
/** Claims that are under way at once. */
const CLAIMS = 256;

const ORDER: readonly Branch[] = ['stores', 'market', 'trading'];

export interface PlacerOptions {
  readonly node: string;
  readonly instance: string;
  readonly plan: readonly Planned[];
  readonly actors: ConstructorParameters<typeof Owners>[0];
  readonly members: Members;
  readonly levels: Levels;
  readonly clock: Clock;
  readonly log: Logger;
  readonly isHere: (planned: Planned) => boolean;
  /** Starts the actors, which have been claimed, in their order. */
  readonly run: (planned: readonly Planned[]) => Promise<void>;
  /** Stops an actor in order. */
  readonly stop: (planned: Planned, cause: string) => Promise<void>;
}

export class Placer {
  private readonly o: PlacerOptions;
  private readonly owners: Owners;
  /** Not before this, monotonic: after an actor was fenced here. */
  private readonly notBefore = new Map<string, number>();
  private passing: Promise<void> | undefined;
  /** Another pass is wanted after the one under way, so long after it. */
  private again: number | undefined;
  private cancel: (() => void) | undefined;
  private stopped = false;
  /** Actors that belong here and are still somebody else's. */
  private pending = new Set<string>();
  /** Of this pass: whether the owner of a claim is dead. */
  private verdicts = new Map<string, Promise<boolean>>();

  constructor(options: PlacerOptions) {
    this.o = options;
    this.owners = new Owners(options.actors, (key) => {
      if (this.pending.has(key)) this.schedule(SOON_MS);
    });
  }

  /** The first pass. Throws what the bus throws. */
  async start(): Promise<void> {
    this.passing = this.place();
    try {
      await this.passing;
    } finally {
      this.over();
    }
  }

  /** Everything that belongs here runs here, and nothing else. */
  get settled(): boolean {
    return this.pending.size === 0 && this.passing === undefined && this.cancel === undefined;
  }

  /** Who lives has changed. */
  changed(): void {
    this.schedule(GATHER_MS);
  }

  /** An actor ended here because its claim or its snapshot was another's. */
  fenced(kind: string, id: string): void {
    this.notBefore.set(actorKey(kind, id), this.o.clock.monotonicMs() + AGAIN_MS);
    this.schedule(AGAIN_MS);
  }

  /** No further pass begins; resolves when the one under way is over, however it ends: a first one that fails has said so. */
  async stop(): Promise<void> {
    this.kill();
    await this.passing?.catch(() => undefined);
  }

  kill(): void {
    this.stopped = true;
    this.cancel?.();
    this.cancel = undefined;
    void this.owners.close();
  }

  /**
   * Gives back everything that runs here, in the reverse order of start. Resolves when all of it runs elsewhere, when
   * nobody is there to take it, or when `mayWait` says no more. Passes must have been stopped.
   */
  async handOver(mayWait: () => boolean): Promise<void> {
    const { clock, plan } = this.o;
    const given = plan.filter((planned) => this.o.isHere(planned));
    const takers = (): boolean => mayWait() && this.takers.some(({ node }) => node !== this.o.node);
    const watch = new Owners(this.o.actors);
    const isWatched = takers() && given.length > 0 && (await this.canSee(watch));
    for (const branch of [...ORDER].reverse()) {
      const part = given.filter((planned) => planned.branch === branch).reverse();
      for (const group of grouped(part)) {
        await inParallel(group, CLAIMS, (planned) => this.give(planned, 'the node is draining'));
      }
    }
    const runsElsewhere = ({ kind, id }: Planned): boolean => {
      const { level } = watch.of(actorKey(kind, id));
      return level !== undefined && level.node !== '' && level.node !== this.o.node && level.state !== 'starting';
    };
    while (isWatched && takers() && !given.every(runsElsewhere)) {
      await clock.sleep(GATHER_MS);
    }
    await watch.close();
  }

  /** Without it nobody is waited for: what is given back is taken all the same, and a node that ends must come to its end. */
  private async canSee(owners: Owners): Promise<boolean> {
    try {
      await owners.open();
      return true;
    } catch (error) {
      this.o.log.warn({ error: messageOf(error) }, 'cannot see who takes over; not waiting for it');
      return false;
    }
  }

  private get takers() {
    return this.o.members.alive.filter(({ draining }) => !draining);
  }

  private schedule(delayMs: number): void {
    if (this.stopped) return;
    if (this.passing !== undefined) {
      this.again = Math.min(this.again ?? delayMs, delayMs);
      return;
    }
    this.cancel ??= this.o.clock.setTimer(delayMs, () => {
      this.cancel = undefined;
      void this.pass();
    });
  }

  private async pass(): Promise<void> {
    this.passing ??= this.place()
      .catch((error: unknown) => {
        if (this.stopped) return;
        this.o.log.warn({ error: messageOf(error) }, 'placing the actors failed; trying again');
        this.again ??= AGAIN_MS;
      })
      .finally(() => this.over());
    await this.passing;
  }

  private over(): void {
    this.passing = undefined;
    const delayMs = this.again;
    this.again = undefined;
    if (delayMs !== undefined) this.schedule(delayMs);
  }

  private async place(): Promise<void> {
    const { plan, node, isHere, levels } = this.o;
    const nodes = this.takers;
    const units = new Map<string, string | undefined>();
    const owner = ({ unit }: Planned): string | undefined => {
      if (!units.has(unit)) units.set(unit, ownerOf(unit, nodes));
      return units.get(unit);
    };
    const leaving = plan.filter((planned) => isHere(planned) && owner(planned) !== node);
    const coming = plan.filter((planned) => !isHere(planned) && owner(planned) === node);
    // With nobody to take it, what runs here goes on: it may only be this node's own lease that it does not see yet.
    if (nodes.length > 0) {
      for (const group of grouped([...leaving].reverse())) {
        await inParallel(group, CLAIMS, (planned) => this.give(planned, `it belongs to ${owner(planned)}`));
      }
    }
    // Claims of an earlier pass that failed before what it had claimed was run: nobody else would ever have it.
    const strays = plan.filter((one) => !isHere(one) && owner(one) !== node && levels.mayHold(one.kind, one.id));
    if (nodes.length > 0) await inParallel(strays, CLAIMS, ({ kind, id }) => levels.release(kind, id));
    this.pending = new Set();
    this.verdicts = new Map();
    if (coming.length === 0) {
      await this.owners.close();
      return;
    }
    await this.owners.open();
    for (const branch of ORDER) {
      const wanted = coming.filter((planned) => planned.branch === branch);
      const claimed = new Set<Planned>();
      await inParallel(wanted, CLAIMS, async (planned) => {
        if (this.stopped) return;
        if (await this.claim(planned)) claimed.add(planned);
      });
      if (this.stopped) return;
      await this.o.run(wanted.filter((planned) => claimed.has(planned)));
    }
    if (this.pending.size === 0) await this.owners.close();
  }

  private async give(planned: Planned, cause: string): Promise<void> {
    const { kind, id } = planned;
    await this.o.stop(planned, cause);
    await this.o.levels.release(kind, id);
    this.o.levels.tell({ kind, id, event: 'released', cause });
  }

  /** Whether it is ours now. */
  private async claim(planned: Planned): Promise<boolean> {
    const { kind, id } = planned;
    const { levels, clock } = this.o;
    const key = actorKey(kind, id);
    const waitMs = (this.notBefore.get(key) ?? 0) - clock.monotonicMs();
    if (waitMs > 0) {
      this.pending.add(key);
      this.schedule(waitMs);
      return false;
    }
    this.notBefore.delete(key);
    const owner = this.owners.of(key);
    // Before anything is awaited: a change from here on is heard.
    this.pending.add(key);
    if (!(await this.isFree(owner)) || this.stopped) return false;
    try {
      await levels.claim(kind, id, owner.revision, owner.level?.failedInputs);
    } catch (error) {
      if (!isConflict(error)) throw error;
      this.schedule(GATHER_MS);
      return false;
    }
    this.pending.delete(key);
    const from = this.cameFrom(owner);
    const last = owner.level === undefined ? 'nobody had it' : 'this node had it last';
    if (from === undefined) levels.tell({ kind, id, event: 'claimed', cause: last });
    else levels.tell({ kind, id, event: 'moved', cause: from });
    return true;
  }

  private async isFree({ level }: Owner): Promise<boolean> {
    if (level === undefined || level.node === '') return true;
    if (level.node === this.o.node && level.instance === this.o.instance) return true;
    const run = `${level.node} ${level.instance}`;
    let verdict = this.verdicts.get(run);
    if (verdict === undefined) {
      verdict = this.o.members.isDead(level.node, level.instance);
      this.verdicts.set(run, verdict);
    }
    return verdict;
  }

  private cameFrom({ level }: Owner): string | undefined {
    if (level === undefined) return undefined;
    if (level.node !== '') return level.node === this.o.node ? undefined : `${level.node} is dead`;
    const given = givenBy(level);
    return given === undefined || given === this.o.node ? undefined : `${given} gave it up`;
  }
}

/** Runs of actors of one kind: those of a kind stop side by side, kinds one after the other. */
function grouped(planned: readonly Planned[]): Planned[][] {
  const groups: Planned[][] = [];
  for (const one of planned) {
    const last = groups.at(-1);
    if (last?.[0]?.kind === one.kind) last.push(one);
    else groups.push([one]);
  }
  return groups;
}
