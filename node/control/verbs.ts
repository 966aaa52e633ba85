/**
 * What an operator can ask of each kind of actor. The services, their errors and docs/operations.md are made from this
 * one table.
 */
import { z } from 'zod';
import type { BrokerControl } from '../../actors/broker/events.ts';
import type { ControlEvent } from '../../runtime/actor.ts';
import { section, symbolName, text } from '../../runtime/config/fields.ts';

/** Event of an actor's control lane. */
export type Told = ControlEvent | BrokerControl;

export interface Verb {
  /** One line for `nats micro info`. */
  readonly about: string;
  /** JSON that the request carries; without it, the request is empty or {}. */
  readonly payload: z.ZodType<Record<string, unknown>>;
  /** What the payload may be, for a person. */
  readonly takes: string;
  /** Event of the actor's control lane that it becomes; verbs without one are the node's own work. */
  readonly event?: (payload: never) => Told;
  /** The states that the actor reaches by it. The answer waits a moment for one of them. */
  readonly reaches?: RegExp;
  /** Why there is nothing to do, by the actor's figures: better said than answered with a success. */
  readonly refuses?: (payload: never, now: Figures) => string | undefined;
  /** Whether it is done, where no state says so: by the actor's figures before and now. */
  readonly done?: (before: Figures, now: Figures) => boolean;
}

/** What `status` says of an actor besides its state. */
export type Figures = Readonly<Record<string, unknown>>;

/** Work on the account: begun since, or under way already, and over now. */
const isOver = (before: Figures, now: Figures): boolean =>
  now.operation === '' && (before.operation !== '' || before.operations !== now.operations);

const halted = ({ halted = {} }: Figures): string[] => Object.keys(halted as object);

/** Accept and correct are about a symbol that is halted: one that was mistyped must not look as if it were done. */
const ofHalted: Pick<Verb, 'refuses' | 'done'> = {
  refuses: ({ symbol }: { symbol: string }, now) => {
    const all = halted(now);
    if (all.includes(symbol)) return undefined;
    const name = (one: string): string => (one === '' ? '"" (the balance)' : one);
    const rest = all.length === 0 ? 'nothing of this account is' : `halted: ${all.map(name).join(', ')}`;
    return `payload.symbol: ${name(symbol)} is not halted for a difference; ${rest}`;
  },
  done: (before, now) => halted(now).length < halted(before).length,
};

const nothing = section({}, 'nothing') as unknown as z.ZodType<Record<string, unknown>>;
const plain = (about: string, more: Partial<Verb> = {}): Verb => ({
  about,
  payload: nothing,
  takes: 'nothing',
  ...more,
});

const reason = text(/^[^\p{Cc}]{0,200}$/u, 'a text of at most 200 characters', 'Why; shown wherever the state is');
const withReason = section({ reason: reason.default('operator') }, 'The reason');
interface Reason {
  readonly reason: string;
}
const because = (about: string, event: (payload: Reason) => Told, more: Partial<Verb>): Verb => ({
  ...{ about, event, ...more },
  payload: withReason as unknown as z.ZodType<Record<string, unknown>>,
  takes: '{"reason": text}, or nothing',
});

const status = plain('State, owner and figures of the actor');
const restart = plain('Stops the actor in order and starts it again from its snapshot; costs no restart of its budget');
const kill = plain('Ends the actor as a crash would, for chaos tests: its supervisor starts it again');

/** '' is the account: its balance. */
const symbol = z.union([symbolName('Symbol'), z.literal('')], 'a symbol, or "" for the balance of the account');
const acceptPayload = section({ symbol }, 'Whose difference is accepted');
const correctPayload = section({ symbol: symbolName('Symbol') }, 'Whose difference is corrected');

export const verbsOf = {
  symbol: { status, restart, kill },
  strategy: {
    status,
    pause: plain('No new orders; fills and prices are still counted', {
      event: () => ({ type: 'control.pause' }),
      reaches: /^paused$/,
    }),
    resume: plain('Trades again after pause', {
      event: () => ({ type: 'control.resume' }),
      reaches: /^(warming|flat|long|short)$/,
    }),
    restart,
    kill,
  },
  broker: {
    status,
    pause: plain('Intents wait; what is under way is brought to its end', {
      event: () => ({ type: 'control.pause' }),
      reaches: /^draining/,
    }),
    resume: plain('Takes intents again after pause, once account and terminal agree', {
      event: () => ({ type: 'control.resume' }),
      reaches: /^trading/,
    }),
    restart,
    kill,
    halt: because(
      'Nothing but cancellations reaches the terminal any more',
      (payload) => ({ type: 'control.halt', ...payload }),
      { reaches: /^trading\.halted$/ },
    ),
    reduce: because(
      'Only what makes positions smaller is let through',
      (payload) => ({ type: 'control.reduce', ...payload }),
      { reaches: /^trading\.reducing$/ },
    ),
    activate: plain('Trades without restriction again', {
      event: () => ({ type: 'control.activate' }),
      reaches: /^trading\.active$/,
    }),
    accept: {
      about: 'Takes the terminal’s word where account and terminal disagree about a symbol',
      payload: acceptPayload as unknown as z.ZodType<Record<string, unknown>>,
      takes: '{"symbol": name}, "" for the balance',
      event: (payload: { symbol: string }) => ({ type: 'control.accept', ...payload }),
      ...ofHalted,
    },
    correct: {
      about: 'Sends orders that bring the terminal to our record of a symbol where the two disagree',
      payload: correctPayload as unknown as z.ZodType<Record<string, unknown>>,
      takes: '{"symbol": name}',
      event: (payload: { symbol: string }) => ({ type: 'control.correct', ...payload }),
      ...ofHalted,
    },
    flatten: because(
      'Cancels every order and closes every position, then halts',
      (payload) => ({ type: 'control.flatten', ...payload }),
      { done: isOver },
    ),
    reconcile: plain('Compares account and terminal now', { event: () => ({ type: 'control.reconcile' }) }),
  },
  recorder: { status, restart, kill },
  supervisor: {
    status,
    restart: plain('Stops its children in reverse order and starts them again in order'),
  },
  node: {
    status,
    drain: plain('Hands its actors over to other nodes, then ends; without another node it just ends'),
    config: plain('The configuration that holds, live settings included'),
  },
} as const satisfies Record<string, Readonly<Record<string, Verb>>>;

export type ControlKind = keyof typeof verbsOf;
export const controlKinds = Object.keys(verbsOf) as ControlKind[];
export const isControlKind = (kind: string): kind is ControlKind => Object.hasOwn(verbsOf, kind);
export const verbNames = (kind: ControlKind): string[] => Object.keys(verbsOf[kind]);
export const verbOf = (kind: ControlKind, name: string): Verb | undefined =>
  Object.hasOwn(verbsOf[kind], name) ? (verbsOf[kind] as Record<string, Verb>)[name] : undefined;
