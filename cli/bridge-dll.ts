/**
 * `npm run bridge:dll`: the set-up has built build/windows/troupe-link.dll; here its checksum is written beside it and
 * said. Two builds of one source with one compiler are the same file.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const USAGE = `Usage: npm run bridge:dll

Builds build/windows/troupe-link.dll with mingw-w64 (which the set-up installs), and writes its SHA-256 to
build/windows/troupe-link.dll.sha256. Put the DLL into MQL5/Libraries of your terminal.`;

const args = process.argv.slice(2);
if (args.length > 0) {
  const help = args.every((arg) => arg === '--help' || arg === '-h');
  if (help) console.log(USAGE);
  else console.error(`Unknown option "${args.join(' ')}".\n\n${USAGE}`);
  process.exitCode = help ? 0 : 2;
} else {
  const file = path.resolve(import.meta.dirname, '../build/windows/troupe-link.dll');
  const bytes = readFileSync(file);
  const sum = createHash('sha256').update(bytes).digest('hex');
  writeFileSync(`${file}.sha256`, `${sum}  ${path.basename(file)}\n`);
  console.log(`${file} (${Math.round(bytes.length / 1024)} KiB)\nSHA-256 ${sum}`);
}
