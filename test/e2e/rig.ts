/** A whole company under test: `Fleet` as `npm start` runs it, with every program real, and the ways to look into it. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import pg from 'pg';
import { pino } from 'pino';
import { Fleet } from '../../cli/start/fleet/fleet.ts';
import type { MendEvent } from '../../cli/start/fleet/keeper.ts';
import { LEAD_LIMIT_MS } from '../../cli/start/fleet/lead.ts';
import type { FleetOptions } from '../../cli/start/fleet/options.ts';
import { prepareMarket } from '../../cli/start/market.ts';
import { parseOptions } from '../../cli/start/options.ts';
import { disagreements, type Report, reportOf } from '../../cli/start/report.ts';
import { ledgerBooks } from '../../cli/start/run.ts';
import { runConfig } from '../../cli/start/run-config.ts';
import type { Status } from '../../node/status.ts';
import type { Deal } from '../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { CommandReplySchema, CommandSchema } from '../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { connectNats, type NatsBus } from '../../runtime/bus/nats.ts';
import type { TopicMessage, TopicName } from '../../runtime/bus/topics.ts';
import { actorKey, commandSubject, topics } from '../../runtime/bus/topics.ts';
import { systemClock as clock } from '../../runtime/clock.ts';
import { loadConfig } from '../../runtime/config/index.ts';
import { projectFolder } from '../support/source.ts';
import { until } from './support.ts';

export interface CompanyOptions {
  readonly state: string;
  readonly configFile: string;
  /** As after `npm start --`. */
  readonly args: readonly string[];
  readonly natsUrl?: string;
  readonly postgresUrl?: string;
  /** Of the nodes' own Node.js. */
  readonly nodeArgs?: readonly string[];
  /** What the fleet is given otherwise than `npm start` would. */
  readonly fleet?: Partial<FleetOptions>;
}

/** Played at thousands of times its speed, the market is minutes older after a tenth of a second of a busy machine. */
const RISK = 'risk: { max_intent_age_ms: 86400000, max_price_age_ms: 86400000 }';

