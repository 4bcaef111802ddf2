import { describe, expect, it } from 'vitest';
import { createPduParser, type PduParser } from '../../src/iscsi/parser.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { slowPdu, type SlowPdu } from './slow-pdu.ts';

const random = createSeededRandom(7);
const NOP: SlowPdu = {
  fields: [
    [0, 1, 0x40],
    [1, 1, 0x80],
    [16, 4, 1],
  ],
};
const COMMAND: SlowPdu = {
  fields: [
    [0, 1, 1],
    [1, 1, 0xa1],
    [16, 4, 2],
  ],
  additional: '00020100070000000005020001020304',
  data: random.bytes(37),
};
const DATA_OUT: SlowPdu = {
  fields: [
    [0, 1, 5],
    [16, 4, 3],
    [40, 4, 64],
  ],
  data: random.bytes(200),
};
const PDUS = [NOP, COMMAND, DATA_OUT, { ...NOP, data: random.bytes(4) }];
const DIGESTS = [
  { header: false, data: false },
  { header: true, data: false },
  { header: false, data: true },
  { header: true, data: true },
];

interface Seen {
  readonly parser: PduParser;
  readonly seen: string[];
  readonly valid: boolean[];
}

function listen(digests: { header: boolean; data: boolean }): Seen {
  const seen: string[] = [];
  const valid: boolean[] = [];
  const parser = createPduParser({
    pdu(pdu) {
      seen.push(
        [pdu.header, pdu.additionalHeader, pdu.data].map((part) => Buffer.from(part).toString('hex')).join(' '),
      );
      valid.push(pdu.dataDigestValid);
    },
  });
  parser.rules.digests = digests;
  return { parser, seen, valid };
}

function describePdu(pdu: SlowPdu): string {
  const bytes = Buffer.from(slowPdu(pdu)).toString('hex');
  const data = Buffer.from(pdu.data ?? []).toString('hex');
  return `${bytes.slice(0, 96)} ${pdu.additional ?? ''} ${data}`;
}

function streamOf(digests: { header: boolean; data: boolean }): Uint8Array {
  return Buffer.concat(PDUS.map((pdu) => slowPdu({ ...pdu, headerDigest: digests.header, dataDigest: digests.data })));
}

describe.each(DIGESTS)('the parser with digests $header/$data', (digests) => {
  const stream = streamOf(digests);
  const expected = PDUS.map(describePdu);

  it('finds the same PDUs however the stream is cut in two', () => {
    for (let cut = 0; cut <= stream.length; cut += 1) {
      const { parser, seen } = listen(digests);
      expect(parser.feed(stream.subarray(0, cut))).toBeUndefined();
      expect(parser.feed(stream.subarray(cut))).toBeUndefined();
      expect(seen, `cut at ${cut}`).toEqual(expected);
    }
  });

  it('finds them byte by byte and keeps none of the chunks', () => {
    const { parser, seen } = listen(digests);
    const chunk = new Uint8Array(1);
    for (const byte of stream) {
      chunk[0] = byte;
      parser.feed(chunk);
      chunk[0] = 0xdd;
    }
    expect(seen).toEqual(expected);
  });

  it('gives out nothing of a PDU that was cut short', () => {
    for (const [at, pdu] of PDUS.entries()) {
      const bytes = slowPdu({ ...pdu, headerDigest: digests.header, dataDigest: digests.data });
      for (let length = 0; length < bytes.length; length += 1) {
        const { parser, seen } = listen(digests);
        expect(parser.feed(bytes.subarray(0, length))).toBeUndefined();
        expect(seen, `PDU ${at} cut to ${length}`).toEqual([]);
      }
    }
  });
});

