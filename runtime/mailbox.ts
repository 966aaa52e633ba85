/**
 * A bounded queue with three lanes: control overtakes everything, what the actor has coming of its own (answers to its
 * effects, its timers) overtakes the inputs. A full mailbox is back-pressure, never loss: `offer` says no, and `space`
 * tells when to come again.
 */
import { Fifo } from './fifo.ts';

export const MAILBOX_CAPACITY = 4096;
/** Control events are few; a hundred waiting means that the actor has long stopped taking any. */
export const CONTROL_CAPACITY = 128;

export class Mailbox<T> {
  private readonly control = new Fifo<T>();
  private readonly own = new Fifo<T>();
  private readonly inputs = new Fifo<T>();
  private readonly waiting: (() => void)[] = [];
  private readonly capacity: number;

  constructor(capacity: number = MAILBOX_CAPACITY) {
    this.capacity = capacity;
  }

  get depth(): number {
    return this.inputs.length + this.control.length + this.own.length;
  }

  get full(): boolean {
    return this.inputs.length >= this.capacity;
  }

  /** Whether a control event waits. */
  get isTold(): boolean {
    return this.control.length > 0;
  }

  /** False when the mailbox is full: wait for `space()` and offer again. */
  offer(event: T): boolean {
    if (this.full) return false;
    this.inputs.push(event);
    return true;
  }

  /** False when even the control lane is full. */
  offerControl(event: T): boolean {
    if (this.control.length >= CONTROL_CAPACITY) return false;
    this.control.push(event);
    return true;
  }

  /**
   * The actor's own lane. It is bounded by the effects in flight and the timers, and never refuses, or the actor would
   * wait for itself.
   */
  push(event: T): void {
    this.own.push(event);
  }

  /** Next of the control lane or of its own, leaving the inputs where they are. */
  takeOwn(): T | undefined {
    return this.control.shift() ?? this.own.shift();
  }

  take(): T | undefined {
    const urgent = this.takeOwn();
    if (urgent !== undefined) return urgent;
    const event = this.inputs.shift();
    if (event === undefined) return undefined;
    if (this.waiting.length > 0 && !this.full) for (const wake of this.waiting.splice(0)) wake();
    return event;
  }

  /** The next input when nothing overtakes it and it passes `test`; otherwise everything stays where it is. */
  takeIf(test: (event: T) => boolean): T | undefined {
    if (this.control.length > 0 || this.own.length > 0) return undefined;
    const next = this.inputs.at(0);
    return next !== undefined && test(next) ? this.take() : undefined;
  }

  /** Resolves when there is room, at once if there is. */
  space(): Promise<void> {
    if (!this.full) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Wakes everybody who waits for room, for a mailbox that nobody will empty again. */
  close(): void {
    for (const wake of this.waiting.splice(0)) wake();
  }
}
