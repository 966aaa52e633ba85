/** The configuration of one run: the user's, narrowed to the symbols that are played, under an account of its own. */
import path from 'node:path';
import { isStrategyFile } from '../../actors/strategy/registry.ts';
import type { TapeInfo } from '../../backtest/tape.ts';
import type { Config } from '../../runtime/config/index.ts';
import { TroupeError } from '../../runtime/errors.ts';
import { isProfileFile } from './terminal-config.ts';

/**
 * Throws CONFIG_INVALID where the tape has a symbol that is not configured.
 * `startedMs` (wall clock) makes the account's name: the ledger keeps the books of every run apart.
 */
export function runConfig(config: Config, file: string, tape: TapeInfo, startedMs: number): Config {
  const missing = tape.symbols.filter((name) => config.market.symbols[name] === undefined);
  if (missing.length > 0) {
    const known = Object.keys(config.market.symbols).join(', ');
    throw new TroupeError(
      'CONFIG_INVALID',
      `${file}: market.symbols: ${missing.join(', ')} is played but not configured (configured: ${known}). ` +
        `Add it there with its digits, contract_size, currency_base and currency_profit.`,
    );
  }
  const stamp = new Date(startedMs).toISOString().slice(0, 19).replace(/[-:]/g, '');
  const { account, bridge, terminal } = config;
  const beside = (name: string) => path.resolve(path.dirname(file), name);
  return {
    ...config,
    market: {
      ...config.market,
      symbols: Object.fromEntries(tape.symbols.map((name) => [name, config.market.symbols[name]!])),
    },
    terminal: {
      ...terminal,
      profile: isProfileFile(terminal.profile) ? beside(terminal.profile) : terminal.profile,
    },
    ...(account === undefined ? {} : { account: { ...account, id: `${account.id}-${stamp}` } }),
    bridge: {
      ...bridge,
      ...(bridge.tls_cert === undefined ? {} : { tls_cert: beside(bridge.tls_cert) }),
      ...(bridge.tls_key === undefined ? {} : { tls_key: beside(bridge.tls_key) }),
    },
    strategies: config.strategies
      .filter(({ symbol }) => tape.symbols.includes(symbol))
      // The node reads its configuration from the run's folder; the user's own files stand beside the user's.
      .map((one) => (isStrategyFile(one.use) ? { ...one, use: beside(one.use) } : one)),
  };
}
