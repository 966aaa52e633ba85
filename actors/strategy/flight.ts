/**
 * Intents under way: published, and not every order that came of them has come to its end. While an opening intent is
 * under way no other is sent, so a signal that stands for several bars cannot double a position.
 */

/** How an order can end. */
export type Outcome = 'denied' | 'filled' | 'cancelled' | 'rejected' | 'expired';

export interface OrderInFlight {
  readonly id: string;
  /** Revision of the last event taken: an older or repeated one changes nothing. */
  readonly revision: number;
  readonly final: boolean;
  readonly filledLots: number;
}

export interface Flight {
  readonly intentId: string;
  readonly action: 'open' | 'close';
  /** Empty until the broker has spoken. One intent may become several orders (closing on a hedging account). */
  readonly orders: readonly OrderInFlight[];
}

/** A deal that has been counted. */
export interface Deal {
  readonly ticket: string;
  readonly orderId: string;
  readonly lots: number;
}

/** Deals remembered: a repeated one is told by it. Repeats come from restarts, so from the last moments. */
export const DEALS_REMEMBERED = 256;

export interface OrderNews {
  readonly intentId: string;
  readonly orderId: string;
  readonly revision: number;
  readonly final: boolean;
  readonly filledLots: number;
}

export function remember(deals: readonly Deal[], deal: Deal): readonly Deal[] {
  return [...deals.slice(deals.length >= DEALS_REMEMBERED ? deals.length - DEALS_REMEMBERED + 1 : 0), deal];
}

/** The deal has been counted before. Ticket 0 is no ticket. */
export function isKnown(deals: readonly Deal[], ticket: string): boolean {
  return ticket !== '' && ticket !== '0' && deals.some((deal) => deal.ticket === ticket);
}

/** Whether this news is new: about an intent of ours and not older than what we know of its order. */
export function isNews(flights: readonly Flight[], news: OrderNews): boolean {
  const flight = flights.find(({ intentId }) => intentId === news.intentId);
  if (flight === undefined) return false;
  const known = flight.orders.find(({ id }) => id === news.orderId);
  return known === undefined || (news.revision > known.revision && !known.final);
}

export function withNews(flights: readonly Flight[], news: OrderNews): readonly Flight[] {
  const order: OrderInFlight = {
    id: news.orderId,
    revision: news.revision,
    final: news.final,
    filledLots: news.filledLots,
  };
  return flights.map((flight) =>
    flight.intentId === news.intentId
      ? { ...flight, orders: [...flight.orders.filter(({ id }) => id !== news.orderId), order] }
      : flight,
  );
}

const TOLERANCE_LOTS = 1e-8;

/**
 * Flights that are not over. One is over when every order of it is final *and* its fills have been counted: the
 * order's last event may come before its last fill, and a strategy that believed itself flat in between would open
 * twice.
 */
export function stillFlying(flights: readonly Flight[], deals: readonly Deal[]): readonly Flight[] {
  const done = (order: OrderInFlight): boolean => {
    if (!order.final) return false;
    let lots = 0;
    for (const deal of deals) if (deal.orderId === order.id) lots += deal.lots;
    return lots >= order.filledLots - TOLERANCE_LOTS;
  };
  const left = flights.filter(({ orders }) => orders.length === 0 || !orders.every(done));
  return left.length === flights.length ? flights : left;
}
