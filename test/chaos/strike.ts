/** How each fault is done, and when what it struck is back. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import pg from 'pg';
import { systemClock as clock } from '../../runtime/clock.ts';
import type { ChaosCompany } from './company.ts';
import type { Fault } from './plan.ts';
import type { Watch } from './watch.ts';

const LOOK_MS = 10;
const WITHIN_MS = 60_000;
/** The budget of processes and actors is 5 in 60 s; who strikes more often proves the budget, not the mending. */
const STRIKES = 4;
const BUDGET_MS = 61_000;

/** Resolves once `ready` is true; false after `withinMs`. */
export async function reached(ready: () => boolean | Promise<boolean>, withinMs = WITHIN_MS): Promise<boolean> {
  const untilMs = clock.monotonicMs() + withinMs;
  while (!(await ready())) {
    if (clock.monotonicMs() > untilMs) return false;
    await clock.sleep(LOOK_MS);
  }
  return true;
}

export interface Struck {
  /** Monotonic ms. */
  readonly atMs: number;
  /** How long until what was struck served again, ms; undefined where it never did. */
  readonly back: Promise<number | undefined>;
  /** Resolves when the fault itself is over, though nothing may be mended yet. */
  readonly over: Promise<void>;
}

export class Striker {
  private readonly company: ChaosCompany;
  private readonly watch: Watch;
  private readonly struckMs = new Map<string, number[]>();

  constructor(company: ChaosCompany, watch: Watch) {
    this.company = company;
    this.watch = watch;
  }

  /** Resolves when the fault has struck. Throws where it could not be done. */
  async strike(fault: Fault): Promise<Struck> {
    await this.withinBudget(fault.kind === 'thread' ? `strategy.${fault.target}` : fault.target);
    switch (fault.kind) {
      case 'actor':
        return this.actor(fault.target);
      case 'thread':
        return this.thread(fault);
      case 'node':
        return this.node(fault.target, 'SIGKILL', 0);
      case 'freeze':
        return this.node(fault.target, 'SIGSTOP', fault.lastsMs);
      case 'cut':
        return this.cut(fault);
      default:
        return this.server(fault.target);
    }
  }

  private async withinBudget(target: string): Promise<void> {
    const recent = (): number[] => {
      const fromMs = clock.monotonicMs() - BUDGET_MS;
      const restarts = this.company.fleet.restartsOf(target).map(({ atMs }) => atMs);
      const own = this.struckMs.get(target) ?? [];
      return (restarts.length > own.length ? restarts : own).filter((atMs) => atMs > fromMs);
    };
    await reached(() => recent().length < STRIKES, BUDGET_MS);
    this.struckMs.set(target, [...recent(), clock.monotonicMs()]);
  }

  private async actor(target: string): Promise<Struck> {
    // Its node may be just dying of the fault before: then another one answers, in a moment.
    let sinceMs = 0;
    let refusal: unknown;
    const done = await reached(async () => {
      sinceMs = clock.nowMs();
      try {
        await this.watch.ask(target, 'kill');
        return true;
      } catch (error) {
        refusal = error;
        return false;
      }
    });
    if (!done) throw refusal;
    return struck(this.restarted(target, sinceMs));
  }

  private async thread({ target, how }: Fault): Promise<Struck> {
    const file = this.company.diesFile(target);
    writeFileSync(file, how);
    if (!(await reached(() => !existsSync(file)))) {
      rmSync(file, { force: true });
      throw new Error(`strategy ${target} has heard no bar for ${WITHIN_MS / 1000} s`);
    }
    return struck(this.restarted(`strategy.${target}`, clock.nowMs()));
  }

  /** By its own account; where that was lost with the server that keeps it, nobody can say. */
  private async restarted(actor: string, sinceMs: number): Promise<number | undefined> {
    let back: number | undefined;
    await reached(() => {
      const edge = this.watch.edges(actor, sinceMs).find(({ event }) => event === 'restarted' || event === 'started');
      back = edge && edge.timeMs - sinceMs;
      return back !== undefined;
    });
    return back;
  }

  private async node(name: string, signal: 'SIGKILL' | 'SIGSTOP', lastsMs: number): Promise<Struck> {
    const { fleet } = this.company;
    await reached(() => fleet.processOf(name) !== undefined);
    const victim = fleet.processOf(name)!;
    const status = this.company.statuses().find(({ node }) => node === name);
    const owned = [
      ...(status?.symbols ?? []).map(({ symbol }) => `symbol.${symbol}`),
      ...(status?.strategies ?? []).map(({ id }) => `strategy.${id}`),
      ...(status !== undefined && status.account.id !== '' ? [`broker.${status.account.id}`] : []),
      ...(status !== undefined && status.ledger.state !== '' ? ['recorder.ledger'] : []),
    ];
    const sinceMs = clock.nowMs();
    victim.signal(signal);
    const over = lastsMs === 0 ? Promise.resolve() : clock.sleep(lastsMs).then(() => victim.signal('SIGCONT'));
    const started = owned.map(async (actor) => {
      let back: number | undefined;
      await reached(() => {
        const edge = this.watch.edges(actor, sinceMs).find(({ event }) => event === 'started');
        back = edge && edge.timeMs - sinceMs;
        return back !== undefined;
      });
      return back;
    });
    const back = Promise.all(started).then((all) =>
      all.some((one) => one === undefined) ? undefined : Math.max(0, ...(all as number[])),
    );
    return { atMs: clock.monotonicMs(), back, over };
  }

  private async server(name: string): Promise<Struck> {
    const { fleet } = this.company;
    await reached(() => fleet.processOf(name) !== undefined);
    const before = fleet.restartsOf(name).length;
    const sinceMs = clock.monotonicMs();
    fleet.processOf(name)!.signal('SIGKILL');
    const served = async (): Promise<number | undefined> => {
      if (!(await reached(() => fleet.restartsOf(name).length > before))) return undefined;
      const readyMs = fleet.restartsOf(name)[before]!.atMs;
      const serves = name === 'postgres' ? await this.kept() : await reached(() => this.watch.filledMs > readyMs);
      return serves ? clock.monotonicMs() - sinceMs : undefined;
    };
    return { atMs: sinceMs, back: served(), over: Promise.resolve() };
  }

  /** The ledger takes new fills. */
  private async kept(): Promise<boolean> {
    let first: number | undefined;
    return reached(async () => {
      const client = new pg.Client({ connectionString: this.company.fleet.ledgerUrl! });
      client.on('error', () => undefined);
      try {
        await client.connect();
        const { rows } = await client.query('SELECT count(*)::int AS n FROM troupe.fills');
        const { n } = rows[0] as { n: number };
        first ??= n;
        return n > first;
      } catch {
        return false;
      } finally {
        await client.end().catch(() => undefined);
      }
    });
  }

  private async cut({ target, lastsMs }: Fault): Promise<Struck> {
    const cable = this.company.cables.get(target);
    if (cable === undefined) throw new Error(`there is no connection ${target}`);
    const sinceMs = clock.monotonicMs();
    cable.cut(lastsMs);
    const over = clock.sleep(lastsMs);
    const joined = async (): Promise<number | undefined> => {
      await over;
      // Only the recorder's node talks to PostgreSQL.
      if (target.endsWith(' postgres')) return clock.monotonicMs() - sinceMs;
      return (await reached(() => cable.connections > 0)) ? clock.monotonicMs() - sinceMs : undefined;
    };
    return { atMs: sinceMs, back: joined(), over };
  }
}

function struck(back: Promise<number | undefined>): Struck {
  return { atMs: clock.monotonicMs(), back, over: Promise.resolve() };
}
