/**
 * The simulated bridge, by the rules of native/mt5-bridge/bridge: fence, journal before the terminal, at most once per
 * client order id, UNKNOWN where nobody can tell, frames and execution events into their streams.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Command, CommandReply } from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { CommandReplySchema, CommandSchema, Outcome } from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import type { Bus, PublishRequest } from '../../../runtime/bus/bus.ts';
import { escapeToken } from '../../../runtime/bus/subjects.ts';
import type { Layout } from '../../../runtime/bus/topics.ts';
import { actorKey, commandSubject, topics } from '../../../runtime/bus/topics.ts';
import type { Host } from '../world/host.ts';
import type { BookEvent } from './books.ts';
import type { Journal } from './journal.ts';
import type { Link } from './link.ts';
import type { Terminal, TerminalCommand, TerminalResult, TickBatch } from './terminal.ts';
import { POSITION_CLOSED } from './terminal.ts';
import { bodyOf, newOrder, recordOf, snapshotOf } from './wire-form.ts';

const TIMEOUT_MS = 5_000;
const SYNC_MS = 50;

/** A command as the witness sees it: what the bridge was told, and whether it obeyed. */
export interface HeardCommand {
  readonly atMs: number;
  readonly fence: number;
  readonly kind: string;
  readonly orderId: string;
  readonly obeyed: boolean;
  /** Nobody has asked for it yet: it is read in a commit. */
  readonly ahead: boolean;
}

interface Pending {
  readonly kind: 'place' | 'resolve' | 'find' | 'other';
  readonly orderId: string;
  waiters: { readonly commandId: string; readonly replayed: boolean; answer(reply: CommandReply): void }[];
  answered: boolean;
}

export interface BridgeOptions {
  readonly account: string;
  readonly source: string;
  readonly host: Host;
  readonly bus: Bus;
  readonly layout: Layout;
  readonly journal: Journal;
  readonly symbols: readonly string[];
  readonly hedging: boolean;
  readonly nowMs: () => number;
  readonly run: number;
  readonly heard: (command: HeardCommand) => void;
  /** Every batch of ticks that reached the bridge. */
  readonly counted: (symbol: string, ticks: number) => void;
  /** A safeguard taken away, for the proof that the witness would see it. */
  readonly without?: 'fence' | 'journal' | 'refused' | undefined;
}

export class Bridge {
  readonly host: Host;
  accepts = false;
  private readonly o: BridgeOptions;
  private link: Link | undefined;
  private terminal: Terminal | undefined;
  private readonly pending = new Set<Pending>();
  private readonly numbers = new Map<string, number>();
  /** Orders that were refused to who asked for them, since this process began. */
  private readonly refused = new Set<string>();
  private lastEvent = 0;
  private linkEvents = 0;
  private readonly outboxes = { md: [] as PublishRequest[], trade: [] as PublishRequest[] };
  private readonly sending = { md: false, trade: false };

  constructor(options: BridgeOptions) {
    this.o = options;
    this.host = options.host;
    options.journal.open();
    options.host.whenDead(() => this.link?.break());
    void this.begin();
    this.syncLater();
  }

  attach(link: Link, terminal: Terminal): void {
    this.link?.break();
    this.link = link;
    this.terminal = terminal;
    this.numbers.clear();
    this.lastEvent = 0;
    link.onLostAtBridge = () => this.detach(link);
    this.tellLink('ready', '');
  }

  onTicks(link: Link, batch: TickBatch): void {
    if (link !== this.link) return;
    const { symbol } = batch;
    const first = (this.numbers.get(symbol) ?? 0) + 1;
    const count = batch.bid.length;
    this.numbers.set(symbol, first + count - 1);
    this.o.counted(symbol, count);
    const { source, layout } = this.o;
    const frame = {
      ...{ symbol, source, session: link.session, firstSequence: first, baseTimeMs: batch.timeMs[0]!, utcOffsetS: 0 },
      count: batch.timeMs.length,
      timeOffsetMs: Uint32Array.from(batch.timeMs, (timeMs) => timeMs - batch.timeMs[0]!),
      ...{ bid: Float64Array.from(batch.bid), ask: Float64Array.from(batch.ask), flags: new Uint32Array(0) },
      firstSentUs: this.host.clock.nowUs(),
    };
    this.post('md', {
      subject: topics.ticks.subject({ source, symbol }, layout),
      messageId: `${link.session}.${escapeToken(symbol)}.${first}`,
      data: topics.ticks.encode(frame),
    });
  }

  onEvent(link: Link, sequence: number, timeMs: number, event: BookEvent): void {
    if (link !== this.link || sequence <= this.lastEvent) return;
    this.lastEvent = sequence;
    this.execution(link.session, sequence, timeMs, bodyOf(event), link.session);
  }

  private async begin(): Promise<void> {
    const { account, bus } = this.o;
    const subject = commandSubject(account);
    await bus.serve(subject, (data) => new Promise((resolve) => this.handle(data, resolve)));
    const snapshots = await bus.kv('snapshots');
    await snapshots.listen(actorKey('broker', account), (data) => this.hear(data));
    this.accepts = true;
  }

