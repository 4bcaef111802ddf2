import { decodeCapacity10, decodeCapacity16 } from '../../src/scsi/capacity.ts';
import { decodeCopyList } from '../../src/scsi/extended-copy.ts';
import { decodeStandardInquiry } from '../../src/scsi/inquiry.ts';
import { decodeLunField } from '../../src/scsi/lun-field.ts';
import { decodeModeData } from '../../src/scsi/mode-page.ts';
import {
  decodePersistentOutList,
  decodeRegisterAndMoveList,
  decodeTransportId,
} from '../../src/scsi/persistent-reservation.ts';
import { decodeUnmapList } from '../../src/scsi/provisioning.ts';
import { decodeReportLuns } from '../../src/scsi/report-luns.ts';
import { decodeSense } from '../../src/scsi/sense.ts';
import { decodeBlockLimits, decodeDeviceIdentification, decodeUnitSerial, decodeVpd } from '../../src/scsi/vpd.ts';
import { decodeHeader } from '../../src/array/journal/header.ts';
import { checkRecord } from '../../src/array/journal/journal-reader.ts';
import { journalGeometry } from '../../src/array/journal/geometry.ts';
import { chance, ensure, oddNumber, pick, type Fuzzer } from './fuzzer.ts';

const GEOMETRY = journalGeometry(8 + 9 * 64);

/** What hosts and far arrays read from a LUN, answered by whoever is at the other end. */
const DECODERS: readonly ((bytes: Uint8Array) => { readonly ok: boolean })[] = [
  decodeCapacity10,
  decodeCapacity16,
  decodeStandardInquiry,
  decodeReportLuns,
  decodeSense,
  decodeUnitSerial,
  decodeDeviceIdentification,
  decodeBlockLimits,
  (bytes) => decodeVpd(bytes, bytes[1] ?? 0),
  (bytes) => decodeModeData(bytes, 4),
  (bytes) => decodeModeData(bytes, 8),
  decodeUnmapList,
  decodePersistentOutList,
  decodeRegisterAndMoveList,
  decodeTransportId,
  decodeCopyList,
  decodeLunField,
  decodeHeader,
  (bytes) => checkRecord(bytes, 1, GEOMETRY),
];

export const scsiAnswers: Fuzzer = {
  name: 'scsi-answers',
  promise: 'every decoder of what a LUN answers is total, whatever lengths it claims',
  round(random) {
    let executions = 0;
    for (let turn = 0; turn < 300; turn += 1) {
      const bytes = random.bytes(pick(random, [0, 1, 2, 3, 4, 7, 8, 17, 18, 20, 24, 32, 36, 64, 255, 512, 4096]));
      if (chance(random, 2)) bytes.fill(0, 0, 16);
      for (let change = 0; change < random.below(6) && bytes.length > 0; change += 1) {
        bytes[random.below(Math.min(40, bytes.length))] = oddNumber(random, 1);
      }
      for (const decode of DECODERS) {
        const { ok } = decode(bytes);
        ensure(typeof ok === 'boolean', () => 'neither a value nor a violation');
        executions += 1;
      }
    }
    return executions;
  },
};
