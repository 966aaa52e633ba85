/** What the simulated terminal is started with, from the configuration and the tape. Pure. */
import path from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { TapeInfo } from '../../backtest/tape.ts';
import type { TerminalConfigSchema } from '../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import type { Config } from '../../runtime/config/index.ts';

const PROFILES = path.join(import.meta.dirname, '..', '..', 'native', 'mt5-bridge', 'terminal', 'profiles');

export interface TerminalRun {
  readonly config: Config;
  readonly tape: TapeInfo;
  readonly port: number;
  readonly speed: number;
  readonly leadLimitMs: number;
  readonly rounds: number;
  readonly history: string;
}

/** Which terminal the bridge is told to take, and no other: the one that `terminalConfig` makes. */
export function wantedTerminal({ account }: Config): string[] {
  return account === undefined ? [] : ['--login', String(account.login), '--margin-mode', account.margin_mode];
}

export function terminalConfig(run: TerminalRun): MessageInitShape<typeof TerminalConfigSchema> {
  const { config, tape } = run;
  const { account, terminal } = config;
  return {
    bridge: `127.0.0.1:${run.port}`,
    login: String(account?.login ?? 1),
    currency: account?.currency ?? 'USD',
    balance: account?.balance ?? 0,
    leverage: account?.leverage ?? 1,
    marginMode: account?.margin_mode ?? 'netting',
    symbols: tape.symbols.map((name) => {
      const symbol = config.market.symbols[name]!;
      const point = 10 ** -symbol.digits;
      return {
        name,
        digits: symbol.digits,
        point,
        tickSize: symbol.tick_size ?? point,
        contractSize: symbol.contract_size,
        volumeMin: symbol.volume_min,
        volumeMax: symbol.volume_max,
        volumeStep: symbol.volume_step,
        stopsLevelPoints: symbol.stops_level_points,
        freezeLevelPoints: symbol.freeze_level_points,
        currencyBase: symbol.currency_base,
        currencyProfit: symbol.currency_profit,
        currencyMargin: symbol.currency_margin ?? symbol.currency_base,
        calcMode: symbol.calc_mode,
      };
    }),
    tape: tape.path,
    speed: run.speed,
    utcOffsetS: tape.utcOffsetS,
    execution: {
      latencyMs: terminal.latency_ms,
      latencyJitterMs: terminal.latency_jitter_ms,
      slippageMaxPoints: terminal.slippage_max_points,
      rejectProbability: terminal.reject_probability,
      partialFillProbability: terminal.partial_fill_probability,
      seed: String(terminal.seed),
    },
    commissionPerLot: terminal.commission_per_lot,
    leadLimitMs: run.leadLimitMs,
    rounds: run.rounds,
    history: run.history,
    stopOutLevelPercent: terminal.stop_out_level_percent,
    currencyRates: { ...terminal.rates },
    program: terminal.program,
    profile: terminal.program === 'native' ? '' : profilePath(terminal.profile),
  };
}

/** A profile that comes with Troupe, or the user's own. */
export const isProfileFile = (profile: string): boolean => profile.endsWith('.json');

function profilePath(profile: string): string {
  return isProfileFile(profile) ? profile : path.join(PROFILES, `${profile}.json`);
}
