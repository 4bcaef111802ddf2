import { describe, expect, it } from 'vitest';
import { formatAccessFile, NO_GRANTS, parseAccessFile } from '../../../src/cli/config/access-file.ts';
import type { AccessDescription } from '../../../src/cli/services.ts';

const FULL: AccessDescription = {
  format: 1,
  target: { user: 'kyoto', secretFile: 'secrets/kyoto' },
  chapAlgorithms: ['sha256', 'sha3-256'],
  initiators: [
    {
      name: 'iqn.2026-11.com.example:db',
      chap: { user: 'db', secretFile: '/etc/cdctl/db' },
      luns: [0, 10],
      role: 'operator',
      groups: ['oradb'],
    },
    {
      name: 'iqn.2026-11.io.cdctl:osaka.remote',
      chap: { user: 'osaka', secretFile: 'secrets/osaka' },
      luns: 'all',
      array: 'OS000001',
      role: 'signed',
    },
  ],
  keys: [{ name: 'dr-runbook', keyFile: 'secrets/runbook', role: 'administrator', luns: [10, 12] }],
  commandDevices: [{ lun: 0, signedOnly: true, sharedAnswers: true, groups: ['oradb'] }],
  remotes: [
    { user: 'kyoto', secretFile: 'secrets/to-osaka', target: { user: 'osaka', secretFile: 'secrets/from-osaka' } },
  ],
  auditQueries: true,
};

const TEXT = `format: 1
initiators:
  - { name: 'iqn.2026-11.com.example:db', luns: [10] }
`;

describe('access.yaml', () => {
  it.each([FULL, NO_GRANTS])('reads what it writes', (access) => {
    expect(parseAccessFile(formatAccessFile(access), 'access.yaml')).toEqual(access);
  });

  it.each([
    ['an unknown key', `${TEXT}lunns: 3\n`, /unknown key "lunns"/],
    ['no list of LUNs', TEXT.replace('[10]', 'some'), /luns must be "all" or a list/],
    ['a LUN that cannot be', TEXT.replace('[10]', '[16384]'), /whole number from 0 to 16383/],
    ['an upper-case name', TEXT.replace('iqn', 'IQN'), /iSCSI name/],
    ['an unknown role', TEXT.replace(' }', ', role: root }'), /role "root" must be one of signed, monitor/],
    ['a key that only lets sign', `${TEXT}keys: [{ name: k, key-file: f, role: signed }]\n`, /role "signed" must be/],
    ['an initiator twice', `${TEXT}  - { name: 'iqn.2026-11.com.example:db', luns: [] }\n`, /is given twice/],
    [
      'CHAP for some',
      `${TEXT}  - { name: 'iqn.2026-11.com.example:x', luns: [], chap: { user: x, secret-file: f } }\n`,
      /example:db has no CHAP secret while others have/,
    ],
    [
      'proof of an array that asks for none',
      `${TEXT}target: { user: t, secret-file: f }\n`,
      /while no initiator has one/,
    ],
    ['an algorithm that nobody knows', `${TEXT}chap-algorithms: [sha256, sha512]\n`, /"sha512" is not known/],
    ['no algorithm', `${TEXT}chap-algorithms: []\n`, /nobody could log in/],
    [
      'algorithms of nobody',
      `${TEXT}chap-algorithms: [sha256]\n`,
      /while neither an initiator nor one of remotes has a secret/,
    ],
    ['another format', TEXT.replace('1', '2'), /format must be 1/],
  ])('refuses %s', (_what, text, words) => {
    expect(() => parseAccessFile(text, 'access.yaml')).toThrow(words);
  });
});
