/**
 * The one file that knows XState. The rest of Troupe sees machines, snapshots and effects.
 *
 * Only the pure `transition()` is used (see docs/ARCHITECTURE.md, "Why not createActor"). Version 6 of XState is not
 * snapshot-compatible, so whatever changes there is met here and nowhere else.
 */
import type { AnyActor, AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import {
  assign,
  createActor,
  initialTransition,
  raise,
  enqueueActions as theirEnqueueActions,
  setup as theirSetup,
} from 'xstate';

/** XState's own, for comparison only: `step` gives the same for a fourth of its cost. */
export { assign, transition as bareTransition } from 'xstate';
export type Machine = AnyStateMachine;
export type Snapshot = AnyMachineSnapshot;
export type MachineEvent = AnyEventObject;

/** An effect as data: what the machine wants done, never how. */
export interface Effect {
  readonly type: string;
  readonly params: unknown;
}

/** A delayed event that the machine asked for (`after`, or `raise` with a delay). */
export interface TimerRequest {
  readonly id: string;
  readonly delayMs: number;
  readonly event: MachineEvent;
}

export interface Step {
  readonly snapshot: Snapshot;
  readonly effects: readonly Effect[];
  readonly timers: readonly TimerRequest[];
  readonly cancelledTimers: readonly string[];
}

interface ExecutableAction {
  type: string;
  params?: unknown;
  /** Context, event and more of it. */
  info?: unknown;
}

/**
 * As XState's, whose enqueuers are functions of which each has the others as properties. V8 takes a function that is
 * written to a property for a method and puts it where only a major collection looks: it, and with it the event of every
 * step, then stays until there is one. Of the enqueuers there are those that our machines use.
 */
export const enqueueActions = ((collect) =>
  Object.assign(theirEnqueueActions(collect), { resolve: resolveEnqueued })) as typeof theirEnqueueActions;

function resolveEnqueued(
  _scope: unknown,
  snapshot: Snapshot,
  args: object,
  params: unknown,
  { collect }: { collect: (args: object, params: unknown) => void },
): [Snapshot, undefined, unknown[]] {
  const actions: unknown[] = [];
  const enqueue = Object.assign((action: unknown): void => void actions.push(action), {
    assign: (update: never): void => void actions.push(assign(update)),
    raise: (event: AnyEventObject, options: never): void => void actions.push(raise(event, options)),
  });
  collect({ ...args, enqueue }, params);
  return [snapshot, undefined, actions];
}

/** As XState's, with the `enqueueActions` of here. */
export const setup = ((parts: never) => ({ ...theirSetup(parts), enqueueActions })) as unknown as typeof theirSetup;

const nothing: readonly never[] = [];

/** First snapshot of a machine. `input` is the machine's own input. */
export function start(machine: Machine, input: unknown): Step {
  const [snapshot, actions] = initialTransition(machine, input as never);
  return toStep(snapshot as Snapshot, actions as ExecutableAction[]);
}

const ignore = (): void => undefined;

/** One event. Throws what the machine throws: the interpreter decides what that costs. */
export function step(machine: Machine, snapshot: Snapshot, event: MachineEvent): Step {
  const actions: ExecutableAction[] = [];
  const self = standInOf(machine);
  const scope: Scope = {
    ...{ self, system: self.system, id: '', sessionId: '' },
    actionExecutor: (action) => {
      actions.push({ type: action.type, params: action.params });
      // XState's own list of them lives as long as its enqueuers would (see above).
      action.params = undefined;
      action.info = undefined;
    },
    ...{ defer: ignore, logger: ignore, stopChild: ignore, emit: ignore },
  };
  return toStep(machine.transition(snapshot, event, scope as never) as Snapshot, actions);
}

/** One step inside a step: `always`, raised events and the event itself each take one. */
export interface Microstep {
  readonly event: MachineEvent;
  readonly snapshot: Snapshot;
  /** What was taken, by the names of the machine's definition. */
  readonly transitions: readonly {
    readonly eventType: string;
    readonly source: string;
    readonly target: readonly string[];
  }[];
}

/** How `step` gets where it gets. It takes the step once more, so it is for those that are worth showing. */
export function microsteps(machine: Machine, snapshot: Snapshot, event: MachineEvent): Microstep[] {
  const taken: Microstep[] = [];
  const watching = standInOf(machine).system.inspect((seen) => {
    if (seen.type !== '@xstate.microstep') return;
    const transitions = seen._transitions.map(({ eventType, source, target }) => ({
      eventType,
      source: source.id,
      target: (target ?? []).map(({ id }) => id),
    }));
    taken.push({ event: seen.event, snapshot: seen.snapshot as Snapshot, transitions });
  });
  try {
    step(machine, snapshot, event);
  } finally {
    watching.unsubscribe();
  }
  return taken;
}

/** What XState's `transition()` wants to know of the actor whose step it is. */
type Scope = Pick<AnyActor, 'system' | 'id' | 'sessionId'> & {
  self: AnyActor;
  actionExecutor: (action: ExecutableAction) => void;
} & Record<'defer' | 'logger' | 'stopChild' | 'emit', () => void>;

const standIns = new WeakMap<Machine, AnyActor>();

/**
 * An actor that only has to be there. `transition()` makes one anew on each call, and with it the machine's whole first
 * snapshot: twice the cost of the step itself. The pure step does not keep anything in it, so one per machine will do.
 */
function standInOf(machine: Machine): AnyActor {
  const known = standIns.get(machine);
  if (known !== undefined) return known;
  const actor = createActor(machine);
  standIns.set(machine, actor);
  return actor;
}

/** Snapshot from stored parts: the state value and the context that `stored()` gave. */
export function restore(machine: Machine, stored: { value: unknown; context: unknown }): Snapshot {
  return machine.resolveState({ value: stored.value as never, context: stored.context as never }) as Snapshot;
}

/** The state's name, nested states joined with dots: `trading.active`. */
export function stateName(snapshot: Snapshot): string {
  const names: string[] = [];
  let value: unknown = snapshot.value;
  while (typeof value === 'object' && value !== null) {
    const [key, inner] = Object.entries(value)[0] ?? [];
    if (key === undefined) break;
    names.push(key);
    value = inner;
  }
  if (typeof value === 'string') names.push(value);
  return names.join('.');
}

/** A machine as plain data for any visualizer: states, and for each what leads where, under which guard. */
export interface Drawing {
  readonly id: string;
  readonly key: string;
  readonly type: string;
  readonly initial: unknown;
  readonly on: Readonly<Record<string, unknown>>;
  readonly transitions: readonly unknown[];
  readonly states: Readonly<Record<string, Drawing>>;
}

type StateNode = Machine['root'];

/**
 * XState's own `definition` leaves out the transitions without an event (`always`), and with them half of what some
 * machines do. Here they stand under the event ''.
 */
export function drawingOf(machine: Machine): Drawing {
  const draw = (node: StateNode): Drawing => {
    const { definition, always = [] } = node;
    const { id, key, type, initial, on, transitions } = definition;
    const states = Object.fromEntries(
      Object.values(node.states as Record<string, StateNode>).map((state) => [state.key, draw(state)]),
    );
    const eventless = always.length > 0 ? { '': always } : {};
    return { id, key, type, initial, on: { ...on, ...eventless }, transitions: [...transitions, ...always], states };
  };
  return JSON.parse(JSON.stringify(draw(machine.root))) as Drawing;
}

function toStep(snapshot: Snapshot, actions: readonly ExecutableAction[]): Step {
  if (actions.length === 0) return { snapshot, effects: nothing, timers: nothing, cancelledTimers: nothing };
  const effects: Effect[] = [];
  const timers: TimerRequest[] = [];
  const cancelledTimers: string[] = [];
  for (const action of actions) {
    if (action.type === 'xstate.raise') {
      const { id, delay, event } = action.params as { id: string; delay?: number; event: MachineEvent };
      if (delay !== undefined) timers.push({ id, delayMs: delay, event });
    } else if (action.type === 'xstate.cancel') {
      cancelledTimers.push((action.params as { sendId: string }).sendId);
    } else if (!action.type.startsWith('xstate.')) {
      effects.push({ type: action.type, params: action.params });
    }
  }
  return { snapshot, effects, timers, cancelledTimers };
}
