/** Who else there is: asked when it is needed, because an operator's mistake is rare and watching thousands is not free. */
import type { Bus, KeyValue } from '../../runtime/bus/bus.ts';
import { unescapeToken } from '../../runtime/bus/subjects.ts';
import { actorKey } from '../../runtime/bus/topics.ts';

const text = new TextDecoder();

export class Directory {
  private readonly bus: Bus;

  constructor(bus: Bus) {
    this.bus = bus;
  }

  /** Names of the nodes whose lease is alive, sorted. */
  async nodes(): Promise<string[]> {
    return (await this.keys(await this.bus.kv('leases'), 'node')).toSorted();
  }

  /** Ids of a kind's actors, wherever they run or ran. */
  async ids(kind: string): Promise<string[]> {
    return this.keys(await this.bus.kv('actors'), kind);
  }

  /** Node that owns the actor: '' for none, undefined where nobody has ever heard of it. */
  async ownerOf(kind: string, id: string): Promise<string | undefined> {
    const entry = await (await this.bus.kv('actors')).get(actorKey(kind, id));
    if (entry === undefined) return undefined;
    try {
      return String((JSON.parse(text.decode(entry.value)) as { node?: unknown }).node ?? '');
    } catch {
      return '';
    }
  }

  private async keys(bucket: KeyValue, prefix: string): Promise<string[]> {
    const ids: string[] = [];
    const stop = await bucket.watch(`${prefix}.*`, (entry) => {
      if (!('deleted' in entry)) ids.push(entry.key.slice(prefix.length + 1));
    });
    await stop();
    return ids.flatMap((token) => {
      try {
        return [unescapeToken(token)];
      } catch {
        return [];
      }
    });
  }
}
