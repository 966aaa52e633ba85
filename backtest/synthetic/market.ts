// A seeded market: every symbol walks through regimes (a Markov chain), its price is a random walk with the drift and
// the volatility of its regime, pulled softly back to its level; a quote is that price on the grid with a spread around
// it. Ticks of all symbols come from one Poisson process whose rate follows the day, with bursts within a millisecond.

import { type Random, seededRandom } from '../../runtime/random.ts';
import { type Instrument, instrument } from './instruments.ts';
import { activityAt, DAY_MS, rolloverWidening, skipWeekend } from './session.ts';

export interface MarketOptions {
  readonly seed: number | string;
  readonly symbols: readonly string[];
  /** Broker wall clock of the start, ms; a weekend is passed over. */
  readonly startMs: number;
  /** Ticks of all symbols together per second of market time, on average over a day. */
  readonly ticksPerSecond: number;
  /** day: the rate follows the hours of the day; flat: it is the same all day. */
  readonly shape: 'day' | 'flat';
}

export type Regime = 'quiet' | 'trend' | 'volatile';

interface RegimeShape {
  readonly meanMs: number;
  readonly volatility: number;
  readonly spread: number;
  /** Drift as a part of the standard deviation that the symbol has in the regime's mean duration. */
  readonly drift: number;
  /** Probabilities of the next regime. */
  readonly next: readonly (readonly [Regime, number])[];
}

const REGIMES: Readonly<Record<Regime, RegimeShape>> = {
  quiet: {
    ...{ meanMs: 40 * 60_000, volatility: 0.6, spread: 1, drift: 0 },
    next: [
      ['trend', 0.7],
      ['volatile', 0.3],
    ],
  },
  trend: {
    ...{ meanMs: 25 * 60_000, volatility: 1, spread: 1.15, drift: 1.2 },
    next: [
      ['quiet', 0.65],
      ['volatile', 0.35],
    ],
  },
  volatile: {
    ...{ meanMs: 9 * 60_000, volatility: 2.4, spread: 2.5, drift: 0 },
    next: [
      ['quiet', 0.5],
      ['trend', 0.5],
    ],
  },
};

/** How strongly prices are pulled back to their level: the time after which 1/e of a distance is left. */
const PULL_MS = 5 * DAY_MS;
/** The longest step of the walk, so that a weekend is one jump of the size of an hour's move, not of two days'. */
const LONGEST_STEP_MS = 3_600_000;
/** Share of ticks that come within the same millisecond as the one before. */
const BURST = 0.03;
const BID_CHANGED = 2;
const ASK_CHANGED = 4;

interface Walk {
  readonly instrument: Instrument;
  readonly scale: number;
  readonly level: number;
  /** Standard deviation of one millisecond's move in regime volatility 1, points. */
  readonly sigma: number;
  /** Price, in points, off the grid. */
  mid: number;
  lastMs: number;
  regime: Regime;
  shape: RegimeShape;
  /** Points per millisecond. */
  drift: number;
  untilMs: number;
  bidPoints: number;
  askPoints: number;
}

