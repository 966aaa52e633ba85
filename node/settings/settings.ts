/**
 * Live settings of KV `config`: checked with the schema of the configuration before they act. What is refused changes
 * nothing and says so on `sys.lifecycle.config.<key>`; what is taken holds for whatever starts from then on, and those
 * that run are told. The bucket is the level: after a restart its values are taken again.
 */
import type { Bus } from '../../runtime/bus/bus.ts';
import type { Layout } from '../../runtime/bus/topics.ts';
import { topics } from '../../runtime/bus/topics.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Config } from '../../runtime/config/index.ts';
import { messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/telemetry/log.ts';
import type { Risk, Setting } from './keys.ts';
import { readSetting } from './keys.ts';

export interface SettingsOptions {
  readonly node: string;
  /** The configuration file's; parameters and log level in it are changed in place, for whoever reads them later. */
  readonly config: Config;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly layout: Layout;
  /** What the schema cannot know of a setting. Throws where it must be refused. */
  check(setting: Setting): Promise<void>;
  /** Tells those of this node whom it concerns; false where it concerns nobody here. Not called before `start` is over. */
  apply(setting: Setting): Promise<boolean>;
}

export class Settings {
  private readonly o: SettingsOptions;
  /** As the file has it. */
  private readonly file: Config;
  private readonly held = new Map<string, number>();
  private work: Promise<void> = Promise.resolve();
  private starting = true;
  private killed = false;
  private unwatch: (() => Promise<void>) | undefined;
  private liveRisk: Risk | undefined;

  constructor(options: SettingsOptions) {
    this.o = options;
    this.file = structuredClone(options.config);
  }

  /** Resolves when what the bucket holds has been taken. */
  async start(): Promise<void> {
    const bucket = await this.o.bus.kv('config');
    this.unwatch = await bucket.watch('>', (entry) => {
      const value = 'deleted' in entry ? undefined : entry.value;
      const revision = 'deleted' in entry ? undefined : entry.revision;
      this.work = this.work.then(() => this.take(entry.key, value, revision));
    });
    await this.work;
    this.starting = false;
  }

  async stop(): Promise<void> {
    await this.unwatch?.();
    await this.work;
  }

  /** Nothing is taken or said any more. */
  kill(): void {
    this.killed = true;
    void this.unwatch?.().catch(() => undefined);
  }

  /** Keys that hold now, with the revision of each. */
  get live(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.held);
  }

  /**
   * Limits that hold instead of the file's, undefined where the file's do. They stay out of the configuration: the
   * broker keeps the two apart, so that a deleted setting gives the file's limits back.
   */
  get risk(): Risk | undefined {
    return this.liveRisk;
  }

  private async take(key: string, value: Uint8Array | undefined, revision: number | undefined): Promise<void> {
    if (this.killed) return;
    const read = readSetting(this.file, key, value);
    if ('faults' in read) return this.refuse(key, revision, read.faults.join('; '));
    const { setting } = read;
    try {
      await this.o.check(setting);
    } catch (error) {
      return this.refuse(key, revision, messageOf(error));
    }
    this.hold(setting, revision !== undefined);
    if (revision === undefined) this.held.delete(key);
    else this.held.set(key, revision);
    if (this.starting) {
      this.o.log.info({ key, revision }, `live setting ${key} holds`);
      return;
    }
    try {
      const cause = revision === undefined ? 'deleted: the configuration file holds' : `revision ${revision}`;
      if (await this.o.apply(setting)) await this.say(key, revision, 'config_applied', cause);
    } catch (error) {
      this.o.log.error({ key, err: error }, `live setting ${key} could not be told`);
    }
  }

  private hold(setting: Setting, isLive: boolean): void {
    const { config } = this.o;
    if (setting.about === 'risk') this.liveRisk = isLive ? setting.risk : undefined;
    else if (setting.about === 'log') config.log.level = setting.level;
    else if (setting.about === 'strategy') {
      const strategy = config.strategies.find(({ id }) => id === setting.id);
      if (strategy !== undefined) strategy.params = { ...setting.params };
    }
  }

  private async refuse(key: string, revision: number | undefined, faults: string): Promise<void> {
    this.o.log.warn({ code: 'SETTING_REFUSED', key, revision }, `live setting refused: ${faults}`);
    await this.say(key, revision, 'config_refused', `SETTING_REFUSED: ${faults}`);
  }

  /** Refusals are the same on every node, and stored once. */
  private async say(key: string, revision: number | undefined, event: string, cause: string): Promise<void> {
    const { bus, clock, layout, log, node } = this.o;
    if (this.killed) return;
    const who = event === 'config_refused' && revision !== undefined ? '' : `.${node}.${clock.nowUs()}`;
    try {
      await bus.publish({
        subject: topics.lifecycle.subject({ kind: 'config', id: key }, layout),
        messageId: `config.${key}.${revision ?? 'deleted'}.${event}${who}`,
        data: topics.lifecycle.encode({ kind: 'config', id: key, event, cause, node, timeMs: clock.nowMs() }),
      });
    } catch (error) {
      log.warn({ key, event, err: error }, 'a live setting’s event could not be stored');
    }
  }
}
