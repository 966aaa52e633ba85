/**
 * What the bridge alone can do: ticks/s from a terminal through the daemon into a file-backed JetStream stream, without a
 * node beside it; what it adds to a command on its way to the terminal; and whether its memory stays flat meanwhile.
 */
import path from 'node:path';
import type { ManagedProcess } from '../cli/processes.ts';
import { startProcess } from '../cli/processes.ts';
import { startNatsServer } from '../cli/servers/nats.ts';
import { ensureStreams } from '../runtime/bus/nats.ts';
import { secretHex } from '../runtime/random.ts';
import type { BenchAccount } from './bridge-accounts.ts';
import { accountsOf, countFaults, optionsOf, ticksTaken } from './bridge-accounts.ts';
import type { Usage } from './bridge-feed.ts';
import { feedFor, usageOf } from './bridge-feed.ts';
import { bucketQuantile, histogramOf, memoryFaults } from './bridge-figures.ts';
import type { BenchOptions, FeedName } from './options.ts';
import { rawRound } from './raw.ts';
import type { Result } from './result.ts';
import { NotVerified, perSecond } from './result.ts';
import { metricOf, scrape } from './scrape.ts';
import type { Login, Stage } from './stage.ts';
import { median } from './statistics.ts';
import { storedFrames } from './stored.ts';

const PARTITIONS = 12;
const ORDERS = 2_000;
const SAMPLE_MS = 250;
const READY_MS = 20_000;
/** As slow as this a tick, and the run has failed. */
const SLOWEST_TICKS_PER_S = 50_000;

type Credentials = Pick<Login, 'user' | 'password'>;

interface Round {
  readonly ticks: number;
  readonly ticksPerS: number;
  readonly seconds: number;
  readonly frames: number;
  readonly ticksPerFrame: number;
  readonly rawTicksPerS: number;
  readonly ratio: number;
  /** Memory of the daemon: before the first tick, at each quarter of them, at the end. */
  readonly residentMb: readonly number[];
  /** Of the terminals together and the daemon, at the end of the ticks. */
  readonly usage: { readonly terminal: Usage; readonly bridge: Usage };
  /** With link_feed, which answers at once. */
  readonly command: Command | undefined;
}

interface Command {
  readonly p99Us: number;
  readonly journalP99Us: number;
  readonly toTerminal: unknown;
  readonly bareRoundTrip: unknown;
}

export async function bridge(stage: Stage, { ticks, symbols, rounds, accounts, from }: BenchOptions): Promise<Result> {
  const done: Round[] = [];
  for (let round = 1; round <= rounds; round++) {
    const one = await playRound(stage, { ticks, symbols, round, accounts, from });
    done.push(one);
    stage.say(
      `round ${round}/${rounds}  ${perSecond(one.ticksPerS)} kept, raw ${perSecond(one.rawTicksPerS)}, ratio ` +
        `${one.ratio.toFixed(2)}; ${said(one)}memory ${one.residentMb.map((mb) => mb.toFixed(1)).join(', ')} MB`,
    );
  }
  const commands = done.flatMap(({ command }) => command ?? []);
  return {
    name: 'bridge',
    value: median(done.map(({ ticksPerS }) => ticksPerS)),
    unit: 'ticks/s',
    ratio: median(done.map(({ ratio }) => ratio)),
    rounds,
    verified: true,
    details: {
      from,
      accounts,
      ticksPerRound: done[0]!.ticks,
      symbols,
      ...(commands.length === 0
        ? {}
        : {
            commandP99Us: median(commands.map(({ p99Us }) => p99Us)),
            journalP99Us: median(commands.map(({ journalP99Us }) => journalP99Us)),
          }),
      residentMbAt: 'start, 25 %, 50 %, 75 %, end',
      perRound: done,
    },
  };
}

