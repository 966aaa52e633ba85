/** The servers of a fleet: its own, kept alive on their ports and folders, or those that the user already has. */
import path from 'node:path';
import { checkPostgres, natsLoginOf } from '../../servers/given.ts';
import type { NatsServer } from '../../servers/nats.ts';
import { startNatsServer } from '../../servers/nats.ts';
import type { PostgresServer } from '../../servers/postgres.ts';
import { startPostgres } from '../../servers/postgres.ts';
import { findNatsCommand } from '../../setup/find.mjs';
import type { Keeper, KeeperOptions } from './keeper.ts';
import type { Logins } from './logins.ts';
import type { FleetOptions } from './options.ts';

export const NATS = 'nats-server';
export const POSTGRES = 'postgres';

/** Makes a keeper that the fleet knows of. */
export type Keep = (name: string, start: KeeperOptions['start']) => Keeper;

export async function startNats(o: FleetOptions, logs: string, keep: Keep): Promise<Logins> {
  if (o.natsUrl !== undefined) {
    const login = natsLoginOf(o.natsUrl);
    return { node: login, bridge: login, operator: login };
  }
  let server: NatsServer | undefined;
  await keep(NATS, async (begun) => {
    server = await startNatsServer({
      folder: path.join(o.stateFolder, 'nats'),
      logFile: path.join(logs, 'nats.log'),
      account: o.config.account?.id ?? 'none',
      source: o.config.market.source,
      onDiskFull: (error) => o.onFailure(error),
      onProcess: begun,
      ...(server === undefined ? {} : { port: server.port }),
    });
    return server;
  }).start();
  const { url, credentials, credentialsFile, operatorContext } = server!;
  o.onSay(`NATS        ${url}  (users and passwords: ${shown(o.root, credentialsFile)})`);
  o.onSay(`operate     ${operateLine(o.root, operatorContext)}`);
  const { node, bridge, operator } = credentials;
  return { node: { url, ...node }, bridge: { url, ...bridge }, operator: { url, ...operator } };
}

/** Connection to the ledger; undefined without one. It holds a password. */
export async function startLedger(o: FleetOptions, logs: string, keep: Keep): Promise<string | undefined> {
  if (!o.ledger) return undefined;
  if (o.postgresUrl !== undefined) {
    await checkPostgres(o.postgresUrl);
    return o.postgresUrl;
  }
  let server: PostgresServer | undefined;
  await keep(POSTGRES, async (begun) => {
    server = await startPostgres({
      folder: path.join(o.stateFolder, 'postgres'),
      logFile: path.join(logs, 'postgres.log'),
      onDiskFull: (error) => o.onFailure(error),
      onProcess: begun,
      ...(server === undefined ? {} : { port: server.port }),
    });
    return server;
  }).start();
  o.onSay(`PostgreSQL  127.0.0.1:${server!.port}, cluster in ${server!.folder}`);
  return server!.url;
}

/** How a person calls the stock `nats` command on this company. */
function operateLine(root: string, context: string): string {
  const command = findNatsCommand({ root });
  const file = shown(process.cwd(), context);
  if (command === null) return `with the nats command, which \`npm run setup\` installs: nats --context ${file} ...`;
  const inside = shown(process.cwd(), command.path);
  return `${path.isAbsolute(inside) ? 'nats' : inside} --context ${file} kv watch actors`;
}

/** A file as a person names it: within the folder from there, else in full. */
function shown(folder: string, file: string): string {
  const relative = path.relative(folder, file);
  return relative.startsWith('..') ? file : relative;
}
