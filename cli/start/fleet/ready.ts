/** Waiting for the line with which a program says that it is ready. */
import type { ManagedProcess } from '../../processes.ts';
import type { Json } from './options.ts';

const READY_MS = 60_000;

export function jsonEvent(event: string): (line: string) => Json | undefined {
  return (line) => {
    if (!line.startsWith('{')) return undefined;
    const message = JSON.parse(line) as Json;
    return message.event === event ? message : undefined;
  };
}

/** One that does not become ready does not go on running. Throws ProcessError. */
export async function untilReady<T>(child: ManagedProcess, match: (line: string) => T | undefined): Promise<T> {
  try {
    return await child.waitForLine(match, READY_MS);
  } catch (error) {
    await child.stop();
    throw error;
  }
}
