/** What the streams hold after a round, read back past all actors. */
import type { NatsBus } from '../runtime/bus/nats.ts';
import type { Layout, TopicMessage } from '../runtime/bus/topics.ts';
import { topics } from '../runtime/bus/topics.ts';

/** Tick frames in MARKET. */
export async function storedFrames(bus: NatsBus, layout: Layout): Promise<number> {
  const filter = topics.ticks.subject({}, layout);
  const { state } = await bus.manager.streams.info('MARKET', { subjects_filter: filter });
  return Object.values(state.subjects ?? {}).reduce((sum, n) => sum + n, 0);
}

export interface StoredBars {
  readonly bars: number;
  /** Ticks that the one-second bars of each symbol stand for; a bar that was published again counts as it was last. */
  readonly ticks: ReadonlyMap<string, number>;
}

export async function storedBars(bus: NatsBus, layout: Layout): Promise<StoredBars> {
  const filter = topics.bar.subject({ timeframe: '1s' }, layout);
  const last = await bus.lastSequence('MARKET', filter);
  const bars = new Map<string, { symbol: string; ticks: number }>();
  if (last > 0) {
    await new Promise<void>((resolve, reject) => {
      const reading = bus.read({
        stream: 'MARKET',
        filters: [filter],
        fromSequence: 1,
        onMessage: ({ data, sequence }) => {
          const { symbol, openTimeMs, ticks }: TopicMessage<'bar'> = topics.bar.decode(data);
          bars.set(`${symbol} ${openTimeMs}`, { symbol, ticks });
          if (sequence === last) reading.then((reader) => reader.stop()).then(resolve, reject);
        },
        onError: reject,
      });
      reading.catch(reject);
    });
  }
  const ticks = new Map<string, number>();
  for (const bar of bars.values()) ticks.set(bar.symbol, (ticks.get(bar.symbol) ?? 0) + bar.ticks);
  return { bars: bars.size, ticks };
}
