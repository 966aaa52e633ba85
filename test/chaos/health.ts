/** Whether the company is whole again after a fault: what is not, in words; nothing is left to say when all is well. */
import { actorsOf, unplaced } from '../../cli/start/fleet/aggregate.ts';
import { systemClock as clock } from '../../runtime/clock.ts';
import type { ChaosCompany } from './company.ts';

/** A node tells its status twice a second; one that is silent for longer is not well. */
const SILENT_MS = 2_500;

const healthy = {
  symbol: /^(warming|live|stale)$/,
  strategy: /^(warming|flat|long|short)$/,
  broker: /^trading\.active$/,
  recorder: /^writing$/,
};

/** `sinceMs` (monotonic): what was told or applied before it does not count. */
export function ailments(company: ChaosCompany, sinceMs: number): string[] {
  const { fleet, config, account, symbols, nodes } = company;
  const found: string[] = [];
  for (const { name, state } of fleet.processes()) if (state !== 'running') found.push(`${name} is ${state}`);
  const nowMs = clock.monotonicMs();
  for (const node of nodes) {
    const toldMs = company.toldMs.get(node) ?? 0;
    if (toldMs < sinceMs || nowMs - toldMs > SILENT_MS) found.push(`${node} has not told its status`);
  }
  const statuses = company.statuses();
  const strategies = config.strategies.map(({ id }) => id);
  for (const name of unplaced(statuses, { account, symbols, strategies, ledger: true }))
    found.push(`${name} runs nowhere`);
  const running = statuses.reduce((sum, status) => sum + actorsOf(status), 0);
  const wanted = symbols.length + strategies.length + 2;
  if (running > wanted) found.push(`${running} actors run, ${wanted} are configured`);
  for (const status of statuses) {
    const say = (what: string, ok: RegExp, state: string, detail = ''): void => {
      if (!ok.test(state)) found.push(`${what} is ${state} ${detail}`.trim());
    };
    for (const { symbol, state } of status.symbols) say(symbol, healthy.symbol, state);
    for (const { id, state } of status.strategies) say(id, healthy.strategy, state);
    if (status.account.id !== '') say('the broker', healthy.broker, status.account.state, status.account.detail);
    if (status.ledger.state !== '') say('the ledger', healthy.recorder, status.ledger.state, status.ledger.detail);
  }
  for (const symbol of symbols) {
    if ((company.applied.get(symbol)?.atMs ?? 0) < sinceMs) found.push(`no tick of ${symbol} has been applied since`);
  }
  return found;
}
