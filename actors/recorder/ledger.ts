/** What the ledger says, for the report and for reconciliation. */
import type { Pool } from 'pg';

/**
 * Money in the account's currency: everything paid in and out, plus what every execution realised and cost. Equals
 * the terminal's balance when the ledger is whole. 0 for an account that it does not know.
 */
export async function ledgerBalance(pool: Pool, account: string): Promise<number> {
  const { rows } = await pool.query<{ balance: string }>(
    `SELECT (SELECT coalesce(sum(amount), 0) FROM troupe.cash_flows WHERE account = $1)
          + (SELECT coalesce(sum(profit + commission + swap + fee), 0) FROM troupe.fills WHERE account = $1) AS balance`,
    [account],
  );
  return Number(rows[0]!.balance);
}

/** Signed lots per symbol, from the fills alone; symbols that are flat are left out. */
export async function ledgerPositions(pool: Pool, account: string): Promise<ReadonlyMap<string, number>> {
  const { rows } = await pool.query<{ symbol: string; lots: string }>(
    `SELECT symbol, sum(CASE side WHEN 'buy' THEN volume_lots ELSE -volume_lots END) AS lots
       FROM troupe.fills WHERE account = $1
      GROUP BY symbol HAVING sum(CASE side WHEN 'buy' THEN volume_lots ELSE -volume_lots END) <> 0
      ORDER BY symbol`,
    [account],
  );
  return new Map(rows.map(({ symbol, lots }) => [symbol, Number(lots)]));
}
