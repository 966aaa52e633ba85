/**
 * The symbol's machine: which state its data is in. What comes out depends on the ticks alone, never on the state, so a
 * replay gives the same bars and features whatever happened in between.
 */
import type { InputEvent } from '../../runtime/actor.ts';
import type { TickColumns } from '../../runtime/bus/ticks.ts';
import type { Machine } from '../../runtime/xstate.ts';
import { assign, enqueueActions, setup } from '../../runtime/xstate.ts';
import type { Outcome, SymbolContext } from './market.ts';
import { applyFrames, emptyMarket, flushMarket, isUsable } from './market.ts';
import type { Continuity } from './numbering.ts';
import { continuityOf } from './numbering.ts';
import type { SymbolRules } from './rules.ts';

/** From the node: no more ticks will come (the end of a replay, the market's close). */
export interface FlushEvent {
  readonly type: 'control.flush';
  readonly atUs?: number;
}

export type SymbolEvent = InputEvent<'ticks'> | FlushEvent;

function continuity(rules: SymbolRules, context: SymbolContext, frame: TickColumns): Continuity {
  return isUsable(rules, frame) ? continuityOf(context.numbering, frame) : 'old';
}

/** Frames of one step follow each other without a gap, so a gap can only be before the first. */
const skipsTicks = (rules: SymbolRules, context: SymbolContext, event: SymbolEvent): boolean =>
  event.type === 'ticks' && continuity(rules, context, event.message) === 'gap';

/** ... and what is new stands at the end. */
const isNew = (rules: SymbolRules, context: SymbolContext, event: SymbolEvent): boolean =>
  event.type === 'ticks' && continuity(rules, context, event.more?.at(-1) ?? event.message) !== 'old';

/** Whether `next` goes on where `previous` ends, so that both may be taken in one step. */
export const follows = (previous: TickColumns, next: TickColumns): boolean =>
  next.session === previous.session &&
  next.firstSequence === previous.firstSequence + previous.count &&
  next.symbol === previous.symbol;

const isWarm = (context: SymbolContext): boolean => context.barsToWarm === 0 && context.ticksApplied > 0;

/**
 * States: `warming` (indicators are not all numbers yet), `live`, `stale` (no tick for staleAfterMs, wall clock; looked
 * at once per staleAfterMs, so it is seen after at most twice that), `gap` (tick numbers were passed over; ends with the
 * next step that is in order), `closed` (flushed; ends with the next new tick). A symbol that has never ticked keeps
 * warming.
 */
export function symbolMachine(rules: SymbolRules): Machine {
  return setup({
    types: { context: {} as SymbolContext, events: {} as SymbolEvent },
    delays: { staleAfter: rules.staleAfterMs },
    guards: {
      skipsTicks: ({ context, event }) => skipsTicks(rules, context, event),
      isNew: ({ context, event }) => isNew(rules, context, event),
      isNewAndWarm: ({ context, event }) => isWarm(context) && isNew(rules, context, event),
      isWarm: ({ context }) => isWarm(context),
      hasNeverTicked: ({ context }) => context.ticksApplied === 0,
      tickedSinceCheck: ({ context }) => context.ticksApplied > context.ticksAtCheck,
    },
    actions: {
      applyTicks: enqueueActions(({ context, event, enqueue }) => {
        if (event.type !== 'ticks') return;
        const frames = event.more === undefined ? [event.message] : [event.message, ...event.more];
        perform(enqueue, applyFrames(rules, context, frames, event.atUs));
      }),
      flushBars: enqueueActions(({ context, event, enqueue }) => {
        perform(enqueue, flushMarket(rules, context, (event as { atUs?: number }).atUs ?? 0));
      }),
      noteTicks: assign({ ticksAtCheck: ({ context }) => context.ticksApplied }),
    },
  }).createMachine({
    id: 'symbol',
    context: () => emptyMarket(rules),
    initial: 'warming',
    on: { 'control.flush': { target: '.closed', actions: 'flushBars' } },
    states: {
      warming: {
        always: { guard: 'isWarm', target: 'live' },
        on: { ticks: [{ guard: 'skipsTicks', target: 'gap', actions: 'applyTicks' }, { actions: 'applyTicks' }] },
        after: {
          staleAfter: [
            { guard: 'hasNeverTicked', target: 'warming', reenter: true },
            { guard: 'tickedSinceCheck', target: 'warming', reenter: true, actions: 'noteTicks' },
            { target: 'stale' },
          ],
        },
      },
      live: {
        on: { ticks: [{ guard: 'skipsTicks', target: 'gap', actions: 'applyTicks' }, { actions: 'applyTicks' }] },
        after: {
          staleAfter: [
            { guard: 'tickedSinceCheck', target: 'live', reenter: true, actions: 'noteTicks' },
            { target: 'stale' },
          ],
        },
      },
      stale: {
        on: {
          ticks: [
            { guard: 'skipsTicks', target: 'gap', actions: 'applyTicks' },
            { guard: 'isNewAndWarm', target: 'live', actions: 'applyTicks' },
            { guard: 'isNew', target: 'warming', actions: 'applyTicks' },
            { actions: 'applyTicks' },
          ],
        },
      },
      gap: {
        on: {
          ticks: [
            { guard: 'skipsTicks', actions: 'applyTicks' },
            { guard: 'isNewAndWarm', target: 'live', actions: 'applyTicks' },
            { guard: 'isNew', target: 'warming', actions: 'applyTicks' },
            { actions: 'applyTicks' },
          ],
        },
        after: {
          staleAfter: [
            { guard: 'tickedSinceCheck', target: 'gap', reenter: true, actions: 'noteTicks' },
            { target: 'stale' },
          ],
        },
      },
      closed: {
        on: {
          ticks: [
            { guard: 'skipsTicks', target: 'gap', actions: 'applyTicks' },
            { guard: 'isNewAndWarm', target: 'live', actions: 'applyTicks' },
            { guard: 'isNew', target: 'warming', actions: 'applyTicks' },
            { actions: 'applyTicks' },
          ],
        },
      },
    },
  });
}

interface Enqueue {
  (action: never): void;
  assign(context: SymbolContext): void;
}

function perform(enqueue: unknown, { context, effects }: Outcome): void {
  const to = enqueue as Enqueue;
  to.assign(context);
  for (const effect of effects) to(effect as never);
}
