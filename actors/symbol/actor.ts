/** A symbol as an actor: hears its ticks, says its bars and features. */
import type { ActorDefinition, Input } from '../../runtime/actor.ts';
import { follows, symbolMachine } from './machine.ts';
import type { SymbolContext } from './market.ts';
import type { SymbolSettings } from './rules.ts';
import { makeRules } from './rules.ts';

/** Version of SymbolContext; a snapshot of another is refused. Raise it with every change of the context or of a state array. */
const VERSION = 1;

export interface SymbolActorOptions extends SymbolSettings {
  /** Source of the ticks, as it stands in their subject. */
  readonly source: string;
  /** Metrics: after each step, with the ticks that were applied in it. */
  readonly onTicksApplied?: (n: number) => void;
  /**
   * Metrics: for each published bar, milliseconds from the terminal's sending of the closing frame to its making; of frames
   * that were taken in one step, the oldest one's.
   */
  readonly onBar?: (latencyMs: number) => void;
}

/** Throws CONFIG_INVALID on settings that cannot be met. The actor's id is the symbol. */
export function symbolActor(options: SymbolActorOptions): ActorDefinition {
  const { symbol, source, onTicksApplied, onBar } = options;
  const rules = makeRules(options);
  const ticks: Input<'ticks'> = { topic: 'ticks', key: { source, symbol }, from: 'start', joins: follows };
  return {
    kind: 'symbol',
    id: symbol,
    machine: symbolMachine(rules),
    input: undefined,
    version: VERSION,
    delivery: 'replay',
    inputs: [ticks],
    describe: ({ context }) => describe(context as SymbolContext),
    observe: (event, { context }) => {
      if (event.type !== 'ticks') return;
      const { applied, bars, latencyMs } = (context as SymbolContext).last;
      onTicksApplied?.(applied);
      if (onBar === undefined || Number.isNaN(latencyMs)) return;
      for (let i = 0; i < bars; i++) onBar(latencyMs);
    },
  };
}

function describe(context: SymbolContext): string {
  return context.ticksApplied === 0 ? 'no tick yet' : `${context.bid}/${context.ask}`;
}
