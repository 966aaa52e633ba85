/** The order's state chart, for drawing and watching, built from the table that the broker steps by. */
import { setup } from '../../../runtime/xstate.ts';
import type { OrderEventName, OrderStateName } from './table.ts';
import { isFinal, orderStates, orderTable } from './table.ts';

interface ChartState {
  type?: 'final';
  on?: Partial<Record<OrderEventName, OrderStateName>>;
}

function chartStates(): Record<OrderStateName, ChartState> {
  const states = {} as Record<OrderStateName, ChartState>;
  for (const name of orderStates) states[name] = isFinal(name) ? { type: 'final' } : { on: { ...orderTable[name] } };
  return states;
}

export const orderMachine = setup({ types: { events: {} as { type: OrderEventName } } }).createMachine({
  id: 'order',
  initial: 'created',
  states: chartStates(),
});
