// What must be on the machine besides npm packages, and what each package manager calls it. Pure.

/** @typedef {'native' | 'windows' | 'wine' | 'fuzz'} Kit the programs, building the Windows DLL, running it, fuzzers */

/**
 * @typedef {object} Need
 * @property {string} name what is missing, in the user's words
 * @property {Kit[]} [kits] what it is for; the native programs where nothing is said
 * @property {{ command: string } | { anyCommand: string[] } | { pkgConfig: string } | { postgres: true } | { fuzzer: true }} probe
 *   a command on PATH (or at an absolute path), a library known to pkg-config, a PostgreSQL server, or a clang that
 *   has libFuzzer
 * @property {string[]} apt packages on Debian and Ubuntu
 * @property {string[]} dnf packages on Fedora
 * @property {string[]} brew formulas on macOS
 */

/** Debian keeps the 64-bit loader off PATH. */
export const winePlaces = ['wine64', '/usr/lib/wine/wine64', 'wine'];

/** @type {readonly Need[]} */
export const needs = [
  {
    name: 'CMake',
    kits: ['native', 'windows'],
    probe: { command: 'cmake' },
    apt: ['cmake'],
    dnf: ['cmake'],
    brew: ['cmake'],
  },
  {
    name: 'Ninja',
    kits: ['native', 'windows'],
    probe: { command: 'ninja' },
    apt: ['ninja-build'],
    dnf: ['ninja-build'],
    brew: ['ninja'],
  },
  {
    name: 'a C++ compiler',
    probe: { command: 'c++' },
    apt: ['g++'],
    dnf: ['gcc-c++', 'libasan', 'libubsan'],
    brew: [],
  },
  {
    name: 'pkg-config',
    probe: { command: 'pkg-config' },
    apt: ['pkg-config'],
    dnf: ['pkgconf-pkg-config'],
    brew: ['pkgconf'],
  },
  {
    name: 'the NATS C client',
    probe: { pkgConfig: 'libnats' },
    apt: ['libnats-dev'],
    dnf: ['cnats-devel'],
    brew: ['cnats'],
  },
  {
    name: 'OpenSSL 3',
    probe: { pkgConfig: 'openssl' },
    apt: ['libssl-dev'],
    dnf: ['openssl-devel'],
    brew: ['openssl@3'],
  },
  {
    name: 'the protobuf library',
    probe: { pkgConfig: 'protobuf' },
    apt: ['libprotobuf-dev'],
    dnf: ['protobuf-devel'],
    brew: ['protobuf'],
  },
  {
    name: 'the protobuf compiler',
    probe: { command: 'protoc' },
    apt: ['protobuf-compiler'],
    dnf: ['protobuf-compiler'],
    brew: ['protobuf'],
  },
  {
    name: 'GoogleTest',
    probe: { pkgConfig: 'gtest' },
    apt: ['libgtest-dev'],
    dnf: ['gtest-devel'],
    brew: ['googletest'],
  },
  {
    name: 'PostgreSQL 15 or newer',
    probe: { postgres: true },
    apt: ['postgresql'],
    dnf: ['postgresql-server'],
    brew: ['postgresql@16'],
  },
  {
    name: 'the mingw-w64 compiler',
    kits: ['windows'],
    // Debian has it in two flavours, and only this one has threads; elsewhere the plain name is that one.
    probe: { anyCommand: ['x86_64-w64-mingw32-g++-posix', 'x86_64-w64-mingw32-g++'] },
    apt: ['g++-mingw-w64-x86-64-posix'],
    dnf: ['mingw64-gcc-c++', 'mingw64-winpthreads-static'],
    brew: ['mingw-w64'],
  },
  {
    name: 'Wine',
    kits: ['wine'],
    probe: { anyCommand: [...winePlaces] },
    apt: ['wine', 'wine64'],
    dnf: ['wine-core'],
    brew: ['wine-stable'],
  },
  {
    name: 'clang with libFuzzer',
    kits: ['fuzz'],
    probe: { fuzzer: true },
    apt: ['clang', 'libclang-rt-14-dev'],
    dnf: ['clang', 'compiler-rt'],
    brew: ['llvm'],
  },
];

/**
 * @param {readonly Need[]} missing
 * @param {'apt' | 'dnf' | 'brew'} manager
 * @returns {string[]} each package once, in the order of the table
 */
export function packagesFor(missing, manager) {
  return [...new Set(missing.flatMap((need) => need[manager]))];
}

/**
 * The exact commands for a person to run.
 * @param {readonly Need[]} missing
 * @returns {string[]}
 */
export function installCommands(missing) {
  const lines = [
    `Debian, Ubuntu:  sudo apt-get update && sudo apt-get install --no-install-recommends ${packagesFor(missing, 'apt').join(' ')}`,
    `Fedora:          sudo dnf install ${packagesFor(missing, 'dnf').join(' ')}`,
  ];
  const formulas = packagesFor(missing, 'brew');
  const compiler = missing.some((need) => need.brew.length === 0) ? ['xcode-select --install'] : [];
  const brew = formulas.length > 0 ? [`brew install ${formulas.join(' ')}`] : [];
  lines.push(`macOS:           ${[...compiler, ...brew].join(' && ')}`);
  return lines;
}

/**
 * Which of the wanted packages dpkg does not know as installed.
 * @param {readonly string[]} wanted
 * @param {string} statusText output of `dpkg-query -W -f='${Package} ${db:Status-Status}\n'`
 */
export function notInstalled(wanted, statusText) {
  const installed = new Set();
  for (const line of statusText.split('\n')) {
    const [name, status] = line.trim().split(/\s+/);
    if (name && status === 'installed') installed.add(name);
  }
  const absent = wanted.filter((name) => !installed.has(name));
  // All are there and the probe still misses something: a damaged installation, which apt can repair by itself.
  return absent.length > 0 ? absent : [...wanted];
}

/**
 * Packages that `apt-get install --simulate` would bring.
 * @param {readonly string[]} lines
 */
export function simulatedPackages(lines) {
  return lines.flatMap((line) => /^Inst (\S+)/.exec(line)?.[1] ?? []);
}

/**
 * @param {string} text output of `apt-cache policy NAME`
 * @returns {string | null} candidate version without its epoch, null where there is none
 */
export function aptCandidate(text) {
  const candidate = /^\s*Candidate:\s*(\S+)/m.exec(text)?.[1];
  return candidate && candidate !== '(none)' ? candidate.replace(/^\d+:/, '') : null;
}
