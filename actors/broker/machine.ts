/**
 * The broker's state chart. What an event does to the account is in `turn/`, pure functions; here stands only when which
 * of them is asked, and where the broker goes.
 */
import { enqueueActions, setup } from '../../runtime/xstate.ts';
import type { BrokerContext, BrokerInput } from './context.ts';
import { firstContext } from './context.ts';
import type { BrokerEvent } from './events.ts';
import { onExecution } from './turn/execution.ts';
import { judgeWaiting, queueIntent, takeAhead, takeIntent } from './turn/intents.ts';
import {
  accept,
  correct,
  enterSafeMode,
  flatten,
  isResolved,
  onConnecting,
  onDisconnected,
  onStart,
  setLimits,
  setMode,
  setPaused,
} from './turn/lifecycle.ts';
import { onBar } from './turn/market.ts';
import { giveUpSecuring, retryOperation, stepOperation } from './turn/operations.ts';
import { ask } from './turn/orders.ts';
import { askSnapshot } from './turn/reconcile.ts';
import { onFailed, onReply } from './turn/replies.ts';
import type { Turn } from './turn/turn.ts';
import { beginTurn } from './turn/turn.ts';

type Of<T extends BrokerEvent['type']> = Extract<BrokerEvent, { type: T }>;

/** The part of XState's enqueue that is used: effects of our own are plain objects there. */
interface Enqueue {
  (effect: { readonly type: string; readonly params: unknown }): void;
  assign(context: BrokerContext): void;
  raise(event: { readonly type: string }, options?: { id: string; delay: number }): void;
}

/** One named action: the turn's new context, then its effects, its timers and where it wants the chart to go. */
function action<T extends BrokerEvent['type']>(work: (turn: Turn, event: Of<T>) => void) {
  return enqueueActions(
    ({ context, event, enqueue }: { context: BrokerContext; event: BrokerEvent; enqueue: unknown }) => {
      const turn = beginTurn(context, (event as { atMs?: number }).atMs);
      work(turn, event as Of<T>);
      const to = enqueue as Enqueue;
      to.assign(turn.c);
      for (const effect of turn.effects) to(effect);
      for (const { id, delayMs, event: due } of turn.timers) to.raise(due, { id, delay: delayMs });
      for (const raised of turn.raised) to.raise(raised);
      // Whatever has happened may be what an operation waits for. Prices never are.
      if (turn.c.operation !== null && event.type !== 'bar' && event.type !== 'operation.step') {
        to.raise({ type: 'operation.step' });
      }
    },
  ) as never;
}

/** What the broker asks the terminal, wherever it is linked to one. */
const questions = {
  'order.ask': { actions: 'askOrder' },
  'reconcile.due': { actions: 'askSnapshot' },
  'control.reconcile': { actions: 'askSnapshot' },
} as const;

/** Where the broker goes when its connection to the terminal changes. */
const connection = { 'link.down': 'disconnected', 'link.up': 'connecting', 'events.missed': 'connecting' } as const;

/** The same where the broker stays: it is linked again, and sees the terminal whole, without leaving its state. */
const relinks = {
  'link.down': { actions: 'retryLater' },
  'link.up': { actions: 'connect' },
  'events.missed': { actions: 'connect' },
  retry: { actions: 'connect' },
} as const;

