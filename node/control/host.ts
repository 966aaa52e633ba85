/** The actors of one node as operators' requests reach them. */
import type { BrokerContext } from '../../actors/broker/context.ts';
import { brokerStatus } from '../../actors/broker/status.ts';
import type { RecorderContext } from '../../actors/recorder/machine.ts';
import type { StrategySummary } from '../../actors/strategy/memory.ts';
import type { SymbolContext } from '../../actors/symbol/market.ts';
import { shown } from '../../runtime/inspect/data.ts';
import type { Supervisor } from '../../supervisors/supervisor.ts';
import type { Company, Placed } from '../company.ts';
import type { Levels } from '../levels.ts';
import { moneyPerUnit, strategyStatus, symbolStatus } from '../report.ts';
import type { Host, Target } from './target.ts';
import type { ControlKind } from './verbs.ts';

export interface HostParts {
  readonly name: string;
  readonly company: Company;
  readonly levels: Pick<Levels, 'get'>;
  /** All of this node, the root first. */
  supervisors(): readonly Supervisor[];
  digitsOf(symbol: string): number;
  /** State and figures of the node itself. */
  self(): { readonly state: string; readonly detail: string; readonly figures: Record<string, unknown> };
  drain(): void;
  config(): unknown;
}

export function hostOf(parts: HostParts): Host {
  return {
    name: parts.name,
    target: (kind, id) => {
      if (kind === 'node') return id === parts.name ? nodeTarget(parts) : undefined;
      if (kind === 'supervisor') return supervisorTarget(parts, id);
      const placed = parts.company.get(kind, id);
      return placed && actorTarget(parts, kind, placed);
    },
    drain: () => parts.drain(),
    config: () => shown(parts.config())?.value ?? '(too large to be shown)',
  };
}

function actorTarget(parts: HostParts, kind: ControlKind, placed: Placed): Target {
  const { id } = placed.planned;
  const found = (): { supervisor: Supervisor; phase: string; restarts: number; cause: string } | undefined => {
    for (const supervisor of parts.supervisors()) {
      const child = supervisor.children().find((one) => one.kind === kind && one.id === id);
      if (child !== undefined) return { supervisor, ...child };
    }
    return undefined;
  };
  const isUp = (phase: string | undefined): boolean => phase === 'running';
  return {
    kind,
    id,
    get state() {
      const child = found();
      return isUp(child?.phase) ? parts.levels.get(kind, id).state : (child?.phase ?? 'stopped');
    },
    get detail() {
      const child = found();
      return isUp(child?.phase) ? parts.levels.get(kind, id).detail : (child?.cause ?? '');
    },
    get restarts() {
      return found()?.restarts ?? 0;
    },
    get running() {
      return isUp(found()?.phase);
    },
    figures: () => figures(parts, placed),
    tell: (event) => placed.member.tell(event),
    restart: async (cause) => (await found()?.supervisor.restart(kind, id, cause)) ?? false,
    crash: (cause) => found()?.supervisor.crash(kind, id, cause) ?? false,
  };
}

function supervisorTarget(parts: HostParts, id: string): Target | undefined {
  const all = parts.supervisors();
  const supervisor = all.find((one) => one.id === id);
  if (supervisor === undefined) return undefined;
  const parent = all.find((one) => one.children().some((child) => child.kind === 'supervisor' && child.id === id));
  return {
    ...{ kind: 'supervisor', id },
    get state() {
      return supervisor.state;
    },
    get detail() {
      return supervisor.detail;
    },
    get restarts() {
      return parent?.restartsOf('supervisor', id) ?? 0;
    },
    get running() {
      return supervisor.state === 'running' || supervisor.state === 'restarting';
    },
    figures: () => {
      const children = supervisor.children();
      const most = 500;
      const more = children.length > most ? { more: children.length - most } : {};
      return { children: children.slice(0, most), ...more };
    },
    tell: () => undefined,
    restart: (cause) => restartSupervisor(supervisor, parent, cause),
    crash: () => false,
  };
}

/** The root has nobody above it: its children are started again one after the other, in their order. */
async function restartSupervisor(
  supervisor: Supervisor,
  parent: Supervisor | undefined,
  cause: string,
): Promise<boolean> {
  if (parent !== undefined) return parent.restart('supervisor', supervisor.id, cause);
  let all = true;
  for (const { kind, id } of supervisor.children()) all = (await supervisor.restart(kind, id, cause)) && all;
  return all;
}

function nodeTarget(parts: HostParts): Target {
  return {
    ...{ kind: 'node', id: parts.name, restarts: 0, running: true },
    get state() {
      return parts.self().state;
    },
    get detail() {
      return parts.self().detail;
    },
    figures: () => parts.self().figures,
    tell: () => undefined,
    restart: async () => false,
    crash: () => false,
  };
}

function figures({ company, levels, digitsOf }: HostParts, { planned, member }: Placed): Record<string, unknown> {
  const { kind, id, symbol } = planned;
  const { summary, depth } = member;
  if (summary === undefined) return { mailbox: depth };
  const { state } = levels.get(kind, id);
  switch (kind) {
    case 'symbol': {
      const done = company.ticksDone(id);
      return { mailbox: depth, ...symbolStatus(id, digitsOf(id), state, summary as SymbolContext, done) };
    }
    case 'strategy': {
      const broker = company.of('broker')[0]?.member.summary as BrokerContext | undefined;
      const money = moneyPerUnit(broker, symbol);
      const memory = summary as StrategySummary;
      return { mailbox: depth, bars: memory.counters.bars, ...strategyStatus(id, symbol, state, memory, money) };
    }
    case 'broker':
      return { mailbox: depth, ...brokerStatus(summary as BrokerContext) };
    case 'recorder':
      return { mailbox: depth, ...(summary as RecorderContext) };
    default:
      return { mailbox: depth };
  }
}
