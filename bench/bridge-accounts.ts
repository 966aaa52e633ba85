/** The accounts that one daemon serves in a round, and what its metrics page must say of each. Pure. */
import { metricOf } from './scrape.ts';

export interface BenchAccount {
  readonly account: string;
  readonly source: string;
  readonly login: string;
  readonly journal: string;
}

export function accountsOf(count: number, journal: (account: string) => string): readonly BenchAccount[] {
  return Array.from({ length: count }, (_, i) => {
    const account = count === 1 ? 'bench' : `bench-${i + 1}`;
    return { account, source: account, login: String(i + 1), journal: journal(account) };
  });
}

/** Options of the daemon. One account takes any login: the terminal's is that of its configuration. */
export const optionsOf = (accounts: readonly BenchAccount[]): string[] =>
  accounts.flatMap(({ account, source, login, journal }) => [
    ...['--account', account, '--source', source, '--journal', journal],
    ...(accounts.length > 1 ? ['--login', login] : []),
  ]);

const labelOf = ({ account }: BenchAccount): string => `account="${account}"`;

export const ticksTaken = (page: string, accounts: readonly BenchAccount[]): number =>
  accounts.reduce((sum, one) => sum + (metricOf(page, 'troupe_bridge_ticks_total', labelOf(one)) ?? 0), 0);

/** Of each account as many ticks acknowledged as its terminal has sent, and of all as many frames as are stored. */
export function countFaults(
  page: string,
  { accounts, ticksEach, frames }: { accounts: readonly BenchAccount[]; ticksEach: number; frames: number },
): string[] {
  const faults: string[] = [];
  let framesAcked = 0;
  for (const one of accounts) {
    const acked = metricOf(page, 'troupe_bridge_ticks_acknowledged_total', labelOf(one));
    if (acked !== ticksEach) faults.push(`${one.account}: ${ticksEach} ticks sent, ${acked} acknowledged`);
    framesAcked += metricOf(page, 'troupe_bridge_frames_acknowledged_total', labelOf(one)) ?? 0;
  }
  if (framesAcked !== frames) faults.push(`${framesAcked} frames acknowledged, ${frames} stored`);
  return faults;
}
