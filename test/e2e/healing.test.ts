/** Parts fail while the company trades: it mends itself, and every book agrees afterwards. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { startPostgres } from '../../cli/servers/postgres.ts';
import { actorKey, topics } from '../../runtime/bus/topics.ts';
import { allIsWell } from './all-is-well.ts';
import { Company, writeConfig } from './rig.ts';
import { noneLeft, startPlainNats, stateFolder, tickLines, writeTicks } from './support.ts';

const scratch = stateFolder('healing');
after(async () => {
  await noneLeft(scratch.path);
  scratch.remove();
});

const LIMIT = { timeout: 300_000 };
const fromMs = Date.UTC(2026, 4, 12);
const made = tickLines({ seed: 'healing', fromMs, ticks: 24_000, everyMs: 900 });
const ticks = writeTicks(scratch.file('EURUSD.csv'), made);
const CROSS = '{ id: cross, use: ema-cross, symbol: EURUSD, params: { timeframe: 1m, fast: 3, slow: 8, lots: 0.1 } }';
const TERMINAL = 'terminal: { latency_ms: 1, commission_per_lot: 3.5 }';
/** Six hours of market in nine seconds: there is time for a server to be away and to come back. */
const PLAY = ['--ticks', ticks, '--symbol', 'EURUSD', '--speed', '2500'];

async function withCompany(
  label: string,
  strategies: readonly string[],
  work: (company: Company) => Promise<void>,
  more: { postgresUrl?: string; natsUrl?: string } = {},
): Promise<void> {
  const state = scratch.file(label);
  const configFile = writeConfig(scratch.file(`${label}.yaml`), strategies, [TERMINAL]);
  const company = await Company.make({ state, configFile, args: PLAY, ...more });
  try {
    await company.play();
    await work(company);
  } finally {
    await company.stop();
  }
}

const traded = (company: Company, fills: number): Promise<void> =>
  company.reaches(`${fills} fills`, () => (company.status?.fills ?? 0) >= fills);

