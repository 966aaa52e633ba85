/**
 * One node: a process that runs actors. Started by an orchestrator (`npm start`, Nomad) and told by it:
 *
 * - environment: TROUPE_NATS_URL, TROUPE_NATS_USER, TROUPE_NATS_PASSWORD, TROUPE_LEDGER_URL (none: no recorder),
 *   TROUPE_NODE_SEED (of restart jitter);
 * - arguments: `--config FILE`; `--replay` where the streams are those of a replay: they are made anew, unless
 *   `--prepared` says that this has been done: then they are only checked;
 * - standard input, one word a line: `flush`, `settle`, `snapshot`, `latencies`, and `stop`, which says that the whole
 *   company ends; so does the input's end. SIGTERM and SIGINT are for this node alone: it hands over to the others;
 * - standard output, one JSON object a line: `ready`, `status`, `applied`, `settled`, `snapshot`, `latencies`, `stopped`,
 *   `error`.
 */
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { checkStreams, connectNats, ensureStreams } from '../runtime/bus/nats.ts';
import { systemClock as clock } from '../runtime/clock.ts';
import { loadConfig } from '../runtime/config/index.ts';
import { messageOf, TroupeError } from '../runtime/errors.ts';
import { secretToken, seededRandom } from '../runtime/random.ts';
import { watchEventLoop } from '../runtime/telemetry/event-loop.ts';
import { serveHttp } from '../runtime/telemetry/http.ts';
import { createLogger } from '../runtime/telemetry/log.ts';
import { createMetrics } from '../runtime/telemetry/metrics.ts';
import { NODE_DRAIN_MS, NODE_OF_COMPANY_MS } from './deadlines.ts';
import { Node } from './node.ts';
import { Pace } from './pace.ts';
import { thisProcess } from './this-process.ts';
import { Threads } from './thread/threads.ts';

/** Making a status takes a millisecond or two, in which no order moves: often enough for a person is enough. */
const STATUS_MS = 500;
/**
 * And where there are hundreds of actors, less often: each costs ten to twenty microseconds of it here, and some more of
 * whoever reads it.
 */
const STATUS_MS_PER_ACTOR = 4;
const RAREST_STATUS_MS = 5_000;

const say = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};

