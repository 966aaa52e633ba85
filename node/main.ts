/**
 * One node: a process that runs actors. Started by an orchestrator (`npm start`, Nomad) and told by it:
 *
 * - environment: TROUPE_NATS_URL, TROUPE_NATS_USER, TROUPE_NATS_PASSWORD, TROUPE_LEDGER_URL (none: no recorder),
 *   TROUPE_NODE_SEED (of restart jitter);
 * - arguments: `--config FILE`, and `--replay` where the streams are made anew for a replay;
 * - standard input, one word a line: `flush`, `settle`, `snapshot`, `latencies`, `stop`; its end means stop;
 * - standard output, one JSON object a line: `ready`, `status`, `applied`, `settled`, `snapshot`, `latencies`, `stopped`,
 *   `error`.
 */
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { connectNats, ensureStreams } from '../runtime/bus/nats.ts';
import { systemClock as clock } from '../runtime/clock.ts';
import { loadConfig } from '../runtime/config/index.ts';
import { messageOf, TroupeError } from '../runtime/errors.ts';
import { InputHub } from '../runtime/hub.ts';
import { secretToken, seededRandom } from '../runtime/random.ts';
import { serveHttp } from '../runtime/telemetry/http.ts';
import { LatencyHistogram } from '../runtime/telemetry/latency.ts';
import { createLogger } from '../runtime/telemetry/log.ts';
import { createMetrics } from '../runtime/telemetry/metrics.ts';
import { terminalSnapshot } from './ask.ts';
import { Company } from './company.ts';
import { metricsFeed } from './feed-metrics.ts';
import { Levels } from './levels.ts';
import { Pace } from './pace.ts';
import { statusOf } from './report.ts';
import type { Status } from './status.ts';

/** Making a status takes a millisecond or two, in which no order moves: often enough for a person is enough. */
const STATUS_MS = 500;
/** Below Nomad's kill_timeout, and below the 25 s that the whole of `npm start` has. */
const STOP_LIMIT_MS = 20_000;

const say = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};

async function run(): Promise<void> {
  const { values } = parseArgs({
    options: { config: { type: 'string' }, replay: { type: 'boolean', default: false } },
  });
  if (values.config === undefined) throw new TroupeError('CONFIG_NOT_FOUND', '--config: want the name of a file');
  const config = loadConfig(values.config);
  const node = config.node.name;
  const log = createLogger({ level: config.log.level, service: `node ${node}` });
  const env = process.env;
  const metrics = createMetrics();
  const bus = await connectNats({
    url: env.TROUPE_NATS_URL ?? 'nats://127.0.0.1:4222',
    ...(env.TROUPE_NATS_USER === undefined ? {} : { user: env.TROUPE_NATS_USER }),
    ...(env.TROUPE_NATS_PASSWORD === undefined ? {} : { password: env.TROUPE_NATS_PASSWORD }),
    name: `troupe node ${node}`,
    clock,
    log,
    onLost: () => {
      metrics.busConnected.set(0);
      log.warn('NATS connection lost; it is being mended');
    },
    onRestored: () => {
      metrics.busConnected.set(1);
      log.info('NATS connection restored');
    },
  });
  metrics.busConnected.set(1);
  await ensureStreams(bus, { replay: values.replay });
  const layout = { partitions: config.market.partitions };
  const [snapshots, actors] = await Promise.all([bus.kv('snapshots'), bus.kv('actors')]);
  const levels = new Levels({ node, bus, actors, clock, log, layout });
  const latencies = { tickToBar: new LatencyHistogram(), intentToTerminal: new LatencyHistogram() };

  let stopping: Promise<void> | undefined;
  const stop = (status: number): Promise<void> => {
    stopping ??= (async () => {
      clock.setTimer(STOP_LIMIT_MS, () => {
        log.fatal(`could not stop within ${STOP_LIMIT_MS} ms`);
        process.exit(1);
      });
      cancelStatus();
      await company.stop();
      await levels.flush();
      await http.close();
      await bus.drain();
      say({ event: 'stopped' });
      process.exit(status);
    })();
    return stopping;
  };
  const fail = (error: unknown): void => {
    const code = error instanceof TroupeError ? error.code : 'ACTOR_CRASHED';
    log.fatal({ code, err: error }, messageOf(error));
    say({ event: 'error', code, message: messageOf(error) });
    void stop(1);
  };
  const hub = new InputHub({ bus, layout, log, onFailure: fail });
  const company = new Company({
    config,
    folder: path.dirname(path.resolve(values.config)),
    stage: { bus, snapshots, hub, clock, log, layout, levels, metrics },
    random: seededRandom(env.TROUPE_NODE_SEED ?? secretToken(8)),
    latencies,
    ledger: env.TROUPE_LEDGER_URL,
    onGiveUp: fail,
    onTicksApplied: () => pace.applied(),
  });
  const pace = new Pace(clock, company, (ticks) => say({ event: 'applied', ticks }));
  const http = await serveHttp({ port: config.node.metrics_port, registry: metrics.registry });
  let cancelStatus = (): void => undefined;
  const every = (ms: number, work: () => void): (() => void) => {
    let cancel = clock.setTimer(ms, function again() {
      work();
      cancel = clock.setTimer(ms, again);
    });
    return () => cancel();
  };
  const feed = metricsFeed(metrics, company);
  const status = (): Status => {
    const now = statusOf(node, company, levels, latencies);
    feed(now);
    return now;
  };

  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop(0));
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  await company.start();
  say({ event: 'ready', metrics: `${http.url ?? 'off'}/metrics` });

  const cancels = [every(STATUS_MS, () => say(status())), () => pace.stop()];
  cancelStatus = () => {
    for (const cancel of cancels) cancel();
  };

  const commands: Record<string, () => Promise<void> | void> = {
    flush: () => company.flush(),
    settle: async () => {
      while (!(await company.settled())) await clock.sleep(5);
      say({ event: 'settled', status: status() });
    },
    snapshot: async () => say({ event: 'snapshot', ...(await terminalSnapshot(bus, config.account?.id, company)) }),
    latencies: () => say({ event: 'latencies', intentToTerminal: latencies.intentToTerminal }),
    stop: () => stop(0),
  };
  const input = createInterface({ input: process.stdin });
  input.on('line', (line) => {
    const work = commands[line.trim()];
    if (work === undefined) log.warn({ line }, 'no such command');
    else Promise.resolve(work()).catch(fail);
  });
  input.on('close', () => void stop(0));
}

try {
  await run();
} catch (error) {
  const code = error instanceof TroupeError ? error.code : 'ACTOR_CRASHED';
  say({ event: 'error', code, message: messageOf(error) });
  process.exitCode = 1;
  process.stdin.destroy();
}
