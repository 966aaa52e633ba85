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
 * The newest version that this `go` builds by itself, else the newest that it builds with a toolchain that it fetches.
 * @template {{ version: string, go: import('./version.mjs').Version }} Pin
 * @param {readonly Pin[]} pins newest first
 * @param {string} goVersion
 * @param {string} toolchain value of GOTOOLCHAIN
 * @returns {Pin | undefined}
 */
export function pinFor(pins, goVersion, toolchain) {
  return (
    pins.find(({ go }) => goCanBuild(goVersion, 'local', go)) ??
    pins.find(({ go }) => goCanBuild(goVersion, toolchain, go))
  );
}

/**
 * `go install MODULE@vVERSION` into .tools/bin, of the first pin that fits the Go.
 * @param {import('./steps.mjs').Context} context
 * @param {import('./ways.mjs').About} about
 * @param {string} module
 * @param {readonly { version: string, go: import('./version.mjs').Version }[]} pins newest first
 * @param {string | null} [go] default: the one on PATH
 */
export async function goInstall(context, about, module, pins, go = findCommand('go', context.searchPath)) {
  if (go === null) throw new StepError(about.step, 'Go is not on PATH.');
  const [version = '', toolchain = ''] = (outputOf(go, ['env', 'GOVERSION', 'GOTOOLCHAIN'], context.env) ?? '').split(
    '\n',
  );
  const pin = pinFor(pins, version, toolchain);
  if (pin === undefined) {
    const least = pins.at(-1)?.go ?? [0, 0, 0];
    throw new StepError(
      about.step,
      `it needs Go ${formatVersion(least)}, this is ${version || 'unknown'} (GOTOOLCHAIN=${toolchain}).`,
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
  await run(about, go, ['install', '-v', `${module}@v${pin.version}`], { cwd: tools, env });
}

/**
 * @param {import('./steps.mjs').Context} context
 * @param {import('./ways.mjs').About} about
 */
export function fromGo(context, about) {
  return goInstall(context, about, 'github.com/nats-io/nats-server/v2', [NATS_PINNED]);
}
