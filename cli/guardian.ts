/**
 * Ends our children when this process dies without a word (SIGKILL, a signal nobody handles, power to one process
 * only): a shell that holds the other end of a pipe, knows which groups are ours, and acts when the pipe closes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * Reads `+ GROUP SIGNAL` and `- GROUP`. At the end of its input it asks each leader that is left to stop by its own
 * signal, and forces the groups that are still there after 5 s.
 */
const SCRIPT = `
trap '' INT TERM HUP
list=
while read -r sign group signal; do
  case $sign in
    +) list="$list $group:$signal" ;;
    -) next=
       for one in $list; do [ "\${one%%:*}" = "$group" ] || next="$next $one"; done
       list=$next ;;
  esac
done
for one in $list; do
  kill -s "\${one##*:}" "\${one%%:*}" && kill -s CONT "\${one%%:*}"
done
turns=50
while [ $turns -gt 0 ]; do
  left=
  for one in $list; do kill -0 "\${one%%:*}" && left=yes; done
  [ -n "$left" ] || break
  sleep 0.1
  turns=$((turns - 1))
done
for one in $list; do kill -s KILL -- "-\${one%%:*}"; done
`;

let guardian: ChildProcess | undefined;

function tell(line: string): void {
  if (guardian === undefined) {
    guardian = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/' });
    guardian.on('error', () => {}); // Without a shell there is no guardian, and nothing else is the worse for it.
    guardian.stdin?.on('error', () => {});
    // It must not keep this process from ending.
    guardian.unref();
    (guardian.stdin as Socket | null)?.unref();
  }
  guardian.stdin?.write(`${line}\n`);
}

/** From now on the group led by `pid` ends with this process: asked with `signal`, forced after 5 s. */
export function guard(pid: number, signal: NodeJS.Signals): void {
  tell(`+ ${pid} ${signal.slice('SIG'.length)}`);
}

/** It has ended; its number may belong to somebody else soon. */
export function unguard(pid: number): void {
  tell(`- ${pid}`);
}
