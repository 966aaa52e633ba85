/** A node whose symbols are flooded lets frames gather, and takes all of them. The bus in memory, time virtual. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { topics } from '../../runtime/bus/topics.ts';
import { FLOOD_BYTES_PER_MS, ROUND_MS_PER_TURN } from '../../runtime/flood.ts';
import { frameOf, wander } from '../actors/symbol/reference.ts';
import { Rig, type Run } from './rig.ts';

const SYMBOLS = 40;
const FRAME_TICKS = 256;
const LAYOUT = { partitions: 1 };

/** Frames for one symbol after the other. */
class Market {
  readonly rig = new Rig();
  readonly sent = Array.from({ length: SYMBOLS }, () => 0);
  private readonly bus = this.rig.server.connect();
  private frames = 0;

  /** Returns how many bytes it has. */
  async send(): Promise<number> {
    const at = this.frames++ % SYMBOLS;
    const symbol = `SYM${at}`;
    const first = this.sent[at]!;
    this.sent[at] = first + FRAME_TICKS;
    const ticks = wander(FRAME_TICKS, 1_700_000_000_000 + first, 1);
    const frame = { ...frameOf(ticks, { symbol, firstSequence: first + 1 }), source: 'mt5' };
    const data = topics.ticks.encode(frame);
    const subject = topics.ticks.subject(topics.ticks.keyOf(frame), LAYOUT);
    await this.bus.publish({ subject, messageId: `${this.frames}`, data });
    return data.length;
  }

  /** For `ms`, so many bytes in each; returns the most frames that waited for their actors at the end of one. */
  async play({ node }: Run, ms: number, bytesPerMs: number): Promise<number> {
    let most = 0;
    let owed = 0;
    for (let i = 0; i < ms; i++) {
      owed += bytesPerMs;
      while (owed > 0) owed -= await this.send();
      await this.rig.pass(1);
      const waiting = [...node.company.all].reduce((sum, { member }) => sum + member.depth, 0);
      most = Math.max(most, waiting);
    }
    return most;
  }
}

test('frames of a flood gather for a round of turns, those of a quiet market do not, and each is applied', async () => {
  const market = new Market();
  const { rig } = market;
  const run = await rig.start('a', { symbols: SYMBOLS, partitions: 1 });
  assert.equal(await market.play(run, 50, FLOOD_BYTES_PER_MS / 5), 0);
  const most = await market.play(run, 4 * SYMBOLS * ROUND_MS_PER_TURN, 2 * FLOOD_BYTES_PER_MS);
  assert.ok(most > SYMBOLS, `${most} frames waited at most`);
  await rig.pass(2 * SYMBOLS * ROUND_MS_PER_TURN);
  for (const [i, ticks] of market.sent.entries()) assert.equal(run.node.company.ticksDone(`SYM${i}`), ticks, `SYM${i}`);
  assert.equal(await market.play(run, 50, FLOOD_BYTES_PER_MS / 5), 0, 'and none when it is over');
  rig.stop(run);
});
