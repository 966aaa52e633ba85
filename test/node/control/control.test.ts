import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Control } from '../../../node/control/control.ts';
import { readPayload, readSubject } from '../../../node/control/request.ts';
import type { Host, Target } from '../../../node/control/target.ts';
import type { ControlKind } from '../../../node/control/verbs.ts';
import { controlKinds, verbNames } from '../../../node/control/verbs.ts';
import { MemoryServer } from '../../../runtime/bus/memory.ts';
import { escapeToken } from '../../../runtime/bus/subjects.ts';
import { actorKey } from '../../../runtime/bus/topics.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { silentLogger } from '../../../runtime/telemetry/log.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const json = (value: unknown): Uint8Array => bytes(JSON.stringify(value));

/** An actor that does what its events say, a moment later, as a real one does. */
class Actor implements Target {
  readonly kind: ControlKind;
  readonly id: string;
  state: string;
  detail = '';
  restarts = 0;
  running = true;
  readonly told: unknown[] = [];
  readonly causes: string[] = [];
  becomes: Record<string, string> = {};

  constructor(kind: ControlKind, id: string, state: string) {
    [this.kind, this.id, this.state] = [kind, id, state];
  }
  figures = (): Record<string, unknown> => ({ lots: 1 });
  tell(event: { readonly type: string }): void {
    this.told.push(event);
    void systemClock.sleep(30).then(() => {
      this.state = this.becomes[event.type] ?? this.state;
    });
  }
  async restart(cause: string): Promise<boolean> {
    this.causes.push(cause);
    return true;
  }
  crash(cause: string): boolean {
    this.causes.push(cause);
    return this.running;
  }
}

interface World {
  readonly server: MemoryServer;
  ask(subject: string, payload?: string): Promise<Record<string, unknown>>;
  node(name: string, actors: readonly Actor[], alive?: boolean): Promise<{ control: Control; drained: string[] }>;
}

function world(): World {
  const server = new MemoryServer({ clock: systemClock });
  const asker = server.connect();
  return {
    server,
    ask: async (subject, payload = '') =>
      JSON.parse(new TextDecoder().decode(await asker.request(subject, bytes(payload), 5_000))),
    node: async (name, actors, alive = true) => {
      const bus = server.connect();
      const drained: string[] = [];
      const self = new Actor('node', name, 'running');
      const host: Host = {
        name,
        target: (kind, id) => [...actors, self].find((actor) => actor.kind === kind && actor.id === id),
        drain: () => drained.push(name),
        config: () => ({ node: { name } }),
      };
      if (alive) await (await bus.kv('leases')).put(actorKey('node', name), json({ node: name }));
      for (const { kind, id } of actors) await (await bus.kv('actors')).put(actorKey(kind, id), json({ node: name }));
      const control = new Control({ host, bus, clock: systemClock, log: silentLogger });
      await control.start();
      return { control, drained };
    },
  };
}

