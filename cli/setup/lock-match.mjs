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
    if (found?.version !== entry.version) return shortName(place);
    // Entries for other platforms may have been written without their hash.
    if (entry.integrity !== undefined && found?.integrity !== entry.integrity) return shortName(place);
  }
  return null;
}

/** @param {string} place */
function shortName(place) {
  return place.replace(/^node_modules\//, '');
}

/**
 * Optional packages that the lock forgets. npm leaves them out where it could not see them (a registry without other
 * platforms' packages), and then `npm ci` fails for everybody.
 * @param {{ packages?: Record<string, { optionalDependencies?: Record<string, string> }> }} lock
 * @returns {string[]}
 */
export function forgottenOptional(lock) {
  const packages = lock.packages ?? {};
  return Object.entries(packages).flatMap(([place, entry]) =>
    Object.keys(entry.optionalDependencies ?? {}).filter(
      (name) => !(`${place}/node_modules/${name}` in packages) && !(`node_modules/${name}` in packages),
    ),
  );
}
