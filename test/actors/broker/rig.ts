/**
 * Runs the broker's machine as the runtime does, by hand: commit before effects, an outbox, input positions, timers with
 * deadlines; and it can crash between any two of them.
 */
import assert from 'node:assert/strict';
import { create } from '@bufbuild/protobuf';
import { fenceOf } from '../../../actors/broker/actor.ts';
import type { CommandParams } from '../../../actors/broker/commands.ts';
import type { BrokerContext, BrokerInput, SafePolicy } from '../../../actors/broker/context.ts';
import { brokerMachine } from '../../../actors/broker/machine.ts';
import type { RiskLimits } from '../../../actors/broker/risk/limits.ts';
import { BarSchema } from '../../../proto/gen/troupe/market/v1/market_pb.js';
import type { OrderIntent } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { IntentAction, OrderIntentSchema, OrderType, Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { decodeSnapshot, encodeSnapshot, SnapshotWriter } from '../../../runtime/codec.ts';
import type { MachineEvent, Snapshot } from '../../../runtime/xstate.ts';
import { restore, start, stateName, step } from '../../../runtime/xstate.ts';
import { PRICE, ScriptedTerminal, START_MS } from './terminal.ts';

export const ACCOUNT = 'demo';

interface Outgoing {
  n: number;
  type: string;
  params: unknown;
}

interface Commit {
  bytes: Uint8Array;
  made: number;
  outbox: Outgoing[];
  inputs: number;
  timers: { id: string; atMs: number; event: MachineEvent }[];
}

/** What becomes of one command on its way. */
export type Fate = 'answered' | 'reply-lost' | 'never-received' | 'no-responder' | 'heard-only' | 'late' | 'on-its-way';

export class Rig {
  readonly terminal: ScriptedTerminal;
  readonly input: BrokerInput;
  snapshot!: Snapshot;
  nowMs = 1_000;
  /** Everything published, once per number: the stream drops what it has. */
  readonly published = new Map<number, { topic: string; message: Record<string, unknown> }>();
  /** Commands that were handed to the bus, in order. */
  readonly sent: CommandParams[] = [];
  commits = 0;
  largestCommit = 0;
  fate: (params: CommandParams) => Fate = () => 'answered';
  /** Crash when this many steps have been made; undefined never. */
  crashAt: number | undefined;
  steps = 0;
  crashes = 0;
  /** Revision of the claim; each life has a higher one. */
  claim = 1;
  /** Commands that are still on their way, with the fence that they carry. */
  readonly late: { params: CommandParams; fence: number }[] = [];
  private readonly writer = new SnapshotWriter();
  private committed!: Commit;
  private made = 0;
  private fresh: Outgoing[] = [];
  private underWay = new Map<number, Outgoing>();
  private timers: Commit['timers'] = [];
  private readonly inputs: MachineEvent[] = [];
  private applied = 0;
  private taken = 0;
  private answers: { n: number; event: MachineEvent }[] = [];

  constructor(
    options: { limits?: RiskLimits; hedging?: boolean; strategies?: string[]; safePolicy?: SafePolicy } = {},
  ) {
    this.terminal = new ScriptedTerminal(ACCOUNT, options.hedging ?? false);
    this.input = {
      account: ACCOUNT,
      symbols: ['EURUSD', 'GBPUSD'],
      limits: { duplicateWindowMs: 0, ...options.limits },
      strategies: options.strategies ?? [],
      safePolicy: options.safePolicy ?? 'cancel',
    };
    // What happened before the first start is history, not news.
    this.taken = this.terminal.events.length;
    this.accept(start(brokerMachine, this.input));
    this.commit();
    this.tell({ type: 'broker.start', restored: false, input: this.input });
  }

  get context(): BrokerContext {
    return this.snapshot.context as BrokerContext;
  }

  get state(): string {
    return stateName(this.snapshot);
  }

  /** An input of a stream: it comes again after a crash until a commit includes it. */
  hear(event: MachineEvent): void {
    this.inputs.push(event);
    this.settle();
  }

  tell(event: MachineEvent): void {
    this.apply(event);
    this.settle();
  }

  quote(symbol = 'EURUSD', bid = PRICE, ask = PRICE + 0.0001): void {
    this.terminal.timeMs += 1_000;
    const lastTickMs = this.terminal.timeMs;
    const message = create(BarSchema, { symbol, timeframe: '1s', close: bid, askClose: ask, lastTickMs });
    this.hear({ type: 'bar', message });
  }

  intent(init: Partial<OrderIntent> & { intentId: string }): void {
    const message = create(OrderIntentSchema, {
      account: ACCOUNT,
      strategy: 'alpha',
      symbol: 'EURUSD',
      action: IntentAction.OPEN,
      side: Side.BUY,
      type: OrderType.MARKET,
      volumeLots: 0.5,
      referencePrice: PRICE,
      decidedAtMs: this.terminal.timeMs || START_MS,
      ...init,
    } as never);
    this.hear({ type: 'intent', message });
  }

  /** Everything that can happen without time passing happens. */
  settle(): void {
    for (let guard = 0; guard < 10_000; guard++) {
      while (this.taken < this.terminal.events.length) {
        this.inputs.push({ type: 'execution', message: this.terminal.events[this.taken++] });
      }
      if (this.crashAt !== undefined && this.steps >= this.crashAt) {
        this.crashAt = undefined;
        this.crash();
        continue;
      }
      if (this.fresh.length > 0) {
        this.steps += 1;
        this.commit();
        if (this.crashAt !== undefined && this.steps >= this.crashAt) continue;
        this.perform();
        continue;
      }
      const answer = this.answers.shift();
      if (answer !== undefined) {
        this.underWay.delete(answer.n);
        this.apply(answer.event);
        continue;
      }
      const next = this.inputs[this.applied];
      if (next === undefined) return;
      this.apply(next);
      this.applied += 1;
    }
    throw new Error(`the broker does not come to rest in ${this.state}`);
  }

  /** Time passes; timers fire in order of their deadlines. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const due = this.timers.filter((t) => t.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.timers = this.timers.filter((t) => t !== due);
      this.nowMs = Math.max(this.nowMs, due.atMs);
      this.tell(due.event);
    }
    this.nowMs = untilMs;
  }

  /** The process dies: what was not committed is gone, answers under way are gone, and it starts again. */
  crash(): void {
    this.crashes += 1;
    this.claim += 1;
    const { bytes, made, outbox, inputs, timers } = this.committed;
    const stored = decodeSnapshot(bytes) as { value: unknown; context: unknown };
    this.snapshot = restore(brokerMachine, stored);
    this.made = made;
    this.applied = inputs;
    this.timers = [...timers];
    this.answers = [];
    this.underWay = new Map();
    // As the actor's `redeliver` says: messages again, commands never.
    this.fresh = outbox.filter((o) => o.type !== 'command');
    this.apply({ type: 'broker.start', restored: true, input: this.input });
  }

  /** Goes on from a state that another version of the program has stored. */
  adopt(stored: { value: unknown; context: unknown }): void {
    this.snapshot = restore(brokerMachine, stored);
    this.commit();
    this.crash();
    this.settle();
  }

  /** What was on its way arrives; nobody waits for the answers any more. */
  arrive(): void {
    for (const { params, fence } of this.late.splice(0)) this.terminal.handle(params, fence);
    this.settle();
  }

  topic(name: string): Record<string, unknown>[] {
    return [...this.published.values()].filter((p) => p.topic === name).map((p) => p.message);
  }

  places(): string[] {
    return this.sent.filter((p) => p.body.case === 'place').map((p) => p.orderId);
  }

  private apply(event: MachineEvent): void {
    this.steps += 1;
    this.accept(step(brokerMachine, this.snapshot, { ...event, atMs: this.nowMs, atUs: this.nowMs * 1000 }));
  }

  private accept(next: ReturnType<typeof step>): void {
    this.snapshot = next.snapshot;
    for (const id of next.cancelledTimers) this.timers = this.timers.filter((t) => t.id !== id);
    for (const { id, delayMs, event } of next.timers) {
      this.timers = [...this.timers.filter((t) => t.id !== id), { id, atMs: this.nowMs + delayMs, event }];
    }
    for (const { type, params } of next.effects) this.fresh.push({ n: ++this.made, type, params });
  }

  private commit(): void {
    const state = { value: this.snapshot.value, context: this.snapshot.context };
    const bytes = encodeSnapshot(state);
    // As the broker's own are written: what a step changes inside of the context would be missing there.
    assert.ok(this.writer.encode(state).equals(bytes), 'a step has changed something inside of the context');
    this.commits += 1;
    this.largestCommit = Math.max(this.largestCommit, bytes.length);
    const outbox = [...this.underWay.values(), ...this.fresh];
    this.committed = { bytes, made: this.made, outbox, inputs: this.applied, timers: [...this.timers] };
  }

  private perform(): void {
    const batch = this.fresh;
    this.fresh = [];
    for (const entry of batch) {
      if (entry.type === 'publish') {
        const { topic, message } = entry.params as { topic: string; message: Record<string, unknown> };
        if (!this.published.has(entry.n)) this.published.set(entry.n, { topic, message });
        continue;
      }
      this.underWay.set(entry.n, entry);
      this.send(entry.n, entry.params as CommandParams);
    }
  }

  private send(n: number, params: CommandParams): void {
    const about = { commandId: params.commandId, kind: params.body.case, orderId: params.orderId };
    const fate = this.fate(params);
    this.sent.push(params);
    const failed = (code: string): MachineEvent => ({ type: 'command.failed', ...about, code });
    const fence = fenceOf(this.claim, params.seal);
    if (fate === 'late' || fate === 'on-its-way') this.late.push({ params, fence });
    // Nobody has given up waiting yet.
    if (fate === 'on-its-way') return;
    if (fate === 'late') this.answers.push({ n, event: failed('BUS_TIMEOUT') });
    else if (fate === 'no-responder') this.answers.push({ n, event: failed('BUS_NO_RESPONDER') });
    else if (fate === 'heard-only') {
      this.terminal.handle(params, fence);
      this.answers.push({ n, event: failed('BUS_NO_RESPONDER') });
    } else if (fate === 'never-received') this.answers.push({ n, event: failed('BUS_TIMEOUT') });
    else {
      const reply = this.terminal.handle(params, fence);
      const lost = fate === 'reply-lost';
      this.answers.push({ n, event: lost ? failed('BUS_TIMEOUT') : { type: 'command.reply', ...about, reply } });
    }
  }
}
