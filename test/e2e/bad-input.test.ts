/** Whatever a person gets wrong: one clear error that says where, the right status, and nothing left half done. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { after, beforeEach, describe, test } from 'node:test';
import type { Report } from '../../cli/start/report.ts';
import { writeConfig } from './rig.ts';
import {
  type Ended,
  endAll,
  noneLeft,
  processesOf,
  StartCommand,
  start,
  stateFolder,
  tickLines,
  until,
  writeTicks,
} from './support.ts';

const scratch = stateFolder('bad');
after(async () => {
  endAll();
  await noneLeft(scratch.path);
  scratch.remove();
});

beforeEach(() => rmSync(reportFile, { force: true }));

const CROSS = '{ id: cross, use: ema-cross, symbol: EURUSD, params: { timeframe: 1m, lots: 0.1 } }';
const config = writeConfig(scratch.file('config.yaml'), [CROSS]);
const lines = tickLines({ seed: 'bad input', fromMs: Date.UTC(2026, 4, 12, 9), ticks: 600, everyMs: 2000 });
const good = writeTicks(scratch.file('EURUSD_good.csv'), lines);
const reportFile = scratch.file('report.json');
const USUAL = ['--config', config, '--symbol', 'EURUSD', '--speed', 'max'];

const file = (name: string, text: string): string => {
  writeFileSync(scratch.file(name), text);
  return scratch.file(name);
};

/** The state folder's tapes, without the last good one. */
const halfWritten = (): string[] =>
  existsSync(`${scratch.state}/tapes`) ? readdirSync(`${scratch.state}/tapes`).filter((name) => /part/.test(name)) : [];

/** Ends with this status and one message that matches all patterns; shows no stack and leaves nothing behind. */
async function refused(ended: Ended, status: number, patterns: readonly RegExp[]): Promise<void> {
  const all = `${ended.stdout}${ended.stderr}`;
  assert.equal(ended.status, status, all);
  for (const pattern of patterns) assert.match(ended.stderr, pattern);
  assert.doesNotMatch(all, /^\s+at .*:\d+:\d+\)?$/m, 'a stack trace is not for the user');
  assert.doesNotMatch(all, /undefined|\[object/);
  assert.ok(!existsSync(reportFile), 'no report of a run that was none');
  assert.deepEqual(halfWritten(), []);
  // The shell that guards the children ends a moment after the one that it guards them for.
  await noneLeft(scratch.path);
}

interface Case {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly status: number;
  readonly says: readonly RegExp[];
}

const missing = scratch.file('nowhere.csv');
const bent = file(
  'bent.yaml',
  [
    'market:',
    '  partition: 12',
    '  symbols:',
    '    EURUSD: { digits: five, contract_size: 100000, currency_base: EUR, currency_profit: USD }',
    'account: { id: e2e, leverage: 0 }',
    'strategies:',
    '  - { id: cross, use: ema-cross, symbol: GBPUSD }',
    '',
  ].join('\n'),
);
const cutAtOnce = writeTicks(scratch.file('cut.csv.gz'), lines);
truncateSync(cutAtOnce, 12);

