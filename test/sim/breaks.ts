/**
 * One safeguard less: each of these takes one away, from outside, and the witness must see it. Nothing of this is in
 * the company's own code; what a break changes it changes on the way between an actor and what lies around it.
 */
import type { Bus } from '../../runtime/bus/bus.ts';
import type { HeardCommand } from './broker/bridge.ts';
import type { SimWorld } from './sim-world.ts';
import type { Host } from './world/host.ts';

export interface Break {
  readonly name: string;
  /** What is taken away. */
  readonly what: string;
  readonly bridge?: 'fence' | 'journal';
  bus?(bus: Bus, world: SimWorld, host: Host): Bus;
  placed?(command: HeardCommand, world: SimWorld): void;
}

export const breaks: readonly Break[] = [];
