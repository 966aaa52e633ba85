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
  const family = new Set<WeakRef<Logger>>();
  const log = pino(
    {
      level: options.level,
      onChild: (child) => void family.add(new WeakRef(child)),
      base: { service: options.service },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: ['password', '*.password', 'token', '*.token', 'url.password'], censor: '[secret]' },
    },
    destination({ dest: options.file ?? 2, sync: true, mkdir: true }),
  );
  families.set(log, family);
  return log;
}

/** Loggers made of a logger: each has a level of its own. */
const families = new WeakMap<Logger, Set<WeakRef<Logger>>>();

/** From now on, for the logger and all that were made of it. */
export function setLogLevel(log: Logger, level: LogLevel): void {
  log.level = level;
  const family = families.get(log);
  for (const known of family ?? []) {
    const child = known.deref();
    if (child === undefined) family?.delete(known);
    else child.level = level;
  }
}

/** For tests and for code that has nobody to tell. */
export const silentLogger: Logger = pino({ level: 'silent' });
