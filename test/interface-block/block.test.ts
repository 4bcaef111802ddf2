import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  answered,
  claimedIdentity,
  decodeRequestPart,
  decodeSlot,
  encodeRequestPart,
  encodeSlot,
  type RequestBlock,
} from '../../src/interface-block/block.ts';
import { signatureNameOf } from '../../src/interface-block/signature.ts';
import { describeBlock, describeLabel } from '../../src/interface-block/describe.ts';
import { decodeLabel, encodeLabel } from '../../src/interface-block/label.ts';
import { encodeRefusal } from '../../src/interface-block/message.ts';
import { pageCountOf, pageLengthOf, pageOf } from '../../src/interface-block/paging.ts';
import { readFixture } from '../support/fixture.ts';
import { bytesOf, slowBlock, slowCrc32, slowLabel, u16, u32 } from './slow-builder.ts';

const REQUEST: RequestBlock = {
  process: 0x21,
  editedDataWanted: true,
  requestId: '0102030405060708090a0b0c0d0e0f10',
  arraySerial: 'TOKYO',
  admissionNumber: 3,
  page: 0,
  host: 'h',
  input: Uint8Array.of(1, 2, 3),
};

const CONTROL = { process: 0x21, state: 1, requestId: REQUEST.requestId, serial: 'TOKYO', admission: 3, host: 'h' };

/** A block with some bytes overwritten and its control checksum made right again: forged, not torn. */
function forged(bytes: Uint8Array, offset: number, value: Uint8Array): Uint8Array {
  const copy = Buffer.from(bytes);
  copy.set(value, offset);
  copy.writeUInt32BE(slowCrc32(copy.subarray(0, 252)), 252);
  return copy;
}

const number = (value: ReturnType<typeof u16>): Uint8Array => bytesOf(value.bytes, [[0, value]]);

describe('a request part', () => {
  it('carries any request there and back', () => {
    const request = fc.record({
      process: fc.integer({ min: 0, max: 65535 }),
      editedDataWanted: fc.boolean(),
      requestId: fc
        .uint8Array({ minLength: 16, maxLength: 16 })
        .map((bytes) => Buffer.from(bytes.with(0, 1)).toString('hex')),
      arraySerial: fc.constantFrom('', 'A', 'ABCDEFGHIJKLMNOP'),
      admissionNumber: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      page: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      host: fc.constantFrom('', 'h'.repeat(64)),
      input: fc.uint8Array({ maxLength: 3840 }),
    });
    fc.assert(
      fc.property(request, (value) => {
        expect(decodeRequestPart(encodeRequestPart(value))).toEqual({ ok: true, value });
      }),
    );
  });

  it('throws where something does not fit', () => {
    expect(() => encodeRequestPart({ ...REQUEST, input: new Uint8Array(3841) })).toThrow(
      /input parameter: 3841 bytes, limit 3840/,
    );
    expect(() => encodeRequestPart({ ...REQUEST, host: 'h'.repeat(65) })).toThrow(/control\.host/);
    expect(() => encodeRequestPart({ ...REQUEST, requestId: 'ab' })).toThrow(/control\.requestId/);
    expect(() => encodeSlot({ ...answered(REQUEST, 0, new Uint8Array(5)), editedPage: new Uint8Array(12289) })).toThrow(
      /edited data/,
    );
    expect(() => answered({ ...REQUEST, page: 1 }, 0, new Uint8Array(12288))).toThrow(/page 1 of 1/);
  });

  it.each<[string, number, Uint8Array, string]>([
    ['another format version', 8, number(u16(2)), 'control.version'],
    ['state executing', 13, Uint8Array.of(2), 'control.state'],
    ['state free', 13, Uint8Array.of(0), 'control.state'],
    ['an unknown state', 13, Uint8Array.of(4), 'control.state'],
    ['a status', 14, number(u16(1)), 'control.status'],
    ['a request id of zeros', 16, new Uint8Array(16), 'control.requestId'],
    ['a serial with a zero in it', 32, Uint8Array.of(65, 0, 65), 'control.arraySerial'],
    ['an admission number beyond 2^53', 48, Uint8Array.of(0x20), 'control.admissionNumber'],
    ['a page count', 60, number(u32(1)), 'control.pageCount'],
    ['an input that is too long', 64, number(u32(3841)), 'control.inputLength'],
    ['an input of 4 GiB', 64, number(u32(0xffffffff)), 'control.inputLength'],
    ['another input length', 64, number(u32(2)), 'control.inputCrc'],
    ['edited data', 68, number(u32(1)), 'control.editedLength'],
    ['a page length', 72, number(u32(1)), 'control.pageLength'],
    ['an edited CRC', 80, number(u32(1)), 'control.editedCrc'],
    ['flags', 84, number(u32(1)), 'control.flags'],
    ['a host that is no UTF-8', 88, Uint8Array.of(0xff), 'control.host'],
    ['a whole CRC', 152, number(u32(1)), 'control.wholeCrc'],
    ['a challenge and no signature', 220, Uint8Array.of(1), 'control.challenge'],
    ['a nonce and no signature', 243, Uint8Array.of(1), 'control.challenge'],
    ['a reserved byte', 251, Uint8Array.of(1), 'control.reserved'],
    ['bytes behind the input', 256 + 3, Uint8Array.of(1), 'input'],
  ])('is refused with %s, though its checksum is right', (_what, offset, value, field) => {
    const bytes = forged(slowBlock(CONTROL, REQUEST.input), offset, value);
    expect(decodeRequestPart(bytes)).toMatchObject({ ok: false, violation: { field } });
  });

  it('is decoded to a value or a violation, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.integer({ min: 0, max: 300 }), (noise, offset) => {
        const bytes = forged(slowBlock(CONTROL, REQUEST.input), offset, noise);
        const decoded = decodeRequestPart(bytes);
        const plain = decoded.ok && signatureNameOf(bytes) === undefined;
        if (plain) expect(Buffer.from(encodeRequestPart(decoded.value))).toEqual(Buffer.from(bytes));
        expect(describeBlock(bytes).violation === undefined).toBe(decoded.ok);
      }),
      { numRuns: 500 },
    );
  });

  it('can be told apart even where it is torn', () => {
    const torn = slowBlock(CONTROL, REQUEST.input).fill(0xff, 100);
    expect(claimedIdentity(torn)).toEqual({ requestId: REQUEST.requestId, process: 0x21 });
  });
});

