/** The end of a run that lost nothing, whatever happened on its way. */
import assert from 'node:assert/strict';
import type { Status } from '../../node/status.ts';
import type { Company } from './rig.ts';
import { faultsOf } from './rig.ts';

/** Everything that was sent was applied, was traded once, and stands in every book. Resolves to the last status. */
export async function allIsWell(company: Company, ticks: number): Promise<Status> {
  const { status, report } = await company.finish();
  assert.deepEqual(faultsOf(report, status), []);
  assert.equal(report.ticks.applied, ticks);
  const { orders } = report;
  assert.ok(orders.filled > 10, JSON.stringify(orders));
  assert.equal(orders.unknown, 0);
  assert.equal(status.orders.open, 0);
  const [{ fills, orders_seen: seen }] = (await company.ledger<{ fills: string; orders_seen: string }>(
    `SELECT (SELECT count(*) FROM troupe.fills WHERE account = $1) AS fills,
            (SELECT count(*) FROM troupe.orders WHERE account = $1) AS orders_seen`,
    [company.account],
  )) as [{ fills: string; orders_seen: string }];
  assert.equal(Number(fills), report.fills);
  assert.equal(Number(seen), orders.intended);
  // One-second bars are whole: none of their ticks was lost or counted twice.
  const bars = (await company.stored('bar')).filter(({ timeframe }) => timeframe === '1s');
  const byTime = new Map(bars.map((bar) => [bar.openTimeMs, bar.ticks]));
  assert.equal(
    [...byTime.values()].reduce((sum, n) => sum + n, 0),
    ticks,
  );
  return status;
}
