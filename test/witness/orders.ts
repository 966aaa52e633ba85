/** Every intent comes to exactly one end, and what is told of an order is what happened to it. */
import { IntentAction, OrderState } from '../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { History, OrderSeen, Violation } from './history.ts';
import { violation } from './history.ts';

const EPSILON = 1e-6;
const finals: ReadonlySet<OrderState> = new Set([
  OrderState.DENIED,
  OrderState.FILLED,
  OrderState.CANCELLED,
  OrderState.REJECTED,
  OrderState.EXPIRED,
]);

const trades = (action: IntentAction): boolean => action === IntentAction.OPEN || action === IntentAction.CLOSE;

function byKey<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}

/** Events of each order by revision, repeated ones once. */
function lives(history: History): Map<string, OrderSeen[]> {
  const orders = byKey(history.orders, ({ orderId }) => orderId);
  for (const [id, events] of orders) {
    const distinct = new Map(events.map((event) => [event.revision, event]));
    orders.set(
      id,
      [...distinct.values()].sort((a, b) => a.revision - b.revision),
    );
  }
  return orders;
}

/** Every intent reaches exactly one final outcome: all of its orders end, each in one way, and stay ended. */
export function outcomes(history: History): Violation[] {
  const found: Violation[] = [];
  const orders = lives(history);
  const ofIntent = byKey([...orders.values()], (events) => events[0]!.intentId);
  // What operators ask for, and safe mode, are orders too: nobody's intents, and with an end like any other.
  for (const intentId of new Set([...history.intents.map((intent) => intent.intentId), ...ofIntent.keys()])) {
    const own = ofIntent.get(intentId) ?? [];
    if (own.length === 0) found.push(violation('intent-outcome', `intent ${intentId} was never answered`));
    for (const events of own) {
      const { orderId } = events[0]!;
      const last = events.at(-1)!;
      if (!finals.has(last.state)) {
        found.push(violation('intent-outcome', `order ${orderId} of ${intentId} is still ${OrderState[last.state]}`));
      }
      const ends = new Set(events.filter(({ state }) => finals.has(state)).map(({ state }) => OrderState[state]));
      if (ends.size > 1)
        found.push(violation('intent-outcome', `order ${orderId} ended as ${[...ends].join(' and ')}`));
      const hole = events.findIndex(({ revision }, i) => revision !== i + 1);
      if (hole >= 0) found.push(violation('trail-whole', `order ${orderId} has no revision ${hole + 1}`));
    }
  }
  if (!history.repeatsAllowed) found.push(...repeats(history));
  return found;
}

/** The trail says everything once. */
function repeats(history: History): Violation[] {
  const twice = (ids: readonly string[]): string[] => [...new Set(ids.filter((id, i) => ids.indexOf(id) !== i))];
  return [
    ...twice(history.intents.map(({ intentId }) => `intent ${intentId}`)),
    ...twice(history.orders.map(({ orderId, revision }) => `order ${orderId} revision ${revision}`)),
    ...twice(history.fills.map(({ ticket }) => `fill ${ticket}`)),
  ].map((what) => violation('told-once', `${what} stands in the trail more than once`));
}

/** The broker executed every order at most once. */
export function executedOnce(history: History): Violation[] {
  const found: Violation[] = [];
  for (const [orderId, times] of history.terminal.placed) {
    if (times > 1) found.push(violation('executed-once', `order ${orderId} was carried out ${times} times`));
  }
  const told = lives(history);
  for (const [orderId, deals] of byKey(history.terminal.deals, (deal) => deal.orderId)) {
    if (!history.terminal.placed.has(orderId)) continue;
    const lots = deals.reduce((sum, deal) => sum + deal.lots, 0);
    const wanted = told.get(orderId)?.[0]?.volumeLots;
    if (wanted === undefined) found.push(violation('executed-once', `order ${orderId} executed and was never told`));
    else if (lots > wanted + EPSILON) {
      found.push(violation('executed-once', `order ${orderId} executed ${lots} of ${wanted} lots`));
    }
  }
  return found;
}

/** How an order is said to have ended is what the terminal did. */
export function truthful(history: History): Violation[] {
  const found: Violation[] = [];
  const deals = byKey(history.terminal.deals, (deal) => deal.orderId);
  for (const [orderId, events] of lives(history)) {
    const last = events.at(-1)!;
    if (!trades(last.action) || !finals.has(last.state)) continue;
    const executed = (deals.get(orderId) ?? []).reduce((sum, deal) => sum + deal.lots, 0);
    const said = last.state === OrderState.FILLED ? last.volumeLots : last.filledLots;
    if (Math.abs(executed - said) > EPSILON) {
      const how = OrderState[last.state];
      found.push(violation('outcome-true', `order ${orderId} ended ${how} with ${said} lots, executed ${executed}`));
    }
  }
  for (const orderId of history.sentLate ?? []) {
    found.push(violation('sent-late', `order ${orderId} was sent by a later life of the broker than decided it`));
  }
  return found;
}

/** What a strategy has committed to have said stands in the trail. */
export function nothingLost(history: History): Violation[] {
  const said = byKey(history.intents, ({ strategy }) => strategy);
  return (history.strategies ?? []).flatMap(({ id, intents, pending }) => {
    const told = new Set((said.get(id) ?? []).map(({ intentId }) => intentId)).size;
    const found: Violation[] = [];
    if (told !== intents) {
      found.push(violation('intent-lost', `${id} made ${intents} intents, ${told} stand in the trail`));
    }
    if (pending) found.push(violation('intent-lost', `${id} still waits for the end of an order`));
    return found;
  });
}
