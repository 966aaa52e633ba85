import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReply } from '../../../runtime/bus/deliveries.ts';

const utf8 = new TextEncoder();

test('the numbers of a delivery are read out of its reply subject, with and without a domain', () => {
  const numbers = { sequence: 4_294_967_296_123, delivery: 71, pending: 5 };
  assert.deepEqual(
    parseReply(utf8.encode('$JS.ACK.MARKET.c0nsum3r.1.4294967296123.71.1700000000000000000.5')),
    numbers,
  );
  assert.deepEqual(
    parseReply(utf8.encode('$JS.ACK.hub.AB12.MARKET.c.1.4294967296123.71.1700000000000000000.5.Xy7')),
    numbers,
  );
  assert.deepEqual(parseReply(utf8.encode('$JS.ACK.1.2.3.4.5.6.7')), { sequence: 4, delivery: 5, pending: 7 });
});
