import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { checkRoom, keptSecrets, saysDiskFull } from '../../../cli/servers/folder.ts';
import { scratchFolder } from '../../support/servers.ts';

describe("a server's folder", () => {
  test('too little room is an error that says how much is needed and how much there is', () => {
    const scratch = scratchFolder('room');
    try {
      checkRoom(scratch.path, 'NATS', 1);
      assert.throws(() => checkRoom(scratch.path, 'NATS', 2 ** 60), {
        code: 'DISK_FULL',
        message: /^NATS needs 1099511627776 MiB free for .*room-.*, there are \d+ MiB$/,
      });
    } finally {
      scratch.remove();
    }
  });

  test("a server's words for a full disk are known", () => {
    for (const line of [
      'FATAL:  could not write lock file "postmaster.pid": No space left on device',
      '[FTL] mkdir store: no space left on device',
      'insufficient storage resources available (10047)',
    ]) {
      assert.equal(saysDiskFull(line), true, line);
    }
    assert.equal(saysDiskFull('Server is ready'), false);
  });

  test('secrets are made once, kept, completed, and made anew where the file is damaged', () => {
    const scratch = scratchFolder('secrets');
    try {
      const file = path.join(scratch.path, 'credentials.json');
      let made = 0;
      const create = (): string => `secret-${++made}`;
      assert.deepEqual(keptSecrets(file, ['a'], create), { a: 'secret-1' });
      assert.deepEqual(keptSecrets(file, ['a', 'b'], create), { a: 'secret-1', b: 'secret-2' });
      assert.deepEqual(keptSecrets(file, ['a', 'b'], create), { a: 'secret-1', b: 'secret-2' });
      assert.equal(statSync(file).mode & 0o777, 0o600);
      writeFileSync(file, '{"a": "cut');
      assert.deepEqual(keptSecrets(file, ['a'], create), { a: 'secret-3' });
      assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { a: 'secret-3' });
    } finally {
      scratch.remove();
    }
  });
});
