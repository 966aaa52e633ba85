import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { debianMirrors, parseDeb822, parseOneLine, parseOsRelease } from '../../../cli/setup/apt-sources.mjs';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

describe('the mirror that the machine uses', () => {
  const cases: Array<{ name: string; list?: string; deb822?: string; mirrors: string[] }> = [
    {
      name: 'deb822 as in the official images',
      deb822: `# a comment\nTypes: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: ${KEYRING}\n\nTypes: deb\nURIs: http://mirror.example/debian-security\nSuites: bookworm-security\nComponents: main\n`,
      mirrors: ['http://mirror.example/debian'],
    },
    {
      name: 'one-line with options, source lines and comments',
      list: `# deb http://old.example/debian bookworm main\ndeb-src http://src.example/debian bookworm main\ndeb [arch=amd64 signed-by=${KEYRING}] https://mirror.example/debian/ bookworm main contrib # ours\ndeb http://mirror.example/debian-security bookworm-security main\n`,
      mirrors: ['https://mirror.example/debian'],
    },
    {
      name: 'other vendors that also say "bookworm main" come last, and others not at all',
      list: 'deb https://vendor.example/node_20.x bookworm main\ndeb https://docker.example/linux/debian bookworm stable\ndeb http://mirror.example/debian bookworm main\ndeb http://mirror.example/debian bookworm-updates main\ndeb https://pg.example/repos bookworm-pgdg main\n',
      mirrors: ['http://mirror.example/debian', 'https://vendor.example/node_20.x'],
    },
    {
      name: 'several URIs and continuation lines in one stanza',
      deb822:
        'Types: deb deb-src\nURIs: http://a.example/debian\n http://b.example/debian\nSuites: bookworm\nComponents: main\n non-free\n',
      mirrors: ['http://a.example/debian', 'http://b.example/debian'],
    },
    {
      name: 'disabled stanzas, CD-ROMs and suites without main do not count',
      list: 'deb cdrom:[Debian 12]/ bookworm main\ndeb http://x.example/debian bookworm contrib\n',
      deb822: 'Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: bookworm\nComponents: main\n',
      mirrors: [],
    },
    {
      name: 'named by the alias',
      list: 'deb http://mirror.example/debian stable main\n',
      mirrors: ['http://mirror.example/debian'],
    },
    { name: 'nothing', mirrors: [] },
  ];
  for (const { name, list = '', deb822 = '', mirrors } of cases) {
    test(name, () => {
      const found = debianMirrors([...parseOneLine(list), ...parseDeb822(deb822)], 'bookworm');
      assert.deepEqual(
        found.map((mirror) => mirror.uri),
        mirrors,
      );
    });
  }

  test('its keyring comes along; an embedded key does not', () => {
    const text = (key: string) =>
      `Types: deb\nURIs: http://m.example/debian\nSuites: bookworm\nComponents: main\nSigned-By: ${key}\n`;
    assert.deepEqual(debianMirrors(parseDeb822(text(KEYRING)), 'bookworm')[0]?.signedBy, [KEYRING]);
    const embedded = text('\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINB').trim();
    assert.deepEqual(debianMirrors(parseDeb822(embedded), 'bookworm')[0]?.signedBy, []);
  });
});

test('os-release with and without quotes', () => {
  assert.deepEqual(parseOsRelease('ID=debian\nVERSION_CODENAME=bookworm\n'), {
    id: 'debian',
    like: [],
    codename: 'bookworm',
  });
  const ubuntu = 'NAME="Ubuntu"\nVERSION_CODENAME="noble"\nID=ubuntu\nID_LIKE="debian"\n';
  assert.deepEqual(parseOsRelease(ubuntu), { id: 'ubuntu', like: ['debian'], codename: 'noble' });
  assert.deepEqual(parseOsRelease(''), { id: '', like: [], codename: '' });
});