const beforeTheRun: Case[] = [
  { name: 'an unknown option', args: ['--tick', good], status: 2, says: [/--tick\b/, /--help/] },
  { name: 'a word that is no option', args: ['ticks.csv'], status: 2, says: [/ticks\.csv/] },
  {
    name: 'a speed below the range',
    args: ['--speed', '0'],
    status: 2,
    says: [/--speed 0: want a number from 1 to 1000000, or max/],
  },
  {
    name: 'a speed that is no number',
    args: ['--speed', 'fast'],
    status: 2,
    says: [/--speed fast: want a number from 1/],
  },
  {
    name: 'an offset beyond the range',
    args: ['--utc-offset', '15'],
    status: 2,
    says: [/--utc-offset 15: want hours from -14 to 14/],
  },
  {
    name: 'no node at all',
    args: ['--nodes', '0'],
    status: 2,
    says: [/--nodes 0: want a whole number from 1 to 16/],
  },
  {
    name: 'nodes that are no number',
    args: ['--nodes', 'x'],
    status: 2,
    says: [/--nodes x: want a whole number from 1 to 16/],
  },
  {
    name: 'a configuration that is not there',
    args: ['--config', missing],
    status: 1,
    says: [/CONFIG_NOT_FOUND: .*nowhere\.csv/],
  },
  {
    name: 'a configuration with four faults, all at once',
    args: ['--ticks', good, '--symbol', 'EURUSD', '--config', bent],
    status: 1,
    says: [
      /CONFIG_INVALID/,
      /bent\.yaml:2.*market\.partition/,
      /bent\.yaml:4.*digits.*five.*0\.\.8/,
      /bent\.yaml:5.*leverage.*0.*1\.\.10000/,
      /bent\.yaml:7.*GBPUSD/,
    ],
  },
  {
    name: 'no tick file',
    args: [...USUAL, '--ticks', missing],
    status: 1,
    says: [/IMPORT_NOT_FOUND: .*nowhere\.csv: there is no such file/],
  },
  { name: 'a folder', args: [...USUAL, '--ticks', scratch.path], status: 1, says: [/IMPORT_IS_FOLDER: /] },
  {
    name: 'an empty file',
    args: [...USUAL, '--ticks', file('empty.csv', '')],
    status: 1,
    says: [/IMPORT_EMPTY: .*empty\.csv: is empty/],
  },
  {
    name: 'a header alone',
    args: [...USUAL, '--ticks', file('header.csv', `${lines[0]}\r\n`)],
    status: 1,
    says: [/IMPORT_EMPTY: .*header\.csv/],
  },
  {
    name: 'a file of something else',
    args: [...USUAL, '--ticks', file('letter.txt', 'Dear broker,\n')],
    status: 1,
    says: [/IMPORT_UNRECOGNISED: .*letter\.txt.*Dear broker/, /MT5 tick export/],
  },
  {
    name: 'a gzip cut before its first line',
    args: [...USUAL, '--ticks', cutAtOnce],
    status: 1,
    says: [/IMPORT_TRUNCATED: .*cut\.csv\.gz/],
  },
  {
    name: 'no symbol named',
    args: ['--config', config, '--ticks', good],
    status: 1,
    says: [/IMPORT_NEEDS_SYMBOL: .*--symbol/],
  },
  {
    name: 'a symbol that is not configured',
    args: ['--config', config, '--ticks', good, '--symbol', 'EURCHF'],
    status: 1,
    says: [/CONFIG_INVALID: .*config\.yaml: market\.symbols: EURCHF .*not configured.*EURUSD/],
  },
  {
    name: 'no usable line',
    args: [...USUAL, '--ticks', file('hopeless.csv', `${[lines[0], 'a', 'b', 'c'].join('\n')}\n`)],
    status: 1,
    says: [/TICKS_NONE: .*hopeless\.csv/],
  },
  {
    name: 'a report into a folder that is not there',
    args: [...USUAL, '--ticks', good, '--report', scratch.file('not/there/report.json')],
    status: 2,
    says: [/--report .*report\.json: there is no folder .*not\/there/],
  },
  {
    name: 'a report onto a folder',
    args: [...USUAL, '--ticks', good, '--report', scratch.path],
    status: 2,
    says: [/--report .*is a folder/],
  },
];

describe('refused before anything runs', () => {
  for (const { name, args, env, status, says } of beforeTheRun) {
    test(name, async () => {
      const withReport = args.includes('--report') ? args : [...args, '--report', reportFile];
      const ended = await start(scratch.state, withReport, env);
      await refused(ended, status, says);
      assert.ok(!existsSync(`${scratch.state}/nats`), 'no server was started for it');
    });
  }

  test('bars without --bars-as-ticks say how to play them', async () => {
    const header = '<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>';
    const bars = file('bars.csv', `${header}\n2026.05.12\t10:00:00\t1.1\t1.2\t1.0\t1.1\t5\t0\t7\n`);
    const ended = await start(scratch.state, [...USUAL, '--ticks', bars]);
    await refused(ended, 1, [/IMPORT_BARS_NOT_REQUESTED: .*bars\.csv.*--bars-as-ticks/]);
  });
});

