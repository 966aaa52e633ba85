/** What the node knows of an actor that it runs, whether it runs on this thread or on one of its own. */
import type { Interpreter } from '../runtime/interpreter.ts';
import type { ChildSpec } from '../supervisors/spec.ts';

export interface Member extends ChildSpec {
  /**
   * `definition.summary` of its state, else the context of its machine: plain data, for status and reports. Undefined
   * before the first start. Of an actor in a thread it may be a moment old.
   */
  readonly summary: unknown;
  /** What it had counted when it came up here last, before any input (`countsOf`). Another object after every start. */
  readonly restored: unknown;
  /** Events that wait. */
  readonly depth: number;
  /**
   * Nothing waits in the mailbox and no effect is under way; for an actor with readers of its own also: they have
   * handed out all that their streams hold.
   */
  settled(): Promise<boolean>;
  /** The claim on it is lost: it ends at once, without a commit, and exits as `fenced`. */
  fence(error: Error): void;
  /** Control lane. Lost when the actor is not running. Throws MAILBOX_CONTROL_FULL. */
  tell(event: Parameters<Interpreter['tell']>[0]): void;
}