/** One symbol, the account, and these strategies (lines of YAML), in a file. Returns its name. */
export function writeConfig(
  file: string,
  strategies: readonly string[],
  more: readonly string[] = [],
  marginMode = 'netting',
): string {
  const lines = [
    'market:',
    '  day: broker',
    '  symbols:',
    '    EURUSD: { digits: 5, contract_size: 100000, currency_base: EUR, currency_profit: USD }',
    `account: { id: e2e, currency: USD, balance: 50000, leverage: 100, margin_mode: ${marginMode}, ${RISK} }`,
    'strategies:',
    ...strategies.map((strategy) => `  - ${strategy}`),
    ...more,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

export class Company {
  readonly fleet: Fleet;
  readonly account: string;
  readonly unusable: Readonly<Record<string, number>>;
  /** Programs that ended and came back. */
  readonly mended: MendEvent[] = [];
  ticksSent = 0;
  status: Status | undefined;
  private readonly failures: Error[] = [];
  private bus: NatsBus | undefined;
  readonly ticksTotal: number;

  private constructor(fleet: Fleet, account: string, ticksTotal: number, unusable: Readonly<Record<string, number>>) {
    this.fleet = fleet;
    this.account = account;
    this.ticksTotal = ticksTotal;
    this.unusable = unusable;
  }

  static async make(options: CompanyOptions): Promise<Company> {
    const { state, configFile } = options;
    const start = parseOptions([...options.args, '--config', configFile]);
    if (start === 'help') throw new RangeError('--help starts nothing');
    const loaded = loadConfig(configFile);
    const market = await prepareMarket({
      start,
      folder: path.join(state, 'tapes'),
      utcOffsetS: loaded.terminal.utc_offset_s,
      onProgress: () => undefined,
      signal: new AbortController().signal,
    });
    const config = runConfig(loaded, configFile, market.tape, clock.nowMs());
    let company: Company | undefined;
    const fleet = new Fleet({
      root: projectFolder,
      stateFolder: state,
      runFolder: path.join(state, 'run'),
      config,
      tape: market.tape,
      speed: start.speed,
      leadLimitMs: LEAD_LIMIT_MS,
      ledger: true,
      natsUrl: options.natsUrl,
      postgresUrl: options.postgresUrl,
      ...(options.nodeArgs === undefined ? {} : { nodeArgs: options.nodeArgs }),
      onSay: () => undefined,
      onStatus: (status) => {
        company!.status = status;
      },
      onProgress: (ticks) => {
        company!.ticksSent = ticks;
      },
      nodes: start.nodes,
      onFailure: (error) => company!.failures.push(error),
      onMend: (event) => company!.mended.push(event),
      ...options.fleet,
    });
    company = new Company(fleet, config.account!.id, market.tape.ticks, market.unusable);
    return company;
  }

  /** Starts everything, waits until it trades, and plays. */
  async play(): Promise<void> {
    await this.fleet.start();
    await this.reaches('the broker trades', () => this.status?.account.state.startsWith('trading') === true);
    this.fleet.play();
  }

  /** Waits for a condition; rejects with what failed when a program ends meanwhile. */
  async reaches(what: string, ready: () => boolean, withinMs = 120_000): Promise<void> {
    await until(
      what,
      () => {
        if (this.failures[0] !== undefined) throw this.failures[0];
        return ready();
      },
      withinMs,
    );
  }

  /** Plays to the end and compares nothing: the figures of the run. */
  async finish(withinMs = 180_000): Promise<{ status: Status; report: Report }> {
    const failed = this.reaches('the company is done', () => this.done, withinMs);
    const work = (async () => {
      await this.fleet.played();
      const status = await this.fleet.settle();
      const [terminal, ledger] = await Promise.all([this.fleet.terminalBooks(), ledgerBooks(this.fleet, this.account)]);
      const report = reportOf({
        status,
        ticksSent: this.ticksSent,
        unusable: this.unusable,
        balance: { terminal: terminal.balance, ledger: ledger.balance },
        positions: { terminal: terminal.positions, ledger: ledger.positions },
        seconds: 1,
        milestones: { set_up: 0, to_first_tick: null, to_first_fill: null },
      });
      return { status, report };
    })();
    work.then(
      () => {
        this.done = true;
      },
      () => undefined,
    );
    await Promise.race([work, failed]);
    return await work;
  }

  private done = false;

  /** NATS as the node's user. */
  async nats(): Promise<NatsBus> {
    const { url, user, password } = this.fleet.natsLogin!;
    this.bus ??= await connectNats({
      url,
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { password }),
      name: 'end-to-end test',
      clock,
      log: pino({ level: 'silent' }),
    });
    return this.bus;
  }

  /** Every message of a topic that its stream holds. */
  async stored<N extends TopicName>(topic: N): Promise<TopicMessage<N>[]> {
    const bus = await this.nats();
    const { stream, decode, subject } = topics[topic];
    const filter = subject({}, { partitions: 12 });
    const last = await bus.lastSequence(stream, filter);
    const found: TopicMessage<N>[] = [];
    let reached = last === 0;
    const reader = await bus.read({
      stream,
      filters: [filter],
      fromSequence: 1,
      onMessage: ({ data, sequence }) => {
        found.push(decode(data) as TopicMessage<N>);
        reached = sequence >= last;
      },
      onError: (error) => this.failures.push(error),
    });
    await this.reaches(`${topic} is read from ${stream}`, () => reached);
    await reader.stop();
    return found;
  }

  /** Every deal that the terminal shows. */
  async terminalDeals(): Promise<Deal[]> {
    const bus = await this.nats();
    const actors = await bus.kv('actors');
    // Any owner at least as new as the broker may ask; nothing is traded after this.
    const fence = (await actors.get(actorKey('broker', this.account)))!.revision;
    const command = create(CommandSchema, {
      commandId: 'all-deals',
      fence,
      body: { case: 'snapshot', value: { dealsSinceMs: 0 } },
    });
    const reply = await bus.request(commandSubject(this.account), toBinary(CommandSchema, command), 5_000);
    return fromBinary(CommandReplySchema, reply).snapshot!.deals;
  }

  /** Rows of the ledger. */
  async ledger<Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.fleet.ledgerUrl! });
    await client.connect();
    try {
      return (await client.query<Row>(sql, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  async stop(): Promise<void> {
    await this.bus?.connection.close();
    await this.fleet.stop();
  }
}

/** Every book against every other; empty when all is well. */
export function faultsOf(report: Report, status: Status): string[] {
  const faults = disagreements(report);
  const { sent, applied } = report.ticks;
  if (sent === 0) faults.push('no tick was sent');
  for (const { symbol, ticksLate, ticksMissing } of status.symbols) {
    if (ticksLate > 0) faults.push(`${symbol}: ${ticksLate} ticks late`);
    if (ticksMissing > 0) faults.push(`${symbol}: ${ticksMissing} ticks missing of ${applied}`);
  }
  return faults;
}
