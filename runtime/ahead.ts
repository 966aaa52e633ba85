/**
 * Messages that other actors have committed and not yet published, read where they are committed: a round trip before
 * they stand in their stream. What the commit of an actor with delivery `commit` holds is published whatever happens to
 * it, so who reads it there hears nothing that will not be said.
 *
 * It is a hint and no input: a commit that is replaced before it is read is not seen, one that is seen twice is told
 * twice, and nothing of it has a position. All of it comes by its topic too.
 */
import type { Ahead, PublishEffect } from './actor.ts';
import type { KeyValue, KvEntry } from './bus/bus.ts';
import type { Topic, TopicName } from './bus/topics.ts';
import { actorKey, topics } from './bus/topics.ts';
import { outboxOf } from './commit.ts';
import type { MachineEvent } from './xstate.ts';

/** To read a larger commit takes longer than its message is ahead, and everybody in the thread would wait for it. */
export const LARGEST_AHEAD_BYTES = 64 * 2 ** 10;

/**
 * Tells of each message as `{ type: '<topic>.ahead', message }`, first of those that wait in commits already. Returns
 * the stop function.
 */
export async function watchAhead(
  snapshots: KeyValue,
  { topic, kind, ids }: Ahead,
  hear: (event: MachineEvent) => void,
): Promise<() => Promise<void>> {
  const keys = new Set(ids.map((id) => actorKey(kind, id)));
  // One filter: with a list of them the server searches all subjects of a block for every message.
  const filter = keys.size === 1 ? [...keys][0]! : `${kind}.*`;
  return await snapshots.watch(filter, (entry) => {
    if ('deleted' in entry || !keys.has(entry.key)) return;
    for (const message of messagesAhead(topic, entry)) hear({ type: `${topic}.ahead`, message });
  });
}

/** As a reader of the topic would get them, in the order in which they will be published. */
function messagesAhead(name: TopicName, { value }: KvEntry): unknown[] {
  if (value.length > LARGEST_AHEAD_BYTES) return [];
  const topic = topics[name] as unknown as Topic<unknown, unknown>;
  const messages: unknown[] = [];
  try {
    for (const { type, params } of outboxOf(value)) {
      if (type !== 'publish' || (params as PublishEffect['params']).topic !== name) continue;
      messages.push(topic.read((params as PublishEffect['params']).message));
    }
  } catch {
    // Who publishes it will say what is wrong with it. Those after it would be out of order.
  }
  return messages;
}
