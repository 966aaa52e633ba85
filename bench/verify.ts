/** Whether all work of a round was done: an empty list, or what is wrong. Pure. */
import type { Status } from '../node/status.ts';

export interface IngestFacts {
  /** Ticks that the tape holds, by symbol. */
  readonly expected: ReadonlyMap<string, number>;
  /** What the terminal says it sent, and what JetStream acknowledged to the bridge. */
  readonly sent: number;
  readonly acknowledged: number;
  /** What the symbol actors say they applied. */
  readonly status: Status;
  /** What the stored one-second bars add up to, by symbol. */
  readonly barTicks: ReadonlyMap<string, number>;
}

export function ingestFaults({ expected, sent, acknowledged, status, barTicks }: IngestFacts): string[] {
  const faults: string[] = [];
  const total = [...expected.values()].reduce((sum, n) => sum + n, 0);
  if (sent !== total) faults.push(`${total} ticks on the tape, the terminal sent ${sent}`);
  if (acknowledged !== total) faults.push(`${total} ticks on the tape, the stream acknowledged ${acknowledged}`);
  const bySymbol = new Map(status.symbols.map((one) => [one.symbol, one]));
  for (const [symbol, ticks] of expected) {
    const one = bySymbol.get(symbol);
    if (one === undefined) {
      faults.push(`${symbol}: no symbol actor`);
      continue;
    }
    const { ticksApplied, ticksLate, ticksDuplicate, ticksMissing } = one;
    if (ticksApplied !== ticks) faults.push(`${symbol}: ${ticks} ticks on the tape, ${ticksApplied} applied`);
    if (ticksLate + ticksDuplicate + ticksMissing > 0) {
      faults.push(`${symbol}: ${ticksLate} ticks late, ${ticksDuplicate} twice, ${ticksMissing} missing`);
    }
    const barred = barTicks.get(symbol) ?? 0;
    if (barred !== ticks) faults.push(`${symbol}: ${ticks} ticks on the tape, ${barred} in the bars`);
  }
  if (status.restarts > 0) faults.push(`${status.restarts} actors were started again`);
  return faults;
}

export interface OrderFacts extends IngestFacts {
  readonly balance: { readonly terminal: number; readonly ledger: number };
  readonly positions: {
    readonly terminal: Readonly<Record<string, number>>;
    readonly ledger: Readonly<Record<string, number>>;
  };
  /** Latencies recorded by the broker: one for each order that the terminal received. */
  readonly timed: number;
}

export function orderFaults(facts: OrderFacts): string[] {
  const faults = ingestFaults(facts);
  const { status, balance, positions, timed } = facts;
  const { intended, denied, rejected, filled, cancelled, expired, unknown, open } = status.orders;
  if (intended === 0) faults.push('no order was intended');
  if (filled !== intended) {
    faults.push(
      `${intended} orders intended, ${filled} filled, ${denied} denied, ${rejected} rejected, ` +
        `${cancelled} cancelled, ${expired} expired, ${unknown} unknown, ${open} open`,
    );
  }
  const codes = Object.entries(status.denials).map(([code, n]) => `${code} ${n}`);
  if (codes.length > 0) faults.push(`denied: ${codes.join(', ')}`);
  if (status.fills !== filled) faults.push(`${filled} orders filled by ${status.fills} fills`);
  if (timed !== intended) faults.push(`${intended} orders intended, ${timed} timed`);
  if (Math.abs(balance.terminal - balance.ledger) >= 0.005) {
    faults.push(`balance ${balance.terminal} at the terminal, ${balance.ledger} in the ledger`);
  }
  for (const symbol of new Set([...Object.keys(positions.terminal), ...Object.keys(positions.ledger)])) {
    const [terminal, ledger] = [positions.terminal[symbol] ?? 0, positions.ledger[symbol] ?? 0];
    if (terminal !== ledger) faults.push(`${symbol}: ${terminal} lots at the terminal, ${ledger} in the ledger`);
  }
  return faults;
}
