/** The fleet's own connection to NATS: it makes the streams of a replay once, before any node, and sees when all is quiet. */
import type { NatsBus } from '../../../runtime/bus/nats.ts';
import { connectNats, ensureStreams } from '../../../runtime/bus/nats.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { TroupeError } from '../../../runtime/errors.ts';
import { silentLogger } from '../../../runtime/telemetry/log.ts';
import type { NatsLogin } from '../../servers/given.ts';

/** Whatever an actor says that another one hears goes through these. */
const HEARD = ['MARKET', 'TRADING', 'MODELS', 'SYSTEM'] as const;

export class Streams {
  private readonly bus: NatsBus;

  private constructor(bus: NatsBus) {
    this.bus = bus;
  }

  /** Makes them anew. Throws TroupeError, naming TROUPE_NATS_URL where the server is the user's `given` one. */
  static async prepare(login: NatsLogin, given: boolean, clock: Clock): Promise<Streams> {
    try {
      const bus = await connectNats({ ...login, name: 'troupe fleet', clock, log: silentLogger });
      try {
        await ensureStreams(bus, { replay: true });
      } catch (error) {
        await bus.connection.close();
        throw error;
      }
      return new Streams(bus);
    } catch (error) {
      if (!given || !(error instanceof TroupeError)) throw error;
      throw new TroupeError(error.code, `TROUPE_NATS_URL: ${error.message}`, { cause: error });
    }
  }

  /** Two that are equal: in between nobody has said anything that an actor hears. */
  async mark(): Promise<string> {
    return (await Promise.all(HEARD.map((stream) => this.bus.lastSequence(stream)))).join(' ');
  }

  async close(): Promise<void> {
    await this.bus.connection.close();
  }
}
