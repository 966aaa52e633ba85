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

export function ingestFaults({ barTicks, ...facts }: IngestFacts): string[] {
  const faults = appliedFaults(facts);
  for (const [symbol, ticks] of facts.expected) {
    const barred = barTicks.get(symbol) ?? 0;
    if (barred !== ticks) faults.push(`${symbol}: ${ticks} ticks on the tape, ${barred} in the bars`);
  }
  return faults;
}

/** Every tick was sent, stored and applied once; nothing is said of the bars. */
export function appliedFaults({ expected, sent, acknowledged, status }: Omit<IngestFacts, 'barTicks'>): string[] {
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
  }
  if (status.restarts > 0) faults.push(`${status.restarts} actors were started again`);
  return faults;
}

export interface RecoveryFacts extends Omit<IngestFacts, 'status'> {
  /** Of every node that runs at the end. */
  readonly statuses: readonly Status[];
  readonly strategies: readonly string[];
}

/** Like ingest's, over several nodes; actors were started again on purpose. Nothing may have two owners or none. */
export function recoveryFaults({ statuses, strategies, ...facts }: RecoveryFacts): string[] {
  const symbols = statuses.flatMap((status) => status.symbols);
  const faults: string[] = [];
  const owned = (what: string, ids: readonly string[], here: readonly string[]): void => {
    for (const id of ids) {
      const owners = here.filter((one) => one === id).length;
      if (owners !== 1) faults.push(`${what} ${id}: ${owners} nodes run it`);
    }
  };
  owned(
    'symbol',
    [...facts.expected.keys()],
    symbols.map(({ symbol }) => symbol),
  );
  owned(
    'strategy',
    strategies,
    statuses.flatMap((status) => status.strategies.map(({ id }) => id)),
  );
  const brokers = statuses.filter(({ account }) => account.id !== '');
  const [first] = brokers;
  if (first === undefined || brokers.length > 1) return [...faults, `${brokers.length} nodes run the broker`];
  faults.push(...ingestFaults({ ...facts, status: { ...first, symbols, restarts: 0 } }), ...outcomeFaults(first));
  return faults;
}

/** Every order that was intended has been filled once: none lost, none sent twice, none whose fate nobody knows. */
function outcomeFaults({ orders, fills }: Status): string[] {
  const { intended, denied, rejected, filled, cancelled, expired, unknown, open } = orders;
  if (intended === 0) return ['no order was intended'];
  const ended = denied + rejected + filled + cancelled + expired;
  const faults: string[] = [];
  if (ended !== intended || unknown > 0 || open > 0) {
    faults.push(`${intended} orders intended, ${ended} came to an end, ${unknown} unknown, ${open} open`);
  }
  if (fills !== filled) faults.push(`${filled} orders filled by ${fills} fills`);
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
