/**
 * Has what nats-server writes reach the disk a little at a time.
 *
 * The server acknowledges what it has given to the kernel, and asks for the disk every two minutes (`sync_interval`; it
 * holds the stream's lock meanwhile, so more often would stop those who publish). The kernel collects it for 30 s and then
 * writes, every 5 s, what 5 s of a market were: at 100,000 ticks/s that keeps a disk busy for 10 to 20 ms, or for 200
 * where more has been left, and an order whose entry in the bridge's journal must be on the disk first waits for all of
 * it. Flushed from here, by whoever holds no lock of the server, four times a second it is a millisecond or two. And
 * where the machine loses its power, about a quarter of a second of messages is lost instead of the last half minute's.
 *
 * A flood (from about 700,000 ticks/s) is left to the kernel: to write it while it comes costs a seventh of its rate.
 */
import { type Dirent, statSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { type Clock, systemClock } from '../../runtime/clock.ts';

const EVERY_MS = 250;
/** A stream that grows by more between two passes is in flood: then its reader's time is dearer than a wait for the disk. */
const FLOOD_BYTES = 4 * 2 ** 20;

/** Resolves when what `file` holds is on the disk. */
export type Flush = (file: string) => Promise<void>;

/** Where a stream stands: its newest block of messages, and how that looked in the last pass. */
interface Place {
  block: number;
  seen: string;
  bytes: number;
}

export class Writeback {
  private readonly store: string;
  private readonly clock: Clock;
  private readonly flush: Flush;
  private readonly places = new Map<string, Place>();
  private stopping = false;
  private cancel = (): void => undefined;
  private passing: Promise<void> = Promise.resolve();

  /** `store`: the server's store folder, which need not exist yet. */
  constructor(store: string, clock: Clock = systemClock, flush: Flush = toDisk) {
    this.store = store;
    this.clock = clock;
    this.flush = flush;
  }

  start(): this {
    this.cancel = this.clock.setTimer(EVERY_MS, () => {
      this.passing = this.pass().then(() => {
        if (!this.stopping) this.start();
      });
    });
    return this;
  }

  /** Resolves when nothing of it is under way any more. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.cancel();
    await this.passing;
  }

  /** Flushes what has changed since the last time, stream by stream: they share the disk with those who wait for it. */
  async pass(): Promise<void> {
    const streams = await streamsOf(this.store);
    for (const gone of [...this.places.keys()].filter((known) => !streams.includes(known))) this.places.delete(gone);
    for (const stream of streams) {
      if (this.stopping) return;
      const place = this.places.get(stream) ?? { block: 0, seen: '', bytes: 0 };
      this.places.set(stream, place);
      await this.flushStream(path.join(stream, 'msgs'), place);
    }
  }

  /** Blocks are numbered; only the newest grows. What became full since the last time is flushed with it. */
  private async flushStream(folder: string, place: Place): Promise<void> {
    const file = (block: number): string => path.join(folder, `${block}.blk`);
    if (lookAt(file(place.block)) === undefined) {
      const newest = await newestBlock(folder);
      if (newest === undefined) return;
      Object.assign(place, { block: newest, seen: '', bytes: 0 });
    }
    const changed: string[] = [];
    let grownBytes = 0;
    for (;;) {
      // How it looks before: what comes meanwhile is for the next time.
      const now = lookAt(file(place.block));
      if (now !== undefined && now.look !== place.seen) {
        changed.push(file(place.block));
        grownBytes += Math.max(0, now.bytes - place.bytes);
        Object.assign(place, { seen: now.look, bytes: now.bytes });
      }
      if (lookAt(file(place.block + 1)) === undefined) break;
      Object.assign(place, { block: place.block + 1, seen: '', bytes: 0 });
    }
    if (grownBytes > FLOOD_BYTES) return;
    for (const one of changed) await this.flush(one);
  }
}

/** Folders of the streams of all accounts: STORE/jetstream/ACCOUNT/streams/NAME. */
async function streamsOf(store: string): Promise<string[]> {
  const root = path.join(store, 'jetstream');
  const accounts = (await foldersIn(root)).map((account) => path.join(root, account, 'streams'));
  const streams = await Promise.all(
    accounts.map(async (folder) => (await foldersIn(folder)).map((name) => path.join(folder, name))),
  );
  return streams.flat();
}

async function foldersIn(folder: string): Promise<string[]> {
  const found = await readdir(folder, { withFileTypes: true }).catch((): Dirent[] => []);
  return found.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

async function newestBlock(folder: string): Promise<number | undefined> {
  const names = await readdir(folder).catch((): string[] => []);
  const blocks = names.flatMap((name) => /^(\d+)\.blk$/.exec(name)?.[1] ?? []).map(Number);
  return blocks.length === 0 ? undefined : Math.max(...blocks);
}

/** Undefined for one that is not there, or cannot be looked at. */
function lookAt(file: string): { look: string; bytes: number } | undefined {
  try {
    const stats = statSync(file, { throwIfNoEntry: false });
    return stats && { look: `${stats.ino} ${stats.size} ${stats.mtimeMs}`, bytes: stats.size };
  } catch {
    return undefined;
  }
}

/** A disk that fails is the server's to tell: it hears of what failed on its own files, whoever flushed them. */
async function toDisk(file: string): Promise<void> {
  const handle = await open(file, 'r').catch(() => undefined);
  if (handle === undefined) return;
  await handle.datasync().catch(() => undefined);
  await handle.close().catch(() => undefined);
}