describe('a slot', () => {
  const edited = Uint8Array.from({ length: 48 }, (_, index) => index + 1);
  const sound = slowBlock({ ...CONTROL, state: 3, pageCount: 1 }, REQUEST.input, edited);

  it('of zeros is free', () => {
    expect(decodeSlot(new Uint8Array(16384))).toEqual({ ok: true, value: { state: 'free' } });
  });

  it.each<[string, number, Uint8Array, string]>([
    ['state free but not zeros', 13, Uint8Array.of(0), 'control.state'],
    ['more pages than it needs', 60, number(u32(2)), 'control.pageCount'],
    ['no page', 60, number(u32(0)), 'control.pageCount'],
    ['a page that does not exist', 56, number(u32(1)), 'control.page'],
    ['edited data beyond all paging', 68, number(u32(0xffffffff)), 'control.editedLength'],
    ['a page shorter than it should be', 72, number(u32(47)), 'control.pageLength'],
    ['a page of 4 GiB', 72, number(u32(0xffffffff)), 'control.pageLength'],
    ['another whole CRC', 152, number(u32(1)), 'control.wholeCrc'],
    ['bytes behind the page', 4096 + 48, Uint8Array.of(1), 'edited data'],
    ['an answer before it is complete', 13, Uint8Array.of(2), 'control.pageCount'],
  ])('is refused with %s, though its checksum is right', (_what, offset, value, field) => {
    expect(decodeSlot(sound)).toMatchObject({ ok: true });
    expect(decodeSlot(forged(sound, offset, value))).toMatchObject({ ok: false, violation: { field } });
  });
});

describe('a label', () => {
  const facts = { arraySerial: 'TOKYO', arrayName: 'tokyo', blockSize: 512, commandNumber: 5, memory: 4096 };

  it.each<[string, number, ReturnType<typeof u16>, string]>([
    ['another version', 8, u16(2), 'label.version'],
    ['other slots', 10, u16(63), 'label.slotCount'],
    ['a block size of 1000', 12, u32(1000), 'label.blockSize'],
    ['another slot size', 64, u32(8192), 'label.slotSize'],
    ['another first slot', 68, u32(4096), 'label.firstSlotOffset'],
    ['another write unit', 72, u32(512), 'label.writeUnit'],
  ])('with %s proves nothing, though its checksum is right', (_what, offset, value, field) => {
    const bytes = slowLabel({ serial: 'TOKYO', name: 'tokyo', blockSize: 512, commandNumber: 5 });
    bytes.set(number(value), offset);
    bytes.writeUInt32BE(slowCrc32(bytes.subarray(0, 508)), 508);
    expect(decodeLabel(bytes)).toMatchObject({ ok: false, violation: { field } });
  });

  it('gives its facts back', () => {
    expect(decodeLabel(encodeLabel(facts))).toMatchObject({ ok: true, value: facts });
  });
});

