/**
 * One safeguard less: each of these takes one away, from outside, and the witness must see it. Nothing of this is in
 * the company's own code; what a break changes it changes between an actor and what lies around it.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { CommandReplySchema, CommandSchema, Outcome } from '../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import type { Bus, KeyValue } from '../../runtime/bus/bus.ts';
import { aheadSubject, commandSubject, topics } from '../../runtime/bus/topics.ts';
import { decodeSnapshot, encodeSnapshot } from '../../runtime/codec.ts';
import type { ErrorCode } from '../../runtime/errors.ts';
import { TroupeError } from '../../runtime/errors.ts';
import { over, withBucket } from '../support/bus.ts';
import { ACCOUNT } from './config.ts';
import type { Host } from './world/host.ts';

export interface Break {
  readonly name: string;
  /** What is taken away. */
  readonly what: string;
  /** Done by the simulated bridge. */
  readonly bridge?: 'fence' | 'journal' | 'journal-disk' | 'refused';
  /** Done between a node and its threads. */
  readonly thread?: 'watchdog' | 'inputs';
  /** Done by the streams: they forget every message id at once. */
  readonly forgetsIds?: boolean;
  /** Done on the way between a node and the server. */
  bus?(bus: Bus, host: Host): Bus;
}

interface Envelope {
  outbox: { type: string; params: unknown }[];
  positions: Record<string, number>;
  context: Record<string, unknown>;
  timers: unknown[];
}

/** Changes what is written into, or read from, the snapshots of one kind of actor. */
const commits =
  (when: 'save' | 'load', kind: string, change: (envelope: Envelope, bus: Bus) => void | Promise<void>) =>
  (bus: Bus): Bus => {
    const rewrite = async (value: Uint8Array): Promise<Uint8Array> => {
      const envelope = decodeSnapshot(value) as Envelope;
      await change(envelope, bus);
      return encodeSnapshot(envelope);
    };
    const ours = (key: string): boolean => kind === '' || key.startsWith(`${kind}.`);
    return withBucket(bus, 'snapshots', (kv) =>
      when === 'load'
        ? {
            get: async (key) => {
              const entry = await kv.get(key);
              return entry === undefined || !ours(key) ? entry : { ...entry, value: await rewrite(entry.value) };
            },
          }
        : {
            create: async (key, value) => kv.create(key, ours(key) ? await rewrite(value) : value),
            update: async (key, value, revision, foretold) =>
              kv.update(key, ours(key) ? await rewrite(value) : value, revision, foretold),
          },
    );
  };

const lastWins = (kv: KeyValue): Partial<KeyValue> => ({
  create: (key, value) => kv.put(key, value),
  update: (key, value) => kv.put(key, value),
});

/** An order that fails to be asked for in one of these ways is called refused. */
const refusedAt =
  (codes: readonly ErrorCode[]) =>
  (bus: Bus): Bus =>
    over(bus, {
      request: async (subject, data, timeoutMs) => {
        try {
          return await bus.request(subject, data, subject === commandSubject(ACCOUNT) ? 2_000 : timeoutMs);
        } catch (error) {
          if (!(error instanceof TroupeError) || subject !== commandSubject(ACCOUNT)) throw error;
          const { commandId, body } = fromBinary(CommandSchema, data);
          if (body.case !== 'place' || !codes.includes(error.code)) throw error;
          const reply = { commandId, outcome: Outcome.REFUSED, code: error.code };
          return toBinary(CommandReplySchema, create(CommandReplySchema, reply));
        }
      },
    });

/** What updates foretell is told before the store has been asked. */
const foretellFirst = (bus: Bus): Bus =>
  withBucket(bus, 'snapshots', (kv) => ({
    update: (key, value, revision, foretold = []) => {
      for (const bytes of foretold) bus.send(aheadSubject(key), bytes);
      return kv.update(key, value, revision);
    },
  }));

function isAdjustment(subject: string, data: Uint8Array): boolean {
  return subject.startsWith('trade.fill.') && topics.fill.decode(data).reason === 'adjustment';
}

