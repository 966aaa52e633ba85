/** Who hands the bridge its ticks: a program that does nothing else, or the simulated terminal with one of its programs. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { create, toJsonString } from '@bufbuild/protobuf';
import type { ManagedProcess } from '../cli/processes.ts';
import { terminalConfig } from '../cli/start/terminal-config.ts';
import { TerminalConfigSchema } from '../proto/gen/troupe/bridge/v1/bridge_pb.js';
import type { FeedName } from './options.ts';
import type { Stage } from './stage.ts';
import { configFor } from './stage.ts';
import { benchTape } from './tape.ts';

/** The tape is played again and again: a longer one would only be read from the disk. */
const TAPE_TICKS = 2_000_000;
/** Ticks of all symbols per second of market time, about as many as are hoped for. */
const TICKS_PER_S = 1_000_000;

export interface Feed {
  readonly program: string;
  readonly args: readonly string[];
  /** Of the terminal; the other program has none. */
  readonly readyEvent: string | undefined;
  /** A tape is played whole times. */
  readonly ticks: number;
}

export async function feedFor(
  stage: Stage,
  plan: { from: FeedName; ticks: number; symbols: number; port: number; login: string },
): Promise<Feed> {
  const { from, ticks, symbols, port, login } = plan;
  if (from === 'link_feed') {
    const args = [
      ...['--port', String(port), '--ticks', String(ticks), '--symbols', String(symbols)],
      ...['--login', login],
    ];
    return { program: from, args, readyEvent: undefined, ticks };
  }
  const tape = await benchTape(stage, { symbols, ticks: Math.min(ticks, TAPE_TICKS), ticksPerSecond: TICKS_PER_S });
  const config = configFor(tape.symbols, tape.digits, { terminal: { program: from } });
  const rounds = Math.ceil(ticks / tape.ticks);
  stage.remove('terminal.history');
  stage.remove('terminal.history.mt5');
  const history = path.join(stage.folder, 'terminal.history');
  const settings = terminalConfig({ config, tape, port, speed: 0, leadLimitMs: 0, rounds, history });
  const file = path.join(stage.folder, 'terminal.json');
  writeFileSync(file, toJsonString(TerminalConfigSchema, create(TerminalConfigSchema, settings)));
  return { program: 'terminal', args: ['--config', file, '--hold'], readyEvent: 'ready', ticks: tape.ticks * rounds };
}

export interface Usage {
  readonly cpuS: number;
  /** The most that it ever held. */
  readonly peakMb: number;
}

const TICKS_PER_CPU_S = 100;

/** Of a process that still runs. */
export function usageOf({ pid }: ManagedProcess): Usage {
  // The name of the program stands in brackets and may hold anything.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
  const peakKb = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return {
    cpuS: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_CPU_S,
    peakMb: Number(peakKb) / 1024,
  };
}
