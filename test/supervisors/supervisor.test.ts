import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../runtime/clock.ts';
import { TroupeError } from '../../runtime/errors.ts';
import { seededRandom } from '../../runtime/random.ts';
import { silentLogger } from '../../runtime/telemetry/log.ts';
import type { ChildExit, ChildSpec, SupervisorEvent } from '../../supervisors/supervisor.ts';
import { Supervisor } from '../../supervisors/supervisor.ts';

/** Lets every promise that is ready have its turn. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

class Puppet implements ChildSpec {
  readonly kind = 'puppet';
  readonly shutdownMs = 1000;
  readonly id: string;
  starts = 0;
  exit: (exit: ChildExit) => void = () => undefined;
  failStart: unknown;
  readonly log: string[];
  hang = false;

  constructor(id: string, log: string[]) {
    this.id = id;
    this.log = log;
  }

  async start(onExit: (exit: ChildExit) => void) {
    this.starts++;
    if (this.failStart !== undefined) throw this.failStart;
    this.log.push(`start ${this.id}`);
    this.exit = onExit;
    return {
      stop: async () => {
        if (this.hang) return new Promise<void>(() => undefined);
        this.log.push(`stop ${this.id}`);
      },
      kill: () => {
        this.log.push(`kill ${this.id}`);
      },
    };
  }
}

function stage() {
  const clock = new VirtualClock(0);
  const events: SupervisorEvent[] = [];
  const gaveUp: TroupeError[] = [];
  const log: string[] = [];
  const supervisor = new Supervisor({
    id: 'root',
    clock,
    random: seededRandom(7),
    log: silentLogger,
    onEvent: (event) => events.push(event),
    onGiveUp: (error) => gaveUp.push(error),
  });
  return { clock, events, gaveUp, log, supervisor };
}

test('children start in order and stop in reverse order', async () => {
  const { supervisor, log } = stage();
  for (const id of ['a', 'b', 'c']) await supervisor.add(new Puppet(id, log));
  await supervisor.stop();
  assert.deepEqual(log, ['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a']);
});

test('only the failed child starts again', async () => {
  const { supervisor, log, clock } = stage();
  const [a, b] = [new Puppet('a', log), new Puppet('b', log)];
  await supervisor.add(a);
  await supervisor.add(b);
  a.exit({ reason: 'crash', error: new Error('boom') });
  clock.advance(0);
  await settle();
  assert.deepEqual([a.starts, b.starts], [2, 1]);
  assert.equal(supervisor.restartsOf('puppet', 'a'), 1);
});

test('a spent budget gives up with the last cause', async () => {
  const { supervisor, log, clock, gaveUp } = stage();
  const a = new Puppet('a', log);
  await supervisor.add(a);
  for (let i = 0; i < 6; i++) {
    a.exit({ reason: 'crash', error: new Error(`boom ${i}`) });
    clock.advance(2_000);
    await settle();
  }
  assert.equal(a.starts, 6);
  assert.deepEqual(
    gaveUp.map(({ code, message }) => [code, message]),
    [['ACTOR_GIVEN_UP', 'puppet a failed 6 times: boom 5']],
  );
});

test('failed starts count, a configuration error is never tried again', async () => {
  const { supervisor, log, clock, gaveUp } = stage();
  const a = new Puppet('a', log);
  a.failStart = new Error('no');
  await supervisor.add(a);
  for (let i = 0; i < 10; i++) {
    clock.advance(5_000);
    await settle();
  }
  assert.equal(a.starts, 6);
  const other = stage();
  const b = new Puppet('b', other.log);
  b.failStart = new TroupeError('CONFIG_INVALID', 'bad');
  await other.supervisor.add(b);
  other.clock.advance(60_000);
  await settle();
  assert.equal(b.starts, 1);
  const errors = [...gaveUp, ...other.gaveUp];
  assert.deepEqual(
    errors.map(({ code, message }) => [code, message]),
    [
      ['ACTOR_GIVEN_UP', 'puppet a failed 6 times: no'],
      ['CONFIG_INVALID', 'puppet b cannot start: bad'],
    ],
  );
});

test('a child that does not stop in time is killed, the others still stop', async () => {
  const { supervisor, log, clock, events } = stage();
  const [a, b] = [new Puppet('a', log), new Puppet('b', log)];
  b.hang = true;
  await supervisor.add(a);
  await supervisor.add(b);
  const stopped = supervisor.stop();
  await settle();
  clock.advance(1000);
  await stopped;
  assert.deepEqual(log.slice(2), ['kill b', 'stop a']);
  assert.equal(events.find(({ event }) => event === 'killed')?.cause, 'did not stop within 1000 ms');
});

test('a fenced child is not started again here', async () => {
  const { supervisor, log, clock, gaveUp } = stage();
  const a = new Puppet('a', log);
  await supervisor.add(a);
  a.exit({ reason: 'fenced', error: new TroupeError('BUS_CONFLICT', 'lost') });
  clock.advance(60_000);
  await settle();
  assert.deepEqual([a.starts, gaveUp.length], [1, 0]);
});
