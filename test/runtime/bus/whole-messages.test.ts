import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LONGEST_KEPT, WholeMessages } from '../../../runtime/bus/whole-messages.ts';

const text = new TextEncoder();
const payload = fc.oneof(
  { weight: 5, arbitrary: fc.nat(400) },
  // As long as may be kept back with its line, and a byte or two more or less.
  fc.integer({ min: LONGEST_KEPT - 60, max: LONGEST_KEPT + 10 }),
  fc.nat(3 * LONGEST_KEPT),
);
/** A payload is full of what looks like lines and like their ends. */
const filled = (bytes: number): string => 'MSG a 1 7\r\n'.repeat(Math.ceil(bytes / 11)).slice(0, bytes);
const message = fc.oneof(
  fc.constantFrom('PING\r\n', 'PONG\r\n', '+OK\r\n', "-ERR 'Stale Connection'\r\n", 'INFO {"max_payload":1048576}\r\n'),
  payload.map((bytes) => `MSG md.3.ticks.sim.EURUSD 12 ${bytes}\r\n${filled(bytes)}\r\n`),
  payload.map((bytes) => `HMSG md.3.bars 7 _INBOX.a.b 12 ${bytes + 12}\r\nNATS/1.0\r\n\r\n${filled(bytes)}\r\n`),
  payload.map((bytes) => `msg a\t1\t${bytes}\n${filled(bytes)}\r\n`),
);

/** Hands over what comes as the transport does. */
function handOver(stream: Uint8Array, reads: readonly number[]): { ends: number[]; kept: number } {
  const messages = new WholeMessages();
  const ends: number[] = [];
  let handed = 0;
  let come = 0;
  for (let i = 0; come < stream.length; i++) {
    come = Math.min(stream.length, come + reads[i % reads.length]!);
    // What was handed out is not there any more.
    const left = stream.slice(handed, come);
    const whole = messages.cut(left, 0, left.length);
    assert.ok(whole >= 0 && whole <= left.length);
    if (whole > 0) ends.push(handed + whole);
    handed += whole;
    assert.ok(come - handed <= LONGEST_KEPT, `${come - handed} bytes kept back`);
  }
  return { ends, kept: stream.length - handed };
}

test('it is cut between messages, only a long one goes in parts, and nothing is kept back that is whole', () => {
  const reads = fc.array(fc.oneof(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 1, max: 65_536 })), {
    minLength: 1,
    maxLength: 20,
  });
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 30 }), reads, (sent, sizes) => {
      const parts = sent.map((one) => text.encode(one));
      const stream = Buffer.concat(parts);
      const { ends, kept } = handOver(new Uint8Array(stream), sizes);
      assert.equal(kept, 0);
      let begin = 0;
      for (const { length } of parts) {
        const inside = ends.filter((end) => end > begin && end < begin + length);
        if (length <= LONGEST_KEPT) assert.deepEqual(inside, [], `a message of ${length} bytes at ${begin} is cut`);
        begin += length;
      }
    }),
    { numRuns: 300 },
  );
});

test('the beginning of a message waits for its end', () => {
  const messages = new WholeMessages();
  const come = text.encode('PING\r\nMSG a 1 5\r\nhel');
  assert.equal(messages.cut(come, 0, come.length), 6);
  assert.equal(messages.cut(come, 6, 12), 6, 'its line is not here yet');
  const all = text.encode('MSG a 1 5\r\nhello\r\n');
  assert.equal(messages.cut(all, 0, all.length), all.length);
});

test('a line without an end is handed out, and then whatever comes', () => {
  const messages = new WholeMessages();
  const come = new Uint8Array(LONGEST_KEPT + 1).fill(0x2b);
  assert.equal(messages.cut(come, 0, LONGEST_KEPT), 0);
  assert.equal(messages.cut(come, 0, come.length), come.length);
  const next = text.encode('\r\nMSG a 1 5\r\nhel');
  assert.equal(messages.cut(next, 0, next.length), next.length);
});
