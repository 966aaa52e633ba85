/**
 * Deals: the facts that money moved. Each is booked once, by its ticket, whichever way it arrives (reply, execution
 * event, snapshot), and from them alone come fills, positions, what each strategy holds, and the balance.
 */
import type { Deal } from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { addTicket, hasTicket } from '../bounded.ts';
import type { Position } from '../context.ts';
import { isOrderId } from '../ids.ts';
import { LOTS_EPSILON, roundLots, roundMoney, shown, signOf } from '../numbers.ts';
import type { Order } from '../order/order.ts';
import { applyDeal } from '../order/order.ts';
import { putFinding } from './corrections.ts';
import { beginDay, trackEquity } from './market.ts';
import { findOrder, settle } from './orders.ts';
import { tellAccount, tellFill, tellLifecycle, tellPosition } from './tell.ts';
import type { Turn } from './turn.ts';
import { count, without } from './turn.ts';

const tradeEntries = new Set(['in', 'out', 'inout', 'out_by']);
/** Money of the trade server's, lent or taken back. */
const CREDIT = 'credit';
/** Deals that the terminal makes by itself, against whoever holds the position. */
const forcedReasons = new Set(['stop_loss', 'take_profit', 'stop_out']);

/** Books a deal. False when it was booked before. */
export function bookDeal(turn: Turn, deal: Deal): boolean {
  const ticket = Number(deal.ticket);
  if (hasTicket(turn.c.tickets, ticket)) {
    count(turn, 'duplicateDeals');
    return false;
  }
  turn.c.tickets = addTicket(turn.c.tickets, ticket);
  beginDay(turn, deal.timeMs);
  turn.c.marketNowMs = Math.max(turn.c.marketNowMs, deal.timeMs);
  if (deal.entry === CREDIT) {
    noteCredit(turn, deal);
    return true;
  }
  const amount = deal.profit + deal.commission + deal.swap + deal.fee;
  const { funds } = turn.c;
  turn.c.funds = { ...funds, balance: roundMoney(funds.balance + amount) };
  if (tradeEntries.has(deal.entry)) bookTrade(turn, deal);
  else bookCash(turn, deal, amount);
  trackEquity(turn);
  return true;
}

/** Credit stands beside the balance and is no part of it: the terminal's balance does not move with it either. */
function noteCredit(turn: Turn, deal: Deal): void {
  if (turn.c.reconciled) tellLifecycle(turn, 'credit', `deal ${deal.ticket}: ${shown(deal.profit)} of credit`);
}

/** Money that comes or goes without a trade is neither profit nor loss: day start and peak move with it. */
function bookCash(turn: Turn, deal: Deal, amount: number): void {
  const { funds } = turn.c;
  turn.c.funds = {
    ...funds,
    dayStartEquity: roundMoney(funds.dayStartEquity + amount),
    peakEquity: roundMoney(funds.peakEquity + amount),
  };
  tellAccount(turn, { dealTicket: deal.ticket, amount, kind: deal.entry });
}

function bookTrade(turn: Turn, deal: Deal): void {
  const order = findOrder(turn, deal.orderId, deal.orderTicket);
  const strategy = ownerOf(turn, deal, order);
  const lots = roundLots(signOf(deal.side) * deal.volumeLots);
  count(turn, 'fills');
  tellFill(turn, deal, order?.id ?? (isOrderId(deal.orderId) ? deal.orderId : `#${deal.orderTicket}`), strategy);
  if (order !== undefined) settle(turn, order, applyDeal(order, deal));
  hold(turn, strategy, deal.symbol, lots);
  bookPosition(turn, deal, strategy, lots, order);
  if (order === undefined && forcedReasons.has(deal.reason)) clearFlat(turn, deal.symbol);
  if (turn.c.rejectedUnseen.includes(deal.orderId)) {
    putFinding(
      turn,
      deal.symbol,
      `order ${deal.orderId} was called rejected and has executed (deal ${deal.ticket})`,
      // What it has closed is opened anew, under whatever number it gets then.
      [{ strategy, symbol: deal.symbol, lots: -lots, positionId: isEntry(turn, deal) ? deal.positionId : '0' }],
    );
  }
}

const isEntry = (turn: Turn, { entry }: Deal): boolean => turn.c.funds.hedging && entry === 'in';

/** Strategy of a deal: by our order; in hedging mode by the position; else by magic number; '' is somebody else. */
function ownerOf(turn: Turn, deal: Deal, order: Order | undefined): string {
  if (order !== undefined && !order.foreign) return order.strategy;
  const position = turn.c.book[deal.positionId];
  if (turn.c.funds.hedging && position !== undefined) return position.strategy;
  return turn.c.strategies[deal.magic] ?? '';
}

export function hold(turn: Turn, strategy: string, symbol: string, lots: number): void {
  const own = turn.c.held[strategy] ?? {};
  const next = roundLots((own[symbol] ?? 0) + lots);
  const after = Math.abs(next) < LOTS_EPSILON ? without(own, symbol) : { ...own, [symbol]: next };
  turn.c.held = { ...turn.c.held, [strategy]: after };
}

/**
 * In netting mode a stop closes the position of all strategies at once, but its deal names one. When it has left
 * nothing, nobody holds anything: a later close of one of them would otherwise open the other way.
 */
function clearFlat(turn: Turn, symbol: string): void {
  if (turn.c.funds.hedging || Object.values(turn.c.book).some((p) => p.symbol === symbol)) return;
  turn.c.held = Object.fromEntries(Object.entries(turn.c.held).map(([name, own]) => [name, without(own, symbol)]));
}

function bookPosition(turn: Turn, deal: Deal, strategy: string, lots: number, order: Order | undefined): void {
  const before = turn.c.book[deal.positionId];
  const was = before?.lots ?? 0;
  const now = roundLots(was + lots);
  const position: Position = {
    symbol: deal.symbol,
    lots: Math.abs(now) < LOTS_EPSILON ? 0 : now,
    openPrice: openPriceAfter(was, before?.openPrice ?? 0, lots, deal.price),
    strategy: turn.c.funds.hedging && before !== undefined ? before.strategy : strategy,
    magic: deal.magic,
    stopLoss: before?.stopLoss ?? order?.stopLoss ?? 0,
    takeProfit: before?.takeProfit ?? order?.takeProfit ?? 0,
    timeMs: deal.timeMs,
  };
  turn.c.book =
    position.lots === 0 ? without(turn.c.book, deal.positionId) : { ...turn.c.book, [deal.positionId]: position };
  tellPosition(turn, deal.positionId, position);
}

/** Mean of the entries; a partial exit leaves it, a reversal begins anew at the deal's price. */
function openPriceAfter(was: number, openPrice: number, lots: number, price: number): number {
  const now = was + lots;
  if (was === 0 || was * now < 0) return price;
  if (Math.sign(was) === Math.sign(lots)) return (openPrice * was + price * lots) / now;
  return openPrice;
}