describe('while it trades', () => {
  test('PostgreSQL is stopped and started again: the ledger waits and loses nothing', LIMIT, async () => {
    const settings = { folder: scratch.file('ledger'), logFile: scratch.file('postgres.log'), durable: false };
    let server = await startPostgres(settings);
    try {
      await withCompany(
        'postgres',
        [CROSS],
        async (company) => {
          await traded(company, 3);
          await server.stop();
          const before = company.status!.fills;
          // It goes on trading without the ledger, and says that the ledger waits.
          await traded(company, before + 5);
          await company.reaches('the ledger waits', () => company.status?.ledger.state === 'buffering');
          server = await startPostgres({ ...settings, port: server.port });
          await allIsWell(company, made.length - 1);
        },
        { postgresUrl: server.url },
      );
    } finally {
      await server.stop();
    }
  });

  test('nats-server is killed and started again on its store: nothing is lost', LIMIT, async () => {
    const folder = scratch.file('plain-nats');
    let server = await startPlainNats(folder);
    try {
      await withCompany(
        'nats',
        [CROSS],
        async (company) => {
          await traded(company, 3);
          server.process.signal('SIGKILL');
          await server.process.exited;
          const sent = company.ticksSent;
          server = await startPlainNats(folder, server.port);
          await company.reaches('it goes on', () => company.ticksSent > sent);
          await allIsWell(company, made.length - 1);
        },
        { natsUrl: server.url },
      );
    } finally {
      await server.process.stop();
    }
  });

  test('strategies that throw: started again from their snapshots, the others untouched', LIMIT, async () => {
    const poisonMs = fromMs + 90 * 60_000;
    const log = (id: string): string => scratch.file(`${id}.log`);
    const strategy = (id: string, fault: string): string => {
      writeFileSync(
        scratch.file(`${id}.ts`),
        `import { appendFileSync, readFileSync } from 'node:fs';
import { defineStrategy, z } from 'troupe/strategy';

const heardOnce = (): boolean => readFileSync(${JSON.stringify(log(id))}, 'utf8').split(' 40\\n').length === 2;

/** Turns round every fifth bar, and writes down what it sees. */
export default defineStrategy({
  name: '${id}',
  params: z.object({}),
  timeframes: ['1m'],
  state: () => ({ bars: 0 }),
  onBar(ctx) {
    ctx.state.bars++;
    appendFileSync(${JSON.stringify(log(id))}, ctx.bar.openTimeMs + ' ' + ctx.state.bars + '\\n');
    ${fault}
    if (ctx.state.bars % 5 !== 0) return;
    if (ctx.position.side === 'flat') ctx.buy(0.1);
    else ctx.close();
  },
});
`,
      );
      return `{ id: ${id}, use: ./${id}.ts, symbol: EURUSD }`;
    };
    const strategies = [
      CROSS,
      // Once and not again, which only the file remembers: its thread is made anew.
      strategy('stumbler', `if (ctx.state.bars === 40 && heardOnce()) throw new Error('stumbled');`),
      strategy('poisoned', `if (ctx.bar.openTimeMs === ${poisonMs}) throw new Error('cannot take this bar');`),
    ];
    await withCompany('crash', strategies, async (company) => {
      const status = await allIsWell(company, made.length - 1);

      const dead = await company.stored('deadLetter');
      assert.deepEqual(
        dead.map(({ kind, id, stream, attempts }) => ({ kind, id, stream, attempts })),
        [{ kind: 'strategy', id: 'poisoned', stream: 'MARKET', attempts: 5 }],
      );
      assert.match(dead[0]!.cause, /cannot take this bar/);
      // A bar is complete for a strategy when its features have come.
      assert.equal(topics.features.decode(dead[0]!.payload).timeMs, poisonMs + 60_000);

      const actors = await (await company.nats()).kv('actors');
      const restarts = async (kind: string, id: string): Promise<number> => {
        const entry = await actors.get(actorKey(kind, id));
        return (JSON.parse(new TextDecoder().decode(entry!.value)) as { restarts: number }).restarts;
      };
      assert.equal(await restarts('strategy', 'stumbler'), 1);
      assert.equal(await restarts('strategy', 'poisoned'), 5);
      for (const [kind, id] of [
        ['strategy', 'cross'],
        ['broker', company.account],
        ['symbol', 'EURUSD'],
      ] as const) {
        assert.equal(await restarts(kind, id), 0, `${kind} ${id}`);
      }
      assert.equal(status.restarts, 6);

      // Every bar was heard, in order, and what had been counted before a crash was not counted again.
      const minutes = (await company.stored('bar')).filter(({ timeframe }) => timeframe === '1m');
      const openings = minutes.map(({ openTimeMs }) => openTimeMs);
      const heard = (id: string): [number, number][] => {
        const lines = readFileSync(log(id), 'utf8').trimEnd().split('\n');
        return lines.map((line) => line.split(' ').map(Number) as [number, number]);
      };
      for (const [id, skipped] of [
        ['stumbler', []],
        ['poisoned', [poisonMs]],
      ] as const) {
        const counted = new Map(heard(id));
        for (const bar of skipped) counted.delete(bar);
        // The first ones pass while the symbol's features warm up.
        const first = openings.indexOf(heard(id)[0]![0]);
        assert.ok(first >= 0 && first < 60, `${id} begins with bar ${first}`);
        const wanted = openings.slice(first).filter((bar) => !(skipped as readonly number[]).includes(bar));
        assert.deepEqual(
          [...counted],
          wanted.map((bar, i) => [bar, i + 1]),
          id,
        );
      }
      assert.equal(heard('poisoned').filter(([bar]) => bar === poisonMs).length, 5);
      // They trade on after their faults, and the status says exactly what the audit trail does.
      const [intents, fills] = [await company.stored('intent'), await company.stored('fill')];
      for (const [id, faultMs] of [
        ['cross', fromMs],
        ['stumbler', heard('stumbler').find(([, bars]) => bars === 40)![0]],
        ['poisoned', poisonMs],
      ] as const) {
        const later = intents.filter(({ strategy, decidedAtMs }) => strategy === id && decidedAtMs > faultMs + 60_000);
        const filled = fills.filter(({ strategy }) => strategy === id).length;
        assert.ok(later.length > 0, `${id} decides nothing after its fault`);
        assert.equal(status.strategies.find((one) => one.id === id)?.fills, filled, id);
      }
    });
  });
});
