/** @typedef {readonly [major: number, minor: number, patch: number]} Version */

/**
 * The first version that a text names: "nats-server: v2.10.27" -> [2, 10, 27], "PostgreSQL 15" -> [15, 0, 0].
 * @param {string} text
 * @returns {Version | null} null where the text names none
 */
export function parseVersion(text) {
  const match = /(?<![\w.])(?:v|go)?(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(text);
  return match ? [Number(match[1]), Number(match[2] ?? 0), Number(match[3] ?? 0)] : null;
}

/**
 * @param {Version | null} version
 * @param {Version} least
 */
export function atLeast(version, least) {
  return version !== null && compareVersions(version, least) >= 0;
}

/**
 * Negative, zero or positive, as for Array.sort.
 * @param {Version} a
 * @param {Version} b
 */
export function compareVersions(a, b) {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

/** @param {Version} version */
export function formatVersion(version) {
  return version.join('.');
}
