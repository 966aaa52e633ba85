/** After the last fault the company is quiet and healthy again. */
import { CONTROL_CAPACITY, MAILBOX_CAPACITY } from '../../runtime/mailbox.ts';
import type { History, Violation } from './history.ts';
import { violation } from './history.ts';

const healthy: Readonly<Record<string, RegExp>> = {
  symbol: /^(warming|live|stale)$/,
  strategy: /^(warming|flat|long|short)$/,
  broker: /^trading\.active$/,
  recorder: /^writing$/,
};

/** Room for the actor's own lane: effects in flight and timers. */
const OWN_LANE = 1_024;

export function bounded(actors: NonNullable<History['actors']>): Violation[] {
  const limit = MAILBOX_CAPACITY + CONTROL_CAPACITY + OWN_LANE;
  return actors.flatMap(({ name, depth }) =>
    depth > limit ? [violation('mailbox-bounded', `${name} has ${depth} events waiting`)] : [],
  );
}

export function quiet(history: History): Violation[] {
  const found: Violation[] = [];
  for (const { name, state, runsOn } of history.actors ?? []) {
    const kind = name.slice(0, name.indexOf('.'));
    if (runsOn.length !== 1)
      found.push(violation('quiet', `${name} runs on ${runsOn.length} nodes: ${runsOn.join(', ')}`));
    else if (!healthy[kind]?.test(state)) found.push(violation('quiet', `${name} is ${state}`));
  }
  for (const node of history.draining ?? []) found.push(violation('quiet', `${node} drains and does not end`));
  const { broker } = history;
  if (broker !== undefined) {
    const { live, unknown, waiting, halted } = broker;
    if (live + unknown + waiting > 0) {
      found.push(violation('quiet', `broker: ${live} live, ${unknown} unknown, ${waiting} waiting`));
    }
    for (const [symbol, reason] of Object.entries(halted))
      found.push(violation('quiet', `${symbol} halted: ${reason}`));
  }
  for (const letter of history.deadLetters ?? []) found.push(violation('dead-letter', letter));
  return found;
}
