import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TroupeError } from '../../runtime/errors.ts';
import { Supervisor } from '../../supervisors/supervisor.ts';
import type { Branch } from '../../supervisors/tree.ts';
import { checkTree, SupervisionTree, systemTree } from '../../supervisors/tree.ts';
import { makeStage, Puppet, settle } from './stage.ts';

const faultsOf = (branches: readonly Branch[]): string => {
  try {
    checkTree(branches);
    return '';
  } catch (error) {
    assert.ok(error instanceof TroupeError && error.code === 'CONFIG_INVALID');
    return error.message;
  }
};

test('the tree of the system is the one of the design', () => {
  const tree = systemTree({ accounts: ['demo'], models: true, edge: true });
  assert.deepEqual(
    tree.map(({ id, parent, strategy }) => `${parent ?? ''} > ${id}: ${strategy}`),
    [
      ' > root: one_for_one',
      'root > stores: one_for_one',
      'root > market: pool',
      'root > models: pool',
      'root > trading.demo: rest_for_one',
      'trading.demo > strategies.demo: pool',
      'root > edge: one_for_one',
    ],
  );
  assert.equal(faultsOf(tree), '');
  assert.equal(systemTree({ accounts: [] }).length, 3);
});

test('cycles, doubles and orphans are refused with one error that names them', () => {
  const one = 'one_for_one';
  const cases: [Branch[], string][] = [
    [
      [
        { id: 'root', strategy: one },
        { id: 'a', parent: 'b', strategy: one },
        { id: 'b', parent: 'a', strategy: one },
      ],
      'supervision tree: cycle: a -> b -> a',
    ],
    [
      [
        { id: 'root', strategy: one },
        { id: 'c', parent: 'a', strategy: one },
        { id: 'a', parent: 'a', strategy: one },
      ],
      'supervision tree: cycle: a -> a',
    ],
    [
      [
        { id: 'root', strategy: one },
        { id: 'a', parent: 'root', strategy: one },
        { id: 'a', parent: 'root', strategy: 'pool' },
        { id: 'd', parent: 'nobody', strategy: one },
      ],
      'supervision tree: two supervisors are named a; d: there is no supervisor nobody above it',
    ],
    [[], 'supervision tree: there must be one root, there are 0: '],
    [
      [
        { id: 'a', strategy: one },
        { id: 'b', strategy: one },
      ],
      'supervision tree: there must be one root, there are 2: a, b',
    ],
  ];
  for (const [branches, wanted] of cases) assert.equal(faultsOf(branches), wanted);
});

test('a child that is there already, a supervisor above itself or in two places: refused, and nothing changes', async () => {
  const { supervisor, log, base } = makeStage();
  await supervisor.add(new Puppet('a', log));
  const refused = (work: Promise<void>, message: string) => assert.rejects(work, { code: 'CONFIG_INVALID', message });
  await refused(supervisor.add(new Puppet('a', log)), 'supervisor root: two children are named puppet.a');
  const [x, y] = ['x', 'y'].map((id) => new Supervisor({ ...base, id })) as [Supervisor, Supervisor];
  await supervisor.add(x.asChild());
  await x.add(y.asChild());
  await refused(y.add(x.asChild()), 'supervision cycle: x -> y -> x');
  await refused(supervisor.add(y.asChild()), 'supervisor y has two parents: x and root');
  await refused(y.add(y.asChild()), 'supervision cycle: y -> y');
  const nameless = new Puppet('', log);
  await refused(supervisor.add(nameless), 'supervisor root: child puppet.: kind and id must not be empty');
  const endless = Object.assign(new Puppet('e', log), { shutdownMs: Number.NaN });
  await refused(
    supervisor.add(endless),
    'supervisor root: child puppet.e: shutdownMs is NaN, allowed are 0 .. Infinity ms',
  );
  assert.throws(() => supervisor.asChild(), /runs by itself already/);
  assert.deepEqual(log, ['start a']);
});

test('a whole tree starts in order, stops in reverse order, and one branch is healed without the others', async () => {
  const { base, log, events, names } = makeStage();
  const tree = new SupervisionTree(systemTree({ accounts: ['demo'] }), () => base);
  await tree.start();
  assert.deepEqual(
    tree.all.map(({ id, state }) => `${id} ${state}`),
    ['root running', 'stores running', 'market running', 'trading.demo running', 'strategies.demo running'],
  );
  const puppets = Object.fromEntries(['ledger', 'eur', 'usd', 's1', 's2'].map((id) => [id, new Puppet(id, log)]));
  const add = (branch: string, id: string) => tree.get(branch).add(puppets[id]!);
  await add('stores', 'ledger');
  await Promise.all([add('market', 'eur'), add('market', 'usd')]);
  await Promise.all([add('strategies.demo', 's1'), add('strategies.demo', 's2')]);
  // The broker moved here after its strategies: its place is before them all the same.
  const broker = new Puppet('broker', log, { place: 'first' });
  await tree.get('trading.demo').add(broker);
  log.length = 0;
  events.length = 0;
  broker.crash();
  await settle();
  assert.deepEqual(log, ['stop s1', 'stop s2', 'start broker', 'start s1', 'start s2']);
  assert.equal(
    names(),
    'failed broker, stopped s1, stopped s2, stopped strategies.demo, restarted broker, started s1, started s2, restarted strategies.demo',
  );
  log.length = 0;
  await tree.stop();
  assert.deepEqual(log, ['stop s1', 'stop s2', 'stop broker', 'stop eur', 'stop usd', 'stop ledger']);
  assert.ok(tree.all.every(({ state }) => state === 'stopped'));
  assert.throws(() => tree.get('nobody'), RangeError);
});
