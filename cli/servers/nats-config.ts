/** The configuration of the private nats-server: who may say and hear what. Pure. */
import { escapeToken } from '../../runtime/bus/subjects.ts';

/** `node`: this company's own processes; `bridge`: the C++ bridge; `operator`: a person with the stock `nats` command. */
export type NatsUser = 'node' | 'bridge' | 'operator';
export const natsUsers: readonly NatsUser[] = ['node', 'bridge', 'operator'];

/** One, or all of a bridge that serves several accounts. */
export type Names = string | readonly string[];

export interface NatsConfig {
  /** -1 lets the server choose a free one. */
  readonly port: number;
  readonly storeFolder: string;
  readonly pidFile: string;
  readonly passwords: Readonly<Record<NatsUser, string>>;
  /** Names that the bridge speaks for. */
  readonly account: Names;
  readonly source: Names;
}

/** A command's answer, or a batch of ticks, is far smaller; state snapshots of wide strategies are the largest. */
const MAX_PAYLOAD_BYTES = 8 * 2 ** 20;

export interface Permissions {
  readonly publish: { readonly allow: readonly string[]; readonly deny?: readonly string[] };
  readonly subscribe: { readonly allow: readonly string[]; readonly deny?: readonly string[] };
  /** May answer a request at the inbox that the request names. */
  readonly responds?: boolean;
}

/** Least privilege for each user. */
export function permissions(account: Names, source: Names): Record<NatsUser, Permissions> {
  const [accounts, sources] = [account, source].map((names) => [names].flat().map(escapeToken)) as [string[], string[]];
  return {
    node: {
      publish: {
        allow: [
          ...['md.>', 'trade.>', 'model.>', 'sys.>', 'inspect.>', 'bridge.*.command', '_INBOX.>', '$SRV.>'],
          ...['$JS.API.>', '$JS.ACK.>', '$JS.FC.>', '$KV.>', '$O.>'],
        ],
        // Live settings are an operator's; a node obeys them.
        deny: ['$KV.config.>'],
      },
      subscribe: {
        allow: [
          ...['md.>', 'trade.>', 'model.>', 'sys.>', 'inspect.>', 'control.>', 'ahead.>', '_INBOX.>', '$SRV.>'],
          ...['$JS.API.>', '$JS.ACK.>', '$JS.FC.>', '$JS.EVENT.>', '$KV.>', '$O.>'],
        ],
      },
      // Answers go to inboxes, which it may publish to anyway. With `responds` the server would look up each frame's own
      // reply subject, never the same twice, before it delivers the frame.
    },
    bridge: {
      publish: {
        allow: [
          ...sources.map((token) => `md.*.ticks.${token}.>`),
          ...accounts.flatMap((token) => [
            ...[`trade.execution.${token}`, `sys.lifecycle.bridge.${token}`, `inspect.bridge.${token}`],
            `$KV.actors.bridge.${token}`,
          ]),
          '$KV.machines.bridge',
          '$JS.API.STREAM.INFO.>',
          '$JS.API.STREAM.NAMES',
          // After a restart: which tick of each symbol is kept.
          '$JS.API.STREAM.MSG.GET.MARKET',
        ],
      },
      subscribe: {
        allow: [
          ...accounts.flatMap((token) => [
            `bridge.${token}.command`,
            `ahead.broker.${token}`,
            `control.bridge.${token}.*`,
          ]),
          '_INBOX.bridge.>',
          ...['$SRV.*', '$SRV.*.troupe-bridge', '$SRV.*.troupe-bridge.*'],
        ],
      },
      responds: true,
    },
    operator: {
      // Reads everything and asks any service; writes live settings, and nothing else that is kept. (Whoever may make
      // consumers could have one deliver to any subject: give this user to persons, not to programs.)
      publish: {
        allow: [
          ...['control.>', '$SRV.>', '$KV.config.>', '$JS.FC.>'],
          // Who it is itself: the `nats` command asks it first.
          '$SYS.REQ.USER.INFO',
          ...['INFO', 'DIRECT.GET.>', 'CONSUMER.>'].map((api) => `$JS.API.${api}`),
          ...['NAMES', 'LIST', 'INFO.>', 'MSG.GET.>'].map((api) => `$JS.API.STREAM.${api}`),
        ],
      },
      subscribe: { allow: ['>'] },
    },
  };
}

/** Text of nats.conf. It holds the passwords: write it for this user's eyes only. */
export function natsConfigText(config: NatsConfig): string {
  const allowed = permissions(config.account, config.source);
  const users = natsUsers.map((user) => userBlock(user, config.passwords[user], allowed[user]));
  return `# Written at every start; changes are lost.
server_name: troupe
listen: "127.0.0.1:${config.port}"
pid_file: ${quoted(config.pidFile)}
max_payload: ${MAX_PAYLOAD_BYTES}
# Many frames may be on their way to a node that catches up.
write_deadline: "10s"
jetstream {
  store_dir: ${quoted(config.storeFolder)}
}
authorization {
  users: [
${users.join('\n')}
  ]
}
`;
}

function userBlock(user: NatsUser, password: string, allowed: Permissions): string {
  const side = (rules: Permissions['publish']): string =>
    `{ allow: [${rules.allow.map(quoted).join(', ')}]${rules.deny ? `, deny: [${rules.deny.map(quoted).join(', ')}]` : ''} }`;
  return `    {
      user: ${quoted(user)}
      password: ${quoted(password)}
      permissions: {
        publish: ${side(allowed.publish)}
        subscribe: ${side(allowed.subscribe)}
${allowed.responds ? '        allow_responses: { max: 1, expires: "1m" }\n' : ''}      }
    }`;
}

const quoted = (text: string): string => JSON.stringify(text);