describe('digest errors', () => {
  const digests = { header: true, data: true };

  it('finds every flipped byte: in the head it breaks the stream, in the data it marks the PDU', () => {
    const bytes = slowPdu({ ...COMMAND, headerDigest: true, dataDigest: true });
    const headLength = 48 + 16 + 4;
    for (let at = 0; at < bytes.length; at += 1) {
      const damaged = Uint8Array.from(bytes);
      damaged[at]! ^= 0x10;
      const { parser, seen, valid } = listen(digests);
      const violation = parser.feed(damaged);
      // A damaged TotalAHSLength moves the digest; the parser may still wait for it, but gives nothing out.
      if (at < headLength) expect([seen.length, at === 4 || violation !== undefined], `byte ${at}`).toEqual([0, true]);
      else expect([violation, valid], `byte ${at}`).toEqual([undefined, [false]]);
    }
  });

  it('goes on after a data digest error', () => {
    const bad = slowPdu({ ...COMMAND, headerDigest: true, dataDigest: true });
    bad[bad.length - 1]! ^= 1;
    const { parser, valid } = listen(digests);
    parser.feed(bad);
    parser.feed(slowPdu({ ...DATA_OUT, headerDigest: true, dataDigest: true }));
    expect(valid).toEqual([false, true]);
  });
});

describe('limits', () => {
  it('allows 8192 bytes before anything is negotiated', () => {
    const { parser, seen } = listen(DIGESTS[0]!);
    expect(parser.feed(slowPdu({ fields: [], data: new Uint8Array(8192) }))).toBeUndefined();
    expect(seen).toHaveLength(1);
    expect(parser.feed(slowPdu({ fields: [[5, 3, 8193]] }))).toMatchObject({ field: 'DataSegmentLength' });
  });

  it('asks for no place for a length that is not allowed', () => {
    const asked: number[] = [];
    const parser = createPduParser({
      pdu: () => undefined,
      place(_header, byteLength) {
        asked.push(byteLength);
        return undefined;
      },
    });
    expect(parser.feed(slowPdu({ fields: [[5, 3, 0xffffff]] }))).toBeDefined();
    expect(asked).toEqual([]);
  });

  it('refuses additional headers that nothing defined could need', () => {
    expect(listen(DIGESTS[0]!).parser.feed(slowPdu({ fields: [[4, 1, 255]] }))).toMatchObject({
      field: 'TotalAHSLength',
    });
  });

  it('stays broken after a violation', () => {
    const { parser, seen } = listen(DIGESTS[0]!);
    const first = parser.feed(slowPdu({ fields: [[4, 1, 255]] }));
    expect(parser.feed(slowPdu(NOP))).toBe(first);
    expect(seen).toEqual([]);
  });

  it('takes new rules from the PDU after the one that set them', () => {
    const digestsSeen: number[] = [];
    const parser = createPduParser({
      pdu(pdu) {
        digestsSeen.push(pdu.header[19]!);
        parser.rules.digests = { header: true, data: true };
        parser.rules.maxDataSegmentLength = 16384;
      },
    });
    const next = slowPdu({ ...DATA_OUT, data: new Uint8Array(10_000), headerDigest: true, dataDigest: true });
    expect(parser.feed(Buffer.concat([slowPdu(NOP), next]))).toBeUndefined();
    expect(digestsSeen).toEqual([1, 3]);
  });

  it('gives out nothing more once stopped, even from the chunk in hand', () => {
    const seen: number[] = [];
    const parser = createPduParser({
      pdu(pdu) {
        seen.push(pdu.header[19]!);
        parser.stop();
      },
    });
    parser.feed(Buffer.concat([slowPdu(NOP), slowPdu(DATA_OUT)]));
    expect(seen).toEqual([1]);
  });
});

describe('places', () => {
  it('streams the data into the array that the receiver names, and nothing beside it', () => {
    const whole = new Uint8Array(300).fill(0xee);
    for (const cut of [1, 48, 49, 130, 247]) {
      whole.fill(0xee);
      const parser = createPduParser({
        pdu: (pdu) => expect(pdu.data.buffer).toBe(whole.buffer),
        place: (header, byteLength) => whole.subarray(header[43], header[43]! + byteLength),
      });
      const bytes = slowPdu(DATA_OUT);
      parser.feed(bytes.subarray(0, cut));
      parser.feed(bytes.subarray(cut));
      expect(Buffer.from(whole)).toEqual(
        Buffer.concat([Buffer.alloc(64, 0xee), DATA_OUT.data!, Buffer.alloc(36, 0xee)]),
      );
    }
  });
});
