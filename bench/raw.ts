/** The raw limit of ingest: the bridge's own publisher with nothing else to do, into the same kind of stream. */
import path from 'node:path';
import { startProcess } from '../cli/processes.ts';
import { startNatsServer } from '../cli/servers/nats.ts';
import { ensureStreams } from '../runtime/bus/nats.ts';
import type { Login, Stage } from './stage.ts';
import { storedFrames } from './stored.ts';

export interface RawSpec {
  readonly frames: number;
  readonly ticksPerFrame: number;
  readonly symbols: number;
  readonly partitions: number;
}

export interface RawRound {
  readonly ticksPerS: number;
  readonly faults: readonly string[];
}

const LONGEST_MS = 300_000;

export async function rawRound(stage: Stage, spec: RawSpec): Promise<RawRound> {
  if (stage.natsUrl !== undefined) return publish(stage, spec, { url: stage.natsUrl }, { url: stage.natsUrl });
  stage.remove('nats-raw');
  const server = await startNatsServer({
    folder: path.join(stage.folder, 'nats-raw'),
    logFile: path.join(stage.folder, 'logs', 'nats-raw.log'),
    account: 'none',
    source: 'raw',
  });
  stage.watch(server);
  try {
    const { node, bridge } = server.credentials;
    return await publish(stage, spec, { url: server.url, ...node }, { url: server.url, ...bridge });
  } finally {
    await stage.stop(server);
    stage.remove('nats-raw');
  }
}

async function publish(stage: Stage, spec: RawSpec, node: Login, bridge: Login): Promise<RawRound> {
  const { frames, ticksPerFrame, symbols, partitions } = spec;
  const bus = await stage.connect(node, 'bench raw');
  try {
    await ensureStreams(bus, { replay: true });
    const raw = await startProcess({
      name: 'raw_publish',
      command: path.join(stage.root, 'build', 'native', 'raw_publish'),
      args: [
        ...['--frames', String(frames), '--ticks', String(ticksPerFrame)],
        ...['--symbols', String(symbols), '--partitions', String(partitions)],
      ],
      env: {
        PATH: process.env.PATH,
        TROUPE_NATS_URL: bridge.url,
        ...(bridge.user === undefined ? {} : { TROUPE_NATS_USER: bridge.user }),
        ...(bridge.password === undefined ? {} : { TROUPE_NATS_PASSWORD: bridge.password }),
      },
      logFile: path.join(stage.folder, 'logs', 'raw_publish.log'),
    });
    stage.watch(raw);
    const said = await raw.waitForLine((line) => (line.startsWith('{"frames"') ? line : undefined), LONGEST_MS);
    await stage.stop(raw);
    const { frames: acked, ticks, ticks_per_s } = JSON.parse(said) as Record<string, number>;
    const stored = await storedFrames(bus, { partitions });
    const faults: string[] = [];
    if (acked !== frames || stored !== frames || ticks !== frames * ticksPerFrame) {
      faults.push(`raw: ${frames} frames published, ${acked} acknowledged, ${stored} stored`);
    }
    return { ticksPerS: ticks_per_s!, faults };
  } finally {
    await bus.drain();
  }
}
