/** A TCP connection with us in the middle, which can be cut: both ends lose it, and for a while nobody gets through. */
import type { AddressInfo, Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { systemClock as clock } from '../../runtime/clock.ts';

export class Cable {
  readonly port: number;
  private readonly server: Server;
  private readonly ends = new Set<Socket>();
  private deadUntilMs = 0;

  private constructor(server: Server, to: number) {
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (near) => this.join(near, to));
  }

  /** To this port of 127.0.0.1. */
  static async to(port: number): Promise<Cable> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return new Cable(server, port);
  }

  /** How many connections it carries. */
  get connections(): number {
    return this.ends.size / 2;
  }

  cut(lastsMs: number): void {
    this.deadUntilMs = clock.monotonicMs() + lastsMs;
    for (const end of this.ends) end.resetAndDestroy();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const end of this.ends) end.destroy();
    await closed;
  }

  private join(near: Socket, to: number): void {
    if (clock.monotonicMs() < this.deadUntilMs) {
      near.on('error', () => undefined).resetAndDestroy();
      return;
    }
    const far = connect({ host: '127.0.0.1', port: to, noDelay: true });
    for (const [one, other] of [[near, far] as const, [far, near] as const]) {
      this.ends.add(one);
      one.pipe(other);
      one.on('error', () => undefined);
      one.on('close', () => {
        this.ends.delete(one);
        other.destroy();
      });
    }
  }
}
