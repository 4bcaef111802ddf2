import {
  answered,
  encodeRequestPart,
  encodeSlot,
  unanswered,
  type RequestBlock,
} from '../../src/interface-block/block.ts';
import { encodeChallenge } from '../../src/interface-block/challenge.ts';
import { encodeLabel } from '../../src/interface-block/label.ts';
import { encodeRefusal, encodeReply, encodeRequest } from '../../src/interface-block/message.ts';
import type { ReplyOf } from '../../src/interface-block/process-table.ts';
import { signRequestPart } from '../../src/interface-block/signature.ts';
import {
  bytesOf,
  hex,
  slowBlock,
  slowChallenge,
  slowLabel,
  slowSigned,
  u16,
  u32,
  u64,
  u8,
  type SlowControl,
} from './slow-builder.ts';

/** Each fixture twice: what the slow builder makes, and what the encoder makes of the same facts. */
export interface Golden {
  readonly name: string;
  readonly slow: () => Uint8Array;
  readonly encoded: () => Uint8Array;
}

const SHOW_ID = '5f0c1d9e8b7a46352413f0e1d2c3b4a5';
const ACQUIRE_ID = '00112233445566778899aabbccddeeff';
const CREATE_ID = 'c0ffee00c0ffee01c0ffee02c0ffee03';
const RESYNC_ID = 'fedcba98765432100123456789abcdef';
const LIST_ID = '1b2b3b4b5b6b7b8b9babbbcbdbebfb0b';

const request = (
  more: Pick<RequestBlock, 'process' | 'requestId' | 'input'> & Partial<RequestBlock>,
): RequestBlock => ({
  editedDataWanted: true,
  arraySerial: 'TOKYO',
  admissionNumber: 1234,
  page: 0,
  host: 'db1.example.com',
  ...more,
});

const control = (more: Pick<SlowControl, 'process' | 'requestId' | 'state'> & Partial<SlowControl>): SlowControl => ({
  serial: 'TOKYO',
  admission: 1234,
  host: 'db1.example.com',
  ...more,
});

const group = bytesOf(32, [[0, 'oradb']]);
const show = request({
  process: 0x20,
  requestId: SHOW_ID,
  input: encodeRequest('journal.show', { header: { group: 'oradb' }, rows: [] }),
});

const CHALLENGE = '0f1e2d3c4b5a69788796a5b4c3d2e1f0';
const NONCE = '0123456789abcdef';

function signedShow(): Uint8Array {
  const block = encodeRequestPart(show);
  const key = new TextEncoder().encode('a key of thirty-two bytes or more');
  signRequestPart(block, { name: 'runbook', key }, { challenge: CHALLENGE, nonce: NONCE });
  return block;
}

const journalStatus = bytesOf(344 + 2 * 16, [
  [0, 'oradb'],
  [32, u8(1)],
  [33, u8(2)],
  [35, u8(1)],
  [38, u16(9)],
  [40, u16(19)],
  [48, 'OSAKA'],
  [64, hex('a1b2c3d4e5f60718')],
  [72, u64(2048)],
  [80, u64(65536)],
  [88, u64(101)],
  [96, u64(3000)],
  [104, u64(131)],
  [112, u64(4200)],
  [120, u64(100)],
  [136, u64(100)],
  [152, u64(100)],
  [168, u64(100)],
  [184, u64(1200)],
  [192, u64(30)],
  [200, u64(32768)],
  [208, u64(1793574245000)],
  [216, u64(1793574250000)],
  [240, u32(0xdeadbeef)],
  [312, hex('a1b2c3d4e5f60718')],
  [320, hex('0807060504030201')],
  [328, u64(4711)],
  [336, hex('1112131415161718')],
  [344, hex('0102030405060708')],
  [360, hex('a1b2c3d4e5f60718')],
  [368, u64(77)],
]);

