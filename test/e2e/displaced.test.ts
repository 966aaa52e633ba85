/**
 * More happens at once than MetaTrader's queue of transactions holds: most of it no program is ever told. Somebody holds
 * hundreds of positions whose stops stand at one price, and the market falls through it.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ledgerBooks } from '../../cli/start/run.ts';
import { CommandReplySchema, CommandSchema, Outcome } from '../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { OrderType, Side } from '../../proto/gen/troupe/trading/v1/trading_pb.js';
import { connectNats } from '../../runtime/bus/nats.ts';
import { actorKey, commandSubject, controlSubject } from '../../runtime/bus/topics.ts';
import { systemClock as clock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/telemetry/log.ts';
import { Company, writeConfig } from './rig.ts';
import { endAll, noneLeft, stateFolder, tickLines, until, writeTicks } from './support.ts';

const scratch = stateFolder('displaced');
after(async () => {
  endAll();
  await noneLeft(scratch.path);
  scratch.remove();
});

const [STOPPED, KEPT] = [400, 50];
const STOP_LOSS = 1.07;
const FALL_AT = 20_000;

/** About 1.10, and from one tick on 0.06 lower. */
function fallingTicks(): string[] {
  const lines = tickLines({ seed: 'displaced', fromMs: Date.UTC(2026, 4, 12), ticks: 30_000, everyMs: 900 });
  const fields = lines.map((line) => line.split('\t'));
  const first = fields.findIndex(([, , bid, ask], i) => i > FALL_AT && bid !== '' && ask !== '');
  const lower = (price: string): string => (price === '' ? '' : (Number(price) - 0.06).toFixed(5));
  return fields.map((line, i) => {
    if (i < first) return line.join('\t');
    const [date, time, bid, ask, ...rest] = line as [string, string, string, string];
    return [date, time, lower(bid), lower(ask), ...rest].join('\t');
  });
}

/** What the bridge itself says. */
async function commandsOf({ fleet, account }: Company): Promise<number> {
  const bus = await connectNats({ ...fleet.operatorLogin!, name: 'operator', clock, log: silentLogger });
  try {
    const answer = await bus.request(controlSubject('bridge', account, 'status'), new Uint8Array(), 5_000);
    return Number(JSON.parse(new TextDecoder().decode(answer)).commands);
  } finally {
    await bus.drain();
  }
}

/** Somebody else trades on the account: as many buys, some with a stop. */
async function buy(company: Company, orders: number, stopLoss: (n: number) => number): Promise<void> {
  const bus = await company.nats();
  const { revision: fence } = (await (await bus.kv('actors')).get(actorKey('broker', company.account)))!;
  const subject = commandSubject(company.account);
  const place = async (n: number): Promise<void> => {
    const value = {
      ...{ orderId: `other-${n}`, symbol: 'EURUSD', side: Side.BUY, type: OrderType.MARKET },
      ...{ volumeLots: 0.01, stopLoss: stopLoss(n), magic: 99n },
    };
    const command = create(CommandSchema, { commandId: `other-${n}`, fence, body: { case: 'place', value } as never });
    const reply = fromBinary(CommandReplySchema, await bus.request(subject, toBinary(CommandSchema, command), 10_000));
    assert.equal(reply.outcome, Outcome.DONE, `${reply.code} ${reply.message}`);
  };
  // So many at a time as the queue holds with ease: these are told.
  for (let from = 0; from < orders; from += 25) {
    await Promise.all(Array.from({ length: Math.min(25, orders - from) }, (_, i) => place(from + i)));
  }
}

test('every book agrees by what the terminal tells by itself, long before anybody would look', {
  timeout: 300_000,
}, async () => {
  const configFile = writeConfig(
    scratch.file('company.yaml'),
    ['{ id: idle, use: ema-cross, symbol: EURUSD, params: { timeframe: 1m, fast: 200, slow: 500, lots: 0.1 } }'],
    ['terminal: { commission_per_lot: 3.5 }'],
    'hedging',
  );
  const ticks = writeTicks(scratch.file('EURUSD.csv'), fallingTicks());
  const state = scratch.file('state');
  const args = ['--ticks', ticks, '--symbol', 'EURUSD', '--speed', '600'];
  const company = await Company.make({ state, configFile, args });
  try {
    await company.play();
    await company.reaches('there are prices', () => company.ticksSent > 100);
    await buy(company, STOPPED + KEPT, (n) => (n < STOPPED ? STOP_LOSS : 0));
    assert.ok(company.ticksSent < FALL_AT, 'the market has fallen before all was bought');
    const commands = await commandsOf(company);
    const log = path.join(state, 'logs', 'terminal.log');
    await company.reaches('the queue overflows', () => readFileSync(log, 'utf8').includes('E_EXPERT_DISPLACED'));
    const sinceMs = clock.monotonicMs();

    const books = await until('the ledger knows of every stop', async () => {
      const [{ stops }] = (await company.ledger<{ stops: string }>(
        "SELECT count(*) AS stops FROM troupe.fills WHERE account = $1 AND reason = 'stop_loss'",
        [company.account],
      )) as [{ stops: string }];
      const ledger = await ledgerBooks(company.fleet, company.account);
      return Number(stops) === STOPPED && Object.keys(ledger.positions).length > 0 ? ledger : undefined;
    });
    assert.ok(clock.monotonicMs() - sinceMs < 30_000, `${clock.monotonicMs() - sinceMs} ms`);
    assert.equal(await commandsOf(company), commands, 'nobody has asked the terminal for anything');

    const deals = await company.terminalDeals();
    const money = (sum: number, deal: (typeof deals)[number]): number =>
      sum + deal.profit + deal.commission + deal.swap + deal.fee;
    const balance = Math.round(deals.reduce(money, 0) * 100) / 100;
    assert.equal(deals.filter(({ entry }) => entry === 'out').length, STOPPED);
    assert.equal(books.balance, balance);
    // The node tells its status now and then only.
    await company.reaches('the broker has the same balance', () => company.status!.account.balance === balance, 10_000);
    assert.deepEqual(books.positions, (await company.fleet.terminalBooks()).positions);
    const fills = await company.ledger<{ deal_ticket: string }>(
      'SELECT deal_ticket FROM troupe.fills WHERE account = $1 ORDER BY deal_ticket::bigint',
      [company.account],
    );
    const traded = deals.filter(({ entry }) => entry !== 'balance').map(({ ticket }) => String(ticket));
    assert.deepEqual(
      fills.map(({ deal_ticket }) => deal_ticket),
      traded.sort((a, b) => Number(a) - Number(b)),
    );
    assert.ok(company.status!.account.state.startsWith('trading'), company.status!.account.state);
  } finally {
    await company.stop();
  }
});
