/**
 * What a person sees of a run: a live page on a terminal, one line now and then elsewhere, a table at the end. Pure:
 * status in, text out.
 */
import type { Quantiles, Status } from '../../node/status.ts';
import type { ProcessView } from './fleet/options.ts';

/** One look at a run. */
export interface Seen {
  readonly progress: Progress;
  readonly status: Status | undefined;
  readonly processes: readonly ProcessView[];
}

export interface Progress {
  readonly ticksSent: number;
  readonly ticksTotal: number;
  readonly ticksPerS: number;
  /** Until the end of the market; NaN where nobody can tell yet. */
  readonly leftS: number;
  /** Market time of the last tick played, broker's clock; 0 before the first. */
  readonly marketMs: number;
  readonly phase: string;
}

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const money = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export const formatCount = (n: number): string => whole.format(n);
export const formatMoney = (n: number): string => money.format(n);

export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '-';
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

export function formatMs(ms: number): string {
  if (!Number.isFinite(ms)) return '-';
  if (ms < 10) return `${ms.toFixed(2)} ms`;
  return ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

const latency = (q: Quantiles): string => (q.count === 0 ? '-' : `${formatMs(q.p50)} / ${formatMs(q.p99)}`);

const clock = (ms: number): string => (ms > 0 ? new Date(ms).toISOString().slice(0, 19).replace('T', ' ') : '-');

export const totalProfit = (status: Status): number =>
  status.strategies.reduce((sum, { realised, unrealised }) => sum + realised + unrealised, 0);

/** For logs: one line, and one for each node where there are several. */
export function linesOf({ progress, status, processes }: Seen): string[] {
  const nodes = processes.filter(({ actors }) => actors !== undefined);
  return [lineOf(progress, status), ...(nodes.length > 1 ? nodes.map((node) => `  ${processLine(node)}`) : [])];
}

function processLine({ name, state, actors, restarts }: ProcessView): string {
  const share = actors === undefined ? '' : `  ${actors} actors`;
  return `${name}  ${state}${share}  restarts ${restarts}`;
}

export function lineOf(p: Progress, status: Status | undefined): string {
  const done = p.ticksTotal === 0 ? 0 : Math.floor((100 * p.ticksSent) / p.ticksTotal);
  const head = `${p.phase} ${done} %  ${formatCount(p.ticksSent)} ticks  ${formatCount(p.ticksPerS)}/s`;
  const left = `left ${formatDuration(p.leftS)}`;
  if (status === undefined) return `${head}  ${left}`;
  const { orders, fills, latencyMs } = status;
  return [
    head,
    left,
    `market ${clock(p.marketMs)}`,
    `orders ${orders.intended} (denied ${orders.denied}, rejected ${orders.rejected}, open ${orders.open})`,
    `fills ${fills}`,
    `P&L ${formatMoney(totalProfit(status))} ${status.account.currency}`,
    `tick-to-bar p50/p99 ${latency(latencyMs.tickToBar)}`,
    `intent-to-terminal ${latency(latencyMs.intentToTerminal)}`,
  ].join('  ');
}

function bar(p: Progress, width: number): string {
  const share = p.ticksTotal === 0 ? 0 : p.ticksSent / p.ticksTotal;
  const filled = Math.round(share * width);
  return `${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${(share * 100).toFixed(1).padStart(5)} %`;
}

const pad = (cells: readonly string[], widths: readonly number[]): string =>
  cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ');

/** Lines of cells as aligned columns: the first left, the others right. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) => pad(row, widths));
}

/** The live page, at most `height` lines of at most `width` columns. */
export function pageOf({ progress: p, status, processes }: Seen, size: { width: number; height: number }): string[] {
  const lines = [
    `Troupe  ${p.phase}   market ${clock(p.marketMs)}`,
    `${bar(p, 30)}   ${formatCount(p.ticksSent)} of ${formatCount(p.ticksTotal)} ticks   ` +
      `${formatCount(p.ticksPerS)}/s   left ${formatDuration(p.leftS)}`,
    '',
  ];
  const programs = processRows(processes);
  if (status !== undefined) lines.push(...detailOf(status, Math.max(3, size.height - 17 - programs.length)));
  lines.push('', ...programs);
  lines.push('', 'Ctrl-C stops everything in order.');
  return lines.slice(0, size.height).map((line) => line.slice(0, size.width));
}

/** Every node; of the other programs only those that are not just running. */
function processRows(processes: readonly ProcessView[]): string[] {
  const shown = processes.filter(
    ({ actors, state, restarts }) => actors !== undefined || state !== 'running' || restarts > 0,
  );
  const rows = shown.map(({ name, state, actors, restarts }) => [name, state, String(actors ?? '-'), String(restarts)]);
  return rows.length === 0 ? [] : columns([['process', 'state', 'actors', 'restarts'], ...rows]);
}

function detailOf(status: Status, mostRows: number): string[] {
  const { orders, latencyMs, account, ledger } = status;
  const symbols = status.symbols
    .slice(0, mostRows)
    .map((s) => [
      s.symbol,
      s.state,
      Number.isFinite(s.bid) ? s.bid.toFixed(s.digits) : '-',
      Number.isFinite(s.ask) ? s.ask.toFixed(s.digits) : '-',
      formatCount(s.ticksApplied),
      formatCount(Object.values(s.bars).reduce((sum, n) => sum + n, 0)),
    ]);
  const strategies = status.strategies
    .slice(0, mostRows)
    .map((s) => [
      s.id,
      s.state,
      s.lots.toFixed(2),
      formatMoney(s.realised),
      formatMoney(s.unrealised),
      String(s.fills),
    ]);
  const hidden = Math.max(0, status.symbols.length - symbols.length);
  return [
    ...columns([['symbol', 'state', 'bid', 'ask', 'ticks', 'bars'], ...symbols]),
    ...(hidden > 0 ? [`... and ${hidden} more symbols`] : []),
    '',
    ...columns([['strategy', 'state', 'lots', 'realised', 'open', 'fills'], ...strategies]),
    '',
    `account ${account.id} ${account.state}   balance ${formatMoney(account.balance)} ${account.currency}   ` +
      `equity ${formatMoney(account.equity)}   ledger ${ledger.state}`,
    `orders ${orders.intended}   denied ${orders.denied}   rejected ${orders.rejected}   filled ${orders.filled}   ` +
      `open ${orders.open}   unknown ${orders.unknown}   fills ${status.fills}   restarts ${status.restarts}`,
    `tick-to-bar p50/p99 ${latency(latencyMs.tickToBar)}   intent-to-terminal p50/p99 ${latency(latencyMs.intentToTerminal)}`,
  ];
}
