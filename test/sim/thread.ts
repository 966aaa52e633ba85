/**
 * A strategy's thread in the simulated world: the code of both sides as it is (`node/thread/`), with a port and a life on
 * virtual time between them in place of a worker. It has a clock and a connection of its own; it is frozen and killed with
 * its node, hangs or ends by itself where a seed says so, and what it has said before stays on its way.
 */
import type { Bear, Body } from '../../node/thread/body.ts';
import { Host as ThreadHost } from '../../node/thread/host.ts';
import type { FromThread, ToThread } from '../../node/thread/protocol.ts';
import { Vitals } from '../../node/thread/vitals.ts';
import type { Bus } from '../../runtime/bus/bus.ts';
import type { Random } from '../../runtime/random.ts';
import { silentLogger } from '../../runtime/telemetry/log.ts';
import { Host } from './world/host.ts';
import type { Loop } from './world/loop.ts';

/** Until its modules are loaded. */
const BORN_MS = 40;
const PORT_MS = 0.2;
const END_MS = 2;
const HEAP = { used_heap_size: 2 ** 20, external_memory: 0, malloced_memory: 0 };
/** With `loses`, one of so many handings over is lost. */
const LOST_OF = 11;

export interface SimThreadOptions {
  readonly node: Host;
  readonly loop: Loop;
  readonly random: Random;
  readonly connect: (thread: SimThread) => Bus;
  /** A safeguard less: the heart beats whatever hangs; inputs are lost on the way. */
  readonly without?: 'watchdog' | 'inputs' | undefined;
  /** It is there. */
  readonly onBorn: (thread: SimThread) => void;
}

/** What an interpreter in a thread remembers, for the witness. */
interface Inside {
  readonly interpreter?: { readonly current?: { readonly context: unknown } };
}

export class SimThread implements Body {
  readonly host: Host;
  /** The strategy that runs in it; empty before it has one. */
  strategy = '';
  private readonly o: SimThreadOptions;
  private readonly hooks: Parameters<Bear>[3];
  private inner: ThreadHost | undefined;
  private hear: ((message: ToThread) => void) | undefined;
  private early: ToThread[] = [];
  private lastInMs = 0;
  private lastOutMs = 0;
  private handed = 0;

  constructor(options: SimThreadOptions, [birth, , , hooks]: Parameters<Bear>) {
    this.o = options;
    this.hooks = hooks;
    const { node, loop, random } = options;
    // Under the node's name: what it writes is the node's doing.
    const host = new Host(node.name, loop, random, node.clockFault, node);
    this.host = host;
    const vitals = new Vitals(birth.vitals);
    const { clock } = options.without === 'watchdog' ? node : host;
    const beat = (): void => {
      vitals.beat();
      clock.setTimer(birth.heartbeatMs, beat);
    };
    beat();
    host.clock.setTimer(BORN_MS * (0.5 + random.next()), () => {
      const port = {
        on: (_event: 'message', hear: (message: ToThread) => void) => {
          this.hear = hear;
          for (const message of this.early.splice(0)) hear(message);
        },
        postMessage: (message: FromThread) => this.say(message),
      };
      const connect = async (): Promise<Bus> => options.connect(this);
      const { clock: own } = host;
      this.inner = new ThreadHost({ port, vitals, clock: own, log: silentLogger, node: birth.node, connect });
      this.inner.listen();
    });
    options.onBorn(this);
  }

  get context(): unknown {
    return (this.inner as unknown as Inside | undefined)?.interpreter?.current?.context;
  }

  post(message: ToThread): void {
    // Practice changes nothing but how warm its code is.
    if (message.type === 'rehearse') return;
    if (message.type === 'run') this.strategy = message.run.id;
    if (message.type === 'inputs' && this.o.without === 'inputs' && ++this.handed % LOST_OF === 0) return;
    const copy = structuredClone(message);
    this.lastInMs = this.soon(this.lastInMs, () =>
      this.host.receive(() => {
        if (this.hear === undefined) this.early.push(copy);
        else this.hear(copy);
      }),
    );
  }

  /** It does nothing any more, and does not end. */
  hang(): void {
    this.host.isStuck = true;
    this.host.freeze();
  }

  /** It ends by itself. */
  exit(code: number): void {
    if (!this.host.alive) return;
    this.host.kill();
    this.later(() => this.hooks.onExit(code));
  }

  async terminate(): Promise<void> {
    if (this.host.alive) {
      this.host.kill();
      this.later(() => this.hooks.onExit(1));
    }
    await new Promise<void>((resolve) => this.later(resolve));
  }

  async heap(): Promise<typeof HEAP> {
    if (!this.host.alive) throw new Error('the thread has ended');
    return HEAP;
  }

  private say(message: FromThread): void {
    if (!this.host.alive) return;
    const copy = structuredClone(message);
    this.lastOutMs = this.soon(this.lastOutMs, () => this.o.node.receive(() => this.hooks.onMessage(copy)));
  }

  /** In order. Returns when. */
  private soon(lastMs: number, work: () => void): number {
    const { loop, random } = this.o;
    const atMs = Math.max(lastMs, loop.elapsedMs + random.next() * PORT_MS);
    loop.after(Math.max(0, atMs - loop.elapsedMs), work);
    return atMs;
  }

  /** Behind everything that it has said. */
  private later(work: () => void): void {
    const { loop, node } = this.o;
    const atMs = Math.max(this.lastOutMs, loop.elapsedMs + END_MS);
    loop.after(atMs - loop.elapsedMs, () => node.receive(work));
  }
}

export const bearIn =
  (options: SimThreadOptions): Bear =>
  (...birth) =>
    new SimThread(options, birth);
