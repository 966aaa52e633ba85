/** Timers of one actor: absolute deadlines that survive a restart, because they are part of every commit. */
import type { Clock } from './clock.ts';
import type { StoredTimer } from './commit.ts';
import type { MachineEvent } from './xstate.ts';

export class Timers {
  private readonly armed = new Map<string, { timer: StoredTimer; cancel: () => void }>();
  private readonly clock: Clock;
  private readonly fire: (event: MachineEvent) => void;

  constructor(clock: Clock, fire: (event: MachineEvent) => void) {
    this.clock = clock;
    this.fire = fire;
  }

  /** Arms a timer; one of the same id is replaced. An overdue one fires as soon as possible, once. */
  arm(timer: StoredTimer): void {
    this.cancel(timer.id);
    const cancel = this.clock.setTimer(Math.max(0, timer.atMs - this.clock.nowMs()), () => {
      this.armed.delete(timer.id);
      this.fire(timer.event);
    });
    this.armed.set(timer.id, { timer, cancel });
  }

  cancel(id: string): void {
    this.armed.get(id)?.cancel();
    this.armed.delete(id);
  }

  /** What has to be committed. */
  pending(): StoredTimer[] {
    return [...this.armed.values()].map(({ timer }) => timer);
  }

  stop(): void {
    for (const { cancel } of this.armed.values()) cancel();
    this.armed.clear();
  }
}
