/**
 * What operators ask of this node: one service per kind of actor, requests on `control.<kind>.<id>.<verb>`, answers in
 * JSON. Every node hears every request; the one that runs the actor answers, and for what nobody runs the first living
 * node says so.
 */
import type { Bus } from '../../runtime/bus/bus.ts';
import type { RunningService, ServiceAnswer, ServiceEndpoint } from '../../runtime/bus/service.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/telemetry/log.ts';
import { Directory } from './directory.ts';
import { answered, Refusal, refused, unknownName } from './refusal.ts';
import type { ControlRequest } from './request.ts';
import { isElsewhere, readPayload, readSubject } from './request.ts';
import type { Host, Target } from './target.ts';
import type { ControlKind } from './verbs.ts';
import { controlKinds, isControlKind, verbNames, verbOf } from './verbs.ts';

export interface ControlOptions {
  readonly host: Host;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Of the protocol that operators speak, not of the program. */
const VERSION = '1.0.0';
/** An answer waits so long for the state that the request asks for, then tells the one that is. */
const REACH_MS = 2_000;
const LOOK_AGAIN_MS = 20;
/** Below the 10 s after which people stop waiting. */
const RESTART_MS = 9_000;

export class Control {
  private readonly o: ControlOptions;
  private readonly directory: Directory;
  private services: RunningService[] = [];
  private killed = false;

  constructor(options: ControlOptions) {
    this.o = options;
    this.directory = new Directory(options.bus);
  }

  async start(): Promise<void> {
    const { bus, host } = this.o;
    for (const kind of controlKinds) {
      const service = await bus.service({
        name: `troupe-${kind}`,
        version: VERSION,
        description: `${kind} actors of ${host.name}`,
        metadata: { node: host.name, form: `control.${kind}.<id>.<verb>` },
        endpoints: this.endpoints(kind),
      });
      this.services.push(service);
    }
  }

  /** Nothing is answered any more, not even what has been asked. */
  kill(): void {
    this.killed = true;
    void this.stop().catch(() => undefined);
  }

  async stop(): Promise<void> {
    const services = this.services;
    this.services = [];
    await Promise.all(services.map((service) => service.stop()));
  }

  private endpoints(kind: ControlKind): ServiceEndpoint[] {
    const endpoints: ServiceEndpoint[] = verbNames(kind).map((name) => {
      const { about, takes } = verbOf(kind, name)!;
      return {
        ...{ name, subject: `control.${kind}.*.${name}`, metadata: { about, payload: takes } },
        handler: (data, subject) => this.unlessKilled(this.answer(data, subject)),
      };
    });
    const about = 'Anything else: an error that says what is allowed';
    const handler = (_: Uint8Array, subject: string): Promise<ServiceAnswer | undefined> =>
      this.unlessKilled(this.mistake(kind, subject));
    endpoints.push({ name: 'other', subject: `control.${kind}.>`, metadata: { about }, handler });
    if (kind === 'node') {
      const unknown = async (_: Uint8Array, subject: string): Promise<ServiceAnswer | undefined> => {
        const [, named = '', id] = subject.split('.');
        return isControlKind(named) && id !== undefined ? undefined : handler(_, subject);
      };
      endpoints.push({ name: 'other-kind', subject: 'control.>', metadata: { about }, handler: unknown });
    }
    return endpoints;
  }

  private async unlessKilled(answer: Promise<ServiceAnswer | undefined>): Promise<ServiceAnswer | undefined> {
    const made = await answer;
    return this.killed ? undefined : made;
  }

  private async answer(data: Uint8Array, subject: string): Promise<ServiceAnswer | undefined> {
    try {
      const request = readSubject(subject);
      const target = this.o.host.target(request.kind, request.id);
      if (target === undefined) return await this.absent(request);
      const payload = readPayload(request, data);
      const answer = await this.perform(request, target, payload);
      if (request.name !== 'status' && request.name !== 'config') {
        const { kind, id, name: verb } = request;
        this.o.log.info({ kind, id, verb, payload }, `operator: ${verb} ${kind} ${id}`);
      }
      return answered(answer);
    } catch (thrown) {
      return refused(thrown);
    }
  }

  /** A subject that no verb's own endpoint takes. */
  private async mistake(kind: ControlKind, subject: string): Promise<ServiceAnswer | undefined> {
    try {
      if (isElsewhere(subject)) return undefined;
      readSubject(subject);
      return undefined;
    } catch (thrown) {
      const request = thrown instanceof Refusal ? thrown : new Refusal('CONTROL_KIND', 'kind', `${kind}: ${thrown}`);
      return (await this.isFirst()) ? refused(request) : undefined;
    }
  }

