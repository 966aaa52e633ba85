/**
 * The one schema of Troupe's configuration. Units stand in the names or in the description; a key that is not here is
 * refused. docs/configuration.md is generated from it.
 */
import { z } from 'zod';
import { currency, list, name, named, number, oneOf, section, symbolName, text, whole } from './fields.ts';

const TIMEFRAMES = ['1s', '1m', '5m', '15m', '1h', '4h', '1d'] as const;

const port = z
  .union([whole({ min: 0, max: 65_535, or: 'off' }, ''), z.literal('off')], 'a whole number, 0..65535, or off')
  .meta({
    description: 'Port of /metrics and /health on 127.0.0.1; 0 takes a free one, off serves none',
    allowed: 'a whole number, 0..65535, or off',
  });

const node = section(
  {
    name: name('Name of this node, unique in the company').default('node-1'),
    capacity: number({ min: 0, max: 1_000, above: true }, 'Weight of this node when actors are placed').default(1),
    metrics_port: port.default(0),
  },
  'This process',
);

/** Volumes are counted in 1e-8 lots by ledger and terminal. */
const lots = (description: string) => number({ min: 0, max: 1e6, above: true, unit: 'lots' }, description);

const symbol = section(
  {
    digits: whole({ min: 0, max: 8 }, 'Decimal places of a price; a point is the last of them'),
    contract_size: number({ min: 0, max: 1e9, above: true }, 'Units of the base currency (or shares, ounces) per lot'),
    currency_base: currency('Currency (or asset) that is traded'),
    currency_profit: currency('Currency of the price and of profit'),
    currency_margin: currency('Currency of margin; default: the base currency').optional(),
    tick_size: number({ min: 0, max: 1e6, above: true }, 'Smallest step of a price; default: one point').optional(),
    volume_min: lots('Smallest order').default(0.01),
    volume_max: lots('Largest order that the terminal takes').default(100),
    volume_step: lots('Step of volumes').default(0.01),
    stops_level_points: whole({ min: 0, max: 1e6, unit: 'points' }, 'Least distance of stops from the price').default(
      0,
    ),
    freeze_level_points: whole(
      { min: 0, max: 1e6, unit: 'points' },
      'Distance from the price within which orders cannot be changed',
    ).default(0),
    calc_mode: oneOf(['forex', 'cfd', 'cfd_leverage'], 'How the terminal computes margin').default('forex'),
  },
  'One symbol, as the terminal knows it',
);

const timeframe = oneOf(TIMEFRAMES, 'A timeframe');

const market = section(
  {
    source: name('Source of the ticks, as it stands in their subjects').default('mt5'),
    partitions: whole(
      { min: 1, max: 1_024 },
      'Market partitions into which symbols hash; one for the whole company',
    ).default(12),
    timeframes: list(timeframe, 1, 'Timeframes whose bars are published').default([...TIMEFRAMES]),
    feature_timeframes: list(timeframe, 0, 'Timeframes whose features are published').default([
      '1m',
      '5m',
      '15m',
      '1h',
    ]),
    day: oneOf(['utc', 'broker'], 'Whose day the 4h and 1d bars begin with').default('utc'),
    spill_mb: whole(
      { min: 0, max: 4_096, unit: 'MB' },
      'Disk that the bridge may fill with ticks while NATS takes none; 0: the terminal waits at once',
    ).default(256),
    stale_after_ms: whole({ min: 1, max: 86_400_000, unit: 'ms' }, 'Silence after which a symbol is stale').default(
      60_000,
    ),
    symbols: named(symbolName('Name of a symbol'), symbol, 'Symbols by name'),
  },
  'Market data',
);

const money = { min: 0, max: 1e12, unit: 'account currency' };
const aboveZero = { ...money, above: true };

const sessionWindow = section(
  {
    day: whole({ min: 0, max: 6 }, 'Day of the week, UTC: 0 Sunday .. 6 Saturday'),
    from_minute: whole({ min: 0, max: 1_439, unit: 'minutes after midnight UTC' }, 'First minute that is open'),
    to_minute: whole({ min: 1, max: 1_440, unit: 'minutes after midnight UTC' }, 'First minute that is closed again'),
  },
  'One weekly window in which a symbol may be traded',
);

const percent = { min: 0, max: 100, above: true, unit: '%' };
const span = { min: 0, max: 86_400_000, unit: 'ms' };

