/**
 * The life of one order as a table: the one source for the broker's own stepping and for the state chart that is drawn
 * (`machine.ts`). Orders only move forward; whatever the table does not name is no move, and is counted.
 *
 * Reports about one order arrive in any order (a deal before the reply, an old "working" after the fill), so a state
 * may be skipped but never returned to.
 */
export const orderStates = [
  'created',
  'denied',
  'submitting',
  'unknown',
  'working',
  'partial',
  'filled',
  'cancelled',
  'rejected',
  'expired',
] as const;
export type OrderStateName = (typeof orderStates)[number];

export const orderEvents = [
  'deny',
  'submit',
  'lose',
  'accept',
  'fillPart',
  'fillAll',
  'cancel',
  'reject',
  'expire',
] as const;
export type OrderEventName = (typeof orderEvents)[number];

const inTheMarket = {
  fillPart: 'partial',
  fillAll: 'filled',
  cancel: 'cancelled',
  reject: 'rejected',
  expire: 'expired',
} as const;

export const orderTable: Readonly<Record<OrderStateName, Readonly<Partial<Record<OrderEventName, OrderStateName>>>>> = {
  created: { deny: 'denied', submit: 'submitting' },
  // Nobody has answered yet.
  submitting: { lose: 'unknown', accept: 'working', ...inTheMarket },
  // Somebody had to answer and did not: the terminal is asked.
  unknown: { accept: 'working', ...inTheMarket },
  working: inTheMarket,
  partial: { fillAll: 'filled', cancel: 'cancelled', reject: 'rejected', expire: 'expired' },
  denied: {},
  filled: {},
  cancelled: {},
  rejected: {},
  expired: {},
};

/** The next state, or undefined when the event moves nothing here. */
export function moveOf(state: OrderStateName, event: OrderEventName): OrderStateName | undefined {
  return orderTable[state][event];
}

/** Whether the order may still execute. An unknown order is live: that is what keeps a lost reply from costing twice. */
export function isLive(state: OrderStateName): boolean {
  return state === 'submitting' || state === 'unknown' || state === 'working' || state === 'partial';
}

export function isFinal(state: OrderStateName): boolean {
  return state !== 'created' && !isLive(state);
}
