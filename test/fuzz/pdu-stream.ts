import type { Random } from '../../src/base/random.ts';
import type { Violation } from '../../src/base/violation.ts';
import { bidirectionalReadLengthOf } from '../../src/iscsi/additional-header.ts';
import * as initiatorPdus from '../../src/iscsi/initiator-pdus.ts';
import * as loginPdus from '../../src/iscsi/login-pdus.ts';
import { createPduParser } from '../../src/iscsi/parser.ts';
import * as notices from '../../src/iscsi/target-notices.ts';
import * as targetPdus from '../../src/iscsi/target-pdus.ts';
import { decodeText, createTextCollector } from '../../src/iscsi/text.ts';
import { slowPdu } from '../iscsi/slow-pdu.ts';
import { chance, ensure, oddNumber, pick, spoil, type Fuzzer } from './fuzzer.ts';

type HeaderDecoder = (header: Uint8Array, additional?: Uint8Array) => unknown;

const HEADER_DECODERS = [initiatorPdus, targetPdus, notices, loginPdus].flatMap((module) =>
  Object.entries(module)
    .filter(([name]) => name.startsWith('decode'))
    .map(([, decode]) => decode as HeaderDecoder),
);

/** A PDU of any opcode, whose lengths may lie. */
export function anyPdu(random: Random, opcode: number = random.below(256)): Uint8Array {
  const words = [8, 12, 16, 20, 24, 28, 32, 36, 40, 44].map((at) => [at, 4, oddNumber(random, 4)] as const);
  return slowPdu({
    fields: [[0, 1, opcode], [1, 1, random.below(256)], ...words],
    ...(chance(random, 5) ? { additional: Buffer.from(random.bytes(4 * random.below(20))).toString('hex') } : {}),
    ...(chance(random, 2) ? { data: random.bytes(random.below(100)) } : {}),
    headerDigest: chance(random, 4),
  });
}

function feedInPieces(random: Random, stream: Uint8Array, limit: number, headerDigest: boolean): void {
  let handed = 0;
  const parser = createPduParser({
    pdu: ({ data }) => void (handed += 48 + data.length),
    place(_header, byteLength) {
      ensure(byteLength <= limit, () => `room for ${byteLength} bytes was asked for, limit ${limit}`);
      return undefined;
    },
  });
  parser.rules.maxDataSegmentLength = limit;
  parser.rules.digests = { header: headerDigest, data: chance(random, 2) };
  let violation: Violation | undefined;
  for (let at = 0; at < stream.length;) {
    const piece = stream.subarray(at, at + 1 + random.below(chance(random, 3) ? 3 : 200));
    const before = handed;
    const next = parser.feed(piece);
    ensure(!violation || (next === violation && before === handed), () => 'it goes on after a violation');
    violation = next;
    at += piece.length;
  }
  ensure(handed <= stream.length, () => `${handed} bytes came out of ${stream.length}`);
}

export const pduStream: Fuzzer = {
  name: 'pdu-stream',
  promise: 'framer and codecs take any bytes without an exception and ask for no room that they were not granted',
  round(random) {
    let executions = 0;
    for (let turn = 0; turn < 40; turn += 1) {
      const pdus = Array.from({ length: 1 + random.below(6) }, () => anyPdu(random));
      const stream = chance(random, 2) ? spoil(random, Buffer.concat(pdus)) : Buffer.concat(pdus);
      feedInPieces(random, stream, pick(random, [512, 8192, 65_536]), chance(random, 4));
      const header = random.bytes(48);
      const additional = random.bytes(4 * random.below(20));
      for (const decode of HEADER_DECODERS) decode(header, additional);
      bidirectionalReadLengthOf(additional);
      decodeText(spoil(random, Buffer.from('InitiatorName=a\0SendTargets=All\0=\0x\0')));
      const collector = createTextCollector();
      for (let part = 0; part < 4; part += 1) collector.append(random.bytes(oddNumber(random, 2)), chance(random, 2));
      executions += pdus.length + HEADER_DECODERS.length + 6;
    }
    return executions;
  },
};
