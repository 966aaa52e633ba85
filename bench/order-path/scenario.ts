/** When the strategies decide. */

/** `spread`: each at seeded moments of its own; `burst`: all at the close of every second. */
export type Scenario = 'spread' | 'burst';

export const SCENARIOS: readonly Scenario[] = ['spread', 'burst'];

/** Of `spread`: one moment lies in each slot of this length, anywhere in it. */
export const EVERY_MS = 500;

export const scenariosOf = (asked: Scenario | 'both'): readonly Scenario[] => (asked === 'both' ? SCENARIOS : [asked]);

/** File below bench/strategies and the parameters of the `n`-th strategy. */
export function strategyOf(scenario: Scenario, n: number): { file: string; params: Record<string, number> } {
  if (scenario === 'burst') return { file: 'each-second.ts', params: {} };
  return { file: 'at-moments.ts', params: { everyMs: EVERY_MS, seed: n + 1 } };
}
