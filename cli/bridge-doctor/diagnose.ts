/** What a bridge's status says about its link: each thing that was looked at, whether it is well, and what to do. Pure. */

/** The answer of `control.bridge.<account>.status`; durations and offsets as the bridge writes them. */
export interface BridgeStatus {
  readonly id: string;
  readonly state: string;
  readonly reason: string;
  readonly links: number;
  readonly link_rtt_us: number;
  readonly heard_ago_ms: number;
  readonly tick_lag_us: number;
  readonly last_tick_ago_ms: number;
  readonly clock_known: number;
  readonly clock_offset_us: number;
  readonly utc_offset_s: number;
  readonly daylight: string;
  readonly trade_allowed: number;
  readonly trade_block: string;
  /** 1 yes, 0 no, -1: the terminal has not said. */
  readonly terminal_connected: number;
  readonly terminal_allows: number;
  readonly expert_allows: number;
  readonly account_allows: number;
  readonly server_allows: number;
  /** -1: unknown. */
  readonly terminal_build: number;
  readonly terminal_ping_us: number;
  readonly tls: number;
  readonly ticks: number;
  readonly acked_ticks: number;
  readonly frames_in_flight: number;
  readonly frames_window: number;
  readonly spill_bytes: number;
  readonly spill_limit_bytes: number;
  readonly events_waiting: number;
  readonly commands_waiting: number;
  readonly link_bytes_waiting: number;
}

export type Verdict = 'good' | 'warning' | 'bad';

export interface Finding {
  readonly what: string;
  readonly verdict: Verdict;
  readonly text: string;
}

/** A terminal says something at least once a second; after 5 s without a word the bridge ends the link. */
const SILENT_MS = 2_500;
const SLOW_RTT_MS = 50;
/** An order takes this long before the server has even seen it. */
const SLOW_PING_MS = 150;
const LATE_TICKS_MS = 500;
/** A session without any tick is rare, but a weekend is one. */
const NO_TICKS_MS = 60_000;
/** The broker's offset is rounded to quarters of an hour, so seconds do not matter to it; to latencies they do. */
const CLOCK_WARN_MS = 250;
const CLOCK_BAD_MS = 60_000;
const MANY_EVENTS = 100;
const MANY_COMMANDS = 10;
const MANY_LINK_BYTES = 256 * 1024;

