/**
 * Publishing into streams with acknowledgement, many in flight, in order.
 *
 * One wildcard inbox takes all acknowledgements, so a publish costs one message out and one in. Every message carries
 * an id by which JetStream drops the second copy; that makes sending again harmless, and sending again is the answer
 * to every failure that may pass: on a lost connection, a late acknowledgement or a stream without leader, *all*
 * unacknowledged messages of the lane are sent again in their order. The first token of the subject is the lane
 * (`md`, `trade`, `$KV`, ...): order matters within a stream only, and a stream in trouble must not hold up the others.
 *
 * A server may refuse one message and take the next that was on its way with it (a leader is elected between the two), and
 * sending the first again puts it behind the second. Where the order of a subject matters, `trade` and `sys`, a message
 * therefore leaves when the one before it on its subject has been acknowledged. Market data does not wait: a bar a
 * millisecond of one symbol is more than acknowledgements allow, and whoever hears it knows what is old by its time.
 * In `$KV` compare-and-set is the order.
 */
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { createInbox, headers } from '@nats-io/transport-node';
import type { Clock } from '../clock.ts';
import { TroupeError } from '../errors.ts';
import type { ApiErrorBody } from './nats-errors.ts';
import { apiError, busError, isTransient } from './nats-errors.ts';

export interface PublisherOptions {
  readonly connection: NatsConnection;
  readonly clock: Clock;
  readonly inboxPrefix: string | undefined;
  /** Sending again ends this long after the first sending, ms. */
  readonly giveUpAfterMs: number;
  /** A message without acknowledgement for this long is sent again, ms. */
  readonly ackTimeoutMs: number;
}

export interface Acknowledged {
  readonly sequence: number;
  readonly duplicate: boolean;
  /** How often it was sent; with more than one, an earlier copy may be the one that was stored. */
  readonly attempts: number;
}

/** A failure, and whether an earlier copy may have been stored all the same. */
export class PublishFailure extends Error {
  readonly error: TroupeError;
  readonly attempts: number;

  constructor(error: TroupeError, attempts: number) {
    super(error.message, { cause: error });
    this.error = error;
    this.attempts = attempts;
  }
}

interface Pending {
  readonly token: string;
  readonly lane: Lane;
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: MsgHdrs;
  readonly firstMs: number;
  sentMs: number;
  attempts: number;
  lastError: TroupeError | undefined;
  readonly resolve: (ack: Acknowledged) => void;
  readonly reject: (failure: PublishFailure) => void;
}

interface Lane {
  /** By subject, what waits for its turn on it, the one whose turn it is first; undefined where nobody waits. */
  readonly queues: Map<string, Pending[]> | undefined;
  /** In order of publishing: a Map keeps the order of insertion. */
  readonly pending: Map<string, Pending>;
  /** While set, nothing is sent; everything pending is sent again when it fires. */
  round: (() => void) | undefined;
  rounds: number;
}

/** Lanes in which the order on each subject holds whatever is refused. */
const IN_ORDER: ReadonlySet<string> = new Set(['trade', 'sys']);
const SWEEP_MS = 250;
const FIRST_BACKOFF_MS = 50;
const LONGEST_BACKOFF_MS = 2_000;

const text = new TextDecoder();

export class Publisher {
  private readonly options: PublisherOptions;
  private readonly inbox: string;
  private readonly lanes = new Map<string, Lane>();
  private readonly pending = new Map<string, Pending>();
  private connected = true;
  private counter = 0;
  /** Not sent yet. Should the connection be lost meanwhile, a round sends them as it does everything else. */
  private together: Pending[] = [];
  private sweepTimer: (() => void) | undefined;
  private readonly idleWaiters: (() => void)[] = [];

  constructor(options: PublisherOptions) {
    this.options = options;
    this.inbox = `${createInbox(options.inboxPrefix)}.`;
    options.connection.subscribe(`${this.inbox}*`, { callback: (error, message) => this.onReply(error, message) });
  }

