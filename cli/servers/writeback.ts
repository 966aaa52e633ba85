/**
 * Has what nats-server writes reach the disk a little at a time.
 *
 * The server acknowledges what it has given to the kernel, and asks for the disk every two minutes (`sync_interval`; it
 * holds the stream's lock meanwhile, so more often would stop those who publish). The kernel collects it for 30 s and then
 * writes, every 5 s, what 5 s of a market were: at 100,000 ticks/s that keeps a disk busy for 10 to 20 ms, or for 200
 * where more has been left, and an order whose entry in the bridge's journal must be on the disk first waits for all of
 * it. Flushed from here, by whoever holds no lock of the server, four times a second it is a millisecond or two. And
 * where the machine loses its power, a quarter of a second of messages is lost instead of the last half minute's.
 */
import { type Dirent, statSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { type Clock, systemClock } from '../../runtime/clock.ts';

const EVERY_MS = 250;

export interface Writeback {
  /** Resolves when nothing of it is under way any more. */
  stop(): Promise<void>;
}

/** Where a stream stands: its newest block of messages, and how that looked when it was flushed last. */
interface Place {
  block: number;
  flushed: string;
}

/** `store`: the server's store folder, which need not exist yet. */
export function paceWriteback(store: string, clock: Clock = systemClock): Writeback {
  const places = new Map<string, Place>();
  let stopping = false;
  let cancel = (): void => undefined;
  let pass: Promise<void> = Promise.resolve();
  const next = (): void => {
    cancel = clock.setTimer(EVERY_MS, () => {
      pass = flushAll(store, places).then(() => {
        if (!stopping) next();
      });
    });
  };
  next();
  return {
    stop: async () => {
      stopping = true;
      cancel();
      await pass;
    },
  };
}

async function flushAll(store: string, places: Map<string, Place>): Promise<void> {
  // One after the other: they share the disk with those who wait for it.
  for (const stream of await streamsOf(store)) {
    let place = places.get(stream);
    if (place === undefined) places.set(stream, (place = { block: 0, flushed: '' }));
    await flushStream(path.join(stream, 'msgs'), place);
  }
}

/** Folders of the streams of all accounts: STORE/jetstream/ACCOUNT/streams/NAME. */
async function streamsOf(store: string): Promise<string[]> {
  const root = path.join(store, 'jetstream');
  const folders = (await foldersIn(root)).map((account) => path.join(root, account, 'streams'));
  const names = await Promise.all(folders.map(async (folder) => (await foldersIn(folder)).map((n) => path.join(folder, n))));
  return names.flat();
}

async function foldersIn(folder: string): Promise<string[]> {
  const found = await readdir(folder, { withFileTypes: true }).catch((): Dirent[] => []);
  return found.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** Blocks are numbered; only the newest grows. What became full since the last time is flushed on the way. */
async function flushStream(folder: string, place: Place): Promise<void> {
  const file = (block: number): string => path.join(folder, `${block}.blk`);
  if (lookOf(file(place.block)) === undefined) {
    const blocks = (await readdir(folder).catch(() => [])).flatMap((name) => /^(\d+)\.blk$/.exec(name)?.[1] ?? []);
    if (blocks.length === 0) return;
    place.block = Math.max(...blocks.map(Number));
  }
  for (;;) {
    const look = lookOf(file(place.block));
    if (look !== undefined && look !== place.flushed) await flush(file(place.block));
    // As it looked before: what came meanwhile is for the next time.
    if (look !== undefined) place.flushed = look;
    if (lookOf(file(place.block + 1)) === undefined) return;
    place.block++;
    place.flushed = '';
  }
}

function lookOf(file: string): string | undefined {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats && `${stats.ino} ${stats.size} ${stats.mtimeMs}`;
}

/** A disk that fails is the server's to tell: it is told of what failed on its own files, whoever flushes them. */
async function flush(file: string): Promise<void> {
  const handle = await open(file, 'r').catch(() => undefined);
  if (handle === undefined) return;
  await handle.datasync().catch(() => undefined);
  await handle.close();
}
