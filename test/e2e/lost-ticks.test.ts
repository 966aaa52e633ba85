/** A symbol that cannot take its ticks: the run goes on with the others, ends, and says what failed and how much it missed. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { disagreements, isWell, type Report } from '../../cli/start/report.ts';
import { topics } from '../../runtime/bus/topics.ts';
import { decodeSnapshot } from '../../runtime/codec.ts';
import { seededRandom } from '../../runtime/random.ts';
import { Company } from './rig.ts';
import { noneLeft, stateFolder, until } from './support.ts';

const scratch = stateFolder('lost-ticks');
after(async () => {
  await noneLeft(scratch.path);
  scratch.remove();
});

const LIMIT = { timeout: 240_000 };
const TICKS = 8_000;
const fromMs = Date.UTC(2026, 4, 12);

/** A tick file of TrueFX's form, which says its symbol: one tick a second. */
function market(symbol: string, price: number): string {
  const random = seededRandom(symbol);
  const pair = `${symbol.slice(0, 3)}/${symbol.slice(3)}`;
  const lines = Array.from({ length: TICKS }, (_, i) => {
    const stamp = new Date(fromMs + i * 1_000).toISOString();
    const time = `${stamp.slice(0, 10).replaceAll('-', '')} ${stamp.slice(11, 23)}`;
    const bid = price + 0.001 * Math.sin(i / 400) + random.next() * 0.0001;
    return `${pair},${time},${bid.toFixed(5)},${(bid + 0.00012).toFixed(5)}`;
  });
  writeFileSync(scratch.file(`${symbol}.csv`), `${lines.join('\n')}\n`);
  return scratch.file(`${symbol}.csv`);
}

const files = [market('EURUSD', 1.1), market('GBPUSD', 1.3)];
/** Two hours of market in four seconds. */
const args = ['--ticks', files.join(','), '--speed', '2000'];

/** A module that makes the machine of GBPUSD throw where `when`, an expression over a frame, is true. */
function faulty(label: string, when: string): string {
  const file = scratch.file(`${label}.mjs`);
  writeFileSync(
    file,
    `import { registerHooks } from 'node:module';
const fault = "if (frames.some((frame) => frame.symbol === 'GBPUSD' && (${when}))) throw new Error('cannot take this frame');";
registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (!url.endsWith('/actors/symbol/market.ts')) return loaded;
    const begin = 'const context = laidOut(rules, stored);';
    return { ...loaded, source: String(loaded.source).replace(begin, fault + begin) };
  },
});
`,
  );
  return file;
}

async function play(
  label: string,
  nodeArgs: readonly string[],
  work: (company: Company) => Promise<void>,
): Promise<void> {
  const configFile = scratch.file(`${label}.yaml`);
  writeFileSync(
    configFile,
    `market:
  symbols:
    EURUSD: { digits: 5, contract_size: 100000, currency_base: EUR, currency_profit: USD }
    GBPUSD: { digits: 5, contract_size: 100000, currency_base: GBP, currency_profit: USD }
account: { id: e2e, currency: USD, balance: 50000, leverage: 100, risk: { max_intent_age_ms: 86400000, max_price_age_ms: 86400000 } }
strategies:
  - { id: cross, use: ema-cross, symbol: EURUSD, params: { timeframe: 1m, fast: 3, slow: 8, lots: 0.1 } }
terminal: { latency_ms: 1, commission_per_lot: 3.5 }
`,
  );
  const company = await Company.make({ state: scratch.file(label), configFile, args, nodeArgs });
  try {
    await company.play();
    await work(company);
  } finally {
    await company.stop();
  }
}

