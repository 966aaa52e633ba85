/** Positions are the sum of the fills on all sides: terminal, audit trail, ledger, broker actor, strategies. */
import { Side } from '../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { DealSeen, History, Violation } from './history.ts';
import { violation } from './history.ts';

const EPSILON = 1e-6;
const CENT = 0.005;

/** Net signed lots by symbol (or whatever `key` names), from distinct deals. */
export function net(deals: readonly DealSeen[], key: (deal: DealSeen) => string): Map<string, number> {
  const sums = new Map<string, number>();
  for (const deal of new Map(deals.map((one) => [one.ticket, one])).values()) {
    const signed = deal.side === Side.SELL ? -deal.lots : deal.lots;
    sums.set(key(deal), (sums.get(key(deal)) ?? 0) + signed);
  }
  return sums;
}

function compare(what: string, want: ReadonlyMap<string, number>, have: ReadonlyMap<string, number>): Violation[] {
  return [...new Set([...want.keys(), ...have.keys()])].flatMap((key) => {
    const [a, b] = [want.get(key) ?? 0, have.get(key) ?? 0];
    return Math.abs(a - b) <= EPSILON
      ? []
      : [violation('positions', `${key}: ${a.toFixed(2)} lots by the terminal's deals, ${b.toFixed(2)} ${what}`)];
  });
}

/** Tickets of adjustments begin here: the broker's own, for what changed at the terminal without a deal. */
const ADJUSTMENTS_FROM = 1n << 63n;
const isAdjustment = ({ ticket }: DealSeen): boolean => /^\d+$/.test(ticket) && BigInt(ticket) >= ADJUSTMENTS_FROM;

function sum(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): Map<string, number> {
  return new Map([...new Set([...a.keys(), ...b.keys()])].map((key) => [key, (a.get(key) ?? 0) + (b.get(key) ?? 0)]));
}

/** Every deal of the terminal is told and kept, and nothing else is but what stands for a change without a deal. */
function sameDeals(what: string, want: readonly DealSeen[], have: readonly DealSeen[]): Violation[] {
  const [there, here] = [
    new Set(want.map(({ ticket }) => ticket)),
    new Set(have.filter((deal) => !isAdjustment(deal)).map(({ ticket }) => ticket)),
  ];
  const missing = [...there].filter((ticket) => !here.has(ticket));
  const invented = [...here].filter((ticket) => !there.has(ticket));
  return [
    ...missing.map((ticket) => violation('deals', `deal ${ticket} is missing ${what}`)),
    ...invented.map((ticket) => violation('deals', `deal ${ticket} ${what} is not the terminal's`)),
  ];
}

export function positions(history: History): Violation[] {
  const { terminal, fills, ledger, broker, strategies } = history;
  const symbol = (deal: DealSeen): string => deal.symbol;
  const truth = sum(net(terminal.deals, symbol), terminal.hidden ?? new Map());
  const found = [
    ...compare('held at the terminal', truth, terminal.positions),
    ...compare('in the audit trail', truth, net(fills, symbol)),
    ...sameDeals('in the audit trail', terminal.deals, fills),
  ];
  if (ledger !== undefined) {
    found.push(...compare('in the ledger', truth, net(ledger.fills, symbol)));
    found.push(...sameDeals('in the ledger', terminal.deals, ledger.fills));
    if (Math.abs(ledger.balance - terminal.balance) > CENT) {
      found.push(violation('balance', `${terminal.balance} at the terminal, ${ledger.balance} in the ledger`));
    }
  }
  if (broker !== undefined) {
    found.push(...compare('by the broker actor', truth, broker.positions));
    if (Math.abs(broker.balance - terminal.balance) > CENT) {
      found.push(violation('balance', `${terminal.balance} at the terminal, ${broker.balance} by the broker actor`));
    }
  }
  if (strategies !== undefined && !history.stopsNetted) {
    const byStrategy = net(fills, (deal) => `${deal.strategy} ${deal.symbol}`);
    for (const { id, symbol: traded, lots } of strategies) {
      const filled = byStrategy.get(`${id} ${traded}`) ?? 0;
      if (Math.abs(filled - lots) > EPSILON) {
        found.push(
          violation('positions', `${id} holds ${lots} lots of ${traded}, its fills make ${filled.toFixed(2)}`),
        );
      }
    }
  }
  return found;
}
