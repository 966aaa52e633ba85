import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Setting } from '../../../node/settings/keys.ts';
import { readSetting } from '../../../node/settings/keys.ts';
import { Settings } from '../../../node/settings/settings.ts';
import type { Bus } from '../../../runtime/bus/bus.ts';
import { MemoryServer } from '../../../runtime/bus/memory.ts';
import { topics } from '../../../runtime/bus/topics.ts';
import { systemClock } from '../../../runtime/clock.ts';
import type { Config } from '../../../runtime/config/index.ts';
import { parseConfig } from '../../../runtime/config/load.ts';
import { silentLogger } from '../../../runtime/telemetry/log.ts';

const file = (): Config =>
  parseConfig(
    `
market: { symbols: { EURUSD: { digits: 5, contract_size: 100000, currency_base: EUR, currency_profit: USD } } }
account: { id: my.demo, risk: { max_order_lots: 5, max_open_orders: 20 } }
strategies: [{ id: ema, use: ema-cross, symbol: EURUSD, params: { timeframe: 5m, lots: 0.5 } }]
`,
    'test.yaml',
  );

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('a live setting', () => {
  const taken: [string, string | undefined, Setting][] = [
    [
      ...(['risk.my=2Edemo', '{"max_order_lots": 2}'] as const),
      { about: 'risk', account: 'my.demo', risk: { max_order_lots: 2, max_open_orders: 20 } },
    ],
    [
      ...(['risk.my=2Edemo', undefined] as const),
      { about: 'risk', account: 'my.demo', risk: { max_order_lots: 5, max_open_orders: 20 } },
    ],
    [
      ...(['strategy.ema', '{"params": {"lots": 1}}'] as const),
      { about: 'strategy', id: 'ema', params: { timeframe: '5m', lots: 1 } },
    ],
    ['log.level', '"debug"', { about: 'log', level: 'debug' }],
    ['log.level', undefined, { about: 'log', level: 'info' }],
  ];
  for (const [key, value, setting] of taken) {
    test(`${key} ${value ?? '(deleted)'}`, () => {
      assert.deepEqual(readSetting(file(), key, value === undefined ? undefined : bytes(value)), { setting });
    });
  }

  const refused: [string, string, RegExp][] = [
    ['risks.my=2Edemo', '{}', /^risks\.my=2Edemo: no such setting; allowed: risk\.my=2Edemo, .*did you mean risk\./],
    ['risk.other', '{}', /no such setting/],
    ['strategy.emma', '{}', /no such setting; .*did you mean strategy\.ema\?/],
    ['log.level.x', '"info"', /no such setting/],
    ['risk.my=zz', '{}', /not an escaped subject token/],
    ['risk.my=2Edemo', 'five', /not JSON/],
    ['risk.my=2Edemo', '{"max_order_lot": 5}', /max_order_lot: unknown key; did you mean max_order_lots\?/],
    [
      'risk.my=2Edemo',
      '{"max_order_lots": -5}',
      /max_order_lots: found -5; allowed: a number, above 0, at most 1000000 lots/,
    ],
    ['risk.my=2Edemo', '{"max_order_lots": -5, "max_open_orders": 0.5}', /max_order_lots.*; .*max_open_orders/],
    [
      ...(['risk.my=2Edemo', '{"sessions": {"EURUSX": [{"day": 1, "from_minute": 0, "to_minute": 9}]}}'] as const),
      /sessions\.EURUSX: a symbol of market\.symbols: EURUSD; did you mean EURUSD\?/,
    ],
    ['strategy.ema', '{"lots": 1}', /lots: unknown key; .*params/],
    ['strategy.ema', '{}', /params: missing/],
    ['log.level', '"loud"', /found "loud"; allowed: one of trace, debug, info, warn, error, silent/],
    ['log.level', '{}', /found a section/],
  ];
  for (const [key, value, want] of refused) {
    test(`refused: ${key} ${value}`, () => {
      const read = readSetting(file(), key, bytes(value));
      assert.ok('faults' in read, JSON.stringify(read));
      assert.match(read.faults.join('; '), want);
    });
  }
});

interface Stage {
  readonly server: MemoryServer;
  readonly config: Config;
  readonly applied: Setting[];
  readonly settings: Settings;
  put(key: string, value: string): Promise<number>;
}