/** The end of a run without the ticks of GBPUSD: the rest is as it should be, and the report says what is not. */
async function endsWithout(company: Company): Promise<{ past: number; failed: Report['failed'] }> {
  const { report, status } = await company.finish(90_000);
  const { sent, applied, passed_over: passedOver } = report.ticks;
  assert.equal(sent, 2 * TICKS);
  assert.deepEqual(Object.keys(passedOver), ['GBPUSD']);
  const past = passedOver.GBPUSD!;
  assert.equal(applied + past, sent);
  assert.equal(status.symbols.find(({ symbol }) => symbol === 'EURUSD')?.ticksApplied, TICKS);
  assert.ok(report.orders.filled > 0, JSON.stringify(report.orders));
  assert.deepEqual(disagreements(report), [`${sent} ticks sent, ${applied} applied, passed over ${past} of GBPUSD`]);
  assert.equal(isWell(report), false);
  return { past, failed: report.failed };
}

describe('a symbol that cannot take its ticks', () => {
  test('of one frame: it goes on without that one', LIMIT, async () => {
    const one = 'frame.firstSequence <= 4000 && 4000 < frame.firstSequence + frame.count';
    await play('one', ['--import', faulty('one', one)], async (company) => {
      const { past, failed } = await endsWithout(company);
      assert.deepEqual(failed, {});
      const [letter] = await company.stored('deadLetter');
      assert.deepEqual([letter?.kind, letter?.id], ['symbol', 'GBPUSD']);
      assert.equal(past, topics.ticks.decode(letter!.payload).count);
    });
  });

  test('of the last frame: nobody waits for it', LIMIT, async () => {
    const last = `frame.firstSequence + frame.count > ${TICKS}`;
    await play('last', ['--import', faulty('last', last)], async (company) => {
      const { failed } = await endsWithout(company);
      assert.deepEqual(failed, {});
    });
  });

  test('of the last frame, and its node is killed just then: the same', LIMIT, async () => {
    const last = `frame.firstSequence + frame.count > ${TICKS}`;
    await play('killed', ['--import', faulty('killed', last)], async (company) => {
      const snapshots = await (await company.nats()).kv('snapshots');
      await until('it has gone past that frame, and committed that', async () => {
        const [letter] = await company.stored('deadLetter');
        const entry = letter && (await snapshots.get('symbol.GBPUSD'));
        const { positions } = (entry ? decodeSnapshot(entry.value) : { positions: {} }) as {
          positions: { ticks?: number };
        };
        return letter !== undefined && (positions.ticks ?? 0) >= letter.sequence;
      });
      company.fleet.processOf('node-1')!.signal('SIGKILL');
      const { failed } = await endsWithout(company);
      assert.deepEqual(failed, {});
      assert.deepEqual(
        company.mended.map(({ name }) => name),
        ['node-1', 'node-1'],
      );
    });
  });

  test('of all frames: its budget is spent, it stays down, and its node and the others live', LIMIT, async () => {
    await play('all', ['--import', faulty('all', 'frame.firstSequence > 4000')], async (company) => {
      const { past, failed } = await endsWithout(company);
      assert.deepEqual(failed, { 'symbol.GBPUSD': 'cannot take this frame' });
      assert.ok(past > TICKS / 4, `${past} passed over`);
      assert.deepEqual(company.mended, [], 'no program ended');
    });
  });

  test('for its snapshot is unusable: it stays down after the next start of its node', LIMIT, async () => {
    await play('snapshot', [], async (company) => {
      await company.reaches('half of the market', () => company.ticksSent > TICKS);
      const snapshots = await (await company.nats()).kv('snapshots');
      await until('it is saved', () => snapshots.get('symbol.GBPUSD'));
      // Before it commits again.
      const node = company.fleet.processOf('node-1')!;
      node.signal('SIGSTOP');
      await snapshots.put('symbol.GBPUSD', new TextEncoder().encode('no snapshot'));
      node.signal('SIGKILL');
      const { failed } = await endsWithout(company);
      assert.deepEqual(Object.keys(failed), ['symbol.GBPUSD']);
      assert.match(failed['symbol.GBPUSD']!, /^snapshots\/symbol\.GBPUSD: /);
    });
  });
});