describe('refused when a part cannot start', () => {
  test('the metrics port is taken: key and what is allowed', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => holder.once('listening', resolve));
    const { port } = holder.address() as AddressInfo;
    try {
      const busy = writeConfig(scratch.file('busy.yaml'), [CROSS], [`node: { metrics_port: ${port} }`]);
      const ended = await start(scratch.state, ['--config', busy, '--symbol', 'EURUSD', '--ticks', good]);
      await refused(ended, 1, [new RegExp(`PORT_IN_USE: .*node\\.metrics_port.*${port}`)]);
    } finally {
      holder.close();
    }
  });

  test('a parameter that the strategy does not have', async () => {
    const wrong = CROSS.replace('lots: 0.1', 'lots: -1, sped: 3');
    const ended = await start(scratch.state, [
      ...['--config', writeConfig(scratch.file('params.yaml'), [wrong]), '--symbol', 'EURUSD', '--ticks', good],
    ]);
    await refused(ended, 1, [/CONFIG_INVALID: /, /cross/, /lots/, /sped/]);
  });

  test('TROUPE_NATS_URL that nobody serves', async () => {
    const env = { TROUPE_NATS_URL: 'nats://somebody:secret@127.0.0.1:9' };
    const ended = await start(scratch.state, [...USUAL, '--ticks', good], env);
    await refused(ended, 1, [/BUS_UNAVAILABLE: TROUPE_NATS_URL: .*127\.0\.0\.1:9/]);
    assert.doesNotMatch(`${ended.stdout}${ended.stderr}`, /secret/);
  });

  test('TROUPE_NATS_URL that is no URL', async () => {
    const ended = await start(scratch.state, [...USUAL, '--ticks', good], { TROUPE_NATS_URL: 'http://localhost' });
    await refused(ended, 1, [/CONFIG_INVALID: TROUPE_NATS_URL: want .*nats:\/\//]);
  });

  test('TROUPE_POSTGRES_URL that nobody serves', async () => {
    const env = { TROUPE_POSTGRES_URL: 'postgres://somebody:secret@127.0.0.1:9/ledger' };
    const ended = await start(scratch.state, [...USUAL, '--ticks', good], env);
    await refused(ended, 1, [/LEDGER_UNAVAILABLE: TROUPE_POSTGRES_URL, 127\.0\.0\.1:9\/ledger: .*ECONNREFUSED/]);
    assert.doesNotMatch(`${ended.stdout}${ended.stderr}`, /secret/);
  });
});

