import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Deliveries, type Delivery } from '../../../runtime/bus/deliveries.ts';
import { Piece, Pieces } from '../../../runtime/bus/pieces.ts';
import { LONGEST_KEPT, WholeMessages } from '../../../runtime/bus/whole-messages.ts';

const PIECE_BYTES = 64 * 1024;
const KNOWN = 12;
const utf8 = new TextEncoder();
const text = new TextDecoder();

interface Sent {
  readonly line: string;
  readonly payload: string;
  /** What its reader is to hear; undefined: it is the client's. */
  readonly heard?: string;
}

const deliveryOf = ({ subject, sequence, delivery, pending, data }: Omit<Delivery, 'loan'>): string =>
  `${subject} ${sequence} ${delivery} ${pending} ${text.decode(data)}`;

const body = fc.string({ maxLength: 200 });
const headers = fc.constantFrom(
  undefined,
  'NATS/1.0\r\nNats-Msg-Id: a.1\r\n\r\n',
  'NATS/1.0 100 Idle Heartbeat\r\n\r\n',
);
const reply = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ sequence: fc.nat(), delivery: fc.nat(), pending: fc.nat() }).map((numbers) => ({
      text: `$JS.ACK.MARKET.c.1.${numbers.sequence}.${numbers.delivery}.1700000000.${numbers.pending}`,
      numbers,
    })),
  },
  fc.constantFrom('', '$JS.FC.MARKET.c.abc', '_INBOX.a.b', '$JS.ACK').map((other) => ({ text: other })),
);
const subject = fc.constantFrom('md.0.ticks.mt5.EURUSD', 'md.11.ticks.sim.A', '_INBOX.node.x1', 'a');
const message = fc
  .tuple(subject, fc.constantFrom(KNOWN, KNOWN, KNOWN, 3, 120, 1), reply, headers, body)
  .map(([to, subscription, answer, head, content]): Sent => {
    const data = utf8.encode(content);
    const lengths = head === undefined ? [data.length] : [head.length, head.length + data.length];
    const fields = [to, subscription, ...(answer.text === '' ? [] : [answer.text]), ...lengths];
    const sent = {
      line: `${head === undefined ? 'MSG' : 'HMSG'} ${fields.join(' ')}\r\n`,
      payload: `${head ?? ''}${content}\r\n`,
    };
    const isForReader = 'numbers' in answer && subscription === KNOWN;
    return isForReader ? { ...sent, heard: deliveryOf({ subject: to, data, ...answer.numbers }) } : sent;
  });
const other = fc.constantFrom('PING\r\n', '+OK\r\n', 'PONG\r\n').map((line): Sent => ({ line, payload: '' }));

test('a reader hears what is sent for it and nothing else; whatever else comes is the client’s, byte for byte', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 5, arbitrary: message }, other), { maxLength: 40 }), (sent) => {
      const piece = new Pieces(PIECE_BYTES).take();
      const deliveries = new Deliveries();
      const heard: string[] = [];
      deliveries.to(KNOWN, (delivery) => heard.push(deliveryOf(delivery)));
      let end = 0;
      for (const { line, payload } of sent) end += utf8.encodeInto(line + payload, piece.bytes.subarray(end)).written;
      let handed = 0;
      let toClient = '';
      const whole = new WholeMessages().cut(piece.bytes, 0, end, (at, feed, to) => {
        if (!deliveries.hand(piece, at, feed, to)) return;
        toClient += text.decode(piece.bytes.subarray(handed, at));
        handed = to;
      });
      toClient += text.decode(piece.bytes.subarray(handed, whole));
      assert.equal(whole, end);
      assert.deepEqual(
        heard,
        sent.flatMap((one) => one.heard ?? []),
      );
      assert.equal(
        toClient,
        sent
          .filter((one) => one.heard === undefined)
          .map(({ line, payload }) => line + payload)
          .join(''),
      );
    }),
    { numRuns: 500 },
  );
});

test('each that is handed over has a part of its piece, and a reader that has ended hears nothing', () => {
  const piece = new Pieces(PIECE_BYTES).take();
  const deliveries = new Deliveries();
  const loans: unknown[] = [];
  deliveries.to(KNOWN, ({ loan }) => loans.push(loan));
  assert.equal(deliveries.isEmpty, false);
  const line = `MSG a ${KNOWN} $JS.ACK.S.c.1.5.1.17.0 2\r\n`;
  utf8.encodeInto(`${line}hi\r\n`, piece.bytes);
  const feed = line.length - 1;
  assert.equal(deliveries.hand(piece, 0, feed, feed + 5), true);
  assert.deepEqual(loans, [piece]);
  piece.close();
  assert.equal(piece.bytes.length, PIECE_BYTES, 'it is lent');
  piece.giveBack();
  assert.equal(piece.bytes.length, 0);
  deliveries.end(KNOWN);
  assert.equal(deliveries.isEmpty, true);
});

test('however it is cut, a message never comes before one that was sent earlier', () => {
  const lengths = fc.array(
    fc.oneof({ weight: 4, arbitrary: fc.nat(3_000) }, fc.integer({ min: LONGEST_KEPT - 80, max: 3 * LONGEST_KEPT })),
    { minLength: 1, maxLength: 30 },
  );
  const reads = fc.array(fc.integer({ min: 1, max: PIECE_BYTES }), { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(lengths, reads, (payloads, sizes) => {
      const parts = payloads.map((bytes, i) => {
        const line = `MSG md.0.ticks.a.B ${KNOWN} $JS.ACK.S.c.1.${i}.${i}.17.0 ${bytes}\r\n`;
        return utf8.encode(`${line}${'x'.repeat(bytes)}\r\n`);
      });
      const stream = new Uint8Array(Buffer.concat(parts));
      const deliveries = new Deliveries();
      const came: number[] = [];
      const direct = new Set<number>();
      deliveries.to(KNOWN, ({ sequence }) => {
        came.push(sequence);
        direct.add(sequence);
      });
      const messages = new WholeMessages();
      let toClient = 0;
      let [handed, read] = [0, 0];
      for (let i = 0; read < stream.length; i++) {
        read = Math.min(stream.length, read + sizes[i % sizes.length]!);
        // Longer than a piece may be, which no rule here asks about.
        const piece = new Piece(new Pieces(PIECE_BYTES), stream.slice(handed, read).buffer);
        let from = 0;
        const whole = messages.cut(piece.bytes, 0, piece.bytes.length, (at, feed, end) => {
          if (!deliveries.hand(piece, at, feed, end)) return;
          toClient += at - from;
          from = end;
        });
        toClient += whole - from;
        handed += whole;
        // The client comes to what it was handed when all of the piece has been handed out.
        let bytes = toClient;
        for (let n = 0; n < parts.length; n++) {
          if (direct.has(n)) continue;
          bytes -= parts[n]!.length;
          if (bytes < 0) break;
          if (!came.includes(n)) came.push(n);
        }
      }
      assert.deepEqual(came, [...payloads.keys()]);
    }),
    { numRuns: 300 },
  );
});
