/** The bridge of the fleet: it keeps its port and its journal over restarts. */
import path from 'node:path';
import { COMPANY_PARTS_MS } from '../../../node/deadlines.ts';
import { startProcess } from '../../processes.ts';
import type { NatsLogin } from '../../servers/given.ts';
import { wantedTerminal } from '../terminal-config.ts';
import type { Keeper } from './keeper.ts';
import { linkOptions } from './link.ts';
import type { LinkNews } from './linking.ts';
import { keyEnvironment, natsEnvironment, routed } from './logins.ts';
import type { FleetOptions, Json } from './options.ts';
import { jsonEvent, untilReady } from './ready.ts';
import type { Keep } from './servers.ts';
import { NATS } from './servers.ts';

export interface BridgeOptions {
  readonly fleet: FleetOptions;
  readonly logs: string;
  readonly login: () => NatsLogin;
  /** What a terminal must prove to be let in. */
  readonly key: string;
  readonly news: LinkNews;
  readonly onMessage: (message: Json) => void;
}

export class Bridge {
  readonly keeper: Keeper;
  /** Where terminals connect; 0 before the first start. */
  port = 0;

  constructor({ fleet, logs, login, key, news, onMessage }: BridgeOptions, keep: Keep) {
    const { root, runFolder, config } = fleet;
    this.keeper = keep('bridge', async (begun) => {
      const { url, ...who } = login();
      const nats = { ...who, url: await routed(fleet, 'bridge', NATS, url) };
      news.begin('bridge');
      const child = await startProcess({
        name: 'bridge',
        command: path.join(root, 'build', 'native', 'bridge'),
        args: [
          ...['--listen', `127.0.0.1:${this.port}`, '--account', config.account?.id ?? 'none'],
          ...['--source', config.market.source, '--partitions', String(config.market.partitions)],
          ...['--journal', path.join(runFolder, 'bridge.journal')],
          ...['--spill', path.join(runFolder, 'bridge.spill'), '--spill-mb', String(config.market.spill_mb)],
          ...linkOptions(config),
          ...wantedTerminal(config),
        ],
        env: { ...natsEnvironment(nats), ...keyEnvironment(key) },
        logFile: path.join(logs, 'bridge.log'),
        chatty: true,
        stop: { signal: 'SIGTERM', deadlineMs: COMPANY_PARTS_MS.bridge },
        onJson: onMessage,
        onLine: (line) => news.hear('bridge', line),
      });
      begun(child);
      this.port = Number((await untilReady(child, jsonEvent('listening'))).port);
      return { process: child, stop: () => child.stop() };
    });
  }
}
