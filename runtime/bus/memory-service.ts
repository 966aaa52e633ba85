/** The services protocol on the bus in memory: what `nats micro` would ask is answered as NATS answers it. */
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Bus } from './bus.ts';
import type { RunningService, ServiceAnswer, ServiceEndpoint, ServiceSpec } from './service.ts';
import { EndpointCount } from './service.ts';

const utf8 = new TextEncoder();

/** `id` tells the instances of one server apart. */
export async function memoryService(
  link: { readonly bus: Bus; readonly clock: Clock; readonly log: Logger; readonly id: string },
  spec: ServiceSpec,
): Promise<RunningService> {
  const { bus, clock, id } = link;
  const { name, version, description, metadata = {} } = spec;
  const identity = { name, id, version, metadata };
  const started = new Date(clock.nowMs()).toISOString();
  const counts = new Map<ServiceEndpoint, EndpointCount>();
  const stops: (() => Promise<void>)[] = [];

  const call = async (
    endpoint: ServiceEndpoint,
    data: Uint8Array,
    subject: string,
  ): Promise<Uint8Array | undefined> => {
    const sinceMs = clock.monotonicMs();
    let reply: ServiceAnswer | undefined;
    try {
      reply = await endpoint.handler(data, subject);
    } catch (thrown) {
      link.log.error({ subject, error: messageOf(thrown) }, 'a request failed');
      reply = { data: new Uint8Array(0), error: { code: 500, message: messageOf(thrown) } };
    }
    if (reply === undefined) return undefined;
    counts.get(endpoint)!.add(clock.monotonicMs() - sinceMs, reply.error?.message);
    return reply.data;
  };
  const described = (): object[] =>
    spec.endpoints.map((endpoint) => ({
      ...{ name: endpoint.name, subject: endpoint.subject, queue_group: id },
      ...(endpoint.metadata === undefined ? {} : { metadata: endpoint.metadata }),
    }));
  const counted = (): object[] =>
    spec.endpoints.map((endpoint) => ({
      ...{ name: endpoint.name, subject: endpoint.subject, queue_group: id },
      ...counts.get(endpoint)!.stats,
    }));
  const answers: Record<string, () => object> = {
    PING: () => ({ type: 'io.nats.micro.v1.ping_response', ...identity }),
    INFO: () => ({ type: 'io.nats.micro.v1.info_response', ...identity, description, endpoints: described() }),
    STATS: () => ({ type: 'io.nats.micro.v1.stats_response', ...identity, started, endpoints: counted() }),
  };
  for (const endpoint of spec.endpoints) {
    counts.set(endpoint, new EndpointCount());
    stops.push(await bus.serve(endpoint.subject, (data, subject) => call(endpoint, data, subject)));
  }
  for (const [verb, answer] of Object.entries(answers)) {
    for (const subject of [`$SRV.${verb}`, `$SRV.${verb}.${name}`, `$SRV.${verb}.${name}.${id}`]) {
      stops.push(await bus.serve(subject, async () => utf8.encode(JSON.stringify(answer()))));
    }
  }
  return {
    id,
    stop: async () => {
      for (const stop of stops) await stop();
    },
  };
}
