/** The connection between terminal and bridge: in order both ways, until it breaks; then what was under way is gone. */
import type { Random } from '../../../runtime/random.ts';
import type { Host } from '../world/host.ts';
import type { Loop } from '../world/loop.ts';

export class Link {
  readonly session: string;
  open = true;
  /** Told once each; the terminal may notice later than the bridge. */
  onLostAtBridge: () => void = () => undefined;
  onLostAtTerminal: () => void = () => undefined;
  private readonly loop: Loop;
  private readonly random: Random;
  private readonly lastMs = { bridge: 0, terminal: 0 };
  private readonly ends: { readonly bridge: Host; readonly terminal: Host };

  constructor(session: string, loop: Loop, random: Random, ends: { bridge: Host; terminal: Host }) {
    this.session = session;
    this.loop = loop;
    this.random = random;
    this.ends = ends;
  }

  send(to: 'bridge' | 'terminal', work: () => void): void {
    if (!this.open) return;
    const nowMs = this.loop.clock.monotonicMs();
    this.lastMs[to] = Math.max(this.lastMs[to], nowMs + 0.1 + this.random.next() * 0.4);
    this.loop.after(this.lastMs[to] - nowMs, () => {
      if (this.open) this.ends[to].receive(() => this.open && work());
    });
  }

  break(): void {
    if (!this.open) return;
    this.open = false;
    this.ends.bridge.receive(() => this.onLostAtBridge());
    this.loop.after(this.random.next() * 500, () => this.ends.terminal.receive(() => this.onLostAtTerminal()));
  }
}
