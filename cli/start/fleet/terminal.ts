/** The simulated terminal of the fleet: with its history it comes back with its account and its place in the tape. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { create, toJsonString } from '@bufbuild/protobuf';
import { COMPANY_PARTS_MS } from '../../../node/deadlines.ts';
import { TerminalConfigSchema } from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { systemClock as clock } from '../../../runtime/clock.ts';
import { startProcess } from '../../processes.ts';
import { terminalConfig } from '../terminal-config.ts';
import type { Keeper } from './keeper.ts';
import { trustEnvironment, trustsStill } from './link.ts';
import type { LinkNews } from './linking.ts';
import { untilLinked } from './linking.ts';
import { keyEnvironment } from './logins.ts';
import type { FleetOptions, Json } from './options.ts';
import type { Keep } from './servers.ts';

/** What it says of a bridge with another certificate than the one that it was told. */
const UNTRUSTED = '"E_LINK_TLS_CERTIFICATE"';

export interface TerminalOptions {
  readonly fleet: FleetOptions;
  readonly logs: string;
  /** The bridge's. */
  readonly port: () => number;
  /** Of the link; the bridge has the same. */
  readonly key: string;
  readonly news: LinkNews;
  readonly onMessage: (message: Json) => void;
}

export class Terminal {
  readonly keeper: Keeper;
  private playing = false;
  private applied = 0;

  constructor({ fleet, logs, port, key, news, onMessage }: TerminalOptions, keep: Keep) {
    this.keeper = keep('terminal', async (begun) => {
      const file = path.join(fleet.runFolder, 'terminal.json');
      writeConfig(fleet, (await fleet.route?.('terminal', 'bridge', port())) ?? port(), file);
      news.begin('terminal');
      const trust = trustEnvironment(fleet.config);
      const child = await startProcess({
        name: 'terminal',
        command: path.join(fleet.root, 'build', 'native', 'terminal'),
        args: ['--config', file, '--hold'],
        env: { PATH: process.env.PATH, TZ: 'UTC', ...keyEnvironment(key), ...trust },
        logFile: path.join(logs, 'terminal.log'),
        chatty: true,
        stdin: 'lifeline',
        stop: { signal: 'SIGTERM', deadlineMs: COMPANY_PARTS_MS.terminal },
        onJson: onMessage,
        onLine: (line) => {
          news.hear('terminal', line);
          // It knows the certificate of its start. Where that has been renewed it begins anew, with the new one.
          if (line.includes(UNTRUSTED) && !trustsStill(fleet.config, trust)) void child.stop();
        },
      });
      begun(child);
      await untilLinked(child, {
        news,
        port: port(),
        clock,
        ...(fleet.link === undefined ? {} : { limits: fleet.link }),
      });
      if (this.playing) child.send('play');
      // It does not remember how far the company was when it ended, and would wait for it.
      if (this.applied > 0) child.send(`applied ${this.applied}`);
      return { process: child, stop: () => child.stop() };
    });
  }

  play(): void {
    this.playing = true;
    this.keeper.current?.send('play');
  }

  /** The company has applied this many ticks: how far the market may run ahead of it counts from there. */
  tellApplied(ticks: number): void {
    this.applied = ticks;
    this.keeper.current?.send(`applied ${ticks}`);
  }
}

function writeConfig(fleet: FleetOptions, port: number, file: string): void {
  const { runFolder, config, tape, speed, leadLimitMs, rounds } = fleet;
  const history = path.join(runFolder, 'terminal.history');
  const settings = terminalConfig({ config, tape, port, speed, leadLimitMs, rounds: rounds ?? 1, history });
  writeFileSync(file, toJsonString(TerminalConfigSchema, create(TerminalConfigSchema, settings), { prettySpaces: 2 }));
}