describe('requests', () => {
  test('every verb of every kind is read; a payload that it does not take is refused, naming the field', () => {
    for (const kind of controlKinds) {
      for (const name of verbNames(kind)) {
        const request = readSubject(`control.${kind}.${escapeToken('my id.1')}.${name}`);
        assert.deepEqual([request.kind, request.id, request.name], [kind, 'my id.1', name]);
        if (name !== 'accept' && name !== 'correct') assert.ok(readPayload(request, bytes('')));
        assert.throws(() => readPayload(request, bytes('{"reasn": "x"}')), { code: 'CONTROL_PAYLOAD' });
      }
    }
    const halt = readSubject('control.broker.demo.halt');
    assert.deepEqual(readPayload(halt, bytes('')), { reason: 'operator' });
    assert.deepEqual(readPayload(halt, bytes(' {"reason": "news"} ')), { reason: 'news' });
  });

  const mistakes: [string, string, RegExp][] = [
    ['control.strategi.x.pause', '', /^CONTROL_KIND kind: "strategi" is no kind of actor; .*did you mean strategy\?/],
    ['control.strategy.x.puase', '', /^CONTROL_VERB verb: "puase" is no verb of a strategy; allowed: status, pause, /],
    ['control.symbol.x.halt', '', /^CONTROL_VERB verb: "halt" is no verb of a symbol; allowed: status, restart, kill$/],
    ['control.symbol.EURUSD.m.status', '', /^CONTROL_VERB verb: found "m.status"; .*a dot in an id is written =2E/],
    ['control.symbol.x', '', /^CONTROL_VERB verb: missing; allowed: status, restart, kill; want control\.<kind>/],
    ['control.symbol', '', /^CONTROL_ID id: missing/],
    ['control.symbol.a=zz.status', '', /^CONTROL_ID id: not an escaped subject token: a=zz/],
    [
      'control.broker.demo.halt',
      '{"reasn":"x"}',
      /^CONTROL_PAYLOAD payload\.reasn: unknown key; did you mean reason\?/,
    ],
    [
      'control.broker.demo.halt',
      '{"reason":7}',
      /^CONTROL_PAYLOAD payload\.reason: found 7; allowed: a text of at most/,
    ],
    [
      'control.broker.demo.halt',
      'now',
      /^CONTROL_PAYLOAD payload: not JSON: .*halt takes \{"reason": text\}, or nothing$/,
    ],
    ['control.broker.demo.halt', '[]', /^CONTROL_PAYLOAD payload: found a list of 0; allowed: a section of keys/],
    ['control.broker.demo.accept', '', /^CONTROL_PAYLOAD payload\.symbol: missing; allowed: a symbol, or ""/],
    [
      'control.strategy.x.pause',
      '{"a":1}',
      /^CONTROL_PAYLOAD payload\.a: unknown key; there are none; pause takes nothing$/,
    ],
  ];
  for (const [subject, payload, want] of mistakes) {
    test(`${subject} ${payload}`, () => {
      assert.throws(
        () => readPayload(readSubject(subject), bytes(payload)),
        (error: { code: string; message: string }) => {
          assert.match(`${error.code} ${error.message}`, want);
          return true;
        },
      );
    });
  }

  test('whatever is sent is read or refused with a code', () => {
    const token = fc.oneof(fc.string(), fc.constantFrom('control', 'broker', 'demo', 'halt', 'status'));
    fc.assert(
      fc.property(fc.array(token, { maxLength: 6 }), fc.uint8Array({ maxLength: 40 }), (tokens, data) => {
        try {
          readPayload(readSubject(tokens.join('.')), data);
        } catch (error) {
          assert.match((error as { code: string }).code, /^CONTROL_(KIND|ID|VERB|PAYLOAD)$/);
        }
      }),
    );
  });
});