export const brokerMachine = setup({
  types: { context: {} as BrokerContext, events: {} as BrokerEvent, input: {} as BrokerInput },
  actions: {
    begin: action<'broker.start'>((turn, event) => onStart(turn, event.input)),
    connect: action(onConnecting),
    retryLater: action(onDisconnected),
    readQuote: action<'bar'>((turn, event) => {
      for (const bar of [event.message, ...(event.more ?? [])]) onBar(turn, bar);
    }),
    readExecution: action<'execution'>((turn, event) => onExecution(turn, event.message)),
    readReply: action<'command.reply'>(onReply),
    readFailure: action<'command.failed'>(onFailed),
    keepIntent: action<'intent'>((turn, event) => queueIntent(turn, event.message)),
    judgeIntent: action<'intent'>((turn, event) => takeIntent(turn, event.message)),
    judgeAhead: action<'intent.ahead'>((turn, event) => takeAhead(turn, event.message)),
    judgeWaiting: action(judgeWaiting),
    askOrder: action<'order.ask'>((turn, event) => ask(turn, event.orderId)),
    askSnapshot: action((turn) => askSnapshot(turn, false)),
    halt: action<'control.halt'>((turn, event) => setMode(turn, 'halted', event.reason)),
    reduce: action<'control.reduce'>((turn, event) => setMode(turn, 'reducing', event.reason)),
    activate: action<'control.activate'>((turn) => setMode(turn, 'active', '')),
    accept: action<'control.accept'>((turn, event) => accept(turn, event.symbol)),
    correct: action<'control.correct'>((turn, event) => correct(turn, event.symbol)),
    flatten: action<'control.flatten'>((turn, event) => flatten(turn, event.reason)),
    enterSafeMode: action<'control.safe_mode'>((turn, event) => enterSafeMode(turn, event.policy, event.reason)),
    setLimits: action<'control.limits'>((turn, event) => setLimits(turn, event.limits)),
    stepOperation: action(stepOperation),
    retryOperation: action(retryOperation),
    giveUpSecuring: action(giveUpSecuring),
    pause: action((turn) => setPaused(turn, true)),
    resume: action((turn) => setPaused(turn, false)),
  },
  guards: {
    resolvedSafe: ({ context }) => context.safe !== null && isResolved(context),
    securing: ({ context }) => context.safe?.outcome === 'securing',
    secured: ({ context }) => context.safe !== null && context.safe.outcome !== 'securing',
    resolvedPaused: ({ context }) => context.paused && isResolved(context),
    resolvedHalted: ({ context }) => context.mode === 'halted' && isResolved(context),
    resolvedReducing: ({ context }) => context.mode === 'reducing' && isResolved(context),
    resolved: ({ context }) => isResolved(context),
  },
}).createMachine({
  id: 'broker',
  context: ({ input }) => firstContext(input),
  initial: 'disconnected',
  on: {
    'broker.start': { target: '.connecting', actions: 'begin', reenter: true },
    bar: { actions: 'readQuote' },
    execution: { actions: 'readExecution' },
    intent: { actions: 'keepIntent' },
    'command.reply': { actions: 'readReply' },
    'command.failed': { actions: 'readFailure' },
    'control.halt': { actions: 'halt' },
    'control.reduce': { actions: 'reduce' },
    'control.activate': { actions: 'activate' },
    'control.accept': { actions: 'accept' },
    'control.correct': { actions: 'correct' },
    'control.flatten': { actions: 'flatten' },
    'control.safe_mode': { actions: 'enterSafeMode' },
    'control.limits': { actions: 'setLimits' },
    'operation.retry': { actions: 'retryOperation' },
    'safe.due': { guard: 'securing', target: '.safe', actions: 'giveUpSecuring' },
    'control.pause': { target: '.draining', actions: 'pause' },
    'control.resume': { actions: 'resume' },
  },
  states: {
    /** No bridge, or no terminal behind it. */
    disconnected: {
      entry: 'retryLater',
      on: {
        retry: 'connecting',
        'link.up': 'connecting',
        'control.reconcile': 'connecting',
        'safe.begin': 'connecting',
      },
    },
    /** The terminal has been asked for everything. */
    connecting: {
      entry: 'connect',
      on: {
        'snapshot.applied': 'reconciling',
        'link.down': 'disconnected',
        'reconcile.due': { actions: 'askSnapshot' },
      },
    },
    /** Open questions: orders of which nobody knows the outcome, differences that need a second look. */
    reconciling: {
      always: [
        { guard: 'resolvedSafe', target: 'securing' },
        { guard: 'resolvedPaused', target: 'draining' },
        { guard: 'resolvedHalted', target: 'trading.halted' },
        { guard: 'resolvedReducing', target: 'trading.reducing' },
        { guard: 'resolved', target: 'trading.active' },
      ],
      on: {
        ...connection,
        ...questions,
      },
    },
    trading: {
      entry: ['judgeWaiting', 'stepOperation'],
      initial: 'active',
      on: {
        intent: { actions: 'judgeIntent' },
        // Nowhere else: where intents wait, or are refused, nobody is in a hurry.
        'intent.ahead': { actions: 'judgeAhead' },
        ...connection,
        ...questions,
        'mode.active': '.active',
        'mode.reducing': '.reducing',
        'mode.halted': '.halted',
        'operation.step': { actions: 'stepOperation' },
        'safe.begin': 'securing',
      },
      states: {
        active: {},
        /** Only what makes the account smaller. */
        reducing: {},
        /** Only cancellations. */
        halted: {},
      },
    },
    /** Paused: intents wait, what is under way is brought to its end, and the terminal is asked as ever. */
    draining: {
      entry: 'stepOperation',
      on: {
        'control.resume': { target: 'connecting', actions: 'resume' },
        ...relinks,
        ...questions,
        'operation.step': { actions: 'stepOperation' },
        'safe.begin': 'securing',
      },
    },
    /** The account's policy is being carried out; intents are denied. */
    securing: {
      entry: ['judgeWaiting', 'stepOperation'],
      always: { guard: 'secured', target: 'safe' },
      on: {
        intent: { actions: 'judgeIntent' },
        'operation.step': { actions: 'stepOperation' },
        'mode.active': 'connecting',
        'control.pause': {},
        ...connection,
        ...questions,
      },
    },
    /**
     * The policy is carried out and the terminal has confirmed it, or the time for it is over and the description says
     * what nobody knows. The node may leave; while it does not, what is left is tried further.
     */
    safe: {
      entry: 'judgeWaiting',
      on: {
        intent: { actions: 'judgeIntent' },
        'operation.step': { actions: 'stepOperation' },
        'safe.begin': 'securing',
        'mode.active': 'connecting',
        'control.pause': {},
        ...relinks,
        ...questions,
      },
    },
  },
});
