/** Ticks that nobody need wait for any more, through the deaths of nodes. The bus in memory, time virtual. */
import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { describe, test } from 'node:test';
import { topics } from '../../runtime/bus/topics.ts';
import type { Run } from './rig.ts';

// The machine has no tick that it cannot take, so it is given one: of bid 666.
registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (!url.endsWith('/actors/symbol/market.ts')) return loaded;
    const begin = 'const context = laidOut(rules, stored);';
    const fault = "if (frames.some(({ bid }) => bid[0] === 666)) throw new Error('cannot take this frame');";
    return { ...loaded, source: String(loaded.source).replace(begin, fault + begin) };
  },
});
const { here, Rig } = await import('./rig.ts');

const LAYOUT = { partitions: 1 };
const nodes = { symbols: 1, partitions: 1 };

class Market {
  readonly rig = new Rig();
  private readonly bus = this.rig.server.connect();
  private sent = 0;

  async send(count: number, bid = 1.1): Promise<void> {
    const frame = {
      ...{ symbol: 'SYM0', source: 'mt5', session: 's', firstSequence: this.sent + 1 },
      ...{ baseTimeMs: 1_700_000_000_000 + this.sent, utcOffsetS: 0, count },
      timeOffsetMs: Uint32Array.from({ length: count }, (_, i) => i),
      ...{ bid: new Float64Array(count).fill(bid), ask: new Float64Array(count).fill(bid + 0.1) },
      ...{ flags: new Uint32Array(0), firstSentUs: 0 },
    };
    this.sent += count;
    const subject = topics.ticks.subject({ source: 'mt5', symbol: 'SYM0' }, LAYOUT);
    await this.bus.publish({ subject, messageId: `${this.sent}`, data: topics.ticks.encode(frame) });
  }

  get buried(): number {
    return this.rig.server.messages('SYSTEM').filter(({ subject }) => subject.startsWith('sys.dlq.')).length;
  }

  /** The position of the last commit: the sequence in MARKET. */
  async committed(): Promise<number> {
    const entry = await (await this.bus.kv('snapshots')).get('symbol.SYM0');
    return entry === undefined ? 0 : JSON.parse(new TextDecoder().decode(entry.value)).positions.ticks;
  }
}

/** What a run tells to whoever plays the market: the newest count, asked for whenever it says that there is one. */
class Told {
  count = 0;
  run: Run | undefined;

  readonly onTicksApplied = (symbol: string): void => {
    queueMicrotask(() => {
      this.count = this.run?.node.company.ticksDone(symbol) ?? 0;
    });
  };
}

describe('ticks that went past', () => {
  test('of a last frame that was buried, and whose node was killed at once: the next run does not wait for them', async () => {
    const market = new Market();
    const { rig } = market;
    const first = await rig.start('a', nodes);
    await market.send(40);
    await market.send(2, 666);
    await rig.until('it has gone past it', async () => market.buried === 1 && (await market.committed()) === 2);
    first.node.kill();
    const told = new Told();
    const second = await rig.start('b', nodes, { onTicksApplied: told.onTicksApplied });
    told.run = second;
    await rig.until('it runs there', () => here(second).includes('symbol.SYM0'));
    await rig.until('nobody waits for the rest', () => second.node.company.ticksDone('SYM0') === 42, 10_000);
    await rig.until('and that is told', () => told.count === 42, 10_000);
    assert.equal(market.buried, 1, 'nobody has met it again');
    const [symbol] = second.node.status().symbols;
    assert.deepEqual([symbol?.ticksApplied, symbol?.ticksDone, symbol?.ticksLate], [40, 42, 0]);
    rig.stop(second);
  });

  test('of one in between: it counts once, here and elsewhere', async () => {
    const market = new Market();
    const { rig } = market;
    const first = await rig.start('a', nodes);
    await market.send(40);
    await market.send(2, 666);
    await market.send(8);
    await rig.until('all are done with', () => first.node.company.ticksDone('SYM0') === 50);
    first.node.kill();
    const second = await rig.start('b', nodes);
    await rig.until('all are done with', () => second.node.company.ticksDone('SYM0') === 50);
    await rig.pass(10_000);
    assert.equal(second.node.company.ticksDone('SYM0'), 50);
    assert.equal(second.node.status().symbols[0]?.ticksApplied, 48);
    rig.stop(second);
  });
});

test('a symbol that comes back with all of its ticks applied says so, although none comes any more', async () => {
  const market = new Market();
  const { rig } = market;
  const first = await rig.start('a', nodes);
  await market.send(40);
  await rig.until('they are committed', async () => (await market.committed()) === 1);
  // Killed before it could tell: it tells nothing while any of its actors has failed and is being started again.
  first.node.kill();
  const told = new Told();
  const second = rig.begin('b', nodes, { onTicksApplied: told.onTicksApplied });
  told.run = second;
  await rig.until('that is told', () => told.count === 40);
  rig.stop(second);
});