/** The market; next() makes one tick and leaves it in the fields. */
export class SyntheticMarket {
  timeMs: number;
  /** Index into options.symbols. */
  symbol = 0;
  bid = 0;
  ask = 0;
  /** MT5 tick flags. */
  flags = 0;
  readonly #random: Random;
  readonly #walks: Walk[];
  readonly #meanGapMs: number;
  readonly #flat: boolean;
  #exactMs: number;
  #activity = 1;
  #widening = 1;
  #shapeUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: MarketOptions) {
    this.#random = seededRandom(`${options.seed}/market`);
    this.#exactMs = skipWeekend(options.startMs);
    this.timeMs = this.#exactMs;
    this.#meanGapMs = 1000 / options.ticksPerSecond / (1 - BURST);
    this.#flat = options.shape === 'flat';
    this.#walks = options.symbols.map((symbol) => this.#startWalk(instrument(symbol, options.seed)));
  }

  get digits(): number[] {
    return this.#walks.map((walk) => walk.instrument.digits);
  }

  /** Regime of the symbol of the last tick. */
  get regime(): Regime {
    return this.#walks[this.symbol]!.regime;
  }

  next(): void {
    const random = this.#random;
    if (this.#exactMs >= this.#shapeUntilMs) this.#shapeDay();
    if (random.next() >= BURST) {
      this.#exactMs -= (Math.log(1 - random.next()) * this.#meanGapMs) / this.#activity;
      const open = skipWeekend(this.#exactMs);
      if (open !== this.#exactMs) {
        this.#exactMs = open;
        this.#shapeDay();
      }
      this.timeMs = Math.floor(this.#exactMs);
    }
    this.symbol = random.nextInt(this.#walks.length);
    const walk = this.#walks[this.symbol]!;
    this.#move(walk);
    this.#quote(walk);
  }

  /** Rate and widening change slowly, so they are worked out once per second of market time. */
  #shapeDay(): void {
    this.#activity = this.#flat ? 1 : activityAt(this.#exactMs);
    this.#widening = rolloverWidening(this.#exactMs);
    this.#shapeUntilMs = this.#exactMs + 1000;
  }

  #move(walk: Walk): void {
    if (this.timeMs >= walk.untilMs) this.#changeRegime(walk);
    const stepMs = Math.min(this.#exactMs - walk.lastMs, LONGEST_STEP_MS);
    walk.lastMs = this.#exactMs;
    const noise = walk.sigma * walk.shape.volatility * Math.sqrt(stepMs * this.#activity);
    const pull = ((walk.level - walk.mid) * stepMs) / PULL_MS;
    walk.mid += pull + walk.drift * stepMs + noise * this.#random.gaussian();
  }

  #quote(walk: Walk): void {
    const random = this.#random;
    const usual = walk.instrument.spreadPoints * walk.shape.spread * this.#widening;
    const spread = Math.max(1, Math.round(usual * (1 + 0.2 * random.gaussian())));
    // Quotes tremble around the price, as makers come and go.
    let bid = Math.round(walk.mid + 0.7 * random.gaussian() - spread / 2);
    let ask = bid + spread;
    // A tick means that a side changed.
    if (bid === walk.bidPoints && ask === walk.askPoints) {
      if (spread > 1 && random.next() < 0.5) bid++;
      else ask++;
    }
    this.flags = (bid === walk.bidPoints ? 0 : BID_CHANGED) | (ask === walk.askPoints ? 0 : ASK_CHANGED);
    walk.bidPoints = bid;
    walk.askPoints = ask;
    this.bid = bid / walk.scale;
    this.ask = ask / walk.scale;
  }

  #startWalk(of: Instrument): Walk {
    const scale = 10 ** of.digits;
    const level = of.price * scale;
    const walk: Walk = {
      ...{ instrument: of, scale, level, mid: level, lastMs: this.#exactMs, bidPoints: 0, askPoints: 0 },
      sigma: (of.dailyVolatility * level) / Math.sqrt(DAY_MS),
      ...{ regime: 'quiet', shape: REGIMES.quiet, drift: 0, untilMs: 0 },
    };
    this.#enter(walk, 'quiet');
    return walk;
  }

  #changeRegime(walk: Walk): void {
    let draw = this.#random.next();
    const next = walk.shape.next.find(([, probability]) => {
      draw -= probability;
      return draw < 0;
    });
    this.#enter(walk, (next ?? walk.shape.next.at(-1)!)[0]);
  }

  #enter(walk: Walk, regime: Regime): void {
    const shape = REGIMES[regime];
    walk.regime = regime;
    walk.shape = shape;
    walk.untilMs = this.timeMs - Math.log(1 - this.#random.next()) * shape.meanMs;
    const direction = this.#random.next() < 0.5 ? -1 : 1;
    walk.drift = (direction * shape.drift * walk.sigma) / Math.sqrt(shape.meanMs);
  }
}
