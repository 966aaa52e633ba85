/**
 * How long ends may take: one table, because each deadline stands inside another. A test adds them up.
 *
 * A company that ends is not a node that leaves: there is nobody to take over, so nobody waits for it.
 */

/** All of `npm start`, from Ctrl-C on. */
export const COMPANY_MS = 25_000;

/** One after the other: nodes, side by side; terminal, bridge, NATS and, beside these three, PostgreSQL. */
export const COMPANY_PARTS_MS = {
  nodes: 12_000,
  terminal: 2_000,
  bridge: 2_000,
  nats: 7_000,
  postgres: 5_000,
  /** PostgreSQL told to stop at once: it waits 5 s for its own processes, then kills them. Killed sooner it leaves them. */
  postgresAtOnce: 6_000,
} as const;

/** A node that is told of the company's end ends itself by then, a little before it is killed. */
export const NODE_OF_COMPANY_MS = COMPANY_PARTS_MS.nodes - 1_000;

/** A node that drains, because it alone is to go; below Nomad's kill_timeout. */
export const NODE_DRAIN_MS = 24_000;
/** Of that: others have so long to take over, the rest is for what they do not take. */
export const HAND_OVER_MS = 12_000;
/** Of the hand-over: for orders in the market when a node fails. The broker's own limit for this is a little shorter. */
export const SAFE_MS = 9_000;