  /**
   * Rejects with PublishFailure. `extra` are further header lines. What is `patient` leaves with everything else that is
   * said before the event loop comes round, in one write: a write costs more than what it carries.
   */
  publish(
    subject: string,
    data: Uint8Array,
    messageId: string,
    extra?: readonly (readonly [string, string])[],
    patient = false,
  ): Promise<Acknowledged> {
    return new Promise((resolve, reject) => {
      const lines = headers();
      lines.set('Nats-Msg-Id', messageId);
      if (extra) for (const [name, value] of extra) lines.append(name, value);
      const nowMs = this.options.clock.monotonicMs();
      const lane = this.lane(subject);
      const token = (++this.counter).toString(36);
      const entry: Pending = {
        token,
        lane,
        subject,
        data,
        headers: lines,
        firstMs: nowMs,
        sentMs: nowMs,
        attempts: 0,
        lastError: undefined,
        resolve,
        reject,
      };
      this.pending.set(token, entry);
      lane.pending.set(token, entry);
      const queue = lane.queues?.get(subject);
      if (queue !== undefined) queue.push(entry);
      else lane.queues?.set(subject, [entry]);
      if (queue === undefined && this.connected && !lane.round) {
        this.together.push(entry);
        if (!patient) this.flush();
        else if (this.together.length === 1) void this.options.clock.yield().then(() => this.flush());
      }
      this.sweepTimer ??= this.options.clock.setTimer(SWEEP_MS, () => this.sweep());
    });
  }

  /** From now on messages wait. */
  lost(): void {
    this.connected = false;
  }

  /** Everything unacknowledged is sent again, in order. */
  restored(): void {
    this.connected = true;
    for (const lane of this.lanes.values()) this.startRound(lane);
  }

  /** The server refused a publish to `subject`; it says so without naming the message. */
  denied(subject: string, error: TroupeError): void {
    for (const entry of [...this.pending.values()]) if (entry.subject === subject) this.settle(entry, error);
  }

  /** Resolves when nothing is in flight any more; bounded, because everything pending ends by acknowledgement or error. */
  idle(): Promise<void> {
    return this.pending.size === 0 ? Promise.resolve() : new Promise((resolve) => this.idleWaiters.push(resolve));
  }

  /** Ends everything that is pending with `error`. */
  close(error: TroupeError): void {
    for (const entry of [...this.pending.values()]) this.settle(entry, error);
    for (const lane of this.lanes.values()) lane.round?.();
    this.sweepTimer?.();
    this.sweepTimer = undefined;
  }

  private lane(subject: string): Lane {
    const dot = subject.indexOf('.');
    const name = dot < 0 ? subject : subject.slice(0, dot);
    let lane = this.lanes.get(name);
    if (!lane) {
      const queues = IN_ORDER.has(name) ? new Map<string, Pending[]>() : undefined;
      lane = { queues, pending: new Map(), round: undefined, rounds: 0 };
      this.lanes.set(name, lane);
    }
    return lane;
  }

  /** In order: what waits leaves before what does not. */
  private flush(): void {
    const entries = this.together;
    if (entries.length === 0) return;
    this.together = [];
    for (const entry of entries) {
      const isDue = this.pending.has(entry.token) && entry.attempts === 0 && !entry.lane.round;
      if (isDue && this.connected) this.transmit(entry);
    }
  }

  private transmit(entry: Pending): void {
    entry.attempts++;
    entry.sentMs = this.options.clock.monotonicMs();
    try {
      this.options.connection.publish(entry.subject, entry.data, {
        reply: this.inbox + entry.token,
        headers: entry.headers,
      });
    } catch (error) {
      this.settle(entry, busError(error, `publish to ${entry.subject}, ${entry.data.length} bytes`));
    }
  }

