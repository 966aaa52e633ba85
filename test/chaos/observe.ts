/** The history of a real company, as the witness wants it: from streams, the terminal, the ledger and the nodes. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import pg from 'pg';
import type { Status } from '../../node/status.ts';
import { CommandReplySchema, CommandSchema } from '../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { Side } from '../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { NatsBus } from '../../runtime/bus/nats.ts';
import { actorKey, commandSubject, type TopicMessage, type TopicName, topics } from '../../runtime/bus/topics.ts';
import type { ActorSeen, DealSeen, History, LedgerSeen, TerminalTruth } from '../witness/history.ts';
import type { ChaosCompany } from './company.ts';
import type { Watch } from './watch.ts';

const TIMEOUT_MS = 10_000;

/** Every message of a topic that its stream holds. */
async function stored<N extends TopicName>(
  bus: NatsBus,
  topic: N,
  filter: string,
  hear: (message: TopicMessage<N>) => void,
): Promise<void> {
  const { stream, decode } = topics[topic];
  const last = await bus.lastSequence(stream, filter);
  if (last === 0) return;
  await new Promise<void>((resolve, reject) => {
    const reading = bus.read({
      ...{ stream, filters: [filter], fromSequence: 1 },
      onMessage: ({ data, sequence }) => {
        hear(decode(data) as TopicMessage<N>);
        if (sequence >= last) reading.then((reader) => reader.stop()).then(resolve, reject);
      },
      onError: reject,
    });
    reading.catch(reject);
  });
}

type Streams = Required<Pick<History, 'intents' | 'orders' | 'fills' | 'frames' | 'bars' | 'deadLetters'>>;

async function streams(bus: NatsBus, { account, config }: ChaosCompany): Promise<Streams> {
  const layout = { partitions: config.market.partitions };
  const key = { account };
  const intents: Streams['intents'][number][] = [];
  const orders: Streams['orders'][number][] = [];
  const fills: DealSeen[] = [];
  const frames: Streams['frames'][number][] = [];
  const bars: Streams['bars'][number][] = [];
  const deadLetters: string[] = [];
  await stored(bus, 'intent', topics.intent.subject(key, layout), ({ intentId, strategy }) => {
    intents.push({ intentId, strategy });
  });
  await stored(bus, 'order', topics.order.subject(key, layout), (event) => {
    const { orderId, intentId, action, state, revision, volumeLots, filledLots } = event;
    orders.push({ orderId, intentId, action, state, revision, volumeLots, filledLots });
  });
  await stored(bus, 'fill', topics.fill.subject(key, layout), (event) => {
    const { dealTicket, orderId, strategy, symbol, side, volumeLots: lots } = event;
    fills.push({ ticket: String(dealTicket), orderId, strategy, symbol, side, lots });
  });
  await stored(bus, 'ticks', topics.ticks.subject({}, layout), (frame) => {
    const { symbol, session, firstSequence, baseTimeMs, timeOffsetMs } = frame;
    const timesMs = [...timeOffsetMs].map((offset) => baseTimeMs + offset);
    frames.push({ symbol, session, firstSequence, timesMs });
  });
  await stored(bus, 'bar', topics.bar.subject({ timeframe: '1s' }, layout), (bar) => {
    const { symbol, timeframe, openTimeMs, ticks } = bar;
    bars.push({ symbol, timeframe, openTimeMs, ticks });
  });
  await stored(bus, 'deadLetter', topics.deadLetter.subject({}, layout), ({ kind, id, cause }) => {
    deadLetters.push(`${kind} ${id}: ${cause}`);
  });
  return { intents, orders, fills, frames, bars, deadLetters };
}

