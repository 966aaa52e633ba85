import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SAFE_WITHIN_MS } from '../../actors/broker/turn/lifecycle.ts';
import * as deadlines from '../../node/deadlines.ts';

const { COMPANY_MS, COMPANY_PARTS_MS, HAND_OVER_MS, NODE_DRAIN_MS, NODE_OF_COMPANY_MS, SAFE_MS } = deadlines;

test('each deadline of an end stands inside the one around it', () => {
  const { nodes, terminal, bridge, nats, postgres, postgresAtOnce } = COMPANY_PARTS_MS;
  const all = nodes + Math.max(terminal + bridge + nats, postgres + postgresAtOnce);
  assert.ok(all < COMPANY_MS, `${all} ms`);
  assert.ok(NODE_OF_COMPANY_MS < COMPANY_PARTS_MS.nodes);
  assert.ok(HAND_OVER_MS < NODE_DRAIN_MS && NODE_DRAIN_MS < COMPANY_MS);
  assert.ok(SAFE_WITHIN_MS < SAFE_MS && SAFE_MS < HAND_OVER_MS);
});
