import { describe, expect, it } from 'vitest';
import * as initiator from '../../src/iscsi/initiator-pdus.ts';
import * as login from '../../src/iscsi/login-pdus.ts';
import * as target from '../../src/iscsi/target-pdus.ts';
import { slowPdu, type SlowPdu } from './slow-pdu.ts';

const lun = Uint8Array.from([0, 5, 0, 0, 0, 0, 0, 0]);
const isid = Uint8Array.from([0x80, 0x11, 0x22, 0x33, 0x44, 0x55]);
const cdb = Uint8Array.from({ length: 16 }, (_, at) => at + 0xa0);
const counters = { statSn: 0x01020304, expCmdSn: 0x11121314, maxCmdSn: 0x21222324 };
const counterFields = [
  [24, 4, 0x01020304],
  [28, 4, 0x11121314],
  [32, 4, 0x21222324],
] as const;
const sequence = { cmdSn: 0x31323334, expStatSn: 0xf1f2f3f4 };
const sequenceFields = [
  [24, 4, 0x31323334],
  [28, 4, 0xf1f2f3f4],
] as const;
const tag = { initiatorTaskTag: 0xdeadbeef };
const tagField = [16, 4, 0xdeadbeef] as const;
const lunField = [8, 8, '0005'] as const;

interface Case {
  readonly name: string;
  readonly encoded: Uint8Array;
  readonly decoded: unknown;
  readonly record: unknown;
  readonly expected: SlowPdu['fields'];
}

/** Ties one record to its encoding by hand and its decoding. */
function codec<T>(
  name: string,
  encode: (pdu: T) => Uint8Array,
  decode: (header: Uint8Array) => T,
  record: T,
  expected: SlowPdu['fields'],
): Case {
  return { name, encoded: encode(record), decoded: decode(slowPdu({ fields: expected })), record, expected };
}

