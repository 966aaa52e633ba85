/** What operators' requests reach of a node. */
import type { ControlKind, Told } from './verbs.ts';

/** One actor that runs here; supervisors and the node itself are actors too. */
export interface Target {
  readonly kind: ControlKind;
  readonly id: string;
  /** As it is now, not as it was when the target was asked for. */
  readonly state: string;
  readonly detail: string;
  readonly restarts: number;
  readonly running: boolean;
  /** What `status` says besides, by kind: plain data, no secrets. */
  figures(): Record<string, unknown>;
  /** Control lane. */
  tell(event: Told): void;
  /** Resolves when it has started again or could not: false. */
  restart(cause: string): Promise<boolean>;
  /** As if it had crashed. False when it does not run. */
  crash(cause: string): boolean;
}

export interface Host {
  /** Name of the node. */
  readonly name: string;
  target(kind: ControlKind, id: string): Target | undefined;
  /** Begins to hand over and end. */
  drain(): void;
  /** The configuration that holds, live settings included; no secrets. */
  config(): unknown;
}
