// Reads apt's own configuration of where packages come from, to fetch one from the same mirror. Pure.

/** @typedef {{ uri: string, suite: string, components: string[], signedBy: string[] }} Source */

/**
 * Active `deb` lines of the one-line format: `deb [options] uri suite components…`.
 * @param {string} text
 * @returns {Source[]}
 */
export function parseOneLine(text) {
  const sources = [];
  for (const raw of text.split('\n')) {
    const match = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*(.*)$/.exec((raw.split('#')[0] ?? '').trim());
    if (!match) continue;
    const [, options = '', uri = '', suite = '', components = ''] = match;
    const signedBy = /(?:^|\s)signed-by=(\S+)/.exec(options)?.[1]?.split(',') ?? [];
    sources.push({ uri, suite, components: components.split(/\s+/).filter(Boolean), signedBy });
  }
  return sources;
}

/**
 * Active `deb` stanzas of the deb822 format (`Types:`, `URIs:`, `Suites:` …, as in debian.sources).
 * @param {string} text
 * @returns {Source[]}
 */
export function parseDeb822(text) {
  const sources = [];
  for (const stanza of text.replace(/^#.*\n?/gm, '').split(/\n\s*\n/)) {
    /** @type {Record<string, string>} */
    const fields = {};
    let last = '';
    for (const line of stanza.split('\n')) {
      const field = /^([A-Za-z-]+):\s*(.*)$/.exec(line);
      if (field) {
        last = (field[1] ?? '').toLowerCase();
        fields[last] = field[2] ?? '';
      } else if (/^\s+\S/.test(line) && last) fields[last] += ` ${line.trim()}`;
    }
    const words = (/** @type {string} */ name) => (fields[name] ?? '').split(/\s+/).filter(Boolean);
    if (!words('types').includes('deb') || /^(no|false|0)$/i.test(fields.enabled ?? 'yes')) continue;
    // An embedded key block is no file; apt's own keyrings must do then.
    const signedBy = words('signed-by').filter((word) => word.startsWith('/'));
    for (const uri of words('uris')) {
      for (const suite of words('suites')) sources.push({ uri, suite, components: words('components'), signedBy });
    }
  }
  return sources;
}

/**
 * The machine's own Debian mirrors, likeliest first. Other vendors' repositories may also say "bookworm main"; those
 * that also carry updates or end in /debian come first, and the signature decides in the end.
 *
 * @param {readonly Source[]} sources
 * @param {string} codename of the running release, such as `bookworm`
 * @returns {Array<{ uri: string, signedBy: string[] }>}
 */
export function debianMirrors(sources, codename) {
  const aliases = new Set([codename, 'stable', 'oldstable', 'testing']);
  const ranked = [];
  for (const source of sources) {
    if (!aliases.has(source.suite) || !source.components.includes('main') || source.uri.startsWith('cdrom:')) continue;
    const uri = source.uri.replace(/\/+$/, '');
    const carriesUpdates = sources.some(
      (other) => other.uri.replace(/\/+$/, '') === uri && /-(updates|backports)$/.test(other.suite),
    );
    const rank = (source.suite === codename ? 0 : 1) + (carriesUpdates ? 0 : 2) + (/\/debian$/.test(uri) ? 0 : 4);
    ranked.push({ uri, signedBy: source.signedBy, rank });
  }
  ranked.sort((a, b) => a.rank - b.rank);
  const seen = new Set();
  return ranked.filter(({ uri }) => !seen.has(uri) && seen.add(uri)).map(({ uri, signedBy }) => ({ uri, signedBy }));
}

/**
 * @param {string} text of /etc/os-release
 * @returns {{ id: string, like: string[], codename: string }}
 */
export function parseOsRelease(text) {
  /** @param {string} key */
  const value = (key) => new RegExp(`^${key}=["']?([^"'\\n]*)`, 'm').exec(text)?.[1] ?? '';
  return { id: value('ID'), like: value('ID_LIKE').split(/\s+/).filter(Boolean), codename: value('VERSION_CODENAME') };
}
