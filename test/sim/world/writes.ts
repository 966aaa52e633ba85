/**
 * Writes of one connection to one group of streams, as `runtime/bus/nats-publisher.ts` makes them: many in flight, in
 * order, sent again until they are acknowledged or given up. The server tells a second copy by its id.
 */
import { TroupeError } from '../../../runtime/errors.ts';
import type { Host } from './host.ts';
import type { Network } from './network.ts';
import { Lane } from './network.ts';

const ACK_TIMEOUT_MS = 3_000;
const GIVE_UP_MS = 10_000;
const FIRST_BACKOFF_MS = 50;
const LONGEST_BACKOFF_MS = 2_000;

interface Write<T> {
  /** Stores at the server; throws what the server answers. */
  readonly store: () => T;
  /** Stream or bucket, for outages of one of them. */
  readonly place: string;
  readonly about: string;
  readonly firstMs: number;
  sentMs: number;
  stored: { readonly value: T } | undefined;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

export class Writes {
  private readonly network: Network;
  private readonly host: Host;
  private readonly out: Lane;
  private readonly back: Lane;
  private readonly pending = new Set<Write<unknown>>();
  private holding = false;
  private rounds = 0;
  private sweeping = false;

  constructor(network: Network, host: Host) {
    this.network = network;
    this.host = host;
    this.out = new Lane(network, host);
    this.back = new Lane(network, host);
    network.onReconnect(host, () => this.startRound());
  }

  write<T>(place: string, about: string, store: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const nowMs = this.host.clock.monotonicMs();
      const write: Write<T> = {
        ...{ store, place, about, firstMs: nowMs, sentMs: nowMs },
        stored: undefined,
        resolve,
        reject,
      };
      this.pending.add(write as Write<unknown>);
      if (!this.holding) this.transmit(write as Write<unknown>);
      this.sweepLater();
    });
  }

  private transmit(write: Write<unknown>): void {
    write.sentMs = this.host.clock.monotonicMs();
    this.out.send(() => this.atServer(write));
  }

  private atServer(write: Write<unknown>): void {
    let answer: () => void;
    if (this.network.isAway(write.place)) {
      answer = () => this.refused(write, new TroupeError('BUS_UNAVAILABLE', `${write.about}: store unavailable`));
    } else {
      try {
        write.stored ??= { value: write.store() };
        const { value } = write.stored;
        answer = () => this.settle(write, () => write.resolve(value));
      } catch (thrown) {
        answer = () => this.settle(write, () => write.reject(thrown));
      }
    }
    this.back.send(() => this.host.receive(answer));
  }

  private settle(write: Write<unknown>, end: () => void): void {
    if (!this.pending.delete(write)) return;
    this.rounds = 0;
    end();
  }

  private refused(write: Write<unknown>, error: TroupeError): void {
    if (!this.pending.has(write)) return;
    if (this.host.clock.monotonicMs() - write.firstMs < GIVE_UP_MS) this.startRound();
    else this.settle(write, () => write.reject(error));
  }

  /** Holds everything for a moment, then sends all of it again: nothing overtakes what failed. */
  private startRound(): void {
    if (this.holding || this.pending.size === 0) return;
    this.holding = true;
    const delayMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.rounds++);
    this.host.clock.setTimer(delayMs, () => {
      this.holding = false;
      for (const write of [...this.pending]) this.transmit(write);
    });
  }

  private sweepLater(): void {
    if (this.sweeping) return;
    this.sweeping = true;
    this.host.clock.setTimer(ACK_TIMEOUT_MS, () => {
      this.sweeping = false;
      this.sweep();
      if (this.pending.size > 0) this.sweepLater();
    });
  }

  private sweep(): void {
    const nowMs = this.host.clock.monotonicMs();
    for (const write of [...this.pending]) {
      if (nowMs - write.firstMs >= GIVE_UP_MS) {
        const code = this.network.cutOf(this.host) === 'drop' ? 'BUS_UNAVAILABLE' : 'BUS_TIMEOUT';
        this.settle(write, () => write.reject(new TroupeError(code, `${write.about}: no acknowledgement`)));
      } else if (nowMs - write.sentMs >= ACK_TIMEOUT_MS) this.startRound();
    }
  }
}
