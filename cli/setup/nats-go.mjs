import path from 'node:path';
import { run } from './child.mjs';
import { findCommand, NATS_PINNED, outputOf } from './find.mjs';
import { StepError } from './step-error.mjs';
import { atLeast, formatVersion, parseVersion } from './version.mjs';

/**
 * Whether a `go` can build it: new enough itself, or able to fetch a newer toolchain (since 1.21, unless told `local`).
 * @param {string} goVersion such as `go1.26.8`
 * @param {string} toolchain value of GOTOOLCHAIN
 * @param {import('./version.mjs').Version} needed
 */
export function goCanBuild(goVersion, toolchain, needed) {
  const version = parseVersion(goVersion);
  return atLeast(version, needed) || (atLeast(version, [1, 21, 0]) && toolchain !== 'local');
}

/**
 * @param {import('./steps.mjs').Context} context
 * @param {import('./nats-server.mjs').About} about
 */
export async function fromGo(context, about) {
  const go = findCommand('go', context.searchPath);
  if (go === null) throw new StepError(about.step, 'Go is not on PATH.');
  const [version = '', toolchain = ''] = (outputOf(go, ['env', 'GOVERSION', 'GOTOOLCHAIN'], context.env) ?? '').split(
    '\n',
  );
  if (!goCanBuild(version, toolchain, NATS_PINNED.go)) {
    throw new StepError(
      about.step,
      `it needs Go ${formatVersion(NATS_PINNED.go)}, this is ${version || 'unknown'} (GOTOOLCHAIN=${toolchain}).`,
    );
  }
  const tools = path.join(context.root, '.tools');
  const env = {
    ...context.env,
    GOBIN: path.join(tools, 'bin'),
    // Last one wins: a `-mod=vendor` of the user's own projects must not hold here.
    GOFLAGS: `${context.env.GOFLAGS ?? ''} -mod=mod`.trim(),
    CGO_ENABLED: '0',
    GOWORK: 'off',
  };
  await run(about, go, ['install', '-v', `github.com/nats-io/nats-server/v2@v${NATS_PINNED.version}`], {
    cwd: tools,
    env,
  });
}
