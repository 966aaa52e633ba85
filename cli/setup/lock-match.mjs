// Tells whether node_modules is what package-lock.json says, without running npm. Pure.

/** @typedef {{ packages?: Record<string, { version?: string, integrity?: string, optional?: boolean, devOptional?: boolean, dev?: boolean, link?: boolean }> }} Lock */

/**
 * @param {Lock} wanted package-lock.json
 * @param {Lock} installed node_modules/.package-lock.json, which npm writes after each installation
 * @returns {string | null} the first package that differs, null where all agree
 */
export function firstDifference(wanted, installed) {
  const have = installed.packages ?? {};
  for (const [place, entry] of Object.entries(wanted.packages ?? {})) {
    if (place === '') continue;
    const found = have[place];
    // Optional packages are for other platforms as often as not; npm leaves those out.
    if (!found && (entry.optional || entry.devOptional)) continue;
    if (found?.version !== entry.version || found?.integrity !== entry.integrity)
      return place.replace(/^node_modules\//, '');
  }
  return null;
}