  private onReply(error: Error | null, message: Msg): void {
    if (error) {
      // The subscription is gone (permission to subscribe to the inbox withdrawn): no acknowledgement can come.
      this.close(busError(error, 'subscribe to acknowledgements'));
      return;
    }
    const entry = this.pending.get(message.subject.slice(this.inbox.length));
    if (!entry) return; // a late acknowledgement of an earlier copy
    if (message.data.length === 0) {
      this.failed(
        entry,
        new TroupeError('BUS_NO_RESPONDER', `publish to ${entry.subject}: no stream takes this subject`),
      );
      return;
    }
    let answer: { seq?: number; duplicate?: boolean; error?: ApiErrorBody };
    try {
      answer = JSON.parse(text.decode(message.data)) as typeof answer;
    } catch {
      this.failed(
        entry,
        new TroupeError('BUS_REFUSED', `publish to ${entry.subject}: an answer that is no acknowledgement`),
      );
      return;
    }
    if (answer.error || answer.seq === undefined) {
      this.failed(
        entry,
        apiError(answer.error ?? { code: 500, description: 'no sequence' }, `publish to ${entry.subject}`),
      );
      return;
    }
    entry.lane.rounds = 0;
    this.forget(entry);
    const next = this.nextAfter(entry);
    if (next !== undefined && this.connected && !next.lane.round) this.transmit(next);
    entry.resolve({ sequence: answer.seq, duplicate: answer.duplicate === true, attempts: entry.attempts });
  }

  private failed(entry: Pending, error: TroupeError): void {
    entry.lastError = error;
    if (isTransient(error) && this.options.clock.monotonicMs() - entry.firstMs < this.options.giveUpAfterMs) {
      this.startRound(entry.lane);
    } else this.settle(entry, error);
  }

  /** Holds the lane for a moment, then sends everything pending again: nothing overtakes what failed. */
  private startRound(lane: Lane): void {
    if (lane.round || lane.pending.size === 0) return;
    const delayMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** lane.rounds++);
    lane.round = this.options.clock.setTimer(delayMs, () => {
      lane.round = undefined;
      if (!this.connected) return;
      for (const entry of [...lane.pending.values()]) if (this.isItsTurn(entry)) this.transmit(entry);
    });
  }

  private sweep(): void {
    const nowMs = this.options.clock.monotonicMs();
    for (const entry of [...this.pending.values()]) {
      if (nowMs - entry.firstMs >= this.options.giveUpAfterMs) {
        const waited = `no acknowledgement within ${this.options.giveUpAfterMs} ms`;
        const code = this.connected ? 'BUS_TIMEOUT' : 'BUS_UNAVAILABLE';
        this.settle(entry, entry.lastError ?? new TroupeError(code, `publish to ${entry.subject}: ${waited}`));
      } else if (this.isLate(entry, nowMs)) {
        this.startRound(entry.lane);
      } else if (nowMs - entry.firstMs < this.options.ackTimeoutMs) break; // the rest is younger
    }
    this.sweepTimer = this.pending.size === 0 ? undefined : this.options.clock.setTimer(SWEEP_MS, () => this.sweep());
  }

  private isLate({ lane, attempts, sentMs }: Pending, nowMs: number): boolean {
    if (!this.connected || lane.round) return false;
    const wasSent = lane.queues === undefined || attempts > 0;
    return wasSent && nowMs - sentMs >= this.options.ackTimeoutMs;
  }

  private isItsTurn({ lane, subject, token }: Pending): boolean {
    if (!lane.pending.has(token)) return false;
    const queue = lane.queues?.get(subject);
    return queue === undefined || queue[0]!.token === token;
  }

  /** `entry` has come to its end: whose turn it is on its subject now. */
  private nextAfter({ lane, subject, token }: Pending): Pending | undefined {
    const queue = lane.queues?.get(subject);
    if (queue?.[0]?.token !== token) return undefined;
    queue.shift();
    if (queue.length === 0) lane.queues?.delete(subject);
    return queue[0];
  }

  /**
   * Ends it with `error`, and those that wait for it on its subject: who said them may say all of them again, and then
   * they are in order.
   */
  private settle(entry: Pending, error: TroupeError): void {
    const { queues } = entry.lane;
    const queue = queues?.get(entry.subject);
    const at = queue?.indexOf(entry) ?? -1;
    const ended = queue === undefined || at < 0 ? [entry] : queue.splice(at);
    if (queue?.length === 0) queues?.delete(entry.subject);
    for (const one of ended) {
      this.forget(one);
      one.reject(new PublishFailure(error, one.attempts));
    }
  }

  private forget(entry: Pending): void {
    this.pending.delete(entry.token);
    entry.lane.pending.delete(entry.token);
    if (this.pending.size === 0) for (const wake of this.idleWaiters.splice(0)) wake();
  }
}
