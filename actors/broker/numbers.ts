/** Lots and money as doubles that do not drift: every sum is brought back onto a fine grid. */
import { Side } from '../../proto/gen/troupe/trading/v1/trading_pb.js';

/** Half of the smallest volume that the terminal knows (1e-8 lots): closer volumes are equal. */
export const LOTS_EPSILON = 5e-9;

/** Onto the terminal's own grid of 1e-8 lots. */
export function roundLots(lots: number): number {
  return Math.round(lots * 1e8) / 1e8;
}

/**
 * Volumes of at most `most` lots that come to `lots`, none of them below `least`: a rest that a terminal refuses would
 * stay open.
 */
export function splitLots(lots: number, most = Number.POSITIVE_INFINITY, least = 0): number[] {
  const parts: number[] = [];
  for (let left = lots; left > LOTS_EPSILON; left = roundLots(left - (parts.at(-1) as number))) {
    const part = Math.min(left, most);
    const rest = roundLots(left - part);
    const short = rest > LOTS_EPSILON && rest < least - LOTS_EPSILON ? least - rest : 0;
    parts.push(roundLots(part - short >= least - LOTS_EPSILON ? part - short : part));
  }
  return parts;
}

/** Onto 1e-6 of the currency: finer than any cent, coarser than the error of a long sum. */
export function roundMoney(money: number): number {
  return Math.round(money * 1e6) / 1e6;
}

/** 1 for a buy, -1 for a sell. */
export function signOf(side: Side): 1 | -1 {
  return side === Side.SELL ? -1 : 1;
}

export function opposite(side: Side): Side {
  return side === Side.SELL ? Side.BUY : Side.SELL;
}

/** The nearest price that the symbol's tick size allows; 0 (none) stays 0. */
export function roundPrice(price: number, tickSize: number, digits: number): number {
  if (price === 0 || !(tickSize > 0) || !Number.isFinite(price)) return price;
  return Number((Math.round(price / tickSize) * tickSize).toFixed(digits));
}

/** For people: up to eight significant decimals, no trailing zeros. */
export function shown(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toFixed(8))) : String(value);
}
