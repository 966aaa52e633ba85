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
import type { BucketReading } from './bridge-figures.ts';
import { bucketQuantile, histogramOf, memoryFaults } from './bridge-figures.ts';
import type { BenchOptions } from './options.ts';
import { rawRound } from './raw.ts';
import type { Result } from './result.ts';
import { NotVerified, perSecond } from './result.ts';
import { metricOf, scrape } from './scrape.ts';
import type { Login, Stage } from './stage.ts';
import { median } from './statistics.ts';
import { storedFrames } from './stored.ts';

const ACCOUNT = 'bench';
const SOURCE = 'bench';
const PARTITIONS = 12;
const ORDERS = 2_000;
const SAMPLE_MS = 250;
const READY_MS = 20_000;
/** As slow as this a tick, and the run has failed. */
const SLOWEST_TICKS_PER_S = 50_000;

type Credentials = Pick<Login, 'user' | 'password'>;

interface Round {
  readonly ticksPerS: number;
  readonly seconds: number;
  readonly frames: number;
  readonly ticksPerFrame: number;
  readonly rawTicksPerS: number;
  readonly ratio: number;
  /** Memory of the daemon: before the first tick, at each quarter of them, at the end. */
  readonly residentMb: readonly number[];
  readonly commandP99Us: number;
  readonly journalP99Us: number;
  readonly toTerminal: unknown;
  readonly bareRoundTrip: unknown;
}

export async function bridge(stage: Stage, { ticks, symbols, rounds }: BenchOptions): Promise<Result> {
  const done: Round[] = [];
  for (let round = 1; round <= rounds; round++) {
    const one = await playRound(stage, ticks, symbols, round);
    done.push(one);
    stage.say(
      `round ${round}/${rounds}  ${perSecond(one.ticksPerS)} kept, raw ${perSecond(one.rawTicksPerS)}, ratio ` +
        `${one.ratio.toFixed(2)}; command in to frame out p99 <= ${one.commandP99Us} us, and the journal's disk before it p99 <= ` +
        `${one.journalP99Us} us; memory ${one.residentMb.map((mb) => mb.toFixed(1)).join(', ')} MB`,
    );
  }
  return {
    name: 'bridge',
    value: median(done.map(({ ticksPerS }) => ticksPerS)),
    unit: 'ticks/s',
    ratio: median(done.map(({ ratio }) => ratio)),
    rounds,
    verified: true,
    details: {
      ticksPerRound: ticks,
      symbols,
      commandP99Us: median(done.map(({ commandP99Us }) => commandP99Us)),
      journalP99Us: median(done.map(({ journalP99Us }) => journalP99Us)),
      residentMbAt: 'start, 25 %, 50 %, 75 %, end',
      perRound: done,
    },
  };
}

