/**
 * Set-up (cli/setup) started this process and passes signals on; when it dies without a word (SIGKILL), its IPC channel
 * closes. `gone` is called then, once, so that no company runs on with nobody to stop it. Nothing happens where this
 * process was started by hand.
 */
export function onLauncherGone(gone: () => void): void {
  if (process.channel === undefined || process.channel === null) return;
  process.once('disconnect', gone);
  // Listening alone must not keep this process from ending.
  process.channel.unref();
}