function said({ command, usage, ticks }: Round): string {
  const each = ({ cpuS }: Usage): string => `${((cpuS * 1e6) / ticks).toFixed(2)} us a tick`;
  const { terminal, bridge: daemon } = usage;
  const used = `processor: terminal ${each(terminal)}, bridge ${each(daemon)}; terminal at most ${terminal.peakMb.toFixed(0)} MB; `;
  if (command === undefined) return used;
  const { p99Us, journalP99Us } = command;
  return `command in to frame out p99 <= ${p99Us} us, and the journal's disk before it p99 <= ${journalP99Us} us; ${used}`;
}

interface RoundPlan {
  readonly ticks: number;
  readonly symbols: number;
  readonly round: number;
  readonly accounts: number;
  readonly from: FeedName;
}

async function playRound(stage: Stage, plan: RoundPlan): Promise<Round> {
  const { symbols, round, from } = plan;
  const accounts = accountsOf(plan.accounts, (account) => path.join(stage.folder, `${account}.journal`));
  const logs = path.join(stage.folder, 'logs');
  stage.remove('nats-bridge');
  for (const { account } of accounts) {
    stage.remove(`${account}.journal`);
    stage.remove(`${account}.journal.spill`);
  }
  const server = await startNatsServer({
    folder: path.join(stage.folder, 'nats-bridge'),
    logFile: path.join(logs, 'nats-bridge.log'),
    account: accounts.map(({ account }) => account),
    source: accounts.map(({ source }) => source),
  });
  stage.watch(server);
  const { node, bridge: login } = server.credentials;
  const bus = await stage.connect({ url: server.url, ...node }, 'bench bridge');
  const children: ManagedProcess[] = [];
  const key = secretHex(32);
  const start = async (name: string, args: readonly string[], who: Credentials = login) => {
    const child = await startProcess({
      name,
      command: path.join(stage.root, 'build', 'native', name),
      args: [...args],
      env: {
        PATH: process.env.PATH,
        TROUPE_NATS_URL: server.url,
        TROUPE_NATS_USER: who.user,
        TROUPE_NATS_PASSWORD: who.password,
        TROUPE_BRIDGE_KEY: key,
      },
      logFile: path.join(logs, `${name}.log`),
      chatty: true,
      stdin: 'lifeline',
    });
    stage.watch(child);
    children.push(child);
    return child;
  };
  try {
    await ensureStreams(bus, { replay: true });
    const daemon = await start('bridge', [
      ...['--listen', '127.0.0.1:0', '--partitions', String(PARTITIONS), '--metrics-port', '0'],
      ...optionsOf(accounts),
    ]);
    const heard = (child: ManagedProcess, event: string, timeoutMs: number, account?: string) =>
      child.waitForLine((line) => {
        const message = line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : {};
        return message.event === event && (account === undefined || message.account === account) ? message : undefined;
      }, timeoutMs);
    const port = Number((await heard(daemon, 'listening', READY_MS)).port);
    const metricsUrl = `http://127.0.0.1:${Number((await heard(daemon, 'metrics', READY_MS)).port)}/metrics`;
    const startMb = residentMb(await scrape(metricsUrl));

    const share = Math.ceil(plan.ticks / accounts.length);
    const feeds = [];
    for (const { login } of accounts) feeds.push(await feedFor(stage, { ...plan, ticks: share, port, login }));
    const ticksEach = feeds[0]!.ticks;
    const ticks = ticksEach * accounts.length;
    const withinMs = (ticks / SLOWEST_TICKS_PER_S) * 1_000 + READY_MS;
    const eachEnded = Promise.all(accounts.map(({ account }) => heard(daemon, 'tape_end', withinMs, account)));
    let sinceMs = stage.clock.monotonicMs();
    const terminals = await Promise.all(feeds.map((feed) => start(feed.program, feed.args)));
    for (const [i, { readyEvent }] of feeds.entries()) {
      if (readyEvent === undefined) continue;
      await heard(terminals[i]!, readyEvent, READY_MS);
      sinceMs = stage.clock.monotonicMs();
      terminals[i]!.send('play');
    }
    const ended = eachEnded.then(() => stage.clock.monotonicMs() - sinceMs);
    const quarters = await sampleMemory(stage, { url: metricsUrl, ticks, accounts, ended });
    const seconds = (await ended) / 1_000;
    const usage = { terminal: together(terminals.map(usageOf)), bridge: usageOf(daemon) };
    const page = await scrape(metricsUrl);
    const endMb = residentMb(page);
    const frames = await storedFrames(bus, { partitions: PARTITIONS });
    const memory = [startMb, ...quarters, endMb];
    const faults = [...memoryFaults(memory, ticks), ...countFaults(page, { accounts, ticksEach, frames })];

    let command: Command | undefined;
    for (const { account } of from === 'link_feed' ? accounts : []) {
      // As a node would: the bridge's own user may not command it.
      const ping = await start('command_ping', ['--account', account, '--orders', String(ORDERS)], node);
      const pinged = await ping.waitForLine((line) => (line.startsWith('{"orders"') ? line : undefined), 60_000);
      const { orders, to_terminal, bare_nats_round_trip } = JSON.parse(pinged) as Record<string, unknown>;
      const after = await scrape(metricsUrl);
      const taken = histogramOf(after, 'troupe_bridge_command_seconds', account);
      const journal = histogramOf(after, 'troupe_bridge_journal_seconds', account);
      if (orders !== ORDERS || taken.count !== ORDERS) {
        faults.push(`${account}: ${ORDERS} orders wanted, ${String(orders)} answered, ${taken.count} measured`);
      }
      // The slowest account's.
      command = {
        p99Us: Math.max(command?.p99Us ?? 0, Math.round(bucketQuantile(taken, 0.99) * 1e6)),
        journalP99Us: Math.max(command?.journalP99Us ?? 0, Math.round(bucketQuantile(journal, 0.99) * 1e6)),
        toTerminal: to_terminal,
        bareRoundTrip: bare_nats_round_trip,
      };
    }
    if (faults.length > 0) throw new NotVerified(round, faults);
    for (const child of children.reverse()) await stage.stop(child);
    const ticksPerFrame = Math.max(1, Math.round(ticks / frames));
    const raw = await rawRound(stage, { frames, ticksPerFrame, symbols, partitions: PARTITIONS });
    if (raw.faults.length > 0) throw new NotVerified(round, raw.faults);
    const ticksPerS = ticks / seconds;
    return {
      ...{ ticks, ticksPerS, seconds, frames, ticksPerFrame, rawTicksPerS: raw.ticksPerS, residentMb: memory },
      ratio: ticksPerS / raw.ticksPerS,
      ...{ usage, command },
    };
  } finally {
    await bus.drain();
    await stage.stop(server);
    stage.remove('nats-bridge');
  }
}

/** All their processor time, and the most that any of them held. */
const together = (usages: readonly Usage[]): Usage => ({
  cpuS: usages.reduce((sum, { cpuS }) => sum + cpuS, 0),
  peakMb: Math.max(...usages.map(({ peakMb }) => peakMb)),
});

const residentMb = (page: string): number => (metricOf(page, 'troupe_bridge_resident_bytes') ?? 0) / 2 ** 20;

/** Memory at each quarter of the ticks but the last; what was passed between two looks has that of the later one. */
async function sampleMemory(
  stage: Stage,
  of: { url: string; ticks: number; accounts: readonly BenchAccount[]; ended: Promise<unknown> },
): Promise<number[]> {
  const { url, ticks, accounts, ended } = of;
  const quarters: number[] = [];
  let over = false;
  void ended.finally(() => {
    over = true;
  });
  while (quarters.length < 3) {
    const page = await scrape(url);
    const taken = ticksTaken(page, accounts);
    while (quarters.length < 3 && (over || taken >= (ticks * (quarters.length + 1)) / 4))
      quarters.push(residentMb(page));
    if (quarters.length < 3) await new Promise<void>((resolve) => stage.clock.setTimer(SAMPLE_MS, resolve));
  }
  return quarters;
}
