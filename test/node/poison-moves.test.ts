/** A message that its actor cannot take, and an actor that moves in the midst of trying. The bus in memory, time virtual. */
import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { describe, test } from 'node:test';
import { topics } from '../../runtime/bus/topics.ts';
import type { Run } from './rig.ts';

// The machine has no tick that it cannot take, so it is given one: of bid 666. Frames that are taken together are tried one
// by one after that, and only then is it an attempt.
const tries = { count: 0 };
(globalThis as { tries?: typeof tries }).tries = tries;
registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (!url.endsWith('/actors/symbol/market.ts')) return loaded;
    const begin = 'const context = laidOut(rules, stored);';
    const fault =
      "if (frames.some(({ bid }) => bid[0] === 666)) { globalThis.tries.count += frames.length === 1; throw new Error('cannot take this'); }";
    return { ...loaded, source: String(loaded.source).replace(begin, fault + begin) };
  },
});
const { here, Rig } = await import('./rig.ts');

const KEY = 'symbol.SYM0';
const nodes = { symbols: 1, partitions: 1 };

class Market {
  readonly rig = new Rig();
  private readonly bus = this.rig.server.connect();
  private sent = 0;

  constructor() {
    tries.count = 0;
  }

  async send(bid: number): Promise<void> {
    const frame = {
      ...{ symbol: 'SYM0', source: 'mt5', session: 's', firstSequence: ++this.sent, count: 1 },
      ...{ baseTimeMs: 1_700_000_000_000 + this.sent, utcOffsetS: 0, timeOffsetMs: Uint32Array.of(0) },
      ...{ bid: Float64Array.of(bid), ask: Float64Array.of(bid + 0.1), flags: new Uint32Array(0), firstSentUs: 0 },
    };
    const subject = topics.ticks.subject({ source: 'mt5', symbol: 'SYM0' }, { partitions: 1 });
    await this.bus.publish({ subject, messageId: `${this.sent}`, data: topics.ticks.encode(frame) });
  }

  /** The numbers of attempts that dead letters name. */
  get letters(): number[] {
    return this.rig.server
      .messages('SYSTEM')
      .filter(({ subject }) => subject.startsWith('sys.dlq.'))
      .map(({ data }) => topics.deadLetter.decode(data).attempts);
  }

  async failedInputs(): Promise<unknown> {
    return (await this.rig.levels()).get(KEY)?.failedInputs;
  }

  /** A node on which the actor has failed so often at its second message. */
  async failing(attempts: number): Promise<Run> {
    const first = await this.rig.start('a', nodes);
    await this.send(1.1);
    await this.send(666);
    await this.send(1.2);
    await this.rig.until(`it has failed ${attempts} times`, () => tries.count === attempts);
    return first;
  }

  async goesOn(run: Run): Promise<void> {
    await this.rig.until('it goes on', () => run.node.company.ticksDone('SYM0') === 3);
    await this.rig.until('and is done with it', async () => (await this.failedInputs()) === undefined);
    this.rig.stop(run);
  }
}

describe('a message at which the machine throws is tried five times, on however many nodes', () => {
  test('its node is killed after three', async () => {
    const market = new Market();
    const first = await market.failing(3);
    first.node.kill();
    assert.deepEqual(await market.failedInputs(), { 'ticks.2': 3 });
    const second = await market.rig.start('b', nodes);
    await market.goesOn(second);
    assert.equal(tries.count, 5);
    assert.deepEqual(market.letters, [5]);
  });

  test('its node is killed after two, and the next one after four: that one by the name of the first', async () => {
    const market = new Market();
    const first = await market.failing(2);
    first.node.kill();
    const second = market.rig.begin('b', nodes);
    await market.rig.until('it has failed there', () => tries.count === 4);
    second.node.kill();
    await market.goesOn(await market.rig.start('a', nodes));
    assert.equal(tries.count, 5);
    assert.deepEqual(market.letters, [5]);
  });

  test('it is handed over after three', async () => {
    const market = new Market();
    const first = await market.failing(3);
    const second = market.rig.begin('b', nodes);
    void first.node.drain();
    await market.rig.until('it runs there', () => here(second).includes(KEY));
    await market.goesOn(second);
    assert.equal(tries.count, 5);
    assert.deepEqual(market.letters, [5]);
  });

  test('its node is killed after the fifth, before it has gone past: it is tried once more, and told once', async () => {
    const market = new Market();
    const first = await market.failing(5);
    first.node.kill();
    assert.deepEqual(await market.failedInputs(), { 'ticks.2': 5 });
    await market.goesOn(await market.rig.start('b', nodes));
    assert.equal(tries.count, 6);
    assert.deepEqual(market.letters, [5]);
  });
});
