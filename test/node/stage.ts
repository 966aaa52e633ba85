/** Whole nodes with an account: the bus in memory, time virtual, a scripted terminal behind its commands. */
import assert from 'node:assert/strict';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { CommandParams } from '../../actors/broker/commands.ts';
import { CommandReplySchema, CommandSchema } from '../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { IntentAction, OrderState, OrderType, Side } from '../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { TopicInit, TopicName } from '../../runtime/bus/topics.ts';
import { commandSubject, topics } from '../../runtime/bus/topics.ts';
import type { Config } from '../../runtime/config/index.ts';
import { configSchema } from '../../runtime/config/index.ts';
import { PRICE, ScriptedTerminal } from '../actors/broker/terminal.ts';
import type { Run } from './rig.ts';
import { Rig } from './rig.ts';

const layout = { partitions: 1 };
export const ACCOUNT = 'acc';
/** Every answer of the terminal takes this long: an end that does not wait for it is seen. */
const SLOW_MS = 300;

const configOf = (name: string, safe_mode: 'cancel' | 'flatten' | 'hold'): Config =>
  configSchema.parse({
    node: { name, metrics_port: 'off' },
    market: {
      partitions: layout.partitions,
      symbols: {
        EURUSD: { digits: 5, contract_size: 100_000, currency_base: 'EUR', currency_profit: 'USD' },
      },
    },
    account: { id: ACCOUNT, safe_mode, risk: { duplicate_window_ms: 0 } },
    strategies: [{ id: 's0', use: 'ema-cross', symbol: 'EURUSD' }],
    log: { level: 'silent' },
  });

export class Stage {
  readonly rig = new Rig();
  readonly terminal = new ScriptedTerminal(ACCOUNT);
  /** A terminal that does not answer any more. */
  silent = false;
  private readonly bus = this.rig.server.connect();
  private told = this.terminal.events.length;
  private said = 0;

  /** One node, the broker trading, a position of 0.5 lots and a working order of 0.2. */
  async open(policy: 'cancel' | 'flatten' | 'hold'): Promise<Run> {
    const { rig, terminal } = this;
    await this.bus.serve(commandSubject(ACCOUNT), async (data) => {
      if (this.silent) return new Promise<Uint8Array>(() => undefined);
      await rig.clock.sleep(SLOW_MS);
      const { commandId, fence, body } = fromBinary(CommandSchema, data);
      const reply = terminal.handle({ commandId, orderId: '', body, createdUs: 0 } as unknown as CommandParams, fence);
      await this.tell();
      return toBinary(CommandReplySchema, create(CommandReplySchema, { ...reply, receivedUs: 5_000 }));
    });
    const run = await this.start('a', policy);
    await rig.until('trading', async () => (await this.brokerState()) === 'trading.active');
    await this.quote();
    await this.intend('open', 0.5);
    await rig.until('a position', () => terminal.netLots === 0.5);
    terminal.behaviour = () => 'work';
    await this.intend('stands', 0.2);
    await rig.until('a working order', () => this.working() === 1);
    terminal.behaviour = () => 'fill';
    await rig.pass(1_000);
    return run;
  }

  /** What has happened at the terminal since the last time. */
  async tell(): Promise<void> {
    const { events } = this.terminal;
    for (; this.told < events.length; this.told++) await this.say('execution', events[this.told]!);
  }

  start(name: string, policy: 'cancel' | 'flatten' | 'hold'): Promise<Run> {
    return this.rig.start(name, {}, { config: configOf(name, policy) });
  }

  working(): number {
    return this.terminal.orders.filter(({ state }) => state === OrderState.WORKING).length;
  }

  async brokerState(): Promise<string> {
    return (await this.rig.levels()).get('broker.acc')?.state ?? '';
  }

  /** Spends the budget of a symbol actor, whose supervisor gives up, and the root with it. */
  async exhaust({ node }: Run): Promise<void> {
    const [root] = node.tree.all;
    const steps = { most: 5_000 };
    while (root?.state !== 'given_up' && steps.most-- > 0) {
      node.tree.of('symbol', 'EURUSD').crash('symbol', 'EURUSD', 'boom');
      await this.rig.pass(10);
    }
    assert.equal(root?.state, 'given_up');
  }

  async intend(intentId: string, volumeLots: number): Promise<void> {
    await this.say('intent', {
      ...{ intentId, account: ACCOUNT, strategy: 's0', symbol: 'EURUSD', action: IntentAction.OPEN, side: Side.BUY },
      ...{ type: OrderType.MARKET, volumeLots, decidedAtMs: this.terminal.timeMs, createdUs: 2_000 },
    });
  }

  private async quote(): Promise<void> {
    const lastTickMs = this.terminal.timeMs;
    await this.say('bar', { symbol: 'EURUSD', timeframe: '1s', close: PRICE, askClose: PRICE + 0.0001, lastTickMs });
    await this.rig.pass(10);
  }

  private async say<N extends TopicName>(name: N, message: TopicInit<N>): Promise<void> {
    const topic = topics[name] as unknown as {
      subject(key: unknown, l: unknown): string;
      keyOf(m: unknown): unknown;
      encode(m: unknown): Uint8Array;
    };
    const subject = topic.subject(topic.keyOf(message), layout);
    await this.bus.publish({ subject, data: topic.encode(message), messageId: `test.${++this.said}` });
  }
}
