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

  private gather(hand: (data: Uint8Array) => void, resume: () => void): OnReadOpts {
    const pace = new ReadPace();
    const messages = new WholeMessages();
    let room = Buffer.allocUnsafeSlow(READ_BYTES);
    let handed = 0;
    let used = 0;
    return {
      buffer: () => {
        if (room.length - used < LEAST_READ_BYTES) {
          const full = room;
          room = Buffer.allocUnsafeSlow(READ_BYTES);
          used = full.copy(room, 0, handed, used);
          handed = 0;
        }
        return room.subarray(used);
      },
      callback: (bytes) => {
        const isFull = used + bytes === room.length;
        used += bytes;
        const whole = messages.cut(room, handed, used);
        // Not a Buffer, whose parts are dearer to make, and there is one for each message.
        if (whole > handed) hand(new Uint8Array(room.buffer, handed, whole - handed));
        handed = whole;
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

/** As `connect` of the client's own package. */
export function connect(options: ConnectionOptions, clock: Clock): Promise<NatsConnection> {
  setTransportFactory({ factory: () => new GatheringTransport(clock), dnsResolveFn: nodeResolveHost });
  return NatsConnectionImpl.connect(options);
}
