/**
 * Messages that other actors have committed and not yet published, told by the server as it stores the commit: a round
 * trip before they stand in their stream. What the commit of an actor with delivery `commit` holds is published whatever
 * happens to it, so who is told of it hears nothing that will not be said.
 *
 * It is a hint and no input: who does not listen just then misses it, a commit that is made again is told again, and
 * nothing of it has a position. All of it comes by its topic too.
 */
import type { Ahead, PublishEffect } from './actor.ts';
import type { KeyValue } from './bus/bus.ts';
import type { Topic, TopicName } from './bus/topics.ts';
import { actorKey, topics } from './bus/topics.ts';
import type { MachineEvent } from './xstate.ts';

const wireOf = (topic: TopicName) => topics[topic] as unknown as Topic<unknown, unknown>;

/** For `foretell` of an actor: its messages on `topic`, as they will be published. */
export const foretellTopic =
  (topic: TopicName) =>
  (type: string, params: unknown): Uint8Array | undefined => {
    const said = params as PublishEffect['params'];
    return type === 'publish' && said.topic === topic ? wireOf(topic).encode(said.message) : undefined;
  };

/** Tells of each message as `{ type: '<topic>.ahead', message }`. Returns the stop function. */
export async function hearAhead(
  snapshots: KeyValue,
  { topic, kind, ids }: Ahead,
  hear: (event: MachineEvent) => void,
): Promise<() => Promise<void>> {
  const keys = new Set(ids.map((id) => actorKey(kind, id)));
  const filter = keys.size === 1 ? [...keys][0]! : `${kind}.*`;
  return await snapshots.listen(filter, (foretold, key) => {
    if (!keys.has(key)) return;
    let message: unknown;
    try {
      message = wireOf(topic).decode(foretold);
    } catch {
      return; // Who hears it by its topic says what is wrong with it.
    }
    hear({ type: `${topic}.ahead`, message });
  });
}
