/** What every check of the gate is made of. */
import type { DenialCode } from '../../../runtime/errors.ts';
import { shown, signOf } from '../numbers.ts';
import type { RiskLimits } from './limits.ts';
import type { NoRate } from './money.ts';
import type { Quote, RiskOrder, RiskState, Spec } from './state.ts';

export interface Allowed {
  readonly allow: true;
}

export interface Denied {
  readonly allow: false;
  readonly deny: DenialCode;
  /** Names the value and the limit. */
  readonly reason: string;
}

export type Verdict = Allowed | Denied;

/** One order before the gate, with what is looked up once for all checks. */
export interface Question {
  readonly order: RiskOrder;
  readonly state: RiskState;
  readonly limits: RiskLimits;
  readonly marketNowMs: number;
  readonly atMs: number;
  readonly spec: Spec;
  readonly quote: Quote;
  /** Price at which the order would trade: its own, or the quote's side. */
  readonly price: number;
}

/** Undefined lets the order pass. */
export type Check = (q: Question) => Denied | undefined;

/** Rounding of sums must not deny an order that is exactly at its limit. */
export const TOLERANCE = 1e-9;

export function deny(code: DenialCode, reason: string): Denied {
  return { allow: false, deny: code, reason };
}

export function noRate(missing: NoRate): Denied {
  return deny('RISK_NO_RATE', `no quoted symbol converts ${missing.from} into ${missing.to}`);
}

/** Ask for a buy, bid for a sell. */
export function sidePrice(order: Pick<RiskOrder, 'side'>, quote: Quote): number {
  return signOf(order.side) > 0 ? quote.ask : quote.bid;
}

export function over(value: number, limit: number | undefined): limit is number {
  return limit !== undefined && value > limit + Math.abs(limit) * TOLERANCE + TOLERANCE;
}

export { shown };
