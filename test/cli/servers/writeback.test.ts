import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { Writeback } from '../../../cli/servers/writeback.ts';
import { systemClock, VirtualClock } from '../../../runtime/clock.ts';
import { scratchFolder, startNats } from '../../support/servers.ts';

describe('what nats-server writes goes to the disk a little at a time', { timeout: 60_000 }, () => {
  let scratch: ReturnType<typeof scratchFolder>;
  let clock: VirtualClock;
  let flushed: string[];
  let writeback: Writeback;

  beforeEach(() => {
    scratch = scratchFolder('writeback');
    clock = new VirtualClock(0);
    flushed = [];
    writeback = new Writeback(scratch.path, clock, async (file) => {
      flushed.push(path.relative(scratch.path, file));
    });
  });
  afterEach(() => scratch.remove());

  const streams = path.join('jetstream', '$G', 'streams');
  const blockOf = (stream: string, n: number): string => path.join(streams, stream, 'msgs', `${n}.blk`);
  const fileOf = (stream: string, n: number): string => path.join(scratch.path, blockOf(stream, n));
  const write = (stream: string, n: number, bytes = 8): void => {
    mkdirSync(path.dirname(fileOf(stream, n)), { recursive: true });
    appendFileSync(fileOf(stream, n), Buffer.alloc(bytes));
  };
  async function passed(): Promise<string[]> {
    flushed = [];
    await writeback.pass();
    return flushed;
  }

  test('of a store that does not exist yet, or has no blocks, there is nothing to do', async () => {
    assert.deepEqual(await passed(), []);
    mkdirSync(path.join(scratch.path, streams, 'EMPTY', 'msgs'), { recursive: true });
    writeFileSync(path.join(scratch.path, streams, 'EMPTY', 'msgs', 'index.db'), 'no block');
    assert.deepEqual(await passed(), []);
  });

  test('a block that has grown is flushed, one that has not is left alone', async () => {
    write('MARKET', 1);
    write('TRADING', 7);
    assert.deepEqual(await passed(), [blockOf('MARKET', 1), blockOf('TRADING', 7)]);
    assert.deepEqual(await passed(), []);
    write('TRADING', 7);
    assert.deepEqual(await passed(), [blockOf('TRADING', 7)]);
  });

  test('of a long stream only the newest block, and from then on each that becomes full', async () => {
    for (const n of [1, 2, 9, 10]) write('MARKET', n);
    assert.deepEqual(await passed(), [blockOf('MARKET', 10)]);
    for (const n of [10, 11, 12]) write('MARKET', n);
    assert.deepEqual(await passed(), [blockOf('MARKET', 10), blockOf('MARKET', 11), blockOf('MARKET', 12)]);
  });

  test('a flood is left to the kernel, and what comes after it is flushed again', async () => {
    write('MARKET', 1);
    await passed();
    write('MARKET', 1, 3 * 2 ** 20);
    assert.deepEqual(await passed(), [blockOf('MARKET', 1)], 'a lot, and no flood');
    write('MARKET', 1, 2 * 2 ** 20);
    write('MARKET', 2, 3 * 2 ** 20);
    write('TRADING', 1);
    assert.deepEqual(await passed(), [blockOf('TRADING', 1)], 'of one stream, not of the others');
    assert.deepEqual(await passed(), []);
    write('MARKET', 2);
    assert.deepEqual(await passed(), [blockOf('MARKET', 2)]);
  });

  test('what cannot be looked at is passed over', async () => {
    mkdirSync(path.join(scratch.path, streams, 'ODD'), { recursive: true });
    writeFileSync(path.join(scratch.path, streams, 'ODD', 'msgs'), 'no folder');
    mkdirSync(path.join(scratch.path, streams, 'ODDER', 'msgs', '1.blk'), { recursive: true });
    write('TRADING', 1);
    assert.ok((await passed()).includes(blockOf('TRADING', 1)));
    // And for real: a folder cannot be flushed, one that is gone cannot be opened.
    await new Writeback(scratch.path, clock).pass();
  });

  test('a stream that was purged, or deleted and made again, is found again', async () => {
    write('MARKET', 3);
    await passed();
    rmSync(fileOf('MARKET', 3));
    write('MARKET', 5);
    assert.deepEqual(await passed(), [blockOf('MARKET', 5)]);
    rmSync(path.join(scratch.path, streams, 'MARKET'), { recursive: true });
    assert.deepEqual(await passed(), []);
    write('MARKET', 1);
    assert.deepEqual(await passed(), [blockOf('MARKET', 1)]);
  });

  test('four times a second until it is stopped, never twice at once', async () => {
    write('MARKET', 1);
    writeback.start();
    clock.advance(249);
    await writeback.stop();
    assert.deepEqual(flushed, []);

    let finish = (): void => undefined;
    const slow = new Writeback(scratch.path, clock, (file) => {
      flushed.push(file);
      return new Promise((resolve) => {
        finish = resolve;
      });
    }).start();
    clock.advance(250);
    while (flushed.length === 0) await systemClock.yield();
    clock.advance(10_000);
    finish();
    write('MARKET', 1);
    while (flushed.length === 1) {
      await systemClock.yield();
      clock.advance(1);
    }
    const stopped = slow.stop();
    finish();
    await stopped;
    write('MARKET', 1);
    clock.advance(10_000);
    assert.equal(flushed.length, 2);
  });

  test('a file is flushed by the disk’s own call', async (t) => {
    write('MARKET', 1);
    const handle = await open(fileOf('MARKET', 1), 'r');
    const synced = t.mock.method(Object.getPrototypeOf(handle) as typeof handle, 'datasync');
    await handle.close();
    await new Writeback(scratch.path, clock).pass();
    assert.equal(synced.mock.callCount(), 1);
  });
});

test('the private nats-server is flushed while it runs', { timeout: 60_000 }, async () => {
  const block = path.join('jetstream', '$G', 'streams', 'SYSTEM', 'msgs', '1.blk');
  let isFlushed = false;
  const server = await startNats({
    flush: async (file) => {
      if (file.endsWith(path.join('store', block))) isFlushed = true;
    },
  });
  try {
    const { password, inboxPrefix } = server.credentials.node;
    const connection = await connect({ servers: server.url, user: 'node', pass: password, inboxPrefix });
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: 'SYSTEM', subjects: ['sys.>'] });
    await manager.jetstream().publish('sys.test', 'x');
    await connection.close();
    const untilMs = systemClock.monotonicMs() + 20_000;
    while (!isFlushed) {
      assert.ok(systemClock.monotonicMs() < untilMs, 'nothing was flushed within 20 s');
      await systemClock.sleep(20);
    }
  } finally {
    await server.stop();
  }
});
