/**
 * The symbol's machine: which state its data is in. What comes out depends on the ticks alone, never on the state, so a
 * replay gives the same bars and features whatever happened in between.
 */
import type { InputEvent } from '../../runtime/actor.ts';
import type { Machine } from '../../runtime/xstate.ts';
import { assign, enqueueActions, setup } from '../../runtime/xstate.ts';
import type { Outcome, SymbolContext } from './market.ts';
import { applyFrame, emptyMarket, flushMarket, isUsable } from './market.ts';
import type { Continuity } from './numbering.ts';
import { continuityOf } from './numbering.ts';
import type { SymbolRules } from './rules.ts';

/** From the node: no more ticks will come (the end of a replay, the market's close). */
export interface FlushEvent {
  readonly type: 'control.flush';
  readonly atUs?: number;
}

export type SymbolEvent = InputEvent<'ticks'> | FlushEvent;

function continuity(rules: SymbolRules, context: SymbolContext, event: SymbolEvent): Continuity {
  if (event.type !== 'ticks' || !isUsable(rules, event.message)) return 'old';
  return continuityOf(context.numbering, event.message);
}

const isNew = (rules: SymbolRules, context: SymbolContext, event: SymbolEvent): boolean =>
  continuity(rules, context, event) !== 'old';

const isWarm = (context: SymbolContext): boolean => context.barsToWarm === 0 && context.ticksApplied > 0;

/**
 * States: `warming` (indicators are not all numbers yet), `live`, `stale` (no tick for staleAfterMs, wall clock; looked
 * at once per staleAfterMs, so it is seen after at most twice that), `gap` (tick numbers were passed over; ends with the
 * next frame that is in order), `closed` (flushed; ends with the next new tick). A symbol that has never ticked keeps
 * warming.
 */
export function symbolMachine(rules: SymbolRules): Machine {
  return setup({
    types: { context: {} as SymbolContext, events: {} as SymbolEvent },
    delays: { staleAfter: rules.staleAfterMs },
    guards: {
      skipsTicks: ({ context, event }) => continuity(rules, context, event) === 'gap',
      isNew: ({ context, event }) => isNew(rules, context, event),
      isNewAndWarm: ({ context, event }) => isWarm(context) && isNew(rules, context, event),
      isWarm: ({ context }) => isWarm(context),
      hasNeverTicked: ({ context }) => context.ticksApplied === 0,
      tickedSinceCheck: ({ context }) => context.ticksApplied > context.ticksAtCheck,
    },
    actions: {
      applyTicks: enqueueActions(({ context, event, enqueue }) => {
        if (event.type !== 'ticks') return;
        perform(enqueue, applyFrame(rules, context, event.message, event.atUs));
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
