/** The configuration: one schema, read from YAML, checked whole. */
export { configurationPage } from './document.ts';
export { loadConfig, parseConfig } from './load.ts';
export type { Config } from './schema.ts';
export { configSchema } from './schema.ts';
