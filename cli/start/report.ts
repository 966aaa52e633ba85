/** The figures of a run: as JSON for machines, as a table for people. */
import type { Status } from '../../node/status.ts';
import { actorKey } from '../../runtime/bus/topics.ts';
import type { MilestoneFigures } from './milestones.ts';
import { columns, formatCount, formatDuration, formatMoney, formatMs } from './view.ts';

export interface Report {
  readonly ticks: {
    readonly sent: number;
    readonly applied: number;
    /** Ticks that came after newer ones: a broker that inserts them; they are counted and change no bar. */
    readonly late: number;
    /** Ticks that went past their symbol's actor, in dead letters or while it was down; symbols without any are absent. */
    readonly passed_over: Readonly<Record<string, number>>;
    /** Ticks of the files that could not be used, by reason. */
    readonly unusable: Readonly<Record<string, number>>;
  };
  /** Actors that were given up, by key, with the cause. */
  readonly failed: Readonly<Record<string, string>>;
  readonly bars: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly orders: {
    readonly intended: number;
    readonly denied: number;
    readonly rejected: number;
    readonly filled: number;
    readonly cancelled: number;
    readonly unknown: number;
  };
  readonly denials: Readonly<Record<string, number>>;
  readonly fills: number;
  readonly balance: { readonly terminal: number; readonly ledger: number };
  /** Signed lots per symbol; short is negative; symbols without a position are absent. */
  readonly positions: {
    readonly terminal: Readonly<Record<string, number>>;
    readonly ledger: Readonly<Record<string, number>>;
  };
  readonly latency_ms: {
    readonly tick_to_bar: { readonly p50: number; readonly p99: number; readonly max: number };
    readonly intent_to_terminal: { readonly p50: number; readonly p99: number; readonly max: number };
  };
  /** Playing, from the first tick that may leave the terminal to the last that is applied. */
  readonly seconds: number;
  readonly start_seconds: MilestoneFigures;
}

export interface RunFigures {
  readonly status: Status;
  readonly ticksSent: number;
  readonly unusable: Readonly<Record<string, number>>;
  readonly balance: Report['balance'];
  readonly positions: Report['positions'];
  readonly seconds: number;
  readonly milestones: MilestoneFigures;
}

export function reportOf(run: RunFigures): Report {
  const { status } = run;
  const { intended, denied, rejected, filled, cancelled, unknown } = status.orders;
  const of = ({ p50, p99, max }: { p50: number; p99: number; max: number }) => ({ p50, p99, max });
  return {
    ticks: {
      sent: run.ticksSent,
      applied: status.symbols.reduce((sum, { ticksApplied }) => sum + ticksApplied, 0),
      late: status.symbols.reduce((sum, { ticksLate }) => sum + ticksLate, 0),
      passed_over: Object.fromEntries(
        status.symbols
          .map(({ symbol, ticksDone, ticksApplied, ticksLate }): [string, number] => [
            symbol,
            ticksDone - ticksApplied - ticksLate,
          ])
          .filter(([, ticks]) => ticks > 0),
      ),
      unusable: run.unusable,
    },
    failed: Object.fromEntries(status.failed.map(({ kind, id, cause }) => [actorKey(kind, id), cause])),
    bars: Object.fromEntries(status.symbols.map(({ symbol, bars }) => [symbol, bars])),
    orders: { intended, denied, rejected, filled, cancelled, unknown },
    denials: status.denials,
    fills: status.fills,
    balance: run.balance,
    positions: run.positions,
    latency_ms: {
      tick_to_bar: of(status.latencyMs.tickToBar),
      intent_to_terminal: of(status.latencyMs.intentToTerminal),
    },
    seconds: run.seconds,
    start_seconds: run.milestones,
  };
}