function stage(server = new MemoryServer({ clock: systemClock }), node = 'n1', concerns = true): Stage & { bus: Bus } {
  const bus = server.connect();
  const config = file();
  const applied: Setting[] = [];
  const settings = new Settings({
    ...{ node, config, bus, clock: systemClock, log: silentLogger, layout: { partitions: 12 } },
    check: async (setting) => {
      if (setting.about === 'strategy' && setting.params.lots === 13) throw new Error('lots: unlucky');
    },
    apply: async (setting) => {
      applied.push(setting);
      return concerns;
    },
  });
  const put = async (key: string, value: string): Promise<number> => (await bus.kv('config')).put(key, bytes(value));
  return { server, bus, config, applied, settings, put };
}

const events = ({ server }: Pick<Stage, 'server'>): string[] =>
  server.messages('SYSTEM').map(({ subject, data }) => {
    const { event, cause, node } = topics.lifecycle.decode(data);
    return `${subject.slice('sys.lifecycle.'.length)} ${event} ${node}: ${cause}`;
  });

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await systemClock.sleep(2);
}

describe('live settings of a node', () => {
  test('a good one holds and is told; a bad one changes nothing and says why; a deleted one gives way to the file', async () => {
    const s = stage();
    await s.settings.start();
    const first = await s.put('risk.my=2Edemo', '{"max_order_lots": 2}');
    await until(() => events(s).length === 1);
    assert.equal(s.settings.risk?.max_order_lots, 2);
    assert.deepEqual(s.settings.live, { 'risk.my=2Edemo': first });
    await s.put('risk.my=2Edemo', '{"max_order_lots": -2}');
    await s.put('strategy.ema', '{"params": {"lots": 13}}');
    await until(() => events(s).length === 3);
    assert.equal(s.settings.risk?.max_order_lots, 2);
    assert.equal(s.config.strategies[0]?.params.lots, 0.5);
    await s.put('strategy.ema', '{"params": {"lots": 1}}');
    await (await s.bus.kv('config')).delete('risk.my=2Edemo');
    await until(() => events(s).length === 5);
    assert.equal(s.settings.risk, undefined);
    assert.equal(s.config.strategies[0]?.params.lots, 1);
    assert.deepEqual(
      s.applied.map(({ about }) => about),
      ['risk', 'strategy', 'risk'],
    );
    const told = events(s);
    assert.match(told[0]!, /^config\.risk=2Emy=3D2Edemo config_applied n1: revision \d+$/);
    assert.match(
      told[1]!,
      /^config\.risk=2Emy=3D2Edemo config_refused n1: SETTING_REFUSED: .*max_order_lots: found -2/,
    );
    assert.match(told[2]!, /^config\.strategy=2Eema config_refused n1: SETTING_REFUSED: lots: unlucky$/);
    assert.match(told[3]!, /^config\.strategy=2Eema config_applied n1/);
    assert.match(told[4]!, /config_applied n1: deleted: the configuration file holds$/);
    await s.settings.stop();
    await s.put('log.level', '"debug"');
    await systemClock.sleep(20);
    assert.equal(s.config.log.level, 'info');
  });

  test('what the bucket holds is taken at the start, before anything runs, and told to nobody', async () => {
    const s = stage();
    await s.put('strategy.ema', '{"params": {"lots": 2}}');
    await s.put('log.level', '"loud"');
    await s.settings.start();
    assert.equal(s.config.strategies[0]?.params.lots, 2);
    assert.deepEqual(s.applied, []);
    assert.deepEqual(events(s).length, 1);
    assert.match(events(s)[0]!, /config_refused/);
  });

  test('of several nodes one refusal is stored, and those tell of success whom it concerned', async () => {
    const one = stage();
    const two = stage(one.server, 'n2', false);
    await one.settings.start();
    await two.settings.start();
    await one.put('log.level', '"loud"');
    await one.put('risk.my=2Edemo', '{"max_order_lots": 3}');
    await until(() => events(one).length === 2 && two.applied.length === 1);
    assert.equal(two.settings.risk?.max_order_lots, 3);
    assert.match(events(one)[0]!, /config_refused/);
    assert.match(events(one)[1]!, /config_applied n1/);
  });
});
