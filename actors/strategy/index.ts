/** All that a strategy author needs: `import { defineStrategy, timeframe, z } from 'troupe/strategy'`. */
export { z } from 'zod';
export type {
  BarCtx,
  BarView,
  Ctx,
  FillCtx,
  FillView,
  OrderOptions,
  PositionView,
  StrategySpec,
  TickCtx,
  TickView,
} from './author.ts';
export type { Strategy } from './define.ts';
export { defineStrategy } from './define.ts';
export { timeframe } from './timeframes.ts';
