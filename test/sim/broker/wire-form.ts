/** The trade server's books in the bridge's messages. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  AccountStateSchema,
  DealSchema,
  OrderRecordSchema,
  PlaceOrder,
  PositionSchema,
  SymbolSpecSchema,
  TerminalSnapshotSchema,
} from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { BookDeal, BookEvent, BookOrder, BookPosition, NewOrder } from './books.ts';
import { CONTRACT } from './books.ts';
import { POINT } from './market.ts';

export function newOrder(place: PlaceOrder): NewOrder {
  const { orderId, symbol, side, type, volumeLots, price, stopLimitPrice, stopLoss, takeProfit } = place;
  const { magic, positionId } = place;
  return {
    ...{ orderId, symbol, side, type, volumeLots, price, stopLimitPrice, stopLoss, takeProfit },
    ...{ magic: String(magic), positionId: String(positionId) },
  };
}

export function recordOf(order: BookOrder): MessageInitShape<typeof OrderRecordSchema> {
  return { ...order, retcode: 10009 };
}

const dealOf = (deal: BookDeal): MessageInitShape<typeof DealSchema> => ({ ...deal, swap: 0, fee: 0 });

function positionOf(position: BookPosition): MessageInitShape<typeof PositionSchema> {
  const { lots, ...rest } = position;
  return { ...rest, side: lots < 0 ? Side.SELL : Side.BUY, volumeLots: Math.abs(lots), profit: 0, swap: 0 };
}

export function bodyOf(event: BookEvent): unknown {
  if (event.case === 'order') return { case: 'order', value: recordOf(event.value) };
  if (event.case === 'deal') return { case: 'deal', value: dealOf(event.value) };
  return { case: 'position', value: positionOf(event.value) };
}

export function accountState(
  balance: number,
  hedging: boolean,
  timeMs: number,
): MessageInitShape<typeof AccountStateSchema> {
  return {
    ...{ login: '1', currency: 'USD', balance, equity: balance, margin: 0, freeMargin: balance, leverage: 100 },
    ...{ marginMode: hedging ? 'hedging' : 'netting', tradeAllowed: true, timeMs },
  };
}

function specOf(name: string): MessageInitShape<typeof SymbolSpecSchema> {
  return {
    ...{ name, digits: 5, point: POINT, tickSize: POINT, contractSize: CONTRACT, volumeMin: 0.01, volumeMax: 10 },
    ...{ volumeStep: 0.01, stopsLevelPoints: 0, freezeLevelPoints: 0, currencyBase: name.slice(0, 3) },
    ...{ currencyProfit: 'USD', currencyMargin: name.slice(0, 3), calcMode: 'forex' },
  };
}

export interface Taken {
  readonly eventSequence: number;
  readonly timeMs: number;
  readonly balance: number;
  readonly orders: readonly BookOrder[];
  readonly positions: readonly BookPosition[];
  readonly deals: readonly BookDeal[];
}

export function snapshotOf(
  taken: Taken,
  session: string,
  symbols: readonly string[],
  hedging: boolean,
): MessageInitShape<typeof TerminalSnapshotSchema> {
  const { eventSequence, timeMs, balance } = taken;
  return {
    account: accountState(balance, hedging, timeMs),
    symbols: symbols.map(specOf),
    orders: taken.orders.map(recordOf),
    positions: taken.positions.map(positionOf),
    deals: taken.deals.map(dealOf),
    ...{ eventSequence, session, timeMs },
  };
}