/** Whether the books agree: every tick applied, balances equal to the cent, positions equal exactly. */
export function disagreements(report: Report): string[] {
  const found: string[] = [];
  const { ticks, balance, positions } = report;
  if (ticks.sent !== ticks.applied + ticks.late) {
    const past = Object.entries(ticks.passed_over).map(([symbol, n]) => `${n} of ${symbol}`);
    const which = past.length > 0 ? `, passed over ${past.join(', ')}` : '';
    found.push(`${ticks.sent} ticks sent, ${ticks.applied} applied${which}`);
  }
  if (Math.abs(balance.terminal - balance.ledger) >= 0.005) {
    found.push(`balance ${balance.terminal} at the terminal, ${balance.ledger} in the ledger`);
  }
  for (const symbol of new Set([...Object.keys(positions.terminal), ...Object.keys(positions.ledger)])) {
    const [terminal, ledger] = [positions.terminal[symbol] ?? 0, positions.ledger[symbol] ?? 0];
    if (terminal !== ledger) found.push(`${symbol}: ${terminal} lots at the terminal, ${ledger} in the ledger`);
  }
  return found;
}

/** Whether nothing of it has failed: every book agrees, and nobody had to be given up. */
export const isWell = (report: Report): boolean =>
  disagreements(report).length === 0 && Object.keys(report.failed).length === 0;

const lots = (positions: Readonly<Record<string, number>>): string => {
  const text = Object.entries(positions)
    .map(([symbol, volume]) => `${symbol} ${volume}`)
    .join(', ');
  return text === '' ? 'none' : text;
};

const after = (seconds: number | null): string => (seconds === null ? '-' : `after ${seconds.toFixed(1)} s`);

const startLine = ({ set_up, to_first_tick, to_first_fill }: MilestoneFigures): string =>
  `Start     set-up ${set_up.toFixed(1)} s, first tick ${after(to_first_tick)}, first fill ${after(to_first_fill)}`;

export function summaryOf(report: Report, status: Status): string[] {
  const { orders, latency_ms, balance, positions } = report;
  const { currency } = status.account;
  const timeframes = [...new Set(Object.values(report.bars).flatMap((bars) => Object.keys(bars)))];
  const unusable = Object.entries(report.ticks.unusable);
  const found = disagreements(report);
  return [
    `Ticks     ${formatCount(report.ticks.sent)} sent, ${formatCount(report.ticks.applied)} applied${report.ticks.late > 0 ? `, ${formatCount(report.ticks.late)} came late` : ''}, in ${formatDuration(report.seconds)}`,
    startLine(report.start_seconds),
    ...(unusable.length > 0
      ? [`Unusable  ${unusable.map(([reason, n]) => `${reason} ${formatCount(n)}`).join(', ')}`]
      : []),
    '',
    ...columns([
      ['bars', ...timeframes],
      ...Object.entries(report.bars).map(([symbol, bars]) => [
        symbol,
        ...timeframes.map((timeframe) => formatCount(bars[timeframe] ?? 0)),
      ]),
    ]),
    '',
    ...columns([
      ['strategy', 'state', 'lots', 'realised', 'open', 'intents', 'fills'],
      ...status.strategies.map((s) => [
        s.id,
        s.state,
        s.lots.toFixed(2),
        formatMoney(s.realised),
        formatMoney(s.unrealised),
        String(s.intents),
        String(s.fills),
      ]),
    ]),
    '',
    `Orders    ${orders.intended} intended, ${orders.denied} denied, ${orders.rejected} rejected, ${orders.filled} filled, ` +
      `${orders.cancelled} cancelled, ${orders.unknown} unknown; ${report.fills} fills`,
    ...Object.entries(report.denials).map(([code, n]) => `  denied  ${code} ${n}`),
    `Balance   ${formatMoney(balance.terminal)} ${currency} at the terminal, ${formatMoney(balance.ledger)} in the ledger`,
    `Positions ${lots(positions.terminal)} at the terminal, ${lots(positions.ledger)} in the ledger`,
    `Latency   tick to bar p50 ${formatMs(latency_ms.tick_to_bar.p50)}, p99 ${formatMs(latency_ms.tick_to_bar.p99)}; ` +
      `intent to terminal p50 ${formatMs(latency_ms.intent_to_terminal.p50)}, p99 ${formatMs(latency_ms.intent_to_terminal.p99)}`,
    ...Object.entries(report.failed).map(([key, cause]) => `Failed    ${key}, given up: ${cause}`),
    found.length === 0 ? 'Books     agree' : `Books     DISAGREE: ${found.join('; ')}`,
  ];
}
