/** Services over NATS: the client's own services package, with honest figures for handlers that take their time. */
import type { Endpoint, ServiceMsg } from '@nats-io/services';
import { Svcm } from '@nats-io/services';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../telemetry/log.ts';
import { plainBytes } from './keys.ts';
import { busError } from './nats-errors.ts';
import type { RunningService, ServiceAnswer, ServiceEndpoint, ServiceSpec } from './service.ts';
import { EndpointCount } from './service.ts';

export interface ServiceLink {
  readonly connection: NatsConnection;
  readonly clock: Clock;
  readonly log: Logger;
  /** Queue groups begin with it that no other instance has: every instance hears every request, and whoever can answers. */
  readonly queue: string;
}

const empty = new Uint8Array(0);

export async function natsService(link: ServiceLink, spec: ServiceSpec): Promise<RunningService> {
  const { connection } = link;
  const { name, version, description, metadata } = spec;
  const counts = new Map<string, EndpointCount>(spec.endpoints.map((endpoint) => [endpoint.name, new EndpointCount()]));
  try {
    // The package was made against an earlier copy of the same client core; the types of the two are told apart by name.
    const service = await new Svcm(connection as unknown as ConstructorParameters<typeof Svcm>[0]).add({
      ...{ name, version, description, queue: link.queue },
      ...(metadata === undefined ? {} : { metadata: { ...metadata } }),
      statsHandler: async (endpoint) => correct(endpoint, counts),
    });
    for (const endpoint of spec.endpoints) {
      const count = counts.get(endpoint.name)!;
      service.addEndpoint(endpoint.name, {
        subject: endpoint.subject,
        // Of overlapping subjects with one queue group the server would take one at random.
        queue: `${link.queue}-${name}-${endpoint.name}`,
        ...(endpoint.metadata === undefined ? {} : { metadata: { ...endpoint.metadata } }),
        handler: (error, message) => {
          if (error) link.log.error({ service: name, error: messageOf(error) }, 'serving ended');
          else void answer(link, endpoint, count, message);
        },
      });
    }
    // The server must know of it before anybody is told that it is served.
    await connection.flush().catch(() => {});
    return {
      id: service.info().id,
      stop: async () => {
        if (!service.isStopped) await service.stop();
        if (!connection.isClosed()) await connection.flush().catch(() => {});
      },
    };
  } catch (error) {
    throw busError(error, `service ${name}`);
  }
}

async function answer(
  link: ServiceLink,
  endpoint: ServiceEndpoint,
  count: EndpointCount,
  message: ServiceMsg,
): Promise<void> {
  const sinceMs = link.clock.monotonicMs();
  let reply: ServiceAnswer | undefined;
  try {
    reply = await endpoint.handler(plainBytes(message.data), message.subject);
  } catch (thrown) {
    link.log.error({ subject: message.subject, error: messageOf(thrown) }, 'a request failed');
    reply = { data: empty, error: { code: 500, message: messageOf(thrown) } };
  }
  if (reply === undefined) return;
  count.add(link.clock.monotonicMs() - sinceMs, reply.error?.message);
  try {
    if (link.connection.isClosed()) return;
    if (reply.error === undefined) message.respond(reply.data);
    else message.respondError(reply.error.code, oneLine(reply.error.message), reply.data);
  } catch (thrown) {
    link.log.error({ subject: message.subject, error: messageOf(thrown) }, 'an answer was not sent');
  }
}

/** A header is one line of printable ASCII, and short: the whole text stands in the body. */
const oneLine = (text: string): string => text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 512);

/**
 * The package counts a handler as done once it returns, and a handler that waits returns at once. Its statistics are put
 * right here, just before they are sent; a test holds that they are.
 */
function correct(endpoint: Endpoint, counts: ReadonlyMap<string, EndpointCount>): undefined {
  const { name, stats } = endpoint as Endpoint & { name?: string; stats?: object };
  const count = counts.get(name ?? '');
  if (count !== undefined && stats !== undefined) Object.assign(stats, count.stats);
  return undefined;
}
