/** The publisher over a connection that a test answers for: what is stored, and in which order. On virtual time. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { Publisher, type PublishFailure } from '../../../runtime/bus/nats-publisher.ts';
import { systemClock, VirtualClock } from '../../../runtime/clock.ts';
import { TroupeError } from '../../../runtime/errors.ts';

const UNAVAILABLE = { code: 503, err_code: 10008, description: 'JetStream system temporarily unavailable' };
const REFUSED = { code: 400, err_code: 10999, description: 'no' };

/** A stream that takes what is sent to it unless it is told not to; `answer` lets its answers arrive. */
function stage() {
  const clock = new VirtualClock(0);
  const stored: string[] = [];
  const ids = new Set<string>();
  const answers: { subject: string; body: object }[] = [];
  let hear = (_error: Error | null, _message: Msg): void => undefined;
  let refusal: ((text: string) => object | undefined) | undefined;
  const connection = {
    subscribe: (_subject: string, { callback }: { callback: typeof hear }) => {
      hear = callback;
    },
    publish: (_subject: string, data: Uint8Array, { reply, headers }: { reply: string; headers: Headers }) => {
      const text = new TextDecoder().decode(data);
      const error = refusal?.(text);
      const id = headers.get('Nats-Msg-Id')!;
      if (error === undefined && !ids.has(id)) {
        ids.add(id);
        stored.push(text);
      }
      answers.push({ subject: reply, body: error === undefined ? { seq: stored.length } : { error } });
    },
  };
  const publisher = new Publisher({
    ...{ connection: connection as unknown as NatsConnection, clock, inboxPrefix: undefined },
    ...{ giveUpAfterMs: 60_000, ackTimeoutMs: 5_000 },
  });
  let n = 0;
  const outcomes: string[] = [];
  return {
    publisher,
    stored,
    outcomes,
    /** What it makes of a message from now on: undefined takes it. */
    refuse: (by: typeof refusal): void => {
      refusal = by;
    },
    say: (subject: string, text: string): void => {
      publisher.publish(subject, new TextEncoder().encode(text), `id-${++n}`).then(
        () => outcomes.push(`${text} stored`),
        (error: PublishFailure) => outcomes.push(`${text} ${error.error.code}`),
      );
    },
    /** Everything that was sent is answered, and so on until nothing is said any more. */
    answer: async (): Promise<void> => {
      while (answers.length > 0) {
        const { subject, body } = answers.shift()!;
        hear(null, { subject, data: new TextEncoder().encode(JSON.stringify(body)) } as unknown as Msg);
        await systemClock.yield();
      }
    },
    pass: (ms: number): void => clock.advance(ms),
  };
}

describe('what is said on one subject', () => {
  for (const subject of ['trade.account.a', 'sys.lifecycle.symbol.EURUSD']) {
    test(`${subject}: a later message does not overtake an earlier one that was refused for a moment`, async () => {
      const { say, answer, pass, refuse, stored, outcomes } = stage();
      // Without a leader when the first one comes, with one when the second does: both were on their way together.
      let refused = 0;
      refuse((text) => (text === 'first' && refused++ === 0 ? UNAVAILABLE : undefined));
      for (const text of ['first', 'second', 'third']) say(subject, text);
      await answer();
      pass(1_000);
      await answer();
      assert.deepEqual(stored, ['first', 'second', 'third']);
      assert.deepEqual(outcomes, ['first stored', 'second stored', 'third stored']);
    });
  }

  test('what comes after one that was refused for good is refused too: who said it says it again, in order', async () => {
    const { say, answer, refuse, stored, outcomes } = stage();
    refuse((text) => (text === 'first' ? REFUSED : undefined));
    for (const text of ['first', 'second']) say('trade.account.a', text);
    say('trade.account.b', 'other');
    await answer();
    assert.deepEqual(stored, ['other']);
    assert.deepEqual(outcomes.sort(), ['first BUS_REFUSED', 'other stored', 'second BUS_REFUSED']);
    refuse(undefined);
    say('trade.account.a', 'third');
    await answer();
    assert.deepEqual(stored, ['other', 'third'], 'the subject is free again');
  });

  test('a lost connection: what waits for an earlier one leaves after it, and nothing twice', async () => {
    const { publisher, say, answer, pass, stored, outcomes } = stage();
    say('trade.account.a', 'first');
    publisher.lost();
    say('trade.account.a', 'second');
    publisher.restored();
    pass(1_000);
    await answer();
    assert.deepEqual(stored, ['first', 'second']);
    assert.deepEqual(outcomes, ['first stored', 'second stored']);
  });

  test('a publisher that is closed ends all of them', async () => {
    const { publisher, say, outcomes } = stage();
    for (const text of ['first', 'second', 'third']) say('trade.account.a', text);
    publisher.close(new TroupeError('BUS_UNAVAILABLE', 'over'));
    await systemClock.yield();
    assert.deepEqual(outcomes, ['first BUS_UNAVAILABLE', 'second BUS_UNAVAILABLE', 'third BUS_UNAVAILABLE']);
  });
});

describe('market data', () => {
  test('leaves without waiting for the message before it: bars come far faster than acknowledgements', () => {
    const { say, stored } = stage();
    for (const text of ['first', 'second', 'third']) say('md.1.bars.EURUSD.1s', text);
    assert.deepEqual(stored, ['first', 'second', 'third']);
  });
});