  private handle(data: Uint8Array, resolve: (reply: Uint8Array) => void): void {
    const command = fromBinary(CommandSchema, data);
    const { commandId, fence, body } = command;
    const answer = (reply: CommandReply): void => {
      if (body.case === 'place' && reply.outcome === Outcome.REFUSED) this.refused.add(body.value.orderId);
      resolve(toBinary(CommandReplySchema, reply));
    };
    const { journal, without } = this.o;
    const orderId = body.case === 'place' || body.case === 'find' || body.case === 'cancel' ? body.value.orderId : '';
    const obeyed = fence >= journal.highestFence || without === 'fence';
    this.o.heard({ atMs: this.o.nowMs(), fence, kind: body.case ?? '', orderId, obeyed, ahead: false });
    if (!obeyed) {
      if (body.case === 'place' && journal.find(orderId) !== undefined) {
        // It was heard under that fence, and may stand.
        answer(create(CommandReplySchema, { commandId, outcome: Outcome.UNKNOWN, code: 'FENCED' }));
        return;
      }
      const message = `fence ${fence} is below ${journal.highestFence}`;
      answer(create(CommandReplySchema, { commandId, outcome: Outcome.REFUSED, code: 'FENCED', message }));
      return;
    }
    journal.fence(fence);
    if (body.case === 'place') {
      this.place(command, answer);
      return;
    }
    if (this.link === undefined || this.terminal === undefined) {
      answer(refusal(commandId));
      return;
    }
    if (body.case === 'snapshot') {
      this.snapshot(commandId, body.value.dealsSinceMs, answer);
      return;
    }
    const waiter = { commandId, replayed: false, answer };
    if (body.case === 'find') {
      this.ask('find', body.value.orderId, waiter);
      return;
    }
    const ordered: TerminalCommand | undefined =
      body.case === 'cancel'
        ? { kind: 'cancel', orderId: body.value.orderId, ticket: body.value.ticket }
        : body.case === 'protect'
          ? { kind: 'protect', ...body.value }
          : undefined;
    if (ordered === undefined) {
      answer(create(CommandReplySchema, { commandId, outcome: Outcome.REFUSED, code: 'BAD_COMMAND' }));
      return;
    }
    this.send(ordered, { kind: 'other', orderId: '', waiters: [waiter], answered: false });
  }

  /** An order that its broker has committed and not asked for yet. */
  private hear(data: Uint8Array): void {
    const { journal, without } = this.o;
    const command = fromBinary(CommandSchema, data);
    const { fence, body } = command;
    if (body.case !== 'place') return;
    const { orderId } = body.value;
    const obeyed = without === 'fence' || (fence === journal.highestFence && !this.isRefused(orderId));
    if (!obeyed || journal.find(orderId) !== undefined) return;
    this.o.heard({ atMs: this.o.nowMs(), fence, kind: 'place', orderId, obeyed, ahead: true });
    this.place(command, () => undefined);
  }

  private isRefused(orderId: string): boolean {
    return this.refused.has(orderId) && this.o.without !== 'refused';
  }

  private place(command: Command, answer: (reply: CommandReply) => void): void {
    const { commandId, body } = command;
    if (body.case !== 'place') return;
    const { journal, without } = this.o;
    const { orderId } = body.value;
    const known = without === 'journal' ? undefined : journal.find(orderId);
    if (known !== undefined) {
      if (known.reply !== undefined) {
        answer({ ...known.reply, commandId, replayed: true });
        return;
      }
      const waiter = { commandId, replayed: true, answer };
      for (const pending of this.pending) {
        if (pending.kind !== 'place' || pending.orderId !== orderId || pending.answered) continue;
        pending.waiters.push(waiter);
        return;
      }
      this.ask('resolve', orderId, waiter);
      return;
    }
    if (this.link === undefined) {
      answer(refusal(commandId));
      return;
    }
    journal.note(orderId, commandId);
    const waiters = [{ commandId, replayed: false, answer }];
    this.send({ kind: 'place', order: newOrder(body.value) }, { kind: 'place', orderId, waiters, answered: false });
  }

  private ask(kind: 'find' | 'resolve', orderId: string, waiter: Pending['waiters'][number]): void {
    this.send({ kind: 'find', orderId }, { kind, orderId, waiters: [waiter], answered: false });
  }

  private send(command: TerminalCommand, pending: Pending): void {
    const { link, terminal } = this;
    if (link === undefined || terminal === undefined) {
      this.unknown(pending, 'NO_TERMINAL');
      return;
    }
    this.pending.add(pending);
    link.send('terminal', () => terminal.onCommand(link, command, (result) => this.onResult(pending, result)));
    this.host.clock.setTimer(TIMEOUT_MS, () => {
      if (pending.answered || !this.pending.has(pending)) return;
      this.unknown(pending, 'TERMINAL_TIMEOUT');
    });
  }