export const riskSchema = section(
  {
    max_order_lots: lots('Largest order that opens; absent: no limit').optional(),
    max_notional: number(aboveZero, 'Largest value of one opening order; absent: no limit').optional(),
    max_position_lots: lots('Largest position of one symbol with all live orders filled; absent: no limit').optional(),
    max_gross_exposure: number(
      aboveZero,
      'Largest sum of all positions with all live orders filled; absent: no limit',
    ).optional(),
    max_open_orders: whole(
      { min: 0, max: 100_000, unit: 'orders' },
      'Most live orders at once; absent: no limit',
    ).optional(),
    max_orders_per_minute: whole(
      { min: 0, max: 1_000, unit: 'orders' },
      'Most opening orders in any 60 s of market time; absent: no limit',
    ).optional(),
    daily_loss_limit: number(
      aboveZero,
      'Loss of the UTC day at which nothing is opened any more; absent: no limit',
    ).optional(),
    max_drawdown_percent: number(
      percent,
      'Fall from the peak of equity at which nothing is opened any more; absent: no limit',
    ).optional(),
    price_collar_percent: number(percent, 'Farthest that a price may be from the quote; absent: 2').optional(),
    max_price_age_ms: whole(span, 'Oldest quote that is traded on; absent: 60000').optional(),
    max_intent_age_ms: whole(span, 'Oldest intent that opens anything; absent: 60000').optional(),
    duplicate_window_ms: whole(
      span,
      'Time within which the same order of the same strategy is a duplicate; absent: 1000',
    ).optional(),
    min_free_margin: number(money, 'Free margin that must be left over; absent: 0').optional(),
    sessions: named(
      text(/^(\*|[^*].{0,30})$/u, 'the name of a symbol, or * for the others', 'Symbol'),
      z.array(sessionWindow, 'a list of windows').meta({ description: 'Windows', allowed: 'a list of windows' }),
      'Trading hours by symbol, * for those without their own; absent: always open',
    ).optional(),
  },
  'Limits of the risk gate',
);

const account = section(
  {
    id: name('Name of the account, as it stands in subjects and in the ledger'),
    kind: oneOf(['mt5'], 'What stands behind the account: a MetaTrader 5 terminal behind the bridge').default('mt5'),
    login: whole(
      { min: 1, max: 99_999_999_999_999 },
      'Login of the account at the broker; the bridge takes a terminal with this login and no other',
    ).default(1001),
    currency: currency('Currency of balance and profit').default('USD'),
    balance: number(money, 'Opening balance of the simulated terminal').default(100_000),
    leverage: whole({ min: 1, max: 10_000 }, 'Leverage of the account, 100 for 1:100').default(100),
    margin_mode: oneOf(['netting', 'hedging'], 'One position per symbol, or one per order').default('netting'),
    safe_mode: oneOf(
      ['cancel', 'flatten', 'hold'],
      'What is done before a node leaves for good: cancel working orders, close all positions as well, or touch nothing; in each case nothing new is opened until an operator activates the account',
    ).default('cancel'),
    risk: riskSchema.prefault({}),
  },
  'The trading account; absent: this node does not trade',
);

export const paramsSchema = z.record(z.string(), z.unknown(), 'a section of the strategy’s own parameters').meta({
  description: 'Parameters of the strategy; its own schema checks them',
  allowed: 'a section of the strategy’s own parameters',
});

const strategy = section(
  {
    id: name('Name of this instance, unique'),
    use: text(
      /^\S.{0,4095}$/,
      'the name of a built-in strategy, or the path of a file',
      'Which strategy: ema-cross, mean-reversion, or the path of your own file',
    ),
    symbol: symbolName('Symbol that it trades, one of market.symbols'),
    params: paramsSchema.prefault({}),
    isolation: oneOf(
      ['thread', 'inline'],
      'thread: in a thread of its own, where a loop without end or a memory without bound harms nobody else; inline: in the node’s own thread',
    ).default('thread'),
  },
  'One strategy instance',
);

const probability = { min: 0, max: 1 };

