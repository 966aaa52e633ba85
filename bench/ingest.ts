/**
 * How many ticks/s go from the terminal through the bridge into a file-backed JetStream stream and are applied by symbol
 * actors? The clock runs from the order to play until the last tick has been acknowledged and applied, in a node that
 * has just been started: its warming-up counts.
 */
import type { TapeInfo } from '../backtest/tape.ts';
import type { Status } from '../node/status.ts';
import type { Config } from '../runtime/config/index.ts';
import { isWide } from './market.ts';
import type { BenchOptions } from './options.ts';
import { rawRound } from './raw.ts';
import type { Result } from './result.ts';
import { NotVerified, perSecond } from './result.ts';
import type { Stage } from './stage.ts';
import { configFor } from './stage.ts';
import { median } from './statistics.ts';
import { storedBars, storedFrames } from './stored.ts';
import { benchTape } from './tape.ts';
import { ingestFaults } from './verify.ts';

/** The tape is played again and again: a longer one would only be read from the disk. */
const TAPE_TICKS = 2_000_000;

interface Round {
  readonly ticksPerS: number;
  readonly seconds: number;
  readonly frames: number;
  readonly ticksPerFrame: number;
  readonly bars: number;
  readonly rawTicksPerS: number;
  readonly ratio: number;
}

export async function ingest(stage: Stage, options: BenchOptions): Promise<Result> {
  const { symbols, seconds, rounds, density } = options;
  const wanted = density * seconds;
  const ticks = Math.min(wanted, TAPE_TICKS);
  const tape = await benchTape(stage, { symbols, ticks, ticksPerSecond: density });
  const plan = {
    tape,
    tapeRounds: Math.ceil(wanted / ticks),
    // The expert's path has a figure of its own (bridge --from expert) and would be the limit here.
    config: configFor(tape.symbols, tape.digits, { terminal: { program: 'native' } }),
  };
  const done: Round[] = [];
  for (let round = 1; round <= rounds; round++) {
    const one = await playRound(stage, plan, round);
    done.push(one);
    stage.say(
      `round ${round}/${rounds}  ${perSecond(one.ticksPerS)} applied in ${one.seconds.toFixed(1)} s, ` +
        `${one.ticksPerFrame} ticks a frame; raw ${perSecond(one.rawTicksPerS)}; ratio ${one.ratio.toFixed(2)}`,
    );
  }
  return {
    name: isWide(symbols) ? 'ingest-wide' : 'ingest',
    value: median(done.map(({ ticksPerS }) => ticksPerS)),
    unit: 'ticks/s',
    ratio: median(done.map(({ ratio }) => ratio)),
    rounds,
    verified: true,
    details: {
      symbols,
      density,
      ticksPerRound: tape.ticks * plan.tapeRounds,
      rawTicksPerS: median(done.map(({ rawTicksPerS }) => rawTicksPerS)),
      perRound: done,
    },
  };
}

async function playRound(
  stage: Stage,
  { tape, tapeRounds, config }: { tape: TapeInfo; tapeRounds: number; config: Config },
  round: number,
): Promise<Round> {
  const played = await playOnce(stage, { tape, tapeRounds, config }, round);
  const { faults, frames, seconds, sent, bars } = played;
  if (faults.length > 0) throw new NotVerified(round, faults);
  const ticksPerFrame = Math.max(1, Math.round(sent / frames));
  const raw = await rawRound(stage, {
    frames,
    ticksPerFrame,
    symbols: tape.symbols.length,
    partitions: config.market.partitions,
  });
  if (raw.faults.length > 0) throw new NotVerified(round, raw.faults);
  const ticksPerS = sent / seconds;
  const ratio = ticksPerS / raw.ticksPerS;
  return { ticksPerS, seconds, frames, ticksPerFrame, bars, rawTicksPerS: raw.ticksPerS, ratio };
}

async function playOnce(
  stage: Stage,
  { tape, tapeRounds, config }: { tape: TapeInfo; tapeRounds: number; config: Config },
  round: number,
) {
  let sent = 0;
  let acknowledged = 0;
  const { clock } = stage;
  const { fleet, failed } = stage.company({
    ...{ round, config, tape, tapeRounds, speed: 0, ledger: false },
    onMessage: (from, message) => {
      if (message.event !== 'tape_end') return;
      if (from === 'terminal') sent = Number(message.ticks);
      if (from === 'bridge') acknowledged = Number(message.ticks);
    },
  });
  try {
    await Promise.race([fleet.start(), failed]);
    const sinceMs = clock.monotonicMs();
    fleet.play();
    await Promise.race([fleet.played(), failed]);
    const seconds = (clock.monotonicMs() - sinceMs) / 1000;
    const status: Status = await Promise.race([fleet.settle(), failed]);
    const bus = await stage.connect(fleet.natsLogin!, 'bench');
    const layout = { partitions: config.market.partitions };
    const frames = await storedFrames(bus, layout);
    const { bars, ticks } = await storedBars(bus, layout);
    await bus.drain();
    const faults = ingestFaults({
      expected: new Map(tape.symbols.map((name, i) => [name, tape.perSymbol[i]! * tapeRounds])),
      ...{ sent, acknowledged, status, barTicks: ticks },
    });
    return { faults, frames, seconds, sent, bars };
  } finally {
    await stage.stop(fleet);
  }
}
