/**
 * Rules between fields. They read the raw values and skip what the schema refuses anyway, so that one reading of the
 * file finds every fault there is.
 */
import { suggest } from './suggest.ts';

export type Path = readonly (string | number)[];

export interface RawFault {
  readonly path: Path;
  readonly allowed: string;
}

type Raw = Readonly<Record<string, unknown>>;

const isSection = (value: unknown): value is Raw =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const section = (value: unknown): Raw => (isSection(value) ? value : {});
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const isNumber = (value: unknown): value is number => typeof value === 'number';

/** A name that must be one of `known`, with the closest of them where there is one. */
function among(what: string, word: string, known: readonly string[]): string {
  const close = suggest(word, known);
  return `${what}: ${known.join(', ') || 'none is configured'}${close === undefined ? '' : `; did you mean ${close}?`}`;
}

function* twice(path: Path, values: readonly unknown[], allowed: (first: number) => string): Generator<RawFault> {
  const seen = new Map<unknown, number>();
  for (const [i, value] of values.entries()) {
    const first = seen.get(value);
    if (first !== undefined && value !== undefined) yield { path: [...path, i], allowed: allowed(first) };
    else seen.set(value, i);
  }
}

function* strategyRules(config: Raw, symbols: readonly string[]): Generator<RawFault> {
  const strategies = list(config.strategies).map(section);
  const ids = strategies.map((strategy) => strategy.id);
  for (const fault of twice(['strategies'], ids, (first) => `an id of its own; strategies[${first}] has it already`)) {
    yield { ...fault, path: [...fault.path, 'id'] };
  }
  for (const [i, { symbol }] of strategies.entries()) {
    if (typeof symbol !== 'string' || symbols.includes(symbol)) continue;
    yield { path: ['strategies', i, 'symbol'], allowed: among('a symbol of market.symbols', symbol, symbols) };
  }
  if (strategies.length > 0 && config.account === undefined) {
    yield { path: ['account'], allowed: 'an account, because there are strategies' };
  }
}

/** 1e-8 lots, the unit in which ledger and terminal count volumes. */
const volumeUnits = (lots: number): number => Math.round(lots * 1e8);

function* symbolRules(symbols: Raw): Generator<RawFault> {
  for (const [name, value] of Object.entries(symbols)) {
    const { volume_min = 0.01, volume_max = 100, volume_step = 0.01 } = section(value);
    if (!isNumber(volume_min) || !isNumber(volume_max) || !isNumber(volume_step)) continue;
    const path = ['market', 'symbols', name, 'volume_min'];
    if (volume_min > volume_max) yield { path, allowed: `at most volume_max, ${volume_max} lots` };
    if (volume_step > 0 && volumeUnits(volume_min) % volumeUnits(volume_step) !== 0) {
      yield { path, allowed: `a multiple of volume_step, ${volume_step} lots` };
    }
  }
  if (Object.keys(symbols).length === 0) yield { path: ['market', 'symbols'], allowed: 'at least one symbol' };
}

function* sessionRules(account: Raw, symbols: readonly string[]): Generator<RawFault> {
  const sessions = section(section(account.risk).sessions);
  for (const [symbol, windows] of Object.entries(sessions)) {
    const path = ['account', 'risk', 'sessions', symbol];
    if (symbol !== '*' && !symbols.includes(symbol)) {
      yield { path, allowed: `${among('a symbol of market.symbols', symbol, symbols)}, or *` };
    }
    for (const [i, window] of list(windows).entries()) {
      const { from_minute, to_minute } = section(window);
      if (isNumber(from_minute) && isNumber(to_minute) && to_minute <= from_minute) {
        yield { path: [...path, i, 'to_minute'], allowed: `later than from_minute, ${from_minute}` };
      }
    }
  }
}

export function* rulesBetween(raw: unknown): Generator<RawFault> {
  const config = section(raw);
  const market = section(config.market);
  const symbols = section(market.symbols);
  const names = Object.keys(symbols);
  if (isSection(market.symbols)) yield* symbolRules(symbols);
  yield* strategyRules(config, names);
  yield* sessionRules(section(config.account), names);
  for (const key of ['timeframes', 'feature_timeframes']) {
    yield* twice(['market', key], list(market[key]), () => 'each timeframe once');
  }
  const { latency_ms = 1, latency_jitter_ms = 0, program, profile = 'plain', utc_offset_s } = section(config.terminal);
  if (program !== 'native' && isNumber(utc_offset_s) && (utc_offset_s % 900 !== 0 || Math.abs(utc_offset_s) > 50_400)) {
    yield {
      path: ['terminal', 'utc_offset_s'],
      allowed: 'a multiple of 900 s within 14 hours, because the expert measures it, or terminal.program: native',
    };
  }
  if (program === 'native' && profile !== 'plain') {
    yield {
      path: ['terminal', 'profile'],
      allowed:
        'plain, or terminal.program: expert or expert-sockets; native has no broker with fillings, trade sessions and faults of its own',
    };
  }
  if (isNumber(latency_ms) && isNumber(latency_jitter_ms) && latency_jitter_ms > latency_ms) {
    yield { path: ['terminal', 'latency_jitter_ms'], allowed: `at most latency_ms, ${latency_ms} ms` };
  }
  const { tls_cert, tls_key } = section(config.bridge);
  for (const [key, given, other] of [
    ['tls_cert', tls_cert, tls_key],
    ['tls_key', tls_key, tls_cert],
  ] as const) {
    if (given !== undefined || other === undefined) continue;
    yield {
      path: ['bridge', key],
      allowed: `a file, because there is a ${key === 'tls_cert' ? 'tls_key' : 'tls_cert'}`,
    };
  }
  const { first_ms = 100, longest_ms = 10_000 } = section(section(config.supervision).backoff);
  if (isNumber(first_ms) && isNumber(longest_ms) && longest_ms < first_ms) {
    yield { path: ['supervision', 'backoff', 'longest_ms'], allowed: `at least first_ms, ${first_ms} ms` };
  }
  const { heartbeat_ms = 250, hang_after_ms = 2_000 } = section(section(config.supervision).thread);
  if (isNumber(heartbeat_ms) && isNumber(hang_after_ms) && hang_after_ms < 3 * heartbeat_ms) {
    yield {
      path: ['supervision', 'thread', 'hang_after_ms'],
      allowed: `at least three heartbeats, ${3 * heartbeat_ms} ms`,
    };
  }
}