const journalStatusReply = () =>
  encodeReply('journal.show', {
    header: {
      group: 'oradb',
      role: 'primary',
      state: 'pair',
      suspendReason: 'none',
      consistent: true,
      fenced: false,
      damaged: false,
      localJournalLun: 9,
      peerJournalLun: 19,
      peerSerial: 'OSAKA',
      generation: 'a1b2c3d4e5f60718',
      headLba: 2048,
      endLba: 65536,
      journalOutSequence: 101,
      journalOutLba: 3000,
      journalInSequence: 131,
      journalInLba: 4200,
      restoredSequence: 100,
      restoredLba: 0,
      toBeRestoredSequence: 100,
      toBeRestoredLba: 0,
      readSequence: 100,
      readLba: 0,
      toBeReadSequence: 100,
      toBeReadLba: 0,
      usedBlocks: 1200,
      usedRecords: 30,
      recordLimit: 32768,
      oldestWallMs: 1793574245000,
      newestWallMs: 1793574250000,
      peerSeenSequence: 0,
      peerSeenWallMs: 0,
      readProof: 0xdeadbeef,
      errorText: '',
      lastGeneration: 'a1b2c3d4e5f60718',
      life: '0807060504030201',
      changes: 4711,
      peerLife: '1112131415161718',
    },
    rows: [
      { generation: '0102030405060708', startSequence: 0 },
      { generation: 'a1b2c3d4e5f60718', startSequence: 77 },
    ],
  });

const acquireInput = bytesOf(64, [
  [0, 'oradb'],
  [32, u64(130)],
]);
const acquire = request({
  process: 0x21,
  requestId: ACQUIRE_ID,
  arraySerial: 'OSAKA',
  input: encodeRequest('journal.acquire', { header: { group: 'oradb', toSequence: 130 }, rows: [] }),
});
const acquireControl = { process: 0x21, requestId: ACQUIRE_ID, serial: 'OSAKA' };

const notFound = 'there is no group "oradb" on array TOKYO';

/** Row `lun` of a volume list, one for each LUN from 0. */
const volumeRow = (lun: number): Buffer =>
  bytesOf(176, [
    [0, u16(lun)],
    [4, u8(2)],
    [8, u32(512)],
    [16, u64(4096)],
    [24, `volume-${lun}`],
  ]);
const VOLUMES = 71;
const volumeList = Buffer.concat(Array.from({ length: VOLUMES }, (_, lun) => volumeRow(lun)));
const volume = (lun: number): ReplyOf<'volume.list'>['rows'][number] => ({
  lun,
  kind: 'volume',
  role: 'simplex',
  access: 'read-write',
  blockSize: 512,
  blockCount: 4096,
  name: `volume-${lun}`,
  group: '',
  pair: '',
  targetSerial: '',
  targetLun: 0,
  allocatedBytes: 0,
});
const volumeListReply = () =>
  encodeReply('volume.list', {
    header: {},
    rows: Array.from({ length: VOLUMES }, (_, lun) => volume(lun)),
  });
const list = request({ process: 2, requestId: LIST_ID, input: new Uint8Array(0), page: 1 });

