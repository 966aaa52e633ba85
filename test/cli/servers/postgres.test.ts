import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import pg from 'pg';
import { commandLine } from '../../../cli/servers/orphan.ts';
import { freePort, type PostgresOptions, startPostgres as startCluster } from '../../../cli/servers/postgres.ts';
import { clusterPlace, unprivilegedUser } from '../../../cli/servers/postgres-place.ts';
import { findPostgresAll, projectRoot } from '../../../cli/setup/find.mjs';
import { scratchFolder, startPostgres } from '../../support/servers.ts';

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

function openFolder(label: string) {
  const scratch = scratchFolder(label);
  chmodSync(scratch.path, 0o755);
  const options: PostgresOptions = {
    folder: path.join(scratch.path, 'postgres'),
    logFile: path.join(scratch.path, 'postgres.log'),
    durable: false,
  };
  return { ...scratch, options };
}

const isRoot = process.getuid?.() === 0;

describe('the private PostgreSQL cluster', { timeout: 300_000 }, () => {
  test('starts, keeps what was written, starts again with the same password, and never runs as root', async () => {
    const scratch = openFolder('pg-twice');
    try {
      const first = await startCluster(scratch.options);
      await query(first.url, 'create table kept (value int); insert into kept values (42)');
      await assert.rejects(startCluster(scratch.options), { code: 'ALREADY_RUNNING' });
      if (existsSync('/proc/self')) assert.notEqual(statSync(`/proc/${first.process.pid}`).uid, 0);
      assert.equal((await first.stop()).code, 0);
      const second = await startCluster(scratch.options);
      assert.deepEqual(await query(second.url, 'select value from kept'), [{ value: 42 }]);
      assert.equal(second.credentials.password, first.credentials.password);
      await second.stop();
      assert.equal(commandLine(second.process.pid), undefined);
      assert.equal(statSync(path.join(second.folder, 'credentials.json')).mode & 0o777, 0o600);
      assert.equal(readFileSync(scratch.options.logFile, 'utf8').includes(first.credentials.password), false);
    } finally {
      scratch.remove();
    }
  });

  test('no password, a wrong one, or no right to be superuser: refused', async () => {
    const server = await startPostgres();
    try {
      const wrong = server.url.replace(server.credentials.password, 'wrong');
      await assert.rejects(query(wrong, 'select 1'), /password authentication failed/);
      await assert.rejects(query(server.url.replace(/:[^:@]*@/, '@'), 'select 1'));
      assert.deepEqual(await query(server.url, 'select rolsuper from pg_roles where rolname = current_user'), [
        { rolsuper: false },
      ]);
    } finally {
      await server.stop();
    }
  });

  test('a port in use is named, with what to do', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as net.AddressInfo;
    try {
      await assert.rejects(startPostgres({ port }), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'PORT_IN_USE');
        assert.match(error.message, new RegExp(`port ${port} of 127\\.0\\.0\\.1.*choose another`));
        return true;
      });
    } finally {
      taken.close();
    }
  });

  test('one that a killed run left behind is ended first; a stale pid file that names somebody else is not believed', async () => {
    const scratch = openFolder('pg-orphan');
    const { folder } = await startCluster(scratch.options).then(async (server) => {
      await server.stop();
      return server;
    });
    const data = path.join(folder, 'data');
    const program = path.join(findPostgresAll()[0]!.bin, 'postgres');
    const { uid, gid } = statSync(data);
    const settings = [
      '-c',
      `port=${await freePort()}`,
      '-c',
      'unix_socket_directories=',
      '-c',
      'listen_addresses=127.0.0.1',
    ];
    const orphan = spawn(program, ['-D', data, ...settings], {
      uid,
      gid,
      cwd: '/',
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    try {
      for await (const chunk of orphan.stderr) if (String(chunk).includes('ready to accept')) break;
      const gone = once(orphan, 'exit');
      const next = await startCluster(scratch.options);
      assert.equal(next.endedOrphan, orphan.pid);
      assert.deepEqual(await gone, [0, null], 'it was shut down, not killed');
      await next.stop();

      // The number in the file now belongs to this very test.
      writeFileSync(path.join(data, 'postmaster.pid'), `${process.pid}\n`);
      const third = await startCluster(scratch.options);
      assert.equal(third.endedOrphan, undefined);
      await third.stop();
    } finally {
      orphan.kill('SIGKILL');
      scratch.remove();
    }
  });

  test('a cluster of another major version, or without its passwords, is left alone with a clear error', async () => {
    const scratch = openFolder('pg-version');
    try {
      const server = await startCluster(scratch.options);
      await server.stop();
      const version = path.join(server.folder, 'data/PG_VERSION');
      const made = readFileSync(version, 'utf8');
      writeFileSync(version, '9\n');
      await assert.rejects(startCluster(scratch.options), /made by PostgreSQL 9, here is \d+.*pg_upgrade/);
      writeFileSync(version, made);
      rmSync(path.join(server.folder, 'credentials.json'));
      await assert.rejects(startCluster(scratch.options), /passwords .*credentials\.json.* are not/);
    } finally {
      scratch.remove();
    }
  });

  test('where its user cannot enter the folder, the cluster goes elsewhere and says where', {
    skip: !isRoot,
  }, async () => {
    const scratch = scratchFolder('pg-closed'); // mode 700, root's
    const state = openFolder('pg-state');
    try {
      const wanted = path.join(scratch.path, 'project/.run/postgres');
      const place = clusterPlace(wanted, [state.path]);
      assert.equal(path.dirname(place.folder), state.path);
      assert.match(place.moved ?? '', /cannot enter/);
      assert.deepEqual(clusterPlace(wanted, [state.path]), place, 'the same place each time');
      assert.notEqual(clusterPlace(`${wanted}2`, [state.path]).folder, place.folder);
      assert.throws(() => clusterPlace(wanted, [scratch.path]), { code: 'SERVER_FAILED' });
    } finally {
      scratch.remove();
      state.remove();
    }
  });

  test('works for a user who is not root', { skip: !isRoot || '/root' === projectRoot.slice(0, 5) }, async () => {
    const user = unprivilegedUser(readFileSync('/etc/passwd', 'utf8'));
    assert.ok(user);
    const scratch = openFolder('pg-plain');
    mkdirSync(scratch.options.folder);
    chmodSync(scratch.path, 0o777);
    chmodSync(scratch.options.folder, 0o777);
    const code = `
      const { startPostgres } = await import(${JSON.stringify(path.join(projectRoot, 'cli/servers/postgres.ts'))});
      const server = await startPostgres(${JSON.stringify(scratch.options)});
      console.log(process.getuid() + ' ' + server.moved);
      await server.stop();`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      ...{ uid: user.uid, gid: user.gid, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    try {
      const [status] = await once(child, 'close');
      assert.equal(status, 0, output);
      assert.equal(output.trim(), `${user.uid} undefined`);
    } finally {
      scratch.remove();
    }
  });
});

describe('the user that PostgreSQL runs as', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n';
  test('postgres where there is one, else nobody, else none', () => {
    assert.deepEqual(unprivilegedUser(`${passwd}postgres:x:101:104::/var/lib/postgresql:/bin/bash\n`)?.uid, 101);
    assert.deepEqual(unprivilegedUser(passwd), { name: 'nobody', uid: 65534, gid: 65534 });
    assert.equal(unprivilegedUser('root:x:0:0:root:/root:/bin/sh\n'), undefined);
  });
});
