/** The broker in numbers and in one line. */
import type { BrokerContext, Counters, SafeMode } from './context.ts';
import { isLive } from './order/table.ts';
import { equityOf, trades } from './risk/money.ts';

export interface BrokerStatus extends Omit<Counters, 'denied'> {
  /** All denials, and by code. */
  readonly denied: number;
  readonly deniedByCode: Readonly<Record<string, number>>;
  /** Orders of which nobody knows the outcome, now. */
  readonly unknown: number;
  /** Orders that may still execute, now; unknown ones included. */
  readonly live: number;
  readonly waiting: number;
  readonly balance: number;
  readonly equity: number;
  /** Net lots by symbol, without the flat ones. */
  readonly positions: Readonly<Record<string, number>>;
  /** Symbols that are halted ('' the account), with the reason. */
  readonly halted: Readonly<Record<string, string>>;
  readonly mode: string;
  readonly modeReason: string;
  /** What is being done to the whole account; '' for nothing. */
  readonly operation: string;
  /** Times that something was begun to be done to the whole account. */
  readonly operations: number;
  /** Safe mode and how far it is; undefined outside it. */
  readonly safe: SafeMode | undefined;
  readonly liveLimits: boolean;
}

export function brokerStatus(context: BrokerContext): BrokerStatus {
  const orders = Object.values(context.orders).filter((order) => trades(order.action) && !order.foreign);
  const positions: Record<string, number> = {};
  for (const { symbol, lots } of Object.values(context.book)) positions[symbol] = (positions[symbol] ?? 0) + lots;
  const { denied, ...counters } = context.counters;
  return {
    ...counters,
    denied: Object.values(denied).reduce((sum, n) => sum + n, 0),
    deniedByCode: denied,
    unknown: orders.filter((order) => order.state === 'unknown').length,
    live: orders.filter((order) => isLive(order.state)).length,
    waiting: context.waiting.length,
    balance: context.funds.balance,
    equity: equityOf(context),
    positions,
    halted: Object.fromEntries(
      Object.entries(context.differences)
        .filter(([, difference]) => difference.confirmed)
        .map(([symbol, difference]) => [symbol, difference.text]),
    ),
    mode: context.mode,
    modeReason: context.modeReason,
    operation: context.operation === null ? '' : `${context.operation.kind} ${context.operation.id}`,
    operations: context.operations,
    safe: context.safe ?? undefined,
    liveLimits: context.liveLimits !== null,
  };
}

/** One short line for a person. */
export function describeBroker(context: BrokerContext): string {
  const status = brokerStatus(context);
  const parts = [`${status.live} live`];
  if (status.unknown > 0) parts.push(`${status.unknown} unknown`);
  if (status.waiting > 0) parts.push(`${status.waiting} waiting`);
  if (!context.tradeAllowed && context.reconciled) parts.push('terminal does not allow trading');
  for (const [symbol, text] of Object.entries(status.halted)) {
    parts.push(`RECONCILE_DIFFERENCE ${symbol || 'account'}: ${text}`);
  }
  if (context.operation !== null) parts.push(`${context.operation.kind} under way`);
  if (context.safe !== null && context.safe.text !== '') parts.push(context.safe.text);
  if (status.liveLimits) parts.push('limits set live');
  if (context.mode !== 'active')
    parts.push(`${context.mode}${context.modeReason === '' ? '' : `: ${context.modeReason}`}`);
  return parts.join(', ');
}
