/**
 * The connection's socket. Node reads a socket whenever anything has come, however little, and into 64 KiB of fresh
 * memory. While a server sends thousands of frames a second, most of them one by one, each costs a wake-up and a buffer.
 * Here a socket that has been read several times within a millisecond is left alone for one, and what has gathered is
 * read in one piece; a quiet one is read at once. One that fills every piece is not left alone: it is behind, and only
 * lets others have their turn. Where a piece ends in the middle of a frame, the client gets the frame with the next one.
 *
 * With TLS the socket is read as Node does it.
 */
import { createConnection, type OnReadOpts, type Socket, type TcpNetConnectOpts } from 'node:net';
import { NatsConnectionImpl, setTransportFactory } from '@nats-io/nats-core/internal';
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node';
import { NodeTransport, nodeResolveHost } from '@nats-io/transport-node/lib/node_transport.js';
import type { Clock } from '../clock.ts';
import type { Deliveries } from './deliveries.ts';
import { Pieces } from './pieces.ts';
import { REST_MS, ReadPace } from './read-pace.ts';
import { LONGEST_KEPT, WholeMessages } from './whole-messages.ts';

/** A piece is at most so long: whoever keeps one message of it keeps the piece. Longer than what may be kept back. */
const READ_BYTES = 2 * LONGEST_KEPT;
const LEAST_READ_BYTES = 16 * 1024;

class GatheringTransport extends NodeTransport {
  private readonly clock: Clock;

  constructor(clock: Clock) {
    super();
    this.clock = clock;
  }

  /**
   * As the client's own, which hears of data by events. Nothing comes while nobody listens yet: the server's first words
   * arrive after the listener is there, its next ones answer ours.
   */
  override dial(server: { hostname: string; port: number }): Promise<Socket> {
    return new Promise((resolve, reject) => {
      let fault: Error | undefined;
      const options: TcpNetConnectOpts = {
        ...{ host: server.hostname, port: server.port, noDelay: true },
        onread: this.gather(
          // The client makes a new transport for each connection, and hands it the connection's options.
          (this.options as Connecting).deliveries,
          (data) => socket.emit('data', data),
          () => socket.resume(),
        ),
      };
      const socket = createConnection(options, () => {
        socket.removeAllListeners();
        resolve(socket);
      });
      socket.on('error', (error) => {
        fault = error;
      });
      socket.on('close', () => {
        socket.removeAllListeners();
        reject(fault);
      });
    });
  }

  private gather(deliveries: Deliveries | undefined, hand: (data: Uint8Array) => void, resume: () => void): OnReadOpts {
    const pace = new ReadPace();
    const messages = new WholeMessages();
    const pieces = new Pieces(READ_BYTES);
    let piece = pieces.take();
    let handed = 0;
    let used = 0;
    const toClient = (end: number): void => {
      if (end > handed) {
        // It keeps what it likes of it.
        piece.lend();
        // Not a Buffer, whose parts are dearer to make, and there is one for each message.
        hand(piece.bytes.subarray(handed, end));
      }
      handed = end;
    };
    const each =
      deliveries &&
      ((at: number, feed: number, end: number): void => {
        if (!deliveries.hand(piece, at, feed, end)) return;
        toClient(at);
        handed = end;
      });
    return {
      buffer: () => {
        if (READ_BYTES - used < LEAST_READ_BYTES) {
          const full = piece;
          piece = pieces.take();
          piece.bytes.set(full.bytes.subarray(handed, used));
          used -= handed;
          handed = 0;
          full.close();
        }
        return piece.bytes.subarray(used);
      },
      callback: (bytes) => {
        const isFull = used + bytes === READ_BYTES;
        used += bytes;
        toClient(messages.cut(piece.bytes, handed, used, deliveries?.isEmpty === false ? each : undefined));
        switch (pace.next(this.clock.monotonicMs(), isFull)) {
          case 'on':
            return true;
          case 'turn':
            void this.clock.yield().then(resume);
            return false;
          case 'rest':
            this.clock.setTimer(REST_MS, resume);
            return false;
        }
      },
    };
  }
}

export interface Connecting extends ConnectionOptions {
  /** What these know the receiver of goes past the client. */
  readonly deliveries?: Deliveries;
}

/** As `connect` of the client's own package. */
export function connect(options: Connecting, clock: Clock): Promise<NatsConnection> {
  setTransportFactory({ factory: () => new GatheringTransport(clock), dnsResolveFn: nodeResolveHost });
  return NatsConnectionImpl.connect(options);
}