export const GOLDEN: readonly Golden[] = [
  {
    name: 'label',
    slow: () => slowLabel({ serial: 'TOKYO', name: 'tokyo', blockSize: 512, commandNumber: 1234 }),
    encoded: () =>
      encodeLabel({ arraySerial: 'TOKYO', arrayName: 'tokyo', blockSize: 512, commandNumber: 1234, memory: 4096 }),
  },
  { name: 'challenge', slow: () => slowChallenge(CHALLENGE), encoded: () => encodeChallenge(CHALLENGE) },
  {
    name: 'journal-show-signed-request',
    slow: () =>
      slowSigned(slowBlock(control({ process: 0x20, requestId: SHOW_ID, state: 1 }), group), {
        keyName: 'runbook',
        // By the hmac module of Python 3 over the same bytes.
        mac: '7a1b1b004a5868463cf72fd089c0c3a2527fe599bd67fb7881e09b3f807a8570',
        challenge: CHALLENGE,
        nonce: NONCE,
      }),
    encoded: () => signedShow(),
  },
  {
    name: 'journal-show-request',
    slow: () => slowBlock(control({ process: 0x20, requestId: SHOW_ID, state: 1 }), group),
    encoded: () => encodeRequestPart(show),
  },
  {
    name: 'journal-show-executing',
    slow: () => slowBlock(control({ process: 0x20, requestId: SHOW_ID, state: 2 }), group, undefined, 16384),
    encoded: () => encodeSlot(unanswered(show, 'executing')),
  },
  {
    name: 'journal-show-answer',
    slow: () => slowBlock(control({ process: 0x20, requestId: SHOW_ID, state: 3, pageCount: 1 }), group, journalStatus),
    encoded: () => encodeSlot(answered(show, 0, journalStatusReply())),
  },
  {
    name: 'journal-show-refused',
    slow: () =>
      slowBlock(
        control({ process: 0x20, requestId: SHOW_ID, state: 3, status: 5, pageCount: 1 }),
        group,
        Buffer.from(notFound),
      ),
    encoded: () => encodeSlot(answered(show, 5, encodeRefusal(notFound))),
  },
  {
    name: 'journal-acquire-request',
    slow: () => slowBlock(control({ ...acquireControl, state: 1 }), acquireInput),
    encoded: () => encodeRequestPart(acquire),
  },
  {
    name: 'journal-acquire-answer',
    slow: () =>
      slowBlock(
        control({ ...acquireControl, state: 3, pageCount: 1 }),
        acquireInput,
        bytesOf(48, [
          [0, u8(1)],
          [1, u8(2)],
          [2, u8(2)],
          [8, hex('a1b2c3d4e5f60718')],
          [16, u64(130)],
          [24, u64(4200)],
        ]),
      ),
    encoded: () =>
      encodeSlot(
        answered(
          acquire,
          0,
          encodeReply('journal.acquire', {
            header: {
              changed: true,
              role: 'auxiliary',
              state: 'pair',
              suspendReason: 'none',
              generation: 'a1b2c3d4e5f60718',
              sequence: 130,
              lba: 4200,
            },
            rows: [],
          }),
        ),
      ),
  },
  {
    name: 'pair-create-request',
    slow: () =>
      slowBlock(
        control({ process: 0x10, requestId: CREATE_ID, state: 1 }),
        bytesOf(128, [
          [0, 'oradb'],
          [32, 'data'],
          [64, u8(1)],
          [66, u16(1)],
          [68, u16(11)],
          [70, u16(9)],
          [72, u16(19)],
          [80, 'TOKYO'],
          [96, 'OSAKA'],
        ]),
      ),
    encoded: () =>
      encodeRequestPart(
        request({
          process: 0x10,
          requestId: CREATE_ID,
          input: encodeRequest('pair.create', {
            header: {
              group: 'oradb',
              pair: 'data',
              role: 'primary',
              noCopy: false,
              primaryLun: 1,
              auxiliaryLun: 11,
              primaryJournalLun: 9,
              auxiliaryJournalLun: 19,
              primarySerial: 'TOKYO',
              auxiliarySerial: 'OSAKA',
            },
            rows: [],
          }),
        }),
      ),
  },
  {
    name: 'pair-resync-request',
    slow: () =>
      slowBlock(
        control({ process: 0x13, requestId: RESYNC_ID, state: 1 }),
        bytesOf(64 + 2 * 16, [
          [0, 'oradb'],
          [32, u8(2)],
          [33, u8(1)],
          [40, hex('a1b2c3d4e5f60718')],
          [64, hex('0102030405060708')],
          [80, hex('a1b2c3d4e5f60718')],
          [88, u64(77)],
        ]),
      ),
    encoded: () =>
      encodeRequestPart(
        request({
          process: 0x13,
          requestId: RESYNC_ID,
          input: encodeRequest('pair.resync', {
            header: { group: 'oradb', role: 'auxiliary', discard: true, generation: 'a1b2c3d4e5f60718' },
            rows: [
              { generation: '0102030405060708', startSequence: 0 },
              { generation: 'a1b2c3d4e5f60718', startSequence: 77 },
            ],
          }),
        }),
      ),
  },
  {
    name: 'volume-list-last-page',
    slow: () =>
      slowBlock(
        control({
          process: 2,
          requestId: LIST_ID,
          state: 3,
          page: 1,
          pageCount: 2,
          editedLength: VOLUMES * 176,
          whole: volumeList,
        }),
        Buffer.alloc(0),
        volumeList.subarray(12288),
      ),
    encoded: () => encodeSlot(answered(list, 0, volumeListReply())),
  },
];
