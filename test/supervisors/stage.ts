/** Children whose every move a test decides, and a supervisor of them on virtual time. */
import assert from 'node:assert/strict';
import { systemClock, VirtualClock } from '../../runtime/clock.ts';
import type { TroupeError } from '../../runtime/errors.ts';
import { seededRandom } from '../../runtime/random.ts';
import { silentLogger } from '../../runtime/telemetry/log.ts';
import type { ChildExit, ChildSpec, OnBudgetSpent, RestartKind, SupervisorEvent } from '../../supervisors/spec.ts';
import type { SupervisorOptions } from '../../supervisors/supervisor.ts';
import { Supervisor } from '../../supervisors/supervisor.ts';

/** Lets everything that is ready have its turn. */
export const settle = (): Promise<void> => systemClock.yield();

export class Puppet implements ChildSpec {
  readonly kind = 'puppet';
  readonly id: string;
  readonly shutdownMs = 1_000;
  readonly restart?: RestartKind;
  readonly onBudgetSpent?: OnBudgetSpent;
  readonly place?: 'first' | 'last';
  readonly log: string[];
  starts = 0;
  /** Whether a start that nobody waits for any more ends by its signal. */
  obeys = false;
  /** Instances that run: never more than one. */
  alive = 0;
  most = 0;
  /** What the next starts do; `hang` until `release()`. The last one stays. */
  onStart: ('up' | 'fail' | 'hang')[] = ['up'];
  onStop: 'down' | 'hang' | 'throw' | 'crash' = 'down';
  error: unknown = new Error('does not start');
  release: () => void = () => undefined;
  exit: (exit: ChildExit) => void = () => undefined;

  constructor(id: string, log: string[], more: Pick<ChildSpec, 'restart' | 'onBudgetSpent' | 'place'> = {}) {
    this.id = id;
    this.log = log;
    Object.assign(this, more);
  }

  async start(onExit: (exit: ChildExit) => void, signal: AbortSignal) {
    this.starts++;
    const mode = this.onStart.length > 1 ? this.onStart.shift() : this.onStart[0];
    if (mode === 'fail') {
      this.log.push(`fail ${this.id}`);
      throw this.error;
    }
    if (mode === 'hang') {
      await new Promise<void>((resolve, reject) => {
        this.release = resolve;
        if (this.obeys) signal.addEventListener('abort', () => reject(new Error('not wanted any more')));
      });
      if (this.obeys) signal.throwIfAborted();
    }
    this.log.push(`start ${this.id}`);
    this.alive++;
    this.most = Math.max(this.most, this.alive);
    let isAlive = true;
    const end = (): boolean => {
      if (!isAlive) return false;
      isAlive = false;
      this.alive--;
      return true;
    };
    this.exit = (exit) => {
      if (end()) onExit(exit);
    };
    return {
      stop: async () => {
        if (this.onStop === 'hang') return new Promise<void>(() => undefined);
        if (this.onStop === 'throw') throw new Error('will not');
        if (this.onStop === 'crash') {
          this.exit({ reason: 'crash', error: new Error('on the way down') });
          return new Promise<void>(() => undefined);
        }
        end();
        this.log.push(`stop ${this.id}`);
      },
      kill: () => {
        if (end()) this.log.push(`kill ${this.id}`);
      },
    };
  }

  crash(message = 'boom'): void {
    this.exit({ reason: 'crash', error: new Error(message) });
  }
}

export function makeStage(options: Partial<SupervisorOptions> = {}) {
  const clock = new VirtualClock(0);
  const events: SupervisorEvent[] = [];
  const gaveUp: TroupeError[] = [];
  const removed: string[] = [];
  const states: string[] = [];
  const log: string[] = [];
  const base: SupervisorOptions = {
    id: 'root',
    clock,
    random: seededRandom(7),
    log: silentLogger,
    onEvent: (event) => events.push(event),
    onGiveUp: (error) => gaveUp.push(error),
    onRemoved: (kind, id, reason) => removed.push(`${kind}.${id} ${reason}`),
    onState: (state) => {
      if (states.at(-1) !== state) states.push(state);
    },
  };
  const supervisor = new Supervisor({ ...base, ...options });
  /** Moves time on and lets everything happen that it sets off. */
  const advance = async (ms: number): Promise<void> => {
    await settle();
    clock.advance(ms);
    await settle();
  };
  const names = (): string => events.map(({ id, event }) => `${event} ${id}`).join(', ');
  const phases = (of = supervisor): string =>
    of
      .children()
      .map(({ id, phase }) => `${id} ${phase}`)
      .join(', ');
  return { clock, events, gaveUp, removed, states, log, base, supervisor, advance, names, phases };
}

/** Adds puppets of these names, in order. */
export async function cast<N extends string>(
  supervisor: Supervisor,
  log: string[],
  ids: readonly N[],
): Promise<Record<N, Puppet>> {
  const puppets = Object.fromEntries(ids.map((id) => [id, new Puppet(id, log)])) as Record<N, Puppet>;
  for (const id of ids) await supervisor.add(puppets[id]);
  log.length = 0;
  return puppets;
}

export function onlyOneEach(puppets: readonly Puppet[]): void {
  for (const { id, most } of puppets) assert.ok(most <= 1, `${id} ran ${most} times at once`);
}
