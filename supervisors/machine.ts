/**
 * The supervisor as a machine. Its states say how its children are; what it does about an event is decided by the pure
 * function `decide`, and performed by the shell in `supervisor.ts`.
 *
 * One machine serves all strategies, so that one drawing serves all supervisors: the strategy stands in the context.
 */
import type { Machine, Snapshot } from '../runtime/xstate.ts';
import { enqueueActions, setup } from '../runtime/xstate.ts';
import type { SupervisorContext, SupervisorInput, SupervisorMachineEvent } from './context.ts';
import { initialContext } from './context.ts';
import { decide } from './decide.ts';

/** Bound to XState's generics nowhere: effects are data that it hands through. */
interface Enqueue {
  (effect: never): void;
  assign(context: SupervisorContext): void;
}

const isUp = ({ counts }: SupervisorContext): boolean => counts.starting + counts.running + counts.stopping > 0;

const decideAction = { actions: 'decide' } as const;

/** Children come and go in every state; while the supervisor is down they are only remembered. */
const children = {
  add: decideAction,
  remove: decideAction,
  'child.started': decideAction,
  'child.exited': decideAction,
  'child.stopped': decideAction,
} as const;

const up = {
  ...children,
  restart: decideAction,
  'child.due': decideAction,
  stop: { target: 'stopping', actions: 'decide' },
} as const;

const toGivenUp = { guard: 'hasGivenUp', target: 'given_up' } as const;
const toStarting = { guard: 'isStarting', target: 'starting' } as const;
const toRestarting = { guard: 'isRestarting', target: 'restarting' } as const;
const toRunning = { guard: 'isRunning', target: 'running' } as const;

/**
 * States: `stopped` (children are only declared), `starting` (a child is on its way up for the first time), `restarting`
 * (a child is down and will start again), `running` (every child that is to run does), `given_up` (a budget is spent:
 * nothing is started any more, what runs goes on until the level above says stop), `stopping`.
 */
export const supervisorMachine: Machine = setup({
  types: {
    context: {} as SupervisorContext,
    events: {} as SupervisorMachineEvent,
    input: {} as SupervisorInput,
  },
  guards: {
    hasGivenUp: ({ context }) => context.givenUp !== undefined,
    isStarting: ({ context }) => context.counts.first > 0,
    isRestarting: ({ context }) => context.counts.first === 0 && context.counts.again > 0,
    isRunning: ({ context }) => context.counts.first === 0 && context.counts.again === 0,
    isDown: ({ context }) => !isUp(context),
  },
  actions: {
    decide: enqueueActions(({ context, event, enqueue }) => {
      const { context: next, effects } = decide(context, event);
      const to = enqueue as unknown as Enqueue;
      to.assign(next);
      for (const effect of effects) to(effect as never);
    }),
  },
}).createMachine({
  id: 'supervisor',
  context: ({ input }) => initialContext(input),
  initial: 'stopped',
  on: { kill: { target: '.stopped', actions: 'decide' } },
  states: {
    stopped: { on: { ...children, start: { target: 'starting', actions: 'decide' } } },
    starting: { always: [toGivenUp, toRestarting, toRunning], on: up },
    running: { always: [toGivenUp, toStarting, toRestarting], on: up },
    restarting: { always: [toGivenUp, toStarting, toRunning], on: up },
    given_up: { on: { ...children, stop: { target: 'stopping', actions: 'decide' } } },
    stopping: { always: { guard: 'isDown', target: 'stopped' }, on: children },
  },
});

export const contextOf = (snapshot: Snapshot): SupervisorContext => snapshot.context as SupervisorContext;

/** One line for a person. */
export function describeSupervisor(snapshot: Snapshot): string {
  const { counts, givenUp } = contextOf(snapshot);
  if (givenUp !== undefined) return `gave up: ${givenUp.message}`;
  const { idle, waiting, starting, running, backoff, stopping, ended } = counts;
  const all = idle + waiting + starting + running + backoff + stopping + ended + counts.failed;
  const failed = counts.failed > 0 ? `, ${counts.failed} given up` : '';
  return `${counts.running} of ${all} run${failed}`;
}