const ms = (us: number): string => `${(us / 1_000).toFixed(1)} ms`;
const mb = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`;

const BLOCKS: Readonly<Record<string, string>> = {
  TRADE_DISABLED: 'trading is disabled for the symbol or the account',
  SERVER_DISABLES_AT: 'the server allows this account no automated trading',
  CLIENT_DISABLES_AT: 'allow automated trading in the terminal (the AutoTrading button, and the expert’s own setting)',
};

function link(s: BridgeStatus): Finding {
  const what = 'link';
  if (s.state === 'ready') return { what, verdict: 'good', text: `ready (${s.reason}); ${s.links} links so far` };
  if (s.state === 'syncing') return { what, verdict: 'warning', text: `the terminal is being taken in: ${s.reason}` };
  const why = s.reason === '' ? 'no terminal has come yet' : s.reason;
  return { what, verdict: 'bad', text: `no terminal is linked: ${why}; look at the expert’s log in the terminal` };
}

function ping(s: BridgeStatus): Finding {
  const what = 'ping';
  if (s.heard_ago_ms > SILENT_MS) {
    return {
      what,
      verdict: 'bad',
      text: `nothing heard for ${s.heard_ago_ms} ms; the expert hangs, or the network does`,
    };
  }
  const text = `round trip ${ms(s.link_rtt_us)}, last heard ${s.heard_ago_ms} ms ago${s.tls === 1 ? ', TLS' : ''}`;
  return s.link_rtt_us > SLOW_RTT_MS * 1_000
    ? { what, verdict: 'warning', text: `${text}; run the bridge nearer to the terminal` }
    : { what, verdict: 'good', text };
}

function clock(s: BridgeStatus): Finding {
  const what = 'clock';
  const hours = (s.utc_offset_s / 3_600).toFixed(2).replace(/\.?0+$/, '');
  const broker = `broker at UTC${s.utc_offset_s < 0 ? '' : '+'}${hours}, daylight saving: ${s.daylight}`;
  if (s.clock_known === 0) return { what, verdict: 'warning', text: `not measured yet; ${broker}` };
  const text = `the terminal’s clock is ${ms(s.clock_offset_us)} ahead of this machine’s; ${broker}`;
  const off = Math.abs(s.clock_offset_us) / 1_000;
  if (off > CLOCK_BAD_MS)
    return { what, verdict: 'bad', text: `${text}; the broker’s offset cannot be right: set both clocks` };
  return off > CLOCK_WARN_MS
    ? { what, verdict: 'warning', text: `${text}; latencies are off by as much: synchronise both` }
    : { what, verdict: 'good', text };
}

function ticks(s: BridgeStatus): Finding {
  const what = 'ticks';
  if (s.last_tick_ago_ms < 0) return { what, verdict: 'warning', text: 'none yet on this link; is the market open?' };
  const ago = `last ${s.last_tick_ago_ms} ms ago`;
  if (s.last_tick_ago_ms > NO_TICKS_MS) return { what, verdict: 'warning', text: `${ago}; is the market open?` };
  // The lag is told by two clocks: what is known of their difference is taken out.
  const lagUs = s.tick_lag_us + (s.clock_known === 0 ? 0 : s.clock_offset_us);
  const text = `${ago}, ${ms(lagUs)} on their way; ${s.ticks} taken, ${s.acked_ticks} kept by JetStream`;
  return lagUs > LATE_TICKS_MS * 1_000
    ? { what, verdict: 'warning', text: `${text}; the terminal cannot keep up, or is held` }
    : { what, verdict: 'good', text };
}

function server(s: BridgeStatus): Finding {
  const what = 'trade server';
  const build = s.terminal_build < 0 ? '' : `, terminal build ${s.terminal_build}`;
  if (s.terminal_connected === 0) {
    return { what, verdict: 'bad', text: `the terminal is not connected to its trade server${build}: log in there` };
  }
  if (s.terminal_connected < 0) {
    return { what, verdict: 'warning', text: 'the terminal has not said yet whether it is connected' };
  }
  if (s.terminal_ping_us < 0) return { what, verdict: 'good', text: `connected${build}` };
  const text = `connected, ping ${ms(s.terminal_ping_us)}${build}`;
  return s.terminal_ping_us > SLOW_PING_MS * 1_000
    ? { what, verdict: 'warning', text: `${text}; choose a nearer access point, or a machine nearer to the broker` }
    : { what, verdict: 'good', text };
}

/** What forbids trading, in the order in which a person would look, and where it is allowed. */
const SWITCHES = [
  ['terminal_allows', 'in the terminal: switch on the Algo Trading button'],
  ['expert_allows', 'for the expert: allow algo trading in its own settings (F7, Common)'],
  ['account_allows', 'for the account: log in with the trading password, not as investor, or ask the broker'],
  ['server_allows', 'by the server: the broker allows no experts on this account'],
] as const;

function permissions(s: BridgeStatus): Finding {
  const what = 'permissions';
  const off = SWITCHES.filter(([name]) => s[name] === 0).map(([, where]) => where);
  if (off.length > 0) return { what, verdict: 'bad', text: `trading is disabled ${off.join('; ')}` };
  if (s.trade_allowed === 0) {
    return {
      what,
      verdict: 'bad',
      text: 'the terminal says that it may not trade: AutoTrading is off, or it is logged in as investor',
    };
  }
  if (s.trade_block !== '') {
    return {
      what,
      verdict: 'bad',
      text: `the last order was refused with ${s.trade_block}: ${BLOCKS[s.trade_block] ?? 'see docs/return-codes.md'}`,
    };
  }
  return s.trade_allowed === 1
    ? { what, verdict: 'good', text: 'the terminal may trade' }
    : { what, verdict: 'warning', text: 'the terminal has not said yet whether it may trade' };
}

function queues(s: BridgeStatus): Finding {
  const what = 'queues';
  const text =
    `${s.frames_in_flight} of ${s.frames_window} frames in flight, ${s.events_waiting} events, ` +
    `${s.commands_waiting} commands, ${(s.link_bytes_waiting / 1_024).toFixed(0)} KB for the terminal`;
  if (s.events_waiting > MANY_EVENTS) return { what, verdict: 'bad', text: `${text}; NATS takes no events` };
  if (s.commands_waiting > MANY_COMMANDS)
    return { what, verdict: 'bad', text: `${text}; the terminal answers no commands` };
  if (s.link_bytes_waiting > MANY_LINK_BYTES)
    return { what, verdict: 'bad', text: `${text}; the terminal does not read` };
  return { what, verdict: 'good', text };
}

function spill(s: BridgeStatus): Finding {
  const what = 'spill file';
  if (s.spill_bytes === 0) return { what, verdict: 'good', text: 'empty' };
  const text = `${mb(s.spill_bytes)} of ${mb(s.spill_limit_bytes)}; JetStream takes no ticks, or is catching up`;
  return { what, verdict: s.spill_bytes > s.spill_limit_bytes * 0.8 ? 'bad' : 'warning', text };
}

/** In the order in which one thing causes the next. What needs a linked terminal is left out without one. */
export function diagnose(status: BridgeStatus): Finding[] {
  const linked = status.state === 'ready' || status.state === 'syncing';
  const ofLink = linked ? [ping(status), server(status), clock(status), ticks(status), permissions(status)] : [];
  return [link(status), ...ofLink, queues(status), spill(status)];
}

const MARKS: Readonly<Record<Verdict, string>> = { good: 'good', warning: 'look', bad: 'BAD' };

/** Text for a person, and 0 only when nothing is bad. */
export function reportOf(account: string, findings: readonly Finding[]): { text: string; status: number } {
  const lines = findings.map(({ what, verdict, text }) => `  ${MARKS[verdict].padEnd(5)} ${what.padEnd(12)} ${text}`);
  const bad = findings.filter(({ verdict }) => verdict === 'bad').length;
  const end = bad === 0 ? 'Nothing is wrong.' : `${bad} ${bad === 1 ? 'thing is' : 'things are'} wrong.`;
  return { text: [`Bridge of account ${account}`, ...lines, end].join('\n'), status: bad === 0 ? 0 : 1 };
}