const none = target.NO_RESIDUAL;
const cases: Case[] = [
  codec(
    'SCSI Command',
    initiator.encodeScsiCommand,
    initiator.decodeScsiCommand,
    {
      immediate: true,
      final: true,
      read: true,
      write: false,
      attribute: 1,
      lun,
      ...tag,
      expectedDataTransferLength: 0x10203040,
      ...sequence,
      cdb,
    },
    [
      [0, 1, 0x41],
      [1, 1, 0xc1],
      lunField,
      tagField,
      [20, 4, 0x10203040],
      ...sequenceFields,
      [32, 16, 'a0a1a2a3a4a5a6a7a8a9aaabacadaeaf'],
    ],
  ),
  codec(
    'SCSI Command with unsolicited data',
    initiator.encodeScsiCommand,
    initiator.decodeScsiCommand,
    {
      immediate: false,
      final: false,
      read: false,
      write: true,
      attribute: 2,
      lun,
      ...tag,
      expectedDataTransferLength: 512,
      ...sequence,
      cdb,
    },
    [
      [0, 1, 0x01],
      [1, 1, 0x22],
      lunField,
      tagField,
      [20, 4, 512],
      ...sequenceFields,
      [32, 16, 'a0a1a2a3a4a5a6a7a8a9aaabacadaeaf'],
    ],
  ),
  codec(
    'Task Management Function Request',
    initiator.encodeTaskManagementRequest,
    initiator.decodeTaskManagementRequest,
    { immediate: true, function: 5, lun, ...tag, referencedTaskTag: 77, ...sequence, refCmdSn: 78, expDataSn: 79 },
    [[0, 1, 0x42], [1, 1, 0x85], lunField, tagField, [20, 4, 77], ...sequenceFields, [32, 4, 78], [36, 4, 79]],
  ),
  codec(
    'Data-Out',
    initiator.encodeDataOut,
    initiator.decodeDataOut,
    { final: true, lun, ...tag, targetTransferTag: 9, expStatSn: 10, dataSn: 11, bufferOffset: 0x80000000 },
    [[0, 1, 5], [1, 1, 0x80], lunField, tagField, [20, 4, 9], [28, 4, 10], [36, 4, 11], [40, 4, 0x80000000]],
  ),
  codec(
    'NOP-Out',
    initiator.encodeNopOut,
    initiator.decodeNopOut,
    { immediate: true, lun, ...tag, targetTransferTag: 0xffffffff, ...sequence },
    [[0, 1, 0x40], [1, 1, 0x80], lunField, tagField, [20, 4, 0xffffffff], ...sequenceFields],
  ),
  codec(
    'Text Request',
    initiator.encodeTextRequest,
    initiator.decodeTextRequest,
    { immediate: false, final: false, continues: true, lun, ...tag, targetTransferTag: 3, ...sequence },
    [[0, 1, 4], [1, 1, 0x40], lunField, tagField, [20, 4, 3], ...sequenceFields],
  ),
  codec(
    'Logout Request',
    initiator.encodeLogoutRequest,
    initiator.decodeLogoutRequest,
    { immediate: true, reason: 1, ...tag, connectionId: 0x1234, ...sequence },
    [[0, 1, 0x46], [1, 1, 0x81], tagField, [20, 2, 0x1234], ...sequenceFields],
  ),
  codec(
    'SNACK Request',
    initiator.encodeSnackRequest,
    initiator.decodeSnackRequest,
    { type: 3, lun, ...tag, targetTransferTag: 4, expStatSn: 5, begRun: 6, runLength: 7 },
    [[0, 1, 0x10], [1, 1, 0x83], lunField, tagField, [20, 4, 4], [28, 4, 5], [40, 4, 6], [44, 4, 7]],
  ),
  codec(
    'Login Request',
    login.encodeLoginRequest,
    login.decodeLoginRequest,
    {
      transit: true,
      continues: false,
      currentStage: 1,
      nextStage: 3,
      versionMax: 2,
      versionMin: 1,
      isid,
      tsih: 0x9988,
      ...tag,
      connectionId: 0x4321,
      ...sequence,
    },
    [
      [0, 1, 0x43],
      [1, 1, 0x87],
      [2, 1, 2],
      [3, 1, 1],
      [8, 6, '801122334455'],
      [14, 2, 0x9988],
      tagField,
      [20, 2, 0x4321],
      ...sequenceFields,
    ],
  ),
  codec(
    'Login Response',
    login.encodeLoginResponse,
    login.decodeLoginResponse,
    {
      transit: false,
      continues: true,
      currentStage: 1,
      nextStage: 0,
      versionMax: 0,
      versionActive: 0,
      isid,
      tsih: 1,
      ...tag,
      ...counters,
      status: 0x0203,
    },
    [
      [0, 1, 0x23],
      [1, 1, 0x44],
      [8, 6, '801122334455'],
      [14, 2, 1],
      tagField,
      ...counterFields,
      [36, 1, 2],
      [37, 1, 3],
    ],
  ),
  codec(
    'SCSI Response',
    target.encodeScsiResponse,
    target.decodeScsiResponse,
    {
      response: 1,
      status: 2,
      residual: { kind: 'underflow', count: 77 },
      bidirectionalResidual: { kind: 'overflow', count: 88 },
      ...tag,
      snackTag: 6,
      ...counters,
      expDataSn: 7,
    },
    [
      [0, 1, 0x21],
      [1, 1, 0x92],
      [2, 1, 1],
      [3, 1, 2],
      tagField,
      [20, 4, 6],
      ...counterFields,
      [36, 4, 7],
      [40, 4, 88],
      [44, 4, 77],
    ],
  ),
  codec(
    'Task Management Function Response',
    target.encodeTaskManagementResponse,
    target.decodeTaskManagementResponse,
    { response: 255, ...tag, ...counters },
    [[0, 1, 0x22], [1, 1, 0x80], [2, 1, 255], tagField, ...counterFields],
  ),
  codec(
    'Data-In with status',
    target.encodeDataIn,
    target.decodeDataIn,
    {
      final: true,
      acknowledge: false,
      hasStatus: true,
      status: 0,
      residual: { kind: 'overflow', count: 5 },
      lun,
      ...tag,
      targetTransferTag: 0xffffffff,
      ...counters,
      dataSn: 3,
      bufferOffset: 4,
    },
    [
      [0, 1, 0x25],
      [1, 1, 0x85],
      lunField,
      tagField,
      [20, 4, 0xffffffff],
      ...counterFields,
      [36, 4, 3],
      [40, 4, 4],
      [44, 4, 5],
    ],
  ),
  codec(
    'Data-In without status',
    target.encodeDataIn,
    target.decodeDataIn,
    {
      final: false,
      acknowledge: true,
      hasStatus: false,
      status: 0,
      residual: none,
      lun,
      ...tag,
      targetTransferTag: 1,
      ...counters,
      dataSn: 3,
      bufferOffset: 4,
    },
    [[0, 1, 0x25], [1, 1, 0x40], lunField, tagField, [20, 4, 1], ...counterFields, [36, 4, 3], [40, 4, 4]],
  ),
  codec(
    'Ready To Transfer',
    target.encodeReadyToTransfer,
    target.decodeReadyToTransfer,
    { lun, ...tag, targetTransferTag: 1, ...counters, r2tSn: 2, bufferOffset: 3, desiredLength: 4 },
    [[0, 1, 0x31], [1, 1, 0x80], lunField, tagField, [20, 4, 1], ...counterFields, [36, 4, 2], [40, 4, 3], [44, 4, 4]],
  ),
  codec(
    'Asynchronous Message',
    target.encodeAsyncMessage,
    target.decodeAsyncMessage,
    { lun, ...counters, event: 1, vendorCode: 2, parameter1: 3, parameter2: 4, parameter3: 5 },
    [
      [0, 1, 0x32],
      [1, 1, 0x80],
      lunField,
      [16, 4, 0xffffffff],
      ...counterFields,
      [36, 1, 1],
      [37, 1, 2],
      [38, 2, 3],
      [40, 2, 4],
      [42, 2, 5],
    ],
  ),
  codec(
    'Text Response',
    target.encodeTextResponse,
    target.decodeTextResponse,
    { final: true, continues: false, lun, ...tag, targetTransferTag: 0xffffffff, ...counters },
    [[0, 1, 0x24], [1, 1, 0x80], lunField, tagField, [20, 4, 0xffffffff], ...counterFields],
  ),
  codec(
    'Logout Response',
    target.encodeLogoutResponse,
    target.decodeLogoutResponse,
    { response: 1, ...tag, ...counters, timeToWait: 2, timeToRetain: 20 },
    [[0, 1, 0x26], [1, 1, 0x80], [2, 1, 1], tagField, ...counterFields, [40, 2, 2], [42, 2, 20]],
  ),
  codec('NOP-In', target.encodeNopIn, target.decodeNopIn, { lun, ...tag, targetTransferTag: 6, ...counters }, [
    [0, 1, 0x20],
    [1, 1, 0x80],
    lunField,
    tagField,
    [20, 4, 6],
    ...counterFields,
  ]),
  codec('Reject', target.encodeReject, target.decodeReject, { reason: 4, ...counters, dataSn: 9 }, [
    [0, 1, 0x3f],
    [1, 1, 0x80],
    [2, 1, 4],
    [16, 4, 0xffffffff],
    ...counterFields,
    [36, 4, 9],
  ]),
];

describe('PDU headers', () => {
  it.each(cases)('$name is encoded as the figure says', ({ encoded, expected }) => {
    expect(Buffer.from(encoded).toString('hex')).toBe(Buffer.from(slowPdu({ fields: expected })).toString('hex'));
  });

  it.each(cases)('$name is decoded from the figure', ({ decoded, record }) => {
    expect(decoded).toEqual(record);
  });

  it('refuses to encode what does not fit', () => {
    const tmf = { immediate: true, function: 1, ...tag, referencedTaskTag: 0, ...sequence, refCmdSn: 0, expDataSn: 0 };
    expect(() => initiator.encodeTaskManagementRequest({ ...tmf, lun: new Uint8Array(7) })).toThrow(RangeError);
    const command = {
      immediate: false,
      final: true,
      read: false,
      write: false,
      attribute: 0,
      lun,
      ...tag,
      expectedDataTransferLength: 0,
      ...sequence,
    };
    expect(() => initiator.encodeScsiCommand({ ...command, cdb: new Uint8Array(17) })).toThrow(RangeError);
  });
});