async function run(): Promise<void> {
  let begun = false;
  // Until there is a node, there is nothing to stop in order.
  let companyEnds = (): void => process.exit(0);
  let obey = (_word: string): void => undefined;
  const early: string[] = [];
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      const word = line.trim();
      if (word === 'stop') companyEnds();
      else if (begun) obey(word);
      else early.push(word);
    })
    .on('close', () => companyEnds());
  const { values } = parseArgs({
    options: {
      config: { type: 'string' },
      replay: { type: 'boolean', default: false },
      prepared: { type: 'boolean', default: false },
      // For whoever plays a market: milliseconds between two lines that say how far its symbol actors are.
      'applied-ms': { type: 'string' },
    },
  });
  if (values.config === undefined) throw new TroupeError('CONFIG_NOT_FOUND', '--config: want the name of a file');
  const config = loadConfig(values.config);
  const log = createLogger({ level: config.log.level, service: `node ${config.node.name}` });
  const env = process.env;
  const metrics = createMetrics();
  watchEventLoop(metrics.registry, () => clock.monotonicMs());
  const login = {
    url: env.TROUPE_NATS_URL ?? 'nats://127.0.0.1:4222',
    ...(env.TROUPE_NATS_USER === undefined ? {} : { user: env.TROUPE_NATS_USER }),
    ...(env.TROUPE_NATS_PASSWORD === undefined ? {} : { password: env.TROUPE_NATS_PASSWORD }),
  };
  const bus = await connectNats({
    ...login,
    name: `troupe node ${config.node.name}`,
    // Orders do not wait behind ticks.
    aside: 'MARKET',
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
  if (values.prepared) await checkStreams(bus, { replay: values.replay });
  else await ensureStreams(bus, { replay: values.replay });
  const threads = new Threads({
    bus: { ...login, name: `troupe node ${config.node.name}, thread` },
    settings: config.supervision.thread,
    layout: { partitions: config.market.partitions },
    clock,
    log,
    node: config.node.name,
    spare: true,
  });
  let stopping = false;
  /** From the first word of an end on, whatever hangs; the end of the company shortens it. */
  const endsSoon = (withinMs = NODE_DRAIN_MS): void => {
    if (!stopping) cancelStatus();
    stopping = true;
    clock.setTimer(withinMs, () => {
      log.fatal(`could not stop within ${withinMs} ms`);
      process.exit(1);
    });
  };
  const node = new Node({
    config,
    folder: path.dirname(path.resolve(values.config)),
    bus,
    clock,
    random: seededRandom(env.TROUPE_NODE_SEED ?? secretToken(8)),
    log,
    metrics,
    threads,
    ...(env.TROUPE_LEDGER_URL === undefined ? {} : { ledger: env.TROUPE_LEDGER_URL }),
    instance: secretToken(8),
    place: thisProcess(),
    onFailure: (error) => {
      log.fatal({ code: error.code, err: error }, error.message);
      say({ event: 'error', code: error.code, message: error.message });
      endsSoon();
    },
    onDrain: () => endsSoon(),
    onEnd: async ({ error }) => {
      // Without a lease nothing may be said any more: there is nothing to wait for, and others wait for its name.
      if (error?.code !== 'LEASE_LOST') {
        await http.close();
        await threads.close();
        await bus.drain();
      }
      say({ event: 'stopped' });
      process.exit(error === undefined ? 0 : 1);
    },
    onTicksApplied: (symbol) => pace?.applied(symbol),
  });
  const fail = (error: unknown): void => node.fail(error);
  const stop = (): void => {
    endsSoon();
    void node.drain();
  };
  companyEnds = (): void => {
    endsSoon(NODE_OF_COMPANY_MS);
    void node.stop();
  };
  const appliedMs = Number(values['applied-ms']);
  const pace =
    appliedMs > 0
      ? new Pace(clock, node.company, appliedMs, (symbols) => say({ event: 'applied', symbols }))
      : undefined;
  const http = await serveHttp({ port: config.node.metrics_port, registry: metrics.registry });
  let cancelStatus = (): void => undefined;
  const tellStatus = (): (() => void) => {
    const delayMs = (): number =>
      Math.min(RAREST_STATUS_MS, Math.max(STATUS_MS, node.company.size * STATUS_MS_PER_ACTOR));
    let cancel = clock.setTimer(delayMs(), function again() {
      say(node.status());
      cancel = clock.setTimer(delayMs(), again);
    });
    return () => cancel();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  try {
    await node.start();
  } catch (error) {
    fail(error);
    return;
  }
  if (stopping) return;
  say({ event: 'ready', metrics: `${http.url ?? 'off'}/metrics` });

  const cancels = [tellStatus(), () => pace?.stop()];
  cancelStatus = () => {
    for (const cancel of cancels) cancel();
  };

  const commands: Record<string, () => Promise<void> | void> = {
    flush: () => node.flush(),
    settle: async () => {
      if (await node.settle()) say({ event: 'settled', status: node.status() });
    },
    snapshot: async () => say({ event: 'snapshot', ...(await node.terminalBooks()) }),
    latencies: () => say({ event: 'latencies', ...node.latencies }),
  };
  obey = (word) => {
    const work = commands[word];
    if (work === undefined) log.warn({ word }, 'no such command');
    else Promise.resolve(work()).catch(fail);
  };
  begun = true;
  for (const word of early) obey(word);
}

try {
  await run();
} catch (error) {
  const code = error instanceof TroupeError ? error.code : 'ACTOR_CRASHED';
  say({ event: 'error', code, message: messageOf(error) });
  // A connection that is open already would keep the process.
  process.exit(1);
}
