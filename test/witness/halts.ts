/** A halted account stays halted until an operator says otherwise; what is said to be safe or flat is so. */
import type { AccountSeen, AccountWord, History, Violation } from './history.ts';
import { violation } from './history.ts';

/** What is decided is told within this, ms, also where the store was away or the node died in between. */
const TOLD_WITHIN_MS = 20_000;
const CONFIRMED = 'confirmed by the terminal: ';
const NOTHING_LEFT = `${CONFIRMED}no order and no position is left`;
const texts: Readonly<Record<string, string>> = {
  cancel: `${CONFIRMED}no order of ours is left`,
  flatten: NOTHING_LEFT,
  hold: `${CONFIRMED}nothing is under way`,
};

const nobody: AccountSeen = { words: [], asked: [], shown: [] };

/** Nothing is opened while the account is halted; what brings the terminal back to our record is no opening. */
export function halted({ account = nobody }: History): Violation[] {
  const found: Violation[] = [];
  let mode = '';
  for (const word of account.words) {
    if (word.kind === 'mode') mode = word.mode;
    else if (word.kind === 'opens' && mode === 'halted' && !word.intentId.startsWith('correct-')) {
      found.push(violation('halted', `order ${word.orderId} of ${word.intentId} opens, and the account is halted`));
    }
  }
  return found;
}

/**
 * Only an operator's `activate` lets a restricted account trade freely again: one for each time. They are counted, because
 * words may be stored long after what they tell.
 */
export function activated({ account = nobody }: History): Violation[] {
  const found: Violation[] = [];
  const asked = account.asked.filter(({ verb }) => verb === 'activate').map(({ atMs }) => atMs);
  let mode = '';
  let times = 0;
  for (const word of account.words) {
    if (word.kind !== 'mode') continue;
    const { atMs } = word;
    if (word.mode === 'active' && mode !== '' && mode !== 'active') {
      times++;
      const wasAsked = asked.filter((askedMs) => askedMs <= atMs).length;
      if (times > wasAsked) {
        const often = `active again ${times} times, asked for ${wasAsked} times`;
        found.push(violation('activated', `the account was ${mode} and is ${often}`));
      }
    }
    mode = word.mode;
  }
  return found;
}

/** "Nothing is left" is said only after the terminal has shown so. */
export function confirmed({ account = nobody }: History): Violation[] {
  return account.words.flatMap((word) => {
    if (word.kind !== 'event' || !word.cause.startsWith(CONFIRMED)) return [];
    const { atMs, event, cause } = word;
    const begunMs = account.asked.findLast((one) => one.verb === 'activate' && one.atMs < atMs - TOLD_WITHIN_MS)?.atMs;
    const isLeft = cause === NOTHING_LEFT ? everLeft : cause.startsWith(texts.cancel!) ? ordersLeft : undefined;
    const since = account.shown.filter((shown) => shown.atMs >= (begunMs ?? 0) && shown.atMs <= atMs);
    if (isLeft === undefined || since.some((shown) => !isLeft(shown))) return [];
    return [violation('confirmed', `${event}: ${cause}; the terminal has never shown so`)];
  });
}

const ordersLeft = ({ orders }: AccountSeen['shown'][number]): boolean => orders > 0;
const everLeft = (shown: AccountSeen['shown'][number]): boolean => ordersLeft(shown) || shown.positions > 0;

/** Safe mode is confirmed for the first time only when its policy, or more than that, has been carried out. */
export function policies({ account = nobody }: History): Violation[] {
  const found: Violation[] = [];
  let wanted = '';
  for (const word of account.words) {
    if (word.kind !== 'event' || word.event !== 'safe_mode') continue;
    const begun = policyOf(word);
    if (begun !== undefined) wanted = begun;
    else if (word.cause.startsWith(CONFIRMED) && wanted !== '') {
      const { cause } = word;
      if (!cause.startsWith(texts[wanted] ?? '') && cause !== NOTHING_LEFT) {
        found.push(violation('policy', `safe mode began with policy ${wanted} and ended: ${cause}`));
      }
      wanted = '';
    }
  }
  return found;
}

const policyOf = ({ cause }: Extract<AccountWord, { kind: 'event' }>): string | undefined =>
  /^begun, policy (\w+):/.exec(cause)?.[1];
