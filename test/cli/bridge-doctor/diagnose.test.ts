import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BridgeStatus, Verdict } from '../../../cli/bridge-doctor/diagnose.ts';
import { diagnose, reportOf } from '../../../cli/bridge-doctor/diagnose.ts';

const well: BridgeStatus = {
  id: 'A',
  state: 'ready',
  reason: '3 symbols, after 0 ticks',
  links: 1,
  link_rtt_us: 80,
  heard_ago_ms: 300,
  tick_lag_us: 1_500,
  last_tick_ago_ms: 40,
  clock_known: 1,
  clock_offset_us: -120,
  utc_offset_s: 7_200,
  daylight: 'us',
  trade_allowed: 1,
  trade_block: '',
  terminal_connected: 1,
  terminal_allows: 1,
  expert_allows: 1,
  account_allows: 1,
  server_allows: 1,
  terminal_build: 4_885,
  terminal_ping_us: 12_300,
  tls: 0,
  ticks: 100,
  acked_ticks: 100,
  frames_in_flight: 2,
  frames_window: 256,
  spill_bytes: 0,
  spill_limit_bytes: 256 * 2 ** 20,
  events_waiting: 0,
  commands_waiting: 0,
  link_bytes_waiting: 0,
};

describe('the doctor', () => {
  test('finds nothing where all is well, and says what it looked at', () => {
    const report = reportOf('A', diagnose(well));
    assert.equal(report.status, 0);
    assert.match(report.text, /^Bridge of account A\n {2}good {2}link +ready/);
    assert.match(report.text, /broker at UTC\+2, daylight saving: us/);
    assert.match(report.text, /Nothing is wrong\.$/);
    assert.match(report.text, /connected, ping 12\.3 ms, terminal build 4885/);
    for (const what of ['link', 'ping', 'trade server', 'clock', 'ticks', 'permissions', 'queues', 'spill file']) {
      assert.ok(report.text.includes(`good  ${what} `), what);
    }
  });

  const cases: Array<[Partial<BridgeStatus>, string, Verdict, RegExp]> = [
    [{ state: 'waiting', reason: '' }, 'link', 'bad', /no terminal has come yet/],
    [{ state: 'lost', reason: 'E_LINK_SILENT: nothing heard' }, 'link', 'bad', /E_LINK_SILENT/],
    [{ state: 'syncing' }, 'link', 'warning', /taken in/],
    [{ heard_ago_ms: 3_000 }, 'ping', 'bad', /nothing heard for 3000 ms/],
    [{ link_rtt_us: 80_000 }, 'ping', 'warning', /80\.0 ms/],
    [{ clock_offset_us: 400_000 }, 'clock', 'warning', /400\.0 ms ahead/],
    [{ clock_offset_us: -3_600_000_000 }, 'clock', 'bad', /set both clocks/],
    [{ clock_known: 0 }, 'clock', 'warning', /not measured yet/],
    [{ last_tick_ago_ms: -1 }, 'ticks', 'warning', /none yet/],
    [{ last_tick_ago_ms: 90_000 }, 'ticks', 'warning', /is the market open/],
    [{ tick_lag_us: 900_000 }, 'ticks', 'warning', /cannot keep up/],
    [{ tls: 1 }, 'ping', 'good', /ago, TLS$/],
    [{ terminal_connected: 0 }, 'trade server', 'bad', /not connected to its trade server/],
    [{ terminal_connected: -1 }, 'trade server', 'warning', /has not said/],
    [{ terminal_ping_us: -1 }, 'trade server', 'good', /^connected, terminal build/],
    [{ terminal_ping_us: 220_000 }, 'trade server', 'warning', /ping 220\.0 ms/],
    [{ terminal_allows: 0, trade_allowed: 0 }, 'permissions', 'bad', /in the terminal: switch on the Algo Trading/],
    [{ expert_allows: 0 }, 'permissions', 'bad', /for the expert/],
    [{ account_allows: 0, server_allows: 0 }, 'permissions', 'bad', /for the account: .*; by the server/],
    [{ trade_allowed: 0 }, 'permissions', 'bad', /may not trade/],
    [{ trade_block: 'CLIENT_DISABLES_AT' }, 'permissions', 'bad', /AutoTrading button/],
    [{ trade_allowed: -1 }, 'permissions', 'warning', /has not said/],
    [{ events_waiting: 101 }, 'queues', 'bad', /NATS takes no events/],
    [{ commands_waiting: 11 }, 'queues', 'bad', /answers no commands/],
    [{ link_bytes_waiting: 2 ** 20 }, 'queues', 'bad', /does not read/],
    [{ spill_bytes: 2 ** 20 }, 'spill file', 'warning', /1\.0 MB of 256\.0 MB/],
    [{ spill_bytes: 250 * 2 ** 20 }, 'spill file', 'bad', /250\.0 MB/],
  ];
  for (const [change, what, verdict, text] of cases) {
    test(`${JSON.stringify(change)}: ${what} is ${verdict}`, () => {
      const findings = diagnose({ ...well, ...change });
      const finding = findings.find((one) => one.what === what);
      assert.equal(finding?.verdict, verdict);
      assert.match(finding?.text ?? '', text);
      assert.equal(reportOf('A', findings).status, verdict === 'bad' ? 1 : 0);
    });
  }

  test('a clock that differs does not count as lag of ticks', () => {
    const findings = diagnose({ ...well, clock_offset_us: -900_000, tick_lag_us: 901_000 });
    assert.equal(findings.find(({ what }) => what === 'ticks')?.verdict, 'good');
  });
});
