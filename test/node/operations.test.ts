/** Operators' requests and live settings against whole nodes: the bus in memory, time virtual. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Rig } from './rig.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
type Answer = Record<string, unknown>;

async function company(names: readonly string[]): Promise<Rig> {
  const rig = new Rig();
  const spec = { symbols: 2, strategies: 2 };
  const runs = names.map((name) => rig.begin(name, spec));
  await rig.until('the nodes are started', () => runs.every(({ started }) => started));
  return rig;
}

async function ask(rig: Rig, subject: string, payload = ''): Promise<Answer> {
  let answer: Answer | undefined;
  let failure: unknown;
  rig.server
    .connect()
    .request(subject, bytes(payload), 15_000)
    .then(
      (data) => {
        answer = JSON.parse(new TextDecoder().decode(data));
      },
      (error: unknown) => {
        failure = error;
      },
    );
  await rig.until(`an answer of ${subject}`, () => answer !== undefined || failure !== undefined);
  if (failure !== undefined) throw failure;
  return answer!;
}

describe('a company under operation', () => {
  test('status, pause, restart and kill reach the actor wherever it runs', async () => {
    const rig = await company(['a', 'b']);
    const status = await ask(rig, 'control.strategy.s0.status');
    assert.deepEqual([status.ok, status.id, status.state, status.lots], [true, 's0', 'warming', 0]);
    const paused = await ask(rig, 'control.strategy.s0.pause');
    assert.deepEqual([paused.state, paused.done], ['paused', true]);
    const restarted = await ask(rig, 'control.strategy.s0.restart');
    assert.deepEqual([restarted.ok, restarted.done], [true, true]);
    // What was committed holds over a restart: it is still paused.
    assert.equal((await ask(rig, 'control.strategy.s0.status')).state, 'paused');
    assert.equal((await ask(rig, 'control.symbol.SYM0.kill')).killed, true);
    await rig.until('it is back', async () => (await ask(rig, 'control.symbol.SYM0.status')).restarts === 1);
    assert.deepEqual(
      rig
        .edges()
        .filter(({ id }) => id === 'SYM0' || id === 's0')
        .map(({ event, cause }) => `${event} ${cause}`)
        .slice(-4),
      ['stopped', 'restarted', 'failed', 'restarted'].map(
        (event, i) => `${event} operator: ${i < 2 ? 'restart' : 'kill'}`,
      ),
    );
    const mistake = await ask(rig, 'control.strategy.s9.pause');
    assert.match(String(mistake.message), /"s9" is no strategy; allowed: s0, s1; did you mean s/);
    for (const name of ['a', 'b']) {
      const node = await ask(rig, `control.node.${name}.status`);
      assert.deepEqual([node.state, node.node], ['running', name]);
      const root = await ask(rig, `control.supervisor.${name}_root.status`);
      assert.equal(root.state, 'running');
      assert.ok((root.children as unknown[]).length >= 3);
    }
  });

  test('live settings reach whom they concern, hold over a restart, and give way to the file when deleted', async () => {
    const rig = await company(['a', 'b']);
    const bucket = await rig.server.connect().kv('config');
    const told = (event: string): string[] =>
      rig
        .edges()
        .filter((edge) => edge.event === event && edge.kind === 'config')
        .map(({ id }) => id);
    await bucket.put('risk.acc', bytes('{"max_order_lots": 2}'));
    await bucket.put('strategy.s0', bytes('{"params": {"lots": 0.7}}'));
    await rig.until('both are applied', () => told('config_applied').length === 2);
    const live = async (): Promise<unknown> => (await ask(rig, 'control.broker.acc.status')).liveLimits;
    await rig.until('the broker has its limits', async () => (await live()) === true);
    await bucket.put('strategy.s0', bytes('{"params": {"lots": -1}}'));
    await bucket.put('strategy.s1', bytes('{"params": {"timeframe": "3m"}}'));
    await rig.until('both are refused', () => told('config_refused').length === 2);
    assert.equal((await ask(rig, 'control.broker.acc.restart')).done, true);
    assert.equal(await live(), true);
    for (const name of ['a', 'b']) {
      const { config } = (await ask(rig, `control.node.${name}.config`)) as { config: Answer };
      assert.equal((config.account as { risk: { max_order_lots: number } }).risk.max_order_lots, 2);
      assert.equal((config.strategies as { params: { lots: number } }[])[0]?.params.lots, 0.7);
      assert.deepEqual(Object.keys(config.live as object).sort(), ['risk.acc', 'strategy.s0']);
    }
    await bucket.delete('risk.acc');
    await rig.until('the file holds', async () => (await live()) === false);
  });

  test('a drained node hands everything to the other and ends', async () => {
    const rig = new Rig();
    const spec = { symbols: 2, strategies: 2 };
    const [a, b] = [await rig.start('a', spec), await rig.start('b', spec)];
    const answer = await ask(rig, 'control.node.a.drain');
    assert.deepEqual([answer.ok, answer.draining], [true, true]);
    await rig.until('it has ended', () => a.outcome !== undefined);
    assert.equal(a.outcome?.error, undefined);
    await rig.until('all run on the other', () => b.node.settled && [...b.node.company.all].length === 5);
    assert.match(String((await ask(rig, 'control.node.a.status')).message), /"a" is no living node; allowed: b/);
  });
});
