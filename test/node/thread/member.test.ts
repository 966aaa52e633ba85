/** A strategy in a thread as its node knows it: what it tells, what it is told, how it starts and ends. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { FailedInputs } from '../../../runtime/poison.ts';
import { until, World } from './world.ts';

const LIMIT = { timeout: 300_000 };

describe('a strategy in a thread', () => {
  let world: World;
  before(async () => {
    world = await World.make({ restarts: 5 });
  });
  after(() => world.stop());

  test('tells its state, its summary and its commits, and whether it has settled', LIMIT, async () => {
    const member = await world.add('plain', '');
    await until('its state is told', () => world.states.get('plain') === 'flat');
    await world.tellWhile(() => world.heard('plain').length < 20);
    await until('settled', () => member.settled());
    const { counters } = member.summary as { counters: { bars: number; intents: number } };
    // The last ones were told before the twentieth was seen to be heard.
    const heard = world.heard('plain').length;
    assert.ok(heard >= 20);
    assert.deepEqual([counters.bars, counters.intents], [heard, heard]);
    assert.equal(member.depth, 0);
    // Bars that come together are taken together, and committed once.
    await until('commits are counted', async () => {
      const { values } = await world.metrics.commitLatency.get();
      return values.some(({ metricName, value }) => metricName === 'troupe_commit_ms_count' && value >= 1);
    });
  });

  test('takes control events', LIMIT, async () => {
    const member = await world.add('told', '');
    member.tell({ type: 'control.pause' });
    await until('paused', () => world.states.get('told') === 'paused');
    await world.tell();
    await until('settled', () => member.settled());
    assert.deepEqual(world.heard('told'), []);
    member.tell({ type: 'control.resume' });
    await until('awake', () => world.states.get('told') === 'flat');
  });

  test('an input at which it always throws goes to the dead letters, once, and it goes on', LIMIT, async () => {
    const poison = world.bars + 2;
    await world.add('poisoned', `if (bar === ${poison}) throw new Error('cannot take this bar');`);
    const to = poison + 3;
    await world.tellWhile(() => world.bars < to);
    await until('it has gone on', () => world.heard('poisoned').at(-1)?.bar === to - 1);
    assert.equal(world.of('poisoned', 'failed').length, 5);
    assert.equal(await world.deadLetters(), 1);
    assert.ok(!world.heard('poisoned').some(({ bar }) => bar === poison));
    // The count of its own state: the buried bar is not in it.
    // A step that was not committed before the crash is made again, with the same count.
    const counts = new Map(world.heard('poisoned').map(({ bar, count }) => [bar, count]));
    assert.deepEqual([...counts.values()], [1, 2, 3, 4]);
  });

  test('what it failed at elsewhere counts here, and what it fails at here is told', LIMIT, async () => {
    const poison = world.bars + 2;
    const key = `market.${poison + 1}`;
    const told: FailedInputs[] = [];
    const letters = await world.deadLetters();
    await world.add('moved', `if (bar === ${poison}) throw new Error('cannot take this bar');`, '', {
      failedInputs: { [key]: 3 },
      onFailedInputs: (failed) => told.push(failed),
    });
    const to = poison + 3;
    await world.tellWhile(() => world.bars < to);
    await until('it has gone on', () => world.heard('moved').at(-1)?.bar === to - 1);
    assert.equal(world.of('moved', 'failed').length, 2);
    assert.equal(await world.deadLetters(), letters + 1);
    await until('it is done with it', () => told.length === 3);
    assert.deepEqual(told, [{ [key]: 4 }, { [key]: 5 }, {}]);
  });

  test('given up, it stays down until an operator starts it again', LIMIT, async () => {
    const cure = world.file('cure');
    await world.add('sick', `if (!existsSync(${JSON.stringify(cure)})) throw new Error('sick');`);
    await world.tellWhile(() => !world.givenUp('sick'));
    assert.equal(world.phase('sick'), 'failed');
    const downFrom = world.bars;
    await world.tell();
    writeFileSync(cure, '');
    assert.ok(await world.supervisor.restart('strategy', 'sick', 'an operator'));
    await until('it has heard what came meanwhile', () => world.heard('sick').at(-1)?.bar === downFrom);
    assert.equal(world.phase('sick'), 'running');
  });

  test('finds no password and no environment of the node, and may write what it likes', LIMIT, async () => {
    const found = world.file('found.json');
    await world.add(
      'curious',
      `writeFileSync(${JSON.stringify(found)}, JSON.stringify({ workerData, env: Object.keys(process.env) }));
      for (let i = 0; i < 10_000; i++) console.log('line ' + i);
      process.stdout.write('no end of line');`,
      "import { workerData } from 'node:worker_threads';",
    );
    await world.tellWhile(() => world.heard('curious').length === 0);
    const { workerData, env } = JSON.parse(readFileSync(found, 'utf8'));
    assert.ok(!('bus' in workerData) || workerData.bus === undefined, JSON.stringify(workerData));
    assert.deepEqual(
      (env as string[]).filter((name) => name !== 'TZ' && name !== 'LANG'),
      [],
    );
  });

  test('one that hangs has not settled', LIMIT, async () => {
    const member = await world.add('hanger', 'if (once()) for (;;);');
    await world.tellWhile(() => !existsSync(world.file('hanger.mark')));
    assert.equal(await member.settled(), false);
    await until('it was ended and goes on', () => world.heard('hanger').length > 0);
    assert.equal(world.of('hanger', 'failed').length, 1);
  });
});

describe('a strategy in a thread that cannot start', () => {
  let world: World;
  before(async () => {
    world = await World.make({ restarts: 1, spare: false });
  });
  after(() => world.stop());

  const faults: readonly (readonly [name: string, id: string, top: string, cause: RegExp])[] = [
    ['a loop without end', 'top-loop', 'for (;;);', /no sign of life/],
    ['a throw', 'top-throw', "throw new Error('cannot be loaded');", /cannot be loaded/],
    ['process.exit', 'top-exit', 'process.exit(3);', /ended by itself with code 3/],
    [
      'memory without end',
      'top-memory',
      'for (;;) kept.push(Buffer.alloc(4e6, 1));',
      /allowed: 128 MB|no sign of life/,
    ],
  ];
  for (const [name, id, top, cause] of faults) {
    test(`${name} while it is loaded`, LIMIT, async () => {
      await world.add(id, '', top);
      await until('given up', () => world.givenUp(id));
      assert.match(world.of(id, 'given_up')[0]!.cause, cause);
      assert.equal(world.phase(id), 'failed');
    });
  }
});

describe('what strategies need, asked in a thread', () => {
  let world: World;
  before(async () => {
    world = await World.make({ spare: false });
  });
  after(() => world.stop());

  test('is what their files say', LIMIT, async () => {
    const runs = [world.write('one', ''), world.write('two', '')];
    const needs = { timeframes: ['1m'], features: [] };
    assert.deepEqual(await world.threads.plan(runs), [needs, needs]);
  });

  for (const [name, top, message] of [
    ['hangs', 'for (;;);', /strategies\.bad\.use: \.\/bad\.ts cannot be loaded: no sign of life/],
    ['exits', 'process.exit(0);', /bad\.ts cannot be loaded: the thread ended by itself with code 0/],
    ['throws', "throw new Error('oh');", /strategies\.bad\.use: .*bad\.ts cannot be loaded: oh/],
  ] as const) {
    test(`one that ${name} while it is loaded is a fault of the configuration, and the node lives`, LIMIT, async () => {
      const runs = [world.write('well', ''), world.write('bad', '', top)];
      await assert.rejects(world.threads.plan(runs), { code: 'CONFIG_INVALID', message });
    });
  }
});

describe('the end of a strategy in a thread', () => {
  test('in order: it commits what it has heard; the next start goes on from there', LIMIT, async () => {
    const world = await World.make();
    try {
      await world.add('leaver', '');
      await world.tellWhile(() => world.heard('leaver').length < 10);
      assert.ok(await world.supervisor.restart('strategy', 'leaver', 'an operator'));
      await world.tell();
      await until('heard', () => world.heard('leaver').length === world.bars);
      assert.deepEqual(
        world.heard('leaver').map(({ count }) => count),
        Array.from({ length: world.bars }, (_, i) => i + 1),
      );
    } finally {
      await world.stop();
    }
    assert.deepEqual(
      world.of('leaver', 'killed').map(({ cause }) => cause),
      [],
    );
  });

  test('killed in the midst of a loop, it is gone', LIMIT, async () => {
    const world = await World.make({ spare: false });
    try {
      await world.add('looper', "writeFileSync(import.meta.filename + '.mark', ''); for (;;);");
      await world.tellWhile(() => !existsSync(world.file('looper.ts.mark')));
      world.supervisor.kill();
    } finally {
      // Nothing of it keeps the process alive: the test runner would wait for it.
      await world.stop();
    }
  });
});