const terminal = section(
  {
    program: oneOf(
      ['expert', 'expert-sockets', 'native'],
      'Who trades in it: the MQL5 expert that real terminals run, over the same link client or without a DLL, on MQL5’s own sockets, or the terminal by itself: faster replays, and no MetaTrader in between',
    ).default('expert'),
    profile: text(
      /^(plain|exchange|hostile|instant-netting|retail-hedging|.{1,4090}\.json)$/,
      'plain, exchange, hostile, instant-netting or retail-hedging, or the path of a JSON file',
      'The broker that the expert meets: execution, fillings, comments, trade sessions (by the time of the ticks), faults; plain with the program native, which has none of them',
    ).default('plain'),
    latency_ms: number({ min: 0, max: 60_000, unit: 'ms' }, 'Mean delay of every order').default(1),
    latency_jitter_ms: number(
      { min: 0, max: 60_000, unit: 'ms' },
      'Half-width of the uniform spread about it, at most latency_ms',
    ).default(0),
    slippage_max_points: number(
      { min: 0, max: 10_000, unit: 'points' },
      'Largest slippage against the order, uniform from 0',
    ).default(0),
    reject_probability: number(probability, 'Share of orders that are rejected').default(0),
    partial_fill_probability: number(probability, 'Share of orders that fill in parts').default(0),
    commission_per_lot: number({ min: 0, max: 1e6, unit: 'account currency' }, 'Commission per lot and side').default(
      0,
    ),
    seed: whole({ min: 0, max: Number.MAX_SAFE_INTEGER }, 'Seed of everything that the terminal draws').default(1),
    utc_offset_s: whole({ min: -86_399, max: 86_399, unit: 's' }, 'The broker’s wall clock minus UTC').default(0),
    stop_out_level_percent: number(
      { min: 0, max: 1_000, unit: '%' },
      'Margin level at which positions are closed',
    ).default(50),
    rates: named(
      currency('A currency'),
      number({ min: 0, max: 1e9, above: true }, 'Account currency per unit'),
      'Rates to the account’s currency where no symbol gives them',
    ).default({}),
  },
  'The simulated terminal',
);

const pemFile = (description: string) => text(/^\S.{0,4095}$/, 'the path of a file in PEM format', description);

const bridge = section(
  {
    daylight: oneOf(
      ['fixed', 'us', 'eu'],
      'When the broker’s clock goes to summer time: never, or with New York, or with Europe',
    ).default('fixed'),
    metrics_port: port.default(0),
    tls_cert: pemFile(
      'Certificate of the link to the terminal, and what has signed it; absent: the link is not TLS',
    ).optional(),
    tls_key: pemFile('Key of that certificate; absent: the link is not TLS').optional(),
  },
  'The bridge of the account; paths count from the folder of this file',
);

const budget = (restarts: number, description: string) =>
  section(
    {
      restarts: whole({ min: 0, max: 1_000 }, 'Restarts allowed within the window').default(restarts),
      window_ms: whole({ min: 1_000, max: 86_400_000, unit: 'ms' }, 'The window').default(60_000),
    },
    description,
  ).prefault({});

const supervision = section(
  {
    child: budget(5, 'Budget of each actor'),
    supervisor: budget(20, 'Budget of all actors under one supervisor'),
    backoff: section(
      {
        first_ms: whole(
          { min: 1, max: 60_000, unit: 'ms' },
          'Delay of the second restart; it doubles with each',
        ).default(100),
        longest_ms: whole({ min: 1, max: 600_000, unit: 'ms' }, 'Longest delay').default(10_000),
      },
      'Delay between restarts',
    ).prefault({}),
    start_deadline_ms: whole(
      { min: 1_000, max: 600_000, unit: 'ms' },
      'Time in which an actor must have started; later is a failure that counts in its budget',
    ).default(30_000),
    thread: section(
      {
        heartbeat_ms: whole({ min: 10, max: 10_000, unit: 'ms' }, 'How often the thread shows that it lives').default(
          250,
        ),
        hang_after_ms: whole(
          { min: 100, max: 600_000, unit: 'ms' },
          'Silence after which it is ended and started again; at least three heartbeats',
        ).default(2_000),
        memory_mb: whole(
          { min: 48, max: 16_384, unit: 'MB' },
          'Memory that it may hold, its heap and its buffers together',
        ).default(128),
      },
      'Watch over strategies that run in threads of their own',
    ).prefault({}),
  },
  'When failed actors are started again',
);

export const logLevelSchema = oneOf(
  ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
  'Least level that is written',
);

const log = section(
  {
    level: logLevelSchema.default('info'),
  },
  'Logs',
);

export const configSchema = section(
  {
    node: node.prefault({}),
    market,
    account: account.optional(),
    strategies: z
      .array(strategy, 'a list of strategies')
      .meta({ description: 'Strategy instances', allowed: 'a list of strategies' })
      .default([]),
    bridge: bridge.prefault({}),
    terminal: terminal.prefault({}),
    supervision: supervision.prefault({}),
    log: log.prefault({}),
  },
  'Configuration of Troupe',
);

/** As in YAML: the same names, the defaults filled in. */
export type Config = z.infer<typeof configSchema>;
