import type { Random } from '../../src/base/random.ts';
import { createPduParser } from '../../src/iscsi/parser.ts';
import { createTextCollector } from '../../src/iscsi/text.ts';
import { slowPdu } from '../iscsi/slow-pdu.ts';
import { chance, ensure, pick, type Fuzzer } from './fuzzer.ts';

/** What comes of a stream of PDUs that is sound but for one thing, known beforehand: said by no code of `src`. */

type Damage = 'none' | 'header' | 'header digest' | 'data' | 'data digest' | 'length over the limit';

interface Played {
  readonly bytes: Uint8Array;
  readonly data: Uint8Array;
  readonly damage: Damage;
}

const LIMIT = 512;
/** RFC 7143 section 6.1 names none; src/iscsi/README.md does. */
const LONGEST_TEXT = 64 * 1024;

interface Digests {
  readonly header: boolean;
  readonly data: boolean;
}

function damages({ header, data }: Digests): readonly Damage[] {
  return [
    'none',
    'none',
    'length over the limit',
    ...(header ? (['header', 'header digest'] as const) : []),
    ...(data ? (['data', 'data digest'] as const) : []),
  ];
}

function sound(random: Random, digests: Digests, length: number): Uint8Array {
  return slowPdu({
    fields: [
      [0, 1, random.below(64)],
      [16, 4, random.below(2 ** 32)],
    ],
    ...(chance(random, 4) ? { additional: Buffer.from(random.bytes(8)).toString('hex') } : {}),
    data: random.bytes(length),
    headerDigest: digests.header,
    dataDigest: digests.data,
  });
}

function playedPdu(random: Random, digests: Digests): Played {
  const damage = pick(random, damages(digests));
  const most =
    damage === 'length over the limit' ? LIMIT + 1 + random.below(3) : pick(random, [1, 5, LIMIT - 1, LIMIT]);
  const length = damage === 'none' && chance(random, 4) ? 0 : most;
  const bytes = sound(random, digests, length);
  const head = 48 + bytes[4]! * 4 + (digests.header ? 4 : 0);
  const data = bytes.slice(head, head + length);
  // Not the lengths: a stream that goes on elsewhere is another case.
  const places: Partial<Record<Damage, readonly [number, number]>> = {
    header: [16, 32],
    'header digest': [head - 4, 4],
    data: [head, length],
    'data digest': [bytes.length - 4, 4],
  };
  const place = places[damage];
  if (place) bytes[place[0] + random.below(place[1])]! ^= 1 << random.below(8);
  return { bytes, data, damage };
}

function playStream(random: Random): number {
  const digests = { header: chance(random, 2), data: chance(random, 2) };
  const pdus = Array.from({ length: 4 }, () => playedPdu(random, digests));
  const seen: { data: Uint8Array; valid: boolean }[] = [];
  const parser = createPduParser({
    pdu: ({ data, dataDigestValid }) => void seen.push({ data: Uint8Array.from(data), valid: dataDigestValid }),
  });
  parser.rules.maxDataSegmentLength = LIMIT;
  parser.rules.digests = digests;
  let violated = false;
  const stream = Buffer.concat(pdus.map(({ bytes }) => bytes));
  for (let at = 0; at < stream.length && !violated;) {
    const end = at + 1 + random.below(pick(random, [2, 60, 2000]));
    violated = parser.feed(stream.subarray(at, end)) !== undefined;
    at = end;
  }
  const fatal = pdus.findIndex(({ damage }) => damage.startsWith('header') || damage.startsWith('length'));
  const whole = fatal < 0 ? pdus : pdus.slice(0, fatal);
  const story = pdus.map(({ damage }) => damage).join(', ');
  ensure(violated === fatal >= 0, () => `violation ${violated} for: ${story}`);
  ensure(seen.length === whole.length, () => `${seen.length} PDUs came out of: ${story}`);
  for (const [index, { data, damage }] of whole.entries()) {
    const { valid, data: got } = seen[index]!;
    ensure(valid === !damage.startsWith('data'), () => `digest ${valid} of PDU ${index} of: ${story}`);
    ensure(!valid || Buffer.compare(got, data) === 0, () => `other data in PDU ${index} of: ${story}`);
  }
  return pdus.length;
}

/** A text in segments: refused exactly where it is longer than it may be. */
function playText(random: Random): number {
  const collector = createTextCollector();
  let length = 0;
  for (let part = 1; part <= 200; part += 1) {
    const segment = new Uint8Array(pick(random, [0, 1, 512, 8192, LONGEST_TEXT - length, LONGEST_TEXT - length + 1]));
    length += segment.length;
    const result = collector.append(segment, true);
    ensure(result.ok === length <= LONGEST_TEXT, () => `${length} bytes of text are ${result.ok ? 'kept' : 'refused'}`);
    if (!result.ok) return part;
  }
  return 200;
}

export const framing: Fuzzer = {
  name: 'framing',
  promise: 'of a stream with one known damage exactly that is found, and a text is kept up to its limit and no further',
  round(random) {
    let executions = 0;
    for (let turn = 0; turn < 25; turn += 1) executions += playStream(random);
    return executions + playText(random);
  },
};
