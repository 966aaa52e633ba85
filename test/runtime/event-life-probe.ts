/**
 * Run by event-life.test.ts with the flags of a node. Takes steps whose events carry much, with a machine as ours are, and
 * prints how many bytes of it came into V8's old space although every event was done with at once.
 */
import v8 from 'node:v8';
import { enqueueActions, setup, start, step } from '../../runtime/xstate.ts';

const MACHINES = 300;
const ROUNDS = 60;
const PIECES = 20;

class Piece {
  readonly values = Array.from({ length: 30 }, (_, i) => i + 0.5);
}

const machines = Array.from({ length: MACHINES }, () => {
  const machine = setup({
    types: { context: {} as { n: number }, events: {} as { type: 'ticks'; pieces: Piece[] } },
    guards: { never: ({ event }) => event.pieces.length === 0 },
    delays: { later: 60_000 },
    actions: {
      take: enqueueActions(({ context, event, enqueue }) => {
        enqueue.assign({ n: context.n + event.pieces.length } as never);
        enqueue({ type: 'say', params: { n: context.n } } as never);
      }),
    },
  }).createMachine({
    context: { n: 0 },
    initial: 'live',
    states: {
      live: {
        on: { ticks: [{ guard: 'never', target: 'off' }, { actions: 'take' }] },
        after: { later: { target: 'off' } },
      },
      off: {},
    },
  });
  return { machine, snapshot: start(machine, undefined).snapshot };
});

const oldSpace = (): number =>
  v8.getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')!.space_used_size;

let said = 0;
const before = oldSpace();
for (let round = 0; round < ROUNDS; round++) {
  for (const one of machines) {
    const pieces = Array.from({ length: PIECES }, () => new Piece());
    const next = step(one.machine, one.snapshot, { type: 'ticks', pieces });
    one.snapshot = next.snapshot;
    said += next.effects.length;
  }
}
const events = MACHINES * ROUNDS;
if (said !== events || machines.some(({ snapshot }) => snapshot.context.n !== ROUNDS * PIECES))
  throw new Error('a step went missing');
process.stdout.write(JSON.stringify({ eventBytes: PIECES * 30 * 8, keptBytes: (oldSpace() - before) / events }));