describe('control', () => {
  test('the node that runs the actor answers, with the state that the request asks for', async () => {
    const w = world();
    const ema = new Actor('strategy', 'ema', 'long');
    ema.becomes = { 'control.pause': 'paused', 'control.resume': 'warming' };
    await w.node('n1', [new Actor('symbol', 'EURUSD', 'live')]);
    await w.node('n2', [ema]);
    const about = { ok: true, kind: 'strategy', id: 'ema', node: 'n2', detail: '', restarts: 0 };
    assert.deepEqual(await w.ask('control.strategy.ema.status'), { ...about, state: 'long', lots: 1 });
    assert.deepEqual(await w.ask('control.strategy.ema.pause'), { ...about, state: 'paused', done: true });
    assert.deepEqual(await w.ask('control.strategy.ema.resume', '{}'), { ...about, state: 'warming', done: true });
    assert.deepEqual(ema.told, [{ type: 'control.pause' }, { type: 'control.resume' }]);
    assert.deepEqual(await w.ask('control.strategy.ema.restart'), { ...about, state: 'warming', done: true });
    assert.deepEqual(await w.ask('control.strategy.ema.kill'), { ...about, state: 'warming', killed: true });
    assert.deepEqual(ema.causes, ['operator: restart', 'operator: kill']);
  });

  test('an actor that is down takes nothing but a restart', async () => {
    const w = world();
    const ema = new Actor('strategy', 'ema', 'failed');
    ema.running = false;
    await w.node('n1', [ema]);
    const pause = await w.ask('control.strategy.ema.pause');
    assert.deepEqual([pause.ok, pause.code], [false, 'CONTROL_NOT_NOW']);
    assert.match(String(pause.message), /strategy ema does not run: it is failed; restart brings it back/);
    assert.equal((await w.ask('control.strategy.ema.kill')).code, 'CONTROL_NOT_NOW');
    assert.deepEqual([(await w.ask('control.strategy.ema.restart')).done, ema.told.length], [false, 0]);
  });

  test('a state that does not come is said as it is', async () => {
    const w = world();
    const broker = new Actor('broker', 'demo', 'disconnected');
    await w.node('n1', [broker]);
    const halted = await w.ask('control.broker.demo.halt', '{"reason":"news"}');
    assert.deepEqual([halted.ok, halted.state, halted.done], [true, 'disconnected', false]);
    assert.deepEqual(broker.told, [{ type: 'control.halt', reason: 'news' }]);
  });

  test('accept and correct are refused where nothing is halted, and are done when it is no more', async () => {
    const w = world();
    const broker = new Actor('broker', 'demo', 'trading.active');
    let halted: Record<string, string> = {};
    broker.figures = () => ({ halted });
    broker.tell = (event) => {
      broker.told.push(event);
      halted = { '': 'balance' };
    };
    await w.node('n1', [broker]);
    for (const verb of ['accept', 'correct']) {
      broker.told.length = 0;
      halted = {};
      const none = await w.ask(`control.broker.demo.${verb}`, '{"symbol":"EURUSD"}');
      assert.deepEqual([none.ok, none.code, none.field], [false, 'CONTROL_NOT_NOW', 'payload']);
      assert.match(
        String(none.message),
        /broker demo: payload\.symbol: EURUSD is not halted.*nothing of this account is/,
      );
      halted = { '': 'balance', EURUSD: 'position 7' };
      const other = await w.ask(`control.broker.demo.${verb}`, '{"symbol":"EURUSDm"}');
      assert.match(String(other.message), /EURUSDm is not halted .*; halted: "" \(the balance\), EURUSD$/);
      assert.deepEqual(broker.told, [], 'the broker hears nothing of it');
      const right = await w.ask(`control.broker.demo.${verb}`, '{"symbol":"EURUSD"}');
      assert.deepEqual([right.ok, right.done], [true, true]);
      assert.deepEqual(broker.told, [{ type: `control.${verb}`, symbol: 'EURUSD' }]);
    }
  });

  test('for what nobody runs, and for mistakes, exactly one node answers', async () => {
    const w = world();
    await w.node('n2', [new Actor('strategy', 'ema-eurusd', 'long')]);
    await w.node('n1', []);
    await w.node('n0', [], false);
    const heard: string[] = [];
    // Every answer to a request, not only the first.
    const all = async (subject: string): Promise<Record<string, unknown>[]> => {
      heard.length = 0;
      const answers: Record<string, unknown>[] = [];
      for (const service of w.server.listeners(subject)) {
        const answer = await service.handler(bytes(''), subject);
        if (answer !== undefined) answers.push(JSON.parse(new TextDecoder().decode(answer)));
      }
      return answers;
    };
    const [unknown, ...more] = await all('control.strategy.ema-eurusx.pause');
    assert.deepEqual([unknown?.code, unknown?.field, more.length], ['CONTROL_ID', 'id', 0]);
    assert.match(
      String(unknown?.message),
      /"ema-eurusx" is no strategy; allowed: ema-eurusd; did you mean ema-eurusd\?/,
    );
    for (const [subject, code, field] of [
      ['control.strategy.ema-eurusd.puase', 'CONTROL_VERB', 'verb'],
      ['control.strategies.ema-eurusd.pause', 'CONTROL_KIND', 'kind'],
      ['control.strategy', 'CONTROL_ID', 'id'],
      ['control.node.n3.drain', 'CONTROL_ID', 'id'],
    ] as const) {
      const answers = await all(subject);
      assert.equal(answers.length, 1, subject);
      assert.deepEqual([answers[0]?.code, answers[0]?.field], [code, field], subject);
    }
    // The bridge serves its own.
    assert.deepEqual(await all('control.bridge.demo.status'), []);
  });

  test('an actor whose node is gone runs nowhere just now, and says where it was', async () => {
    const w = world();
    await w.node('n1', []);
    const actors = await w.server.connect().kv('actors');
    await actors.put('strategy.lost', json({ node: 'n9' }));
    await actors.put('strategy.moving', json({ node: '' }));
    const lost = await w.ask('control.strategy.lost.status');
    assert.equal(lost.code, 'CONTROL_ID');
    assert.match(
      String(lost.message),
      /strategy lost runs nowhere just now: its last node was n9; ask again in a moment/,
    );
    assert.match(String((await w.ask('control.strategy.moving.status')).message), /on its way to another node/);
  });

  test('a node tells its configuration, and drains after it has answered', async () => {
    const w = world();
    const { drained } = await w.node('n1', []);
    assert.deepEqual(await w.ask('control.node.n1.config'), { ok: true, node: 'n1', config: { node: { name: 'n1' } } });
    const answer = await w.ask('control.node.n1.drain');
    assert.deepEqual([answer.ok, answer.draining, drained.length], [true, true, 0]);
    while (drained.length === 0) await systemClock.sleep(5);
    assert.deepEqual(drained, ['n1']);
  });

  test('a stopped control is silent', async () => {
    const w = world();
    const { control } = await w.node('n1', []);
    await control.stop();
    await assert.rejects(w.ask('control.node.n1.status'), { code: 'BUS_NO_RESPONDER' });
    await assert.rejects(w.ask('$SRV.PING'), { code: 'BUS_NO_RESPONDER' });
  });
});
