/** What only a strategy itself can say of new parameters. */

import { strategyPlan } from '../../actors/strategy/actor.ts';
import type { Strategy } from '../../actors/strategy/define.ts';
import { loadStrategy } from '../../actors/strategy/registry.ts';
import { DEFAULT_FEATURES } from '../../actors/symbol/features.ts';
import type { Config } from '../../runtime/config/index.ts';
import { TroupeError } from '../../runtime/errors.ts';
import type { Setting } from './keys.ts';

/**
 * Throws CONFIG_INVALID where the strategy refuses the parameters, or where they need bars or features that the symbol's
 * actor does not compute: those are planned at the start of the nodes.
 */
export async function checkStrategy(setting: Setting, config: Config, folder: string): Promise<void> {
  if (setting.about !== 'strategy') return;
  const { id } = setting;
  const one = config.strategies.find((strategy) => strategy.id === id);
  if (one === undefined || config.account === undefined) return;
  const { market } = config;
  const account = config.account.id;
  const featureTimeframes = market.feature_timeframes;
  const plan = (name: string, definition: Strategy, params: unknown) =>
    strategyPlan({ id: name, account, symbol: one.symbol, definition, params, featureTimeframes });
  const wanted = plan(id, await loadStrategy(one.use, folder, `strategies.${id}.use`), setting.params);
  const timeframes = new Set<string>(market.timeframes);
  const featured = new Set<string>(featureTimeframes);
  const features = new Set<string>(DEFAULT_FEATURES);
  for (const { id: name, use, symbol, params } of config.strategies) {
    if (symbol !== one.symbol) continue;
    const planned = plan(name, await loadStrategy(use, folder, `strategies.${name}.use`), params);
    for (const timeframe of planned.timeframes) timeframes.add(timeframe);
    if (planned.features.length > 0) for (const timeframe of planned.timeframes) featured.add(timeframe);
    for (const feature of planned.features) features.add(feature);
  }
  const missing = [
    ...wanted.timeframes.filter((name) => !timeframes.has(name)).map((name) => `bars of ${name}`),
    ...(wanted.features.length > 0 ? wanted.timeframes : [])
      .filter((name) => !featured.has(name))
      .map((name) => `features of ${name}`),
    ...wanted.features.filter((name) => !features.has(name)).map((name) => `the feature ${name}`),
  ];
  if (missing.length === 0) return;
  const needs = [...new Set(missing)].join(', ');
  throw new TroupeError(
    'CONFIG_INVALID',
    `strategy.${id}: needs ${needs} of ${one.symbol}, which nobody computes; change the configuration file and start anew`,
  );
}
