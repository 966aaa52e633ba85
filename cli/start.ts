/** `npm start`: trades a tick file or the built-in market with every part running, and shows it. */
import path from 'node:path';
import { systemClock } from '../runtime/clock.ts';
import { messageOf } from '../runtime/errors.ts';
import { onLauncherGone } from './launcher.ts';
import { setUpSeconds } from './start/milestones.ts';
import { HELP, parseOptions, UsageError } from './start/options.ts';
import { isWell } from './start/report.ts';
import { run } from './start/run.ts';

/** Errors of files and settings: their message is all there is, no log knows more. */
const SAYS_ALL = /^(CONFIG|IMPORT|TAPE|TICKS|REPORT)_|^(ALREADY_RUNNING|PORT_IN_USE|LEDGER_UNAVAILABLE)$/;

class Interrupted extends Error {
  readonly status: number;
  constructor(status: number) {
    super('interrupted');
    this.status = status;
  }
}

async function main(): Promise<number> {
  const start = parseOptions(process.argv.slice(2));
  if (start === 'help') {
    console.log(HELP);
    return 0;
  }
  const interrupt = new AbortController();
  const stop = (status: number) => (): void => {
    if (!interrupt.signal.aborted) console.error('stopping ...');
    interrupt.abort(new Interrupted(status));
  };
  process.on('SIGINT', stop(130)).on('SIGTERM', stop(143)).on('SIGHUP', stop(129));
  onLauncherGone(stop(143));
  const root = path.resolve(import.meta.dirname, '..');
  const stateFolder = path.resolve(root, process.env.TROUPE_STATE ?? '.run');
  const report = await run({
    root,
    stateFolder,
    start,
    clock: systemClock,
    setUpS: setUpSeconds(process.env, systemClock.nowMs()),
    out: process.stdout,
    signal: interrupt.signal,
  });
  return isWell(report) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof Interrupted) process.exitCode = error.status;
  else {
    const code = (error as { code?: unknown }).code;
    console.error(`${typeof code === 'string' ? `${code}: ` : ''}${messageOf(error)}`);
    if (error instanceof UsageError) console.error('`npm start -- --help` lists the options.');
    else if (!SAYS_ALL.test(String(code))) {
      console.error(`Logs of all parts are in ${path.join(process.env.TROUPE_STATE ?? '.run', 'logs')}.`);
    }
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}
// Everything has been stopped. Whatever might still be open here must not hold a person's terminal.
process.exit();