describe('played as far as it can be used', () => {
  test('lines that cannot be used are named, counted by reason and left out', async () => {
    const spoilt = [...lines];
    spoilt[100] = 'this is no tick';
    spoilt[200] = '2026.05.12\t08:00:00.000\t1.10000\t1.10010\t\t\t6';
    spoilt[300] = `${spoilt[300]!.split('\t').slice(0, 2).join('\t')}\t1.20000\t1.10000\t\t\t6`;
    spoilt[301] = `${spoilt[301]!.split('\t').slice(0, 2).join('\t')}\t1.10000\t1.10010\t\t\t6`;
    spoilt[400] = `${spoilt[400]!.split('\t').slice(0, 2).join('\t')}\t-1\t1.10010\t\t\t6`;
    const ticks = writeTicks(scratch.file('EURUSD_spoilt.csv'), spoilt);
    const ended = await start(scratch.state, [...USUAL, '--ticks', ticks, '--report', reportFile]);
    assert.equal(ended.status, 0, ended.stderr);
    const report = JSON.parse(readFileSync(reportFile, 'utf8')) as Report;
    const unusable = { malformed_line: 1, time_backwards: 1, bid_above_ask: 1, bad_price: 1 };
    const played = lines.length - 5;
    assert.deepEqual(report.ticks, { sent: played, applied: played, late: 0, passed_over: {}, unusable });
    for (const [reason, line] of [
      ['malformed_line', 101],
      ['time_backwards', 201],
      ['bid_above_ask', 301],
      ['bad_price', 401],
    ]) {
      assert.match(ended.stdout, new RegExp(`EURUSD_spoilt\\.csv:${line}: ${reason}`));
      assert.match(ended.stdout, new RegExp(`Unusable .*${reason} 1`));
    }
    assert.deepEqual(
      readdirSync(scratch.path).filter((name) => name.endsWith('.new')),
      [],
    );
  });

  test('a gzip cut short: what was read is played, and said', async () => {
    const cut = writeTicks(scratch.file('EURUSD_cut.csv.gz'), lines);
    truncateSync(cut, Math.floor(readFileSync(cut).length * 0.6));
    const ended = await start(scratch.state, [...USUAL, '--ticks', cut, '--report', reportFile]);
    assert.equal(ended.status, 0, ended.stderr);
    const { ticks } = JSON.parse(readFileSync(reportFile, 'utf8')) as Report;
    assert.ok(ticks.applied > 100 && ticks.applied < lines.length - 1, `${ticks.applied} ticks`);
    assert.equal(ticks.sent, ticks.applied);
    assert.match(ended.stdout, /EURUSD_cut\.csv\.gz:\d+: .*the gzip file is cut short; .* kept/);
  });
});

describe('a full disk', () => {
  const disk = scratch.file('disk');
  const mounted = (sizeMib: number): boolean => {
    mkdirSync(disk, { recursive: true });
    return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMib}m,mode=0755`, 'tmpfs', disk]).status === 0;
  };
  after(() => spawnSync('umount', [disk]));

  test('no room for the tape', async (t) => {
    if (!mounted(1)) return t.skip('needs root and the right to mount a tmpfs');
    try {
      // The built-in market needs 61 MiB.
      const ended = await start(`${disk}/state`, ['--config', 'config/demo.yaml']);
      await refused(ended, 1, [/TAPE_DISK_FULL: .*\.tape: needs \d+ MiB, the disk has \d+ MiB left/]);
    } finally {
      spawnSync('umount', [disk]);
    }
  });

  test('the disk becomes full while it trades', { timeout: 240_000 }, async (t) => {
    if (!mounted(3000)) return t.skip('needs root and the right to mount a tmpfs');
    try {
      const command = new StartCommand(`${disk}/state`, ['--config', config, '--ticks', good, '--symbol', 'EURUSD']);
      await command.reaches('frames are stored', () => {
        const store = `${disk}/state/nats/store`;
        return existsSync(store) && /\b1\.blk\b/.test(readdirSync(store, { recursive: true }).join(' '));
      });
      await command.reaches('the terminal plays', () =>
        processesOf(disk).some((one) => /native.terminal/.test(one.command)),
      );
      await until('the disk is as large as what is on it', () => {
        const { blocks, bfree, bsize } = statfsSync(disk);
        // It grows while it is measured.
        const fullBytes = (blocks - bfree) * bsize + 128 * 1024;
        return spawnSync('mount', ['-o', `remount,size=${fullBytes}`, disk]).status === 0;
      });
      const ended = await command.ended;
      assert.equal(ended.status, 1, `${ended.stdout}${ended.stderr}`);
      assert.match(ended.stderr, /^DISK_FULL: the disk became full: .*state.*free some/m);
      await noneLeft(scratch.path, 2_000);
    } finally {
      endAll();
      await noneLeft(scratch.path);
      spawnSync('umount', [disk]);
    }
  });

  test('no room for the servers', async (t) => {
    if (!mounted(20)) return t.skip('needs root and the right to mount a tmpfs');
    try {
      const ended = await start(`${disk}/state`, [...USUAL, '--ticks', good]);
      await refused(ended, 1, [/DISK_FULL: .*needs 128 MiB free for .*there are \d+ MiB/]);
    } finally {
      spawnSync('umount', [disk]);
    }
  });
});
