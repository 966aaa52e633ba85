/** Structured logs: one JSON object per line on stderr, through pino. Secrets are never logged; see `redact`. */
import type { Logger as PinoLogger } from 'pino';
import { destination, pino, stdTimeFunctions } from 'pino';

export type Logger = PinoLogger;
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LogOptions {
  readonly level: LogLevel;
  /** Stands in every line. */
  readonly service: string;
  /** File to append to; stderr where absent. */
  readonly file?: string;
}

export function createLogger(options: LogOptions): Logger {
  return pino(
    {
      level: options.level,
      base: { service: options.service },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: ['password', '*.password', 'token', '*.token', 'url.password'], censor: '[secret]' },
    },
    destination({ dest: options.file ?? 2, sync: true, mkdir: true }),
  );
}

/** For tests and for code that has nobody to tell. */
export const silentLogger: Logger = pino({ level: 'silent' });
