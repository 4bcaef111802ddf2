import type { Random } from '../../src/base/random.ts';
import { formatArrayFile, parseArrayFile } from '../../src/cli/config/array-file.ts';
import { formatAccessFile, parseAccessFile } from '../../src/cli/config/access-file.ts';
import { ConfigurationError } from '../../src/cli/config/configuration-error.ts';
import { parseConfiguration } from '../../src/cli/config/configuration.ts';
import { LunError } from '../../src/lun/lun.ts';
import { formatPortal, parseLunPath, parsePortal, parsePortalPath, parseTargetPath } from '../../src/lun/lun-path.ts';
import { describeArray } from '../support/array-pair.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryStorage } from '../support/memory-storage.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { ensure, pick, spoil, type Fuzzer } from './fuzzer.ts';

const ARRAY = formatArrayFile(
  describeArray('tokyo', 'TK000001', ['osaka', 'OS000001'], {
    clock: createFakeClock(),
    random: createSeededRandom(1),
    storage: () => createMemoryStorage(),
  }),
).replaceAll('memory:OS000001', 'iscsi://127.0.0.1:3261/iqn.2026-11.io.cdctl:osaka');

const SITE = `version: 1
arrays:
  tokyo: { serial: TK000001, command-devices: ['iscsi://127.0.0.1:3260/iqn.2026-11.io.cdctl:tokyo/0'] }
  osaka: { serial: OS000001, command-devices: [/dev/sdb] }
groups:
  oradb:
    journals: { tokyo: 20, osaka: 20 }
    pairs:
      data: { tokyo: 10, osaka: 10 }
`;

const ACCESS = formatAccessFile({
  format: 1,
  initiators: [
    {
      name: 'iqn.2026-11.org.example:db1',
      chap: { user: 'db1', secretFile: 'secrets/db1' },
      luns: [0, 10],
      array: 'OS000001',
      role: 'operator',
      groups: ['oradb'],
    },
  ],
  keys: [{ name: 'runbook', keyFile: 'secrets/runbook', role: 'operator', luns: [10], groups: ['oradb'] }],
  commandDevices: [{ lun: 0, signedOnly: true, groups: ['oradb'] }],
  target: { user: 'tokyo', secretFile: 'secrets/tokyo' },
  chapAlgorithms: ['sha1', 'sha256'],
  remotes: [{ user: 'tokyo', secretFile: 'secrets/at-osaka' }],
  auditQueries: true,
});

const PATHS = [
  '/dev/sdb',
  'iscsi://127.0.0.1:3260/iqn.2026-11.io.cdctl:tokyo/10',
  'iscsi://db1@[fe80::1%eth0]:3260/iqn.2026-11.io.cdctl:tokyo/0?header_digest=crc32c&data_digest=crc32c',
  'host.example:3260',
];

const PIECES_OF_PATHS = [
  '//',
  '@',
  ':',
  '[',
  ']',
  '?',
  '&',
  '%',
  '%00',
  '%2f',
  '..',
  '#',
  ' ',
  '\0',
  '\n',
  '\u202e',
  '65536',
  '-1',
  '1e3',
  '=',
  '\ud800',
];

const TOKENS = [
  '&a',
  '*a',
  '!!binary',
  '!<x>',
  '{',
  '}',
  '[',
  ']',
  '- ',
  ': ',
  '? ',
  '|',
  '>',
  '"',
  "'",
  '\\x',
  '#',
  '\n',
  '\t',
  '\0',
  '\u001b[2J',
  '\u2028',
  '---',
  '...',
  '%YAML 1.2',
  '<<: ',
  '9007199254740993',
  '1e999',
  '-0',
  '.nan',
  '.inf',
  '0x',
  '0o7',
  'true',
  'null',
  '~',
  '__proto__: ',
  'constructor: ',
  '99999999999TiB',
  '\ud800',
  '1'.repeat(400),
];

/** Bytes spoilt, tokens of YAML thrown in, lines doubled, nested deep. */
function mangle(random: Random, source: string): string {
  let text = source;
  for (let change = 0; change < 1 + random.below(4); change += 1) {
    const at = random.below(text.length + 1);
    switch (random.below(5)) {
      case 0:
        text = Buffer.from(spoil(random, Buffer.from(text))).toString('utf8');
        break;
      case 1:
        text = text.slice(0, at) + pick(random, TOKENS) + text.slice(at);
        break;
      case 2: {
        const lines = text.split('\n');
        lines.splice(random.below(lines.length), 0, pick(random, lines));
        text = lines.join('\n');
        break;
      }
      case 3:
        text =
          text.slice(0, at) + pick(random, ['[', '{a: ', '- ']).repeat(pick(random, [10, 200, 3000])) + text.slice(at);
        break;
      default:
        text = text.replace(/\d+/, pick(random, TOKENS));
    }
  }
  return text;
}

function readOnly(parse: (source: string, path: string) => unknown, source: string): void {
  const startedMs = performance.now();
  try {
    parse(source, 'fuzz.yaml');
  } catch (error) {
    ensure(error instanceof ConfigurationError, () => `${String(error)} for ${JSON.stringify(source.slice(0, 400))}`);
    ensure(error.line >= 1, () => `line ${error.line}`);
  }
  const tookMs = performance.now() - startedMs;
  ensure(tookMs < 5000, () => `${Math.round(tookMs)} ms for ${JSON.stringify(source.slice(0, 400))}`);
}

/** A path is understood the same way again, or refused with words that name it. */
function readPaths(random: Random): void {
  let path = pick(random, PATHS);
  for (let change = random.below(4); change > 0; change -= 1) {
    const at = random.below(path.length + 1);
    path = path.slice(0, at) + pick(random, PIECES_OF_PATHS) + path.slice(at + random.below(3));
  }
  for (const parse of [parseLunPath, parseTargetPath, parsePortalPath]) {
    try {
      const read = parse(path);
      if (!('portal' in read)) continue;
      const { host, port } = read.portal;
      ensure(host !== '' && port >= 1 && port <= 65_535, () => `${host} ${port} from ${JSON.stringify(path)}`);
      // oxlint-disable-next-line no-control-regex
      ensure(!/[\u0000-\u0020]/.test(host), () => `host ${JSON.stringify(host)}`);
      const again = parsePortal(formatPortal(read.portal));
      ensure(again.host === host && again.port === port, () => `${formatPortal(read.portal)} is another place`);
    } catch (error) {
      ensure(error instanceof LunError, () => `${String(error)} for ${JSON.stringify(path)}`);
    }
  }
}

export const configuration: Fuzzer = {
  name: 'configuration',
  promise: 'a configuration file is read, or refused with its line, and neither takes long',
  round(random) {
    // What is mangled is sound: else nothing would be reached behind the first refusal.
    parseAccessFile(ACCESS, 'fuzz.yaml');
    parseArrayFile(ARRAY, 'fuzz.yaml');
    parseConfiguration(SITE, 'fuzz.yaml');
    for (let turn = 0; turn < 40; turn += 1) {
      readOnly(parseArrayFile, mangle(random, ARRAY));
      readOnly(parseConfiguration, mangle(random, SITE));
      readOnly(parseAccessFile, mangle(random, ACCESS));
      readPaths(random);
    }
    return 160;
  },
};
