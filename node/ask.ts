/** The terminal's own word on the account, past all actors: what the books are compared with. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { CommandReplySchema, CommandSchema } from '../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { Side } from '../proto/gen/troupe/trading/v1/trading_pb.js';
import type { Bus } from '../runtime/bus/bus.ts';
import { commandSubject } from '../runtime/bus/topics.ts';
import { TroupeError } from '../runtime/errors.ts';
import { secretToken } from '../runtime/random.ts';

const TIMEOUT_MS = 10_000;
/** No deals are wanted, only the account and its positions. */
const FAR_FUTURE_MS = 1e14;
/** Sums of lots are rounded to this grid, finer than any broker's volume step. */
const LOT_GRID = 1e8;

export interface TerminalBooks {
  readonly balance: number;
  /** Signed lots per symbol; symbols without a position are absent. */
  readonly positions: Readonly<Record<string, number>>;
}

/** `fence` is the broker's own. Throws TroupeError where bridge or terminal do not answer. */
export async function terminalBooks(bus: Bus, account: string, fence: number): Promise<TerminalBooks> {
  const command = create(CommandSchema, {
    commandId: `books-${secretToken(6)}`,
    fence,
    body: { case: 'snapshot', value: { dealsSinceMs: FAR_FUTURE_MS } },
  });
  const bytes = await bus.request(commandSubject(account), toBinary(CommandSchema, command), TIMEOUT_MS);
  const { snapshot, code, message } = fromBinary(CommandReplySchema, bytes);
  if (snapshot?.account === undefined) {
    throw new TroupeError('NO_TERMINAL', `the terminal gave no snapshot: ${code} ${message}`);
  }
  const positions: Record<string, number> = {};
  for (const { symbol, side, volumeLots } of snapshot.positions) {
    const signed = side === Side.BUY ? volumeLots : -volumeLots;
    positions[symbol] = Math.round(((positions[symbol] ?? 0) + signed) * LOT_GRID) / LOT_GRID;
  }
  for (const [symbol, lots] of Object.entries(positions)) if (lots === 0) delete positions[symbol];
  return { balance: snapshot.account.balance, positions };
}
