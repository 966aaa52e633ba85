/** `npm run test:windows`: the Windows DLL as a file, and its code run by Wine against the daemon. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { onLauncherGone } from './launcher.ts';

const root = path.resolve(import.meta.dirname, '..');
const child = spawn(process.execPath, ['--test', '--test-reporter=spec', 'test/windows/dll.wine.ts'], {
  cwd: root,
  stdio: 'inherit',
  detached: true,
});
// The whole group: servers of a test must not outlive it.
const pass = (signal: NodeJS.Signals): void => {
  if (child.pid !== undefined) process.kill(-child.pid, signal);
};
process.on('SIGINT', pass).on('SIGTERM', pass);
onLauncherGone(() => pass('SIGTERM'));
child.once('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1;
});
