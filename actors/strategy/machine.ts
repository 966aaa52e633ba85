/**
 * The strategy machine. Handlers run in warming (as soon as the last feature is warm), flat, long and short; paused
 * and failed keep counting fills and quotes, so the position is right whenever the strategy comes back.
 */
import type { ControlEvent, InputEvent, PublishEffect } from '../../runtime/actor.ts';
import type { Machine } from '../../runtime/xstate.ts';
import { setup } from '../../runtime/xstate.ts';
import type { Heard } from './hear.ts';
import { hearBar, hearFeatures, hearFill, hearOrder, hearTicks } from './hear.ts';
import type { Memory, Plan } from './memory.ts';
import { firstMemory, isWarm } from './memory.ts';
import { sideOf } from './position.ts';

export type StrategyEvent =
  | InputEvent<'bar'>
  | InputEvent<'features'>
  | InputEvent<'ticks'>
  | InputEvent<'fill'>
  | InputEvent<'order'>
  | ControlEvent
  /** From the supervisor: the restart budget is spent. `control.resume` is the way back. */
  | { readonly type: 'control.fail'; readonly reason: string };

function hear(plan: Plan, memory: Memory, event: StrategyEvent, awake: boolean): Heard {
  switch (event.type) {
    case 'bar':
      return hearBar(plan, memory, event, awake);
    case 'features':
      return hearFeatures(plan, memory, event, awake);
    case 'ticks':
      return hearTicks(plan, memory, event, awake);
    case 'fill':
      return hearFill(plan, memory, event, awake);
    case 'order':
      return hearOrder(plan, memory, event);
    default:
      return { memory, effects: [] };
  }
}

/** One machine per strategy instance: the plan is fixed while it lives. */
export function strategyMachine(plan: Plan): Machine {
  const is =
    (side: 'flat' | 'long' | 'short') =>
    ({ context }: { context: Memory }): boolean =>
      isWarm(context) && sideOf(context.holding) === side;

  const machine = setup({
    types: { context: {} as Memory, events: {} as StrategyEvent },
    actions: {
      publish: (_, _params: PublishEffect['params']) => {},
      log: (_, _params: { readonly text: string }) => {},
    },
    guards: {
      isFlat: is('flat'),
      isLong: is('long'),
      isShort: is('short'),
      isCold: ({ context }) => !isWarm(context),
    },
  });

  const act = (awake: boolean) =>
    machine.enqueueActions(({ context, event, enqueue }) => {
      const heard = hear(plan, context, event, awake);
      enqueue.assign(heard.memory);
      for (const effect of heard.effects) enqueue(effect as { type: 'publish'; params: PublishEffect['params'] });
    });
  const on = (awake: boolean) => {
    const actions = act(awake);
    return { bar: { actions }, features: { actions }, ticks: { actions }, fill: { actions }, order: { actions } };
  };
  const pause = { 'control.pause': 'paused' } as const;
  const fail = {
    'control.fail': {
      target: 'failed',
      actions: machine.assign({ failure: ({ event }) => (event.type === 'control.fail' ? event.reason : '') }),
    },
  } as const;
  const resume = { 'control.resume': { target: 'warming', actions: machine.assign({ failure: '' }) } } as const;
  const toFlat = { guard: 'isFlat', target: 'flat' } as const;
  const toLong = { guard: 'isLong', target: 'long' } as const;
  const toShort = { guard: 'isShort', target: 'short' } as const;
  const toWarming = { guard: 'isCold', target: 'warming' } as const;

  return machine.createMachine({
    id: 'strategy',
    context: () => firstMemory(plan),
    initial: 'warming',
    states: {
      warming: { on: { ...on(true), ...pause, ...fail }, always: [toFlat, toLong, toShort] },
      flat: { on: { ...on(true), ...pause, ...fail }, always: [toWarming, toLong, toShort] },
      long: { on: { ...on(true), ...pause, ...fail }, always: [toWarming, toFlat, toShort] },
      short: { on: { ...on(true), ...pause, ...fail }, always: [toWarming, toFlat, toLong] },
      paused: { on: { ...on(false), ...resume, ...fail } },
      failed: { on: { ...on(false), ...resume } },
    },
  }) as unknown as Machine;
}
