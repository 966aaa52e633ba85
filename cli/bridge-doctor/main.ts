/** `npm run bridge:doctor`: says what is wrong with a live link. Asks the running bridge through its NATS service. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { connectNats } from '../../runtime/bus/nats.ts';
import { controlSubject, serviceInfoSubject } from '../../runtime/bus/topics.ts';
import { systemClock } from '../../runtime/clock.ts';
import { messageOf } from '../../runtime/errors.ts';
import { silentLogger } from '../../runtime/telemetry/log.ts';
import type { NatsLogin } from '../servers/given.ts';
import { natsLoginOf } from '../servers/given.ts';
import type { BridgeStatus } from './diagnose.ts';
import { diagnose, reportOf } from './diagnose.ts';

const root = path.resolve(import.meta.dirname, '../..');
const CONTEXT = '.run/nats/operator.json';
const ANSWER_MS = 3_000;

const HELP = `npm run bridge:doctor -- [options]

Asks a running bridge how its link is: terminal, ping, clocks, ticks, permissions, queues, spill file.

  --account NAME   whose bridge; the first that answers without it
  --context FILE   operator's login as \`nats --context\` takes it (${CONTEXT}, which \`npm start\` writes)
  --json           findings as JSON
  --help           this text

TROUPE_NATS_URL (nats://USER:PASSWORD@HOST:PORT) names a server of your own instead.
Status 0: nothing is wrong; 1: something is; 2: wrong options; 3: no bridge answers.`;

/** Throws where it cannot be read; no password is shown. */
function loginFrom(file: string | undefined): NatsLogin {
  const url = process.env.TROUPE_NATS_URL;
  if (file === undefined && url) return natsLoginOf(url);
  const place = path.resolve(root, file ?? CONTEXT);
  let text: string;
  try {
    text = readFileSync(place, 'utf8');
  } catch {
    throw new Error(
      `${place}: cannot be read; is the company running? Name its login with --context or TROUPE_NATS_URL`,
    );
  }
  const context: unknown = JSON.parse(text);
  const { url: to, user, password } = context as Record<string, string | undefined>;
  if (to === undefined) throw new Error(`${place}: no context of the nats command (it has no url)`);
  return { url: to, ...(user === undefined ? {} : { user }), ...(password === undefined ? {} : { password }) };
}

async function main(): Promise<number> {
  let options: { account?: string; context?: string; json: boolean; help: boolean };
  try {
    const { values } = parseArgs({
      options: {
        account: { type: 'string' },
        context: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    options = values;
  } catch (error) {
    console.error(messageOf(error));
    return 2;
  }
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  const bus = await connectNats({
    ...loginFrom(options.context),
    name: 'bridge-doctor',
    clock: systemClock,
    log: silentLogger,
  });
  const ask = async (subject: string): Promise<Record<string, unknown>> =>
    JSON.parse(new TextDecoder().decode(await bus.request(subject, new Uint8Array(), ANSWER_MS)));
  try {
    let { account } = options;
    if (account === undefined) {
      const info = await ask(serviceInfoSubject('troupe-bridge'));
      account = (info.metadata as { account?: string }).account ?? '';
    }
    const status = await ask(controlSubject('bridge', account, 'status'));
    const findings = diagnose(status as unknown as BridgeStatus);
    const report = reportOf(account, findings);
    console.log(options.json ? JSON.stringify({ account, status, findings }) : report.text);
    return report.status;
  } catch (error) {
    console.error(
      `no bridge answers${options.account === undefined ? '' : ` for ${options.account}`}: ${messageOf(error)}`,
    );
    return 3;
  } finally {
    await bus.drain();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 3;
}
process.disconnect?.();
