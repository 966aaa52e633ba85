/**
 * The case matrix of Erlang/OTP's supervisors as data: restart kind × how the child ended × strategy. Three children a, b,
 * c; b is the one that ends, the others are permanent.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ChildExit, RestartKind, Strategy } from '../../supervisors/spec.ts';
import { makeStage, Puppet, settle } from './stage.ts';

type Ending = ChildExit['reason'] | 'failed start';
/** What happens from then on: `+` starts, `-` stops in order, `!` fails to start. */
type Moves = string;

interface Row {
  readonly restart: RestartKind;
  readonly ending: Ending;
  readonly moves: Readonly<Record<Strategy, Moves>>;
  /** What is told of b from then on. */
  readonly told: string;
  /** Where b is afterwards. */
  readonly phase: 'running' | 'ended' | 'gone';
}

const strategies: readonly Strategy[] = ['one_for_one', 'one_for_all', 'rest_for_one', 'pool'];

const moves = (one_for_one: Moves, one_for_all: Moves, rest_for_one: Moves, pool: Moves) => ({
  one_for_one,
  one_for_all,
  rest_for_one,
  pool,
});

const again = moves('+b', '-c -a +a +b +c', '-c +b +c', '+b');
const nothing = moves('', '', '', '');
const startAgain = moves('+a !b +b +c', '+a !b -a +a +b +c', '+a !b +b +c', '+a !b +b +c');
const startOnce = moves('+a !b +c', '+a !b +c', '+a !b +c', '+a !b +c');

const matrix: readonly Row[] = [
  { restart: 'permanent', ending: 'normal', moves: again, told: 'failed restarted', phase: 'running' },
  { restart: 'permanent', ending: 'shutdown', moves: again, told: 'failed restarted', phase: 'running' },
  { restart: 'permanent', ending: 'crash', moves: again, told: 'failed restarted', phase: 'running' },
  { restart: 'permanent', ending: 'hang', moves: again, told: 'failed restarted', phase: 'running' },
  { restart: 'permanent', ending: 'failed start', moves: startAgain, told: 'failed restarted', phase: 'running' },
  { restart: 'permanent', ending: 'fenced', moves: nothing, told: 'fenced', phase: 'gone' },
  { restart: 'transient', ending: 'normal', moves: nothing, told: 'stopped', phase: 'ended' },
  { restart: 'transient', ending: 'shutdown', moves: nothing, told: 'stopped', phase: 'ended' },
  { restart: 'transient', ending: 'crash', moves: again, told: 'failed restarted', phase: 'running' },
  { restart: 'transient', ending: 'hang', moves: again, told: 'failed restarted', phase: 'running' },
  { restart: 'transient', ending: 'failed start', moves: startAgain, told: 'failed restarted', phase: 'running' },
  { restart: 'transient', ending: 'fenced', moves: nothing, told: 'fenced', phase: 'gone' },
  { restart: 'temporary', ending: 'normal', moves: nothing, told: 'stopped', phase: 'gone' },
  { restart: 'temporary', ending: 'shutdown', moves: nothing, told: 'stopped', phase: 'gone' },
  { restart: 'temporary', ending: 'crash', moves: nothing, told: 'failed', phase: 'gone' },
  { restart: 'temporary', ending: 'hang', moves: nothing, told: 'failed', phase: 'gone' },
  { restart: 'temporary', ending: 'failed start', moves: startOnce, told: 'failed', phase: 'gone' },
  { restart: 'temporary', ending: 'fenced', moves: nothing, told: 'fenced', phase: 'gone' },
];

const sign: Readonly<Record<string, string>> = { start: '+', stop: '-', fail: '!', kill: 'x' };
const short = (log: readonly string[]): string =>
  log
    .map((line) => {
      const [verb = '', id = ''] = line.split(' ');
      return `${sign[verb]}${id}`;
    })
    .join(' ');

test('the matrix is whole', () => {
  const endings: readonly Ending[] = ['normal', 'shutdown', 'crash', 'hang', 'failed start', 'fenced'];
  const kinds: readonly RestartKind[] = ['permanent', 'transient', 'temporary'];
  const wanted = kinds.flatMap((restart) => endings.map((ending) => `${restart} ${ending}`));
  assert.deepEqual(
    matrix.map(({ restart, ending }) => `${restart} ${ending}`),
    wanted,
  );
});

for (const strategy of strategies) {
  describe(strategy, () => {
    for (const row of matrix) {
      test(`${row.restart}, ${row.ending}`, async () => {
        const { supervisor, log, events, removed, gaveUp } = makeStage({ strategy });
        const [a, b, c] = [
          new Puppet('a', log),
          new Puppet('b', log, { restart: row.restart }),
          new Puppet('c', log),
        ] as const;
        if (row.ending === 'failed start') b.onStart = ['fail', 'up'];
        for (const puppet of [a, b, c]) await supervisor.add(puppet);
        await settle();
        if (row.ending !== 'failed start') {
          log.length = 0;
          events.length = 0;
          b.exit({ reason: row.ending, error: new Error('over') });
          await settle();
        }
        assert.equal(short(log), row.moves[strategy]);
        const told = events.filter(({ id }) => id === 'b').map(({ event }) => event);
        assert.equal(told.join(' '), row.told);
        const phases = supervisor.children().map(({ id, phase }) => `${id} ${phase}`);
        const where = row.phase === 'gone' ? [] : [`b ${row.phase}`];
        assert.deepEqual(phases, ['a running', ...where, 'c running']);
        const reason = row.ending === 'fenced' ? 'fenced' : 'ended';
        assert.deepEqual(removed, row.phase === 'gone' ? [`puppet.b ${reason}`] : []);
        assert.equal(supervisor.state, 'running');
        assert.equal(supervisor.restartsOf('puppet', 'b'), row.told.endsWith('restarted') ? 1 : 0);
        assert.deepEqual(gaveUp, []);
        await supervisor.stop();
        assert.deepEqual([a.alive, b.alive, c.alive], [0, 0, 0]);
      });
    }
  });
}