export const breaks: readonly Break[] = [
  {
    name: 'outbox',
    what: 'commits do not carry what is still to be said: after a crash it is never said',
    bus: commits('save', '', (envelope) => {
      envelope.outbox = [];
    }),
  },
  {
    name: 'compare-and-set',
    what: 'whoever commits last wins: an owner that was superseded overwrites its successor',
    bus: (bus) => withBucket(bus, 'snapshots', lastWins),
  },
  {
    name: 'claim',
    what: 'actors are claimed without compare-and-set: two nodes may hold one',
    bus: (bus) => withBucket(bus, 'actors', lastWins),
  },
  {
    name: 'commit-first',
    what: 'a commit counts as done before the store has it: effects outlive the state that decided them',
    bus: (bus, host) =>
      withBucket(bus, 'snapshots', (kv) => {
        const waiting = new Map<string, { value: Uint8Array; revision: number }>();
        const real = new Map<string, number>();
        const write = async (key: string): Promise<void> => {
          const next = waiting.get(key);
          waiting.delete(key);
          if (next === undefined) return;
          real.set(key, await kv.update(key, next.value, real.get(key) ?? next.revision));
        };
        return {
          update: async (key, value, revision) => {
            const isFirst = !waiting.has(key);
            waiting.set(key, { value, revision });
            if (isFirst) host.clock.setTimer(400, () => void write(key).catch(() => undefined));
            return revision;
          },
          get: async (key) => {
            waiting.delete(key);
            real.delete(key);
            return kv.get(key);
          },
        };
      }),
  },
  {
    name: 'position',
    what: 'a restarted actor does not know how far it has read and goes on with what comes from now on',
    bus: commits('load', '', async (envelope, bus) => {
      for (const family of Object.keys(envelope.positions)) {
        envelope.positions[family] = await bus.lastSequence(family === 'trading' ? 'TRADING' : 'MARKET');
      }
    }),
  },
  {
    name: 'intent-memory',
    what: 'a restarted broker has forgotten which intents it has dealt with',
    bus: commits('load', 'broker', (envelope) => {
      envelope.context.finished = new Float64Array(0);
    }),
  },
  {
    name: 'deal-memory',
    what: 'a restarted broker has forgotten which deals it has booked',
    bus: commits('load', 'broker', (envelope) => {
      envelope.context.tickets = { seen: [], floor: 0 };
    }),
  },
  {
    name: 'halt-memory',
    what: 'a restarted broker has forgotten that the account is halted or reduced',
    bus: commits('load', 'broker', (envelope) => {
      Object.assign(envelope.context, { mode: 'active', modeReason: '', safe: null, operation: null });
    }),
  },
  {
    name: 'safe-memory',
    what: 'a restarted broker has forgotten what it was doing to make the account safe',
    bus: commits('load', 'broker', (envelope) => {
      envelope.context.operation = null;
    }),
  },
  {
    name: 'adjustment',
    what: 'what the broker takes over from the terminal is not told',
    bus: (bus) =>
      over(bus, {
        publish: async (request) =>
          isAdjustment(request.subject, request.data) ? { sequence: 0, duplicate: true } : bus.publish(request),
      }),
  },
  {
    name: 'message-ids',
    what: 'the streams store a message again whose id they know',
    forgetsIds: true,
  },
  {
    name: 'fence',
    what: 'the bridge obeys commands of an owner that was superseded',
    bridge: 'fence',
  },
  {
    name: 'refused',
    what: 'the bridge places an order that it hears of late, after it has refused it',
    bridge: 'refused',
  },
  {
    name: 'journal',
    what: 'the bridge carries out a repeated order again',
    bridge: 'journal',
  },
  {
    name: 'journal-disk',
    what: 'a restarted bridge has lost its journal',
    bridge: 'journal-disk',
  },
  {
    name: 'ask-unknown',
    what: 'an order without an answer is called rejected instead of being asked for',
    bus: refusedAt(['BUS_TIMEOUT', 'BUS_NO_RESPONDER', 'BUS_UNAVAILABLE']),
  },
  {
    name: 'no-responder',
    what: 'an order for which no bridge answers is called rejected, although one may have heard of its commit',
    bus: refusedAt(['BUS_NO_RESPONDER']),
  },
  {
    name: 'foretell-first',
    what: 'the bridge hears of an order before its commit is stored',
    bus: foretellFirst,
  },
  {
    name: 'redeliver',
    what: 'a command that was committed and not known to be sent is sent again after a restart',
    bus: commits('load', 'broker', async ({ outbox }, bus) => {
      const claim = await (await bus.kv('actors')).get(`broker.${ACCOUNT}`);
      for (const { type, params } of outbox) {
        if (type !== 'command') continue;
        const { commandId, body } = params as { commandId: string; body: never };
        const command = create(CommandSchema, { commandId, fence: claim?.revision ?? 0, body });
        void bus.request(commandSubject(ACCOUNT), toBinary(CommandSchema, command), 10_000).catch(() => undefined);
      }
    }),
  },
  {
    name: 'self-stop',
    what: 'a node that cannot renew its lease goes on',
    bus: (bus, host) =>
      withBucket(bus, 'leases', (kv) => ({
        update: (key, value, revision) => {
          const renewed = kv.update(key, value, revision).catch(() => revision);
          return Promise.race([renewed, host.clock.sleep(1_000).then(() => revision)]);
        },
      })),
  },
  {
    name: 'watchdog',
    what: 'a thread that hangs is taken for alive',
    thread: 'watchdog',
  },
  {
    name: 'thread-inputs',
    what: 'some of what a node hands to a thread does not arrive',
    thread: 'inputs',
  },
];
