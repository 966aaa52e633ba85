/** How the programs of a fleet log in to NATS, and what of this process's environment they are given. */
import type { NatsLogin } from '../../servers/given.ts';
import type { FleetOptions } from './options.ts';

/** The same login three times where the server is the user's own. */
export interface Logins {
  readonly node: NatsLogin;
  readonly bridge: NatsLogin;
  readonly operator: NatsLogin;
}

/** Least that a child needs: PATH, and its own login. Other secrets of this process stay here. */
export function natsEnvironment(login: NatsLogin): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    TZ: 'UTC',
    TROUPE_NATS_URL: login.url,
    ...(login.user === undefined ? {} : { TROUPE_NATS_USER: login.user }),
    ...(login.password === undefined ? {} : { TROUPE_NATS_PASSWORD: login.password }),
  };
}

/** The key of the link, for bridge and terminal: by the environment, so that it stands in no file and on no command line. */
export function keyEnvironment(key: string): NodeJS.ProcessEnv {
  return { TROUPE_BRIDGE_KEY: key };
}

/** `url` as `from` is to use it. */
export async function routed({ route }: FleetOptions, from: string, to: string, url: string): Promise<string> {
  if (route === undefined) return url;
  const way = new URL(url);
  way.port = String(await route(from, to, Number(way.port)));
  return way.href;
}