  private async isFirst(): Promise<boolean> {
    const { name } = this.o.host;
    const nodes = await this.directory.nodes();
    return nodes.length === 0 || nodes[0] === name;
  }

  /** Undefined where another node answers. */
  private async absent({ kind, id }: ControlRequest): Promise<ServiceAnswer | undefined> {
    const { name } = this.o.host;
    const nodes = await this.directory.nodes();
    if (kind === 'node') {
      if (nodes.includes(id) || (nodes[0] ?? name) !== name) return undefined;
      throw new Refusal('CONTROL_ID', 'id', `id: ${unknownName('living node', id, nodes)}`);
    }
    const owner = await this.directory.ownerOf(kind, id);
    if (owner !== undefined && owner !== name && nodes.includes(owner)) return undefined;
    if (owner !== name && (nodes[0] ?? name) !== name) return undefined;
    if (owner === undefined) {
      throw new Refusal(
        'CONTROL_ID',
        'id',
        `id: ${unknownName(kind, id, (await this.directory.ids(kind)).toSorted())}`,
      );
    }
    const last = owner === '' ? 'it is on its way to another node' : `its last node was ${owner}`;
    throw new Refusal('CONTROL_ID', 'id', `id: ${kind} ${id} runs nowhere just now: ${last}; ask again in a moment`);
  }

  private async perform(
    request: ControlRequest,
    target: Target,
    payload: Record<string, unknown>,
  ): Promise<Record<string, unknown>> {
    const { kind, id, name, verb } = request;
    const cause = `operator: ${name}`;
    if (verb.event !== undefined) {
      const before = target.state;
      if (!target.running) {
        const message = `${kind} ${id} does not run: it is ${before}${target.detail === '' ? '' : ` (${target.detail})`}`;
        throw new Refusal('CONTROL_NOT_NOW', '', `${message}; restart brings it back`);
      }
      const why = verb.refuses?.(payload as never, target.figures());
      if (why !== undefined) throw new Refusal('CONTROL_NOT_NOW', 'payload', `${kind} ${id}: ${why}`);
      const figures = verb.done === undefined ? {} : target.figures();
      target.tell(verb.event(payload as never));
      const { reaches, done: isDone } = verb;
      if (reaches === undefined && isDone === undefined) return this.described(target);
      const done = await this.within(
        REACH_MS,
        () => reaches?.test(target.state) ?? isDone?.(figures, target.figures()) ?? false,
      );
      return { ...this.described(target), done };
    }
    switch (name) {
      case 'restart': {
        const done = await this.restarted(target, cause);
        return { ...this.described(target), done };
      }
      case 'kill':
        if (!target.crash(cause)) {
          throw new Refusal('CONTROL_NOT_NOW', '', `${kind} ${id} does not run: it is ${target.state}`);
        }
        return { ...this.described(target), killed: true };
      case 'drain':
        // After the answer: what drains says nothing any more.
        this.o.clock.setTimer(LOOK_AGAIN_MS, () => this.o.host.drain());
        return { ...this.described(target), draining: true };
      case 'config':
        return { node: this.o.host.name, config: this.o.host.config() };
      default:
        return { ...this.described(target), ...target.figures() };
    }
  }

  private described(target: Target): Record<string, unknown> {
    const { kind, id, state, detail, restarts } = target;
    return { kind, id, node: this.o.host.name, state, detail, restarts };
  }

  /** False when it is still under way: it goes on. */
  private async restarted(target: Target, cause: string): Promise<boolean> {
    let cancel = (): void => undefined;
    const late = new Promise<'late'>((resolve) => {
      cancel = this.o.clock.setTimer(RESTART_MS, () => resolve('late'));
    });
    try {
      const outcome = await Promise.race([target.restart(cause), late]);
      return outcome !== 'late' && outcome && target.running;
    } finally {
      cancel();
    }
  }

  private async within(ms: number, reached: () => boolean): Promise<boolean> {
    const { clock } = this.o;
    const untilMs = clock.monotonicMs() + ms;
    while (!reached()) {
      if (clock.monotonicMs() >= untilMs) return false;
      await clock.sleep(LOOK_AGAIN_MS);
    }
    return true;
  }
}
