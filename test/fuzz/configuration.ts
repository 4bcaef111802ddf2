import type { Random } from '../../src/base/random.ts';
import { formatArrayFile, parseArrayFile } from '../../src/cli/config/array-file.ts';
import { ConfigurationError } from '../../src/cli/config/configuration-error.ts';
import { parseConfiguration } from '../../src/cli/config/configuration.ts';
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

export const configuration: Fuzzer = {
  name: 'configuration',
  promise: 'a configuration file is read, or refused with its line, and neither takes long',
  round(random) {
    for (let turn = 0; turn < 40; turn += 1) {
      readOnly(parseArrayFile, mangle(random, ARRAY));
      readOnly(parseConfiguration, mangle(random, SITE));
    }
    return 80;
  },
};
