/** The timeframes that bars exist in (DESIGN.md section 4), as a schema for strategy parameters. */
import { z } from 'zod';

export const timeframeNames = ['1s', '1m', '5m', '15m', '1h', '4h', '1d'] as const;
export type Timeframe = (typeof timeframeNames)[number];

/** For the `params` of a strategy: `timeframe: timeframe().default('1m')`. */
export const timeframe = (): z.ZodEnum<{ [K in Timeframe]: K }> => z.enum(timeframeNames);
