/** What makes a node operable: live settings, watching, and the services that operators ask. */
import type { BrokerContext } from '../actors/broker/context.ts';
import type { Bus } from '../runtime/bus/bus.ts';
import type { Layout } from '../runtime/bus/topics.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Config } from '../runtime/config/index.ts';
import { Inspector } from '../runtime/inspect/inspector.ts';
import type { Logger, LogLevel } from '../runtime/telemetry/log.ts';
import { setLogLevel } from '../runtime/telemetry/log.ts';
import type { Company } from './company.ts';
import { Control } from './control/control.ts';
import { hostOf } from './control/host.ts';
import type { Levels } from './levels.ts';
import { riskLimits } from './risk-limits.ts';
import { checkStrategy } from './settings/check-strategy.ts';
import type { Setting } from './settings/keys.ts';
import { Settings } from './settings/settings.ts';
import type { Tree } from './tree.ts';

export interface OperationsOptions {
  readonly node: string;
  readonly instance: string;
  /** Live settings change it in place. */
  readonly config: Config;
  readonly folder: string;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly layout: Layout;
  readonly company: Company;
  readonly tree: Tree;
  /** Whether the node hands over what it has. */
  isDraining(): boolean;
  /** What holds now, also for those who write no line of this process's log themselves. */
  readonly onLogLevel?: (level: LogLevel) => void;
  drain(): void;
}

export class Operations {
  readonly inspector: Inspector;
  private readonly o: OperationsOptions;
  private readonly settings: Settings;
  private control: Control | undefined;
  private uninspect: (() => void)[] = [];

  constructor(options: OperationsOptions) {
    this.o = options;
    const { node, config, folder, bus, clock, log, layout } = options;
    this.inspector = new Inspector({ bus, clock, log, node });
    this.settings = new Settings({
      ...{ node, config, bus, clock, log, layout },
      check: (setting) => checkStrategy(setting, config, folder),
      apply: (setting) => this.apply(setting),
    });
  }

  /** Live settings are taken before anything is made of the configuration. */
  async prepare(): Promise<void> {
    await this.settings.start();
    this.setLogLevel(this.o.config.log.level);
  }

  /** From here on operators are answered. */
  async open(levels: Levels): Promise<void> {
    const { node, bus, clock, log, company, tree, config } = this.o;
    this.uninspect = tree.all.map((supervisor) => this.inspector.add(supervisor));
    const host = hostOf({
      ...{ name: node, company, levels },
      supervisors: () => tree.all,
      digitsOf: (symbol) => config.market.symbols[symbol]?.digits ?? 0,
      self: () => this.self(),
      drain: () => this.o.drain(),
      config: () => this.config,
    });
    this.control = new Control({ host, bus, clock, log });
    await this.control.start();
  }

  /** A broker keeps live limits over its restarts; what it kept may be of a setting that has changed since. */
  brokerStarted(id: string): void {
    const member = this.o.company.get('broker', id)?.member;
    const kept = (member?.summary as BrokerContext | undefined)?.liveLimits ?? null;
    const { risk } = this.settings;
    const limits = risk === undefined ? null : riskLimits(risk);
    if (JSON.stringify(kept) !== JSON.stringify(limits)) member?.tell({ type: 'control.limits', limits });
  }

  async close(): Promise<void> {
    this.end();
    await Promise.all([this.settings.stop(), this.control?.stop()]);
  }

  /** Nothing is said or answered any more. */
  kill(): void {
    this.end();
    this.settings.kill();
    this.control?.kill();
  }

  private end(): void {
    for (const end of this.uninspect) end();
    this.uninspect = [];
    this.inspector.stop();
  }

  private setLogLevel(level: LogLevel): void {
    setLogLevel(this.o.log, level);
    this.o.onLogLevel?.(level);
  }

  private async apply(setting: Setting): Promise<boolean> {
    const { company, tree } = this.o;
    if (setting.about === 'log') {
      this.setLogLevel(setting.level);
      return true;
    }
    if (setting.about === 'risk') {
      if (company.get('broker', setting.account) === undefined) return false;
      this.brokerStarted(setting.account);
      return true;
    }
    const { id } = setting;
    if (company.get('strategy', id) === undefined) return false;
    await tree.of('strategy', id).restart('strategy', id, 'live settings');
    return true;
  }

  private self(): { state: string; detail: string; figures: Record<string, unknown> } {
    const { company, instance, config, isDraining } = this.o;
    const actors: Record<string, number> = {};
    for (const { planned } of company.all) actors[planned.kind] = (actors[planned.kind] ?? 0) + 1;
    const count = Object.values(actors).reduce((sum, n) => sum + n, 0);
    return {
      state: isDraining() ? 'draining' : 'running',
      detail: `${count} actors, ${this.inspector.watched} watched`,
      figures: { instance, capacity: config.node.capacity, actors, settings: this.settings.live },
    };
  }

  /** With live limits in it. */
  private get config(): unknown {
    const { config } = this.o;
    const { risk, live } = this.settings;
    const account = config.account && { ...config.account, risk: risk ?? config.account.risk };
    return { ...config, account, live };
  }
}