/** The terminal's whole history. Afterwards the broker cannot command any more: this is asked as a newer owner. */
async function terminal(bus: NatsBus, account: string): Promise<TerminalTruth> {
  const claim = await (await bus.kv('actors')).get(actorKey('broker', account));
  const command = create(CommandSchema, {
    commandId: 'chaos-books',
    fence: (claim?.revision ?? 0) + 1,
    body: { case: 'snapshot', value: { dealsSinceMs: 0 } },
  });
  const bytes = await bus.request(commandSubject(account), toBinary(CommandSchema, command), TIMEOUT_MS);
  const { snapshot, code, message } = fromBinary(CommandReplySchema, bytes);
  if (snapshot?.account === undefined) throw new Error(`the terminal gave no snapshot: ${code} ${message}`);
  const traded = snapshot.deals.filter(({ symbol }) => symbol !== '');
  const tickets = new Map<string, Set<string>>();
  for (const { orderId, orderTicket } of traded) {
    tickets.set(orderId, (tickets.get(orderId) ?? new Set()).add(String(orderTicket)));
  }
  const positions = new Map<string, number>();
  for (const { symbol, side, volumeLots } of snapshot.positions) {
    const signed = side === Side.SELL ? -volumeLots : volumeLots;
    positions.set(symbol, (positions.get(symbol) ?? 0) + signed);
  }
  return {
    // An order that was carried out twice has two tickets at the terminal.
    placed: new Map([...tickets].map(([orderId, own]) => [orderId, own.size])),
    deals: traded.map(({ ticket, orderId, symbol, side, volumeLots: lots }) => ({
      ...{ ticket: String(ticket), orderId, strategy: '', symbol, side, lots },
    })),
    positions,
    balance: snapshot.account.balance,
  };
}

async function ledger({ fleet, account }: ChaosCompany): Promise<LedgerSeen> {
  const client = new pg.Client({ connectionString: fleet.ledgerUrl! });
  await client.connect();
  try {
    const rows = async <Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> =>
      (await client.query<Row>(sql, [account])).rows;
    const fills = await rows<Record<string, string>>(
      `SELECT deal_ticket::text AS ticket, order_id, strategy, symbol, side, volume_lots::text AS lots
       FROM troupe.fills WHERE account = $1`,
    );
    const orders = await rows<{ order_id: string; state: string }>(
      'SELECT order_id, state FROM troupe.orders WHERE account = $1',
    );
    const [sum] = await rows<{ balance: string }>(
      `SELECT (SELECT coalesce(sum(amount), 0) FROM troupe.cash_flows WHERE account = $1)
            + (SELECT coalesce(sum(profit + commission + swap + fee), 0) FROM troupe.fills WHERE account = $1) AS balance`,
    );
    return {
      fills: fills.map(({ ticket, order_id, strategy, symbol, side, lots }) => ({
        ...{ ticket: ticket!, orderId: order_id!, strategy: strategy!, symbol: symbol!, lots: Number(lots) },
        side: side === 'sell' ? Side.SELL : Side.BUY,
      })),
      orders: new Map(orders.map(({ order_id, state }) => [order_id, state])),
      balance: Number(sum!.balance),
    };
  } finally {
    await client.end();
  }
}

function actors({ account }: ChaosCompany, statuses: readonly Status[], wanted: readonly string[]): ActorSeen[] {
  const states = new Map<string, { state: string; on: string[] }>(wanted.map((name) => [name, { state: '', on: [] }]));
  const see = (name: string, state: string, node: string): void => {
    const known = states.get(name) ?? { state, on: [] };
    states.set(name, { state, on: [...known.on, node] });
  };
  for (const status of statuses) {
    const { node } = status;
    for (const { symbol, state } of status.symbols) see(`symbol.${symbol}`, state, node);
    for (const { id, state } of status.strategies) see(`strategy.${id}`, state, node);
    if (status.account.id !== '') see(`broker.${account}`, status.account.state, node);
    if (status.ledger.state !== '') see('recorder.ledger', status.ledger.state, node);
  }
  return [...states].map(([name, { state, on }]) => ({ name, state, runsOn: on, depth: 0 }));
}

interface BrokerFigures {
  readonly positions: Readonly<Record<string, number>>;
  readonly balance: number;
  readonly live: number;
  readonly unknown: number;
  readonly waiting: number;
  readonly halted: Readonly<Record<string, string>>;
}

/** Of a company that has settled, `status` is what it settled with; `running`: its nodes before, because settling closes the market. */
export async function observe(
  company: ChaosCompany,
  watch: Watch,
  running: readonly Status[],
  status: Status,
): Promise<History> {
  const { account } = company;
  const figures = (await watch.ask(`broker.${account}`, 'status')) as unknown as BrokerFigures;
  const { balance, live, unknown, waiting, halted } = figures;
  const seen = actors(company, running, company.parts.actors);
  const kept = await streams(watch.bus, company);
  const books = await ledger(company);
  return {
    repeatsAllowed: false,
    ...kept,
    terminal: await terminal(watch.bus, account),
    broker: { positions: new Map(Object.entries(figures.positions)), balance, live, unknown, waiting, halted },
    strategies: status.strategies.map(({ id, symbol, lots, intents }) => ({
      id,
      symbol,
      lots,
      intents,
      pending: false,
    })),
    ledger: books,
    commands: watch.commands,
    actors: seen,
  };
}