async function playRound(stage: Stage, ticks: number, symbols: number, round: number): Promise<Round> {
  const logs = path.join(stage.folder, 'logs');
  stage.remove('nats-bridge');
  stage.remove('bridge.journal');
  stage.remove('bridge.journal.spill');
  const server = await startNatsServer({
    folder: path.join(stage.folder, 'nats-bridge'),
    logFile: path.join(logs, 'nats-bridge.log'),
    account: ACCOUNT,
    source: SOURCE,
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
    });
    stage.watch(child);
    children.push(child);
    return child;
  };
  try {
    await ensureStreams(bus, { replay: true });
    const daemon = await start('bridge', [
      ...['--listen', '127.0.0.1:0', '--account', ACCOUNT, '--source', SOURCE, '--partitions', String(PARTITIONS)],
      ...['--journal', path.join(stage.folder, 'bridge.journal'), '--metrics-port', '0'],
    ]);
    const said = (event: string, timeoutMs: number) =>
      daemon.waitForLine((line) => {
        const message = line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : {};
        return message.event === event ? message : undefined;
      }, timeoutMs);
    const port = Number((await said('listening', READY_MS)).port);
    const metricsUrl = `http://127.0.0.1:${Number((await said('metrics', READY_MS)).port)}/metrics`;
    const startMb = residentMb(await scrape(metricsUrl));

    const sinceMs = stage.clock.monotonicMs();
    await start('link_feed', ['--port', String(port), '--ticks', String(ticks), '--symbols', String(symbols)]);
    const ended = said('tape_end', (ticks / SLOWEST_TICKS_PER_S) * 1_000 + READY_MS).then(
      () => stage.clock.monotonicMs() - sinceMs,
    );
    const quarters = await sampleMemory(stage, metricsUrl, ticks, ended);
    const seconds = (await ended) / 1_000;
    const page = await scrape(metricsUrl);
    const endMb = residentMb(page);
    const frames = await storedFrames(bus, { partitions: PARTITIONS });
    const acked = metricOf(page, 'troupe_bridge_ticks_acknowledged_total');
    const ackedFrames = metricOf(page, 'troupe_bridge_frames_acknowledged_total');
    const memory = [startMb, ...quarters, endMb];
    const faults = memoryFaults(memory, ticks);
    if (acked !== ticks) faults.push(`${ticks} ticks sent, ${acked} acknowledged`);
    if (ackedFrames !== frames) faults.push(`${ackedFrames} frames acknowledged, ${frames} stored`);

    // As a node would: the bridge's own user may not command it.
    const ping = await start('command_ping', ['--account', ACCOUNT, '--orders', String(ORDERS)], node);
    const pinged = await ping.waitForLine((line) => (line.startsWith('{"orders"') ? line : undefined), 60_000);
    const { orders, to_terminal, bare_nats_round_trip } = JSON.parse(pinged) as Record<string, unknown>;
    const after = await scrape(metricsUrl);
    const command: BucketReading = histogramOf(after, 'troupe_bridge_command_seconds');
    const journal = histogramOf(after, 'troupe_bridge_journal_seconds');
    if (orders !== ORDERS || command.count !== ORDERS) {
      faults.push(`${ORDERS} orders wanted, ${String(orders)} answered, ${command.count} measured`);
    }
    if (faults.length > 0) throw new NotVerified(round, faults);
    for (const child of children.reverse()) await stage.stop(child);
    const ticksPerFrame = Math.max(1, Math.round(ticks / frames));
    const raw = await rawRound(stage, { frames, ticksPerFrame, symbols, partitions: PARTITIONS });
    if (raw.faults.length > 0) throw new NotVerified(round, raw.faults);
    const ticksPerS = ticks / seconds;
    return {
      ...{ ticksPerS, seconds, frames, ticksPerFrame, rawTicksPerS: raw.ticksPerS, residentMb: memory },
      ratio: ticksPerS / raw.ticksPerS,
      commandP99Us: Math.round(bucketQuantile(command, 0.99) * 1e6),
      journalP99Us: Math.round(bucketQuantile(journal, 0.99) * 1e6),
      toTerminal: to_terminal,
      bareRoundTrip: bare_nats_round_trip,
    };
  } finally {
    await bus.drain();
    await stage.stop(server);
    stage.remove('nats-bridge');
  }
}

const residentMb = (page: string): number => (metricOf(page, 'troupe_bridge_resident_bytes') ?? 0) / 2 ** 20;

/** Memory at each quarter of the ticks but the last; what was passed between two looks has that of the later one. */
async function sampleMemory(stage: Stage, url: string, ticks: number, ended: Promise<unknown>): Promise<number[]> {
  const quarters: number[] = [];
  let over = false;
  void ended.finally(() => {
    over = true;
  });
  while (quarters.length < 3) {
    const page = await scrape(url);
    const taken = metricOf(page, 'troupe_bridge_ticks_total') ?? 0;
    while (quarters.length < 3 && (over || taken >= (ticks * (quarters.length + 1)) / 4))
      quarters.push(residentMb(page));
    if (quarters.length < 3) await new Promise<void>((resolve) => stage.clock.setTimer(SAMPLE_MS, resolve));
  }
  return quarters;
}