describe('pages', () => {
  it('are full but the last', () => {
    const lengths = [0, 1, 12287, 12288, 12289, 24576, 24577];
    expect(lengths.map(pageCountOf)).toEqual([1, 1, 1, 1, 2, 2, 3]);
    for (const length of lengths) {
      const data = new Uint8Array(length);
      const pages = Array.from({ length: pageCountOf(length) }, (_, page) => pageOf(data, page).length);
      expect(pages).toEqual(pages.map((_, page) => pageLengthOf(length, page)));
      expect(pages.reduce((sum, bytes) => sum + bytes, 0)).toBe(length);
    }
  });
});

describe('the description', () => {
  it('of a request says what it asks for', () => {
    const description = describeBlock(readFixture('interface-block/journal-acquire-request.hex'));
    expect(description).toMatchObject({
      byteLength: 4096,
      processName: 'journal.acquire',
      block: { arraySerial: 'OSAKA', admissionNumber: 1234 },
      input: { header: { group: 'oradb', toSequence: 130 }, rows: [] },
    });
    expect(description.violation).toBeUndefined();
    expect(description.sections.map((section) => section.title)).toEqual([
      'control parameter',
      'input parameter: journal-acquire',
    ]);
  });

  it('of an answer says what it answers', () => {
    const description = describeBlock(readFixture('interface-block/journal-show-answer.hex'));
    expect(description).toMatchObject({
      statusName: 'ok',
      reply: {
        header: { role: 'primary', journalInSequence: 131 },
        rows: [{ startSequence: 0 }, { startSequence: 77 }],
      },
    });
    expect(description.sections.map((section) => section.title)).toEqual([
      'control parameter',
      'input parameter: group',
      'edited data: journal-status',
      'edited data: lineage row 0',
      'edited data: lineage row 1',
    ]);
  });

  it('of a refusal has its words', () => {
    expect(describeBlock(readFixture('interface-block/journal-show-refused.hex'))).toMatchObject({
      statusName: 'not-found',
      statusMeaning: 'a LUN, group, pair or request that does not exist',
      refusal: 'there is no group "oradb" on array TOKYO',
    });
  });

  it('of a page among several shows its bytes', () => {
    const description = describeBlock(readFixture('interface-block/volume-list-last-page.hex'));
    expect(description.reply).toBeUndefined();
    expect(description.sections.at(-1)!.title).toBe('edited data');
  });

  it('of a torn block says what is wrong and still shows the bytes', () => {
    const torn = readFixture('interface-block/journal-show-request.hex').with(260, 7);
    const description = describeBlock(torn);
    expect(description.violation).toMatchObject({ field: 'control.inputCrc' });
    expect(description.block).toBeUndefined();
    expect(description.sections[0]!.fields.find((field) => field.name === 'host')!.meaning).toBe('"db1.example.com"');
  });

  it('of an input parameter that its process does not know says so', () => {
    expect(describeBlock(encodeRequestPart(REQUEST)).input).toMatchObject({
      violation: { field: 'journal-acquire', got: '3 bytes' },
    });
  });

  it('of an unknown process and an unknown status has no names', () => {
    const description = describeBlock(encodeSlot(answered({ ...REQUEST, process: 999 }, 777, encodeRefusal('why'))));
    expect(description).toMatchObject({ refusal: 'why' });
    expect(description.processName).toBeUndefined();
    expect(description.statusName).toBeUndefined();
  });

  it('of a free slot is empty, and of too few bytes a violation', () => {
    expect(describeBlock(new Uint8Array(16384)).block).toBeUndefined();
    for (const length of [0, 1, 255, 256, 4095, 4097, 16383]) {
      expect(
        describeBlock(readFixture('interface-block/journal-show-answer.hex').subarray(0, length)).violation,
      ).toBeDefined();
    }
  });

  it('of a label shows its fields', () => {
    const { label, sections } = describeLabel(readFixture('interface-block/label.hex'));
    expect(label).toMatchObject({ ok: true, value: { commandNumber: 1234 } });
    expect(sections[0]!.fields.find((field) => field.name === 'arraySerial')!.meaning).toBe('"TOKYO"');
  });
});
