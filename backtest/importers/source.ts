// The bytes of a file, chunk by chunk, unpacked where it is gzip.

import { type FileHandle, open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { ImportError } from './errors.ts';

const CHUNK_BYTES = 1 << 20;
const UNPACKED_CHUNK_BYTES = 1 << 18;

export class ByteSource {
  readonly path: string;
  /** Size of the file; 0 where it is not known (a pipe). */
  readonly totalBytes: number;
  /** Bytes read from the file so far (packed bytes for gzip). */
  readBytes = 0;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle, totalBytes: number) {
    this.path = path;
    this.#handle = handle;
    this.totalBytes = totalBytes;
  }

  /** Throws ImportError IMPORT_NOT_FOUND, IMPORT_IS_FOLDER or IMPORT_UNREADABLE. */
  static async open(path: string): Promise<ByteSource> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, 'r');
      const stat = await handle.stat();
      if (stat.isDirectory()) throw new ImportError('IMPORT_IS_FOLDER', path, 'is a folder, a file is needed');
      return new ByteSource(path, handle, stat.isFile() ? stat.size : 0);
    } catch (error) {
      await handle?.close();
      if (error instanceof ImportError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') {
        throw new ImportError('IMPORT_NOT_FOUND', path, 'there is no such file', { cause: error });
      }
      throw new ImportError('IMPORT_UNREADABLE', path, `cannot be opened: ${message}`, { cause: error });
    }
  }

  /** The next bytes, in memory of their own; undefined at the end. Fills the chunk even where reads are short. */
  async next(): Promise<Buffer | undefined> {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let filled = 0;
    while (filled < CHUNK_BYTES) {
      const { bytesRead } = await this.#handle.read(chunk, filled, CHUNK_BYTES - filled, null);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    this.readBytes += filled;
    return filled === 0 ? undefined : chunk.subarray(0, filled);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** Takes raw bytes; finish resolves to the error that ended unpacking early, if one did. */
export interface Unpacker {
  write(chunk: Buffer): Promise<void>;
  finish(): Promise<Error | undefined>;
}

export function plainUnpacker(onBytes: (chunk: Buffer) => void): Unpacker {
  return {
    write: async (chunk) => onBytes(chunk),
    finish: async () => undefined,
  };
}

/**
 * Unpacks gzip and hands on every byte that can be unpacked before a damaged or missing part. Flowing mode matters:
 * an async iterator would throw away what is buffered when the stream fails.
 */
export function gzipUnpacker(onBytes: (chunk: Buffer) => void): Unpacker {
  const gunzip = createGunzip({ chunkSize: UNPACKED_CHUNK_BYTES });
  let failure: Error | undefined;
  const closed = new Promise<void>((resolve) => gunzip.once('close', resolve));
  gunzip.on('error', (error) => {
    failure ??= error;
  });
  gunzip.on('data', (chunk: Buffer) => {
    // A throw of the consumer must end the import, not escape from a stream's event.
    try {
      if (failure === undefined) onBytes(chunk);
    } catch (error) {
      gunzip.destroy(error as Error);
    }
  });
  return {
    write(chunk) {
      if (failure !== undefined || gunzip.destroyed) return Promise.resolve();
      // A write during which the stream fails is never called back.
      return Promise.race([new Promise<void>((resolve) => gunzip.write(chunk, () => resolve())), closed]);
    },
    async finish() {
      if (!gunzip.destroyed) gunzip.end();
      await closed;
      return failure;
    },
  };
}