  private onResult(pending: Pending, result: TerminalResult): void {
    if (!this.pending.delete(pending)) return;
    const { retcode, message, receivedUs, order, deals } = result;
    // A close that finds nothing to close has what it wanted.
    const nothingLeft = pending.kind === 'place' && retcode === POSITION_CLOSED;
    const outcome = {
      ...{ done: Outcome.DONE, accepted: Outcome.ACCEPTED, rejected: nothingLeft ? Outcome.DONE : Outcome.REJECTED },
      ...{ not_found: Outcome.NOT_FOUND },
    }[result.outcome];
    const code = nothingLeft ? 'POSITION_CLOSED' : outcome === Outcome.REJECTED ? 'ORDER_REJECTED' : '';
    const reply = create(CommandReplySchema, {
      ...{ outcome, retcode, code, message, receivedUs, deals: deals.map((deal) => ({ ...deal, swap: 0, fee: 0 })) },
      ...(order === undefined ? {} : { order: recordOf(order) }),
    });
    const final = outcome !== Outcome.NOT_FOUND;
    if (final && (pending.kind === 'place' || pending.kind === 'resolve'))
      this.o.journal.result(pending.orderId, reply);
    if (!final && pending.orderId !== '') this.weighJournal(pending.orderId, reply);
    this.answer(pending, reply);
  }

  /** The terminal does not know an order whose execution stands in the journal: one of them is wrong. */
  private weighJournal(orderId: string, reply: CommandReply): void {
    const before = this.o.journal.find(orderId)?.reply;
    if (before === undefined || before.outcome === Outcome.REJECTED || before.retcode === POSITION_CLOSED) return;
    reply.outcome = Outcome.UNKNOWN;
    reply.code = 'JOURNAL_DISAGREES';
  }

  private answer(pending: Pending, reply: CommandReply): void {
    if (pending.answered) return;
    pending.answered = true;
    for (const { commandId, replayed, answer } of pending.waiters) answer({ ...reply, commandId, replayed });
  }

  private unknown(pending: Pending, code: string): void {
    this.answer(pending, create(CommandReplySchema, { outcome: Outcome.UNKNOWN, code, message: code }));
  }

  private snapshot(commandId: string, sinceMs: number, answer: (reply: CommandReply) => void): void {
    const { link, terminal } = this;
    if (link === undefined || terminal === undefined) {
      answer(refusal(commandId));
      return;
    }
    const pending: Pending = {
      ...{ kind: 'other', orderId: '', answered: false },
      waiters: [{ commandId, replayed: false, answer }],
    };
    this.pending.add(pending);
    const { symbols, hedging } = this.o;
    link.send('terminal', () => {
      const taken = terminal.snapshot(sinceMs);
      link.send('bridge', () => {
        if (!this.pending.delete(pending)) return;
        const snapshot = snapshotOf(taken, link.session, symbols, hedging);
        this.answer(pending, create(CommandReplySchema, { outcome: Outcome.DONE, snapshot }));
      });
    });
    this.host.clock.setTimer(TIMEOUT_MS, () => {
      if (this.pending.delete(pending)) this.unknown(pending, 'TERMINAL_TIMEOUT');
    });
  }

  private detach(link: Link): void {
    if (link !== this.link) return;
    this.link = undefined;
    this.terminal = undefined;
    const lost = [...this.pending];
    this.pending.clear();
    for (const pending of lost) this.unknown(pending, 'LINK_LOST');
    this.tellLink('lost', 'the link broke');
  }

  private tellLink(state: string, reason: string): void {
    const id = `bridge-${this.o.run}`;
    const sequence = ++this.linkEvents;
    this.execution(id, sequence, this.host.clock.nowMs(), { case: 'link', value: { state, reason } }, id);
  }

  private execution(session: string, sequence: number, timeMs: number, body: unknown, id: string): void {
    const { account, layout } = this.o;
    this.post('trade', {
      subject: topics.execution.subject({ account }, layout),
      messageId: `${escapeToken(account)}.${id}.${sequence}`,
      data: topics.execution.encode({ account, session, sequence, timeMs, body } as never),
    });
  }

  /** In order, and sent again until it is stored. */
  private post(lane: 'md' | 'trade', request: PublishRequest): void {
    this.outboxes[lane].push(request);
    if (!this.sending[lane]) void this.drain(lane);
  }

  private async drain(lane: 'md' | 'trade'): Promise<void> {
    this.sending[lane] = true;
    const queue = this.outboxes[lane];
    while (queue.length > 0) {
      const batch = queue.slice(0, 64);
      const stored = await Promise.allSettled(batch.map((request) => this.o.bus.publish(request)));
      const failed = stored.findIndex(({ status }) => status === 'rejected');
      queue.splice(0, failed < 0 ? batch.length : failed);
      if (failed >= 0) await this.host.clock.sleep(100);
    }
    this.sending[lane] = false;
  }

  private syncLater(): void {
    this.host.clock.setTimer(SYNC_MS, () => {
      this.o.journal.sync();
      this.syncLater();
    });
  }
}

function refusal(commandId: string): CommandReply {
  const message = 'no terminal is linked';
  return create(CommandReplySchema, { commandId, outcome: Outcome.REFUSED, code: 'NO_TERMINAL', message });
}
