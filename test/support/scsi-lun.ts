import { LunError, type Lun, type PassedAnswer, type PassedRequest } from '../../src/lun/lun.ts';
import { decodeCapacity16 } from '../../src/scsi/capacity.ts';
import {
  inquiryCdb,
  readCapacity16Cdb,
  readCdb,
  synchronizeCacheCdb,
  testUnitReadyCdb,
  writeCdb,
} from '../../src/scsi/cdb.ts';
import { SCSI_STATUS } from '../../src/scsi/fault.ts';
import { encodeLunField } from '../../src/scsi/lun-field.ts';
import { decodeSense } from '../../src/scsi/sense.ts';
import type { DeviceServer, ScsiReply } from '../../src/scsi/task.ts';
import { decodeUnitSerial } from '../../src/scsi/vpd.ts';

/** With the command that hosts send besides those of `Lun`. */
export interface ScsiLun extends Lun {
  /** UNMAP of one range. */
  deallocate(lba: number, blockCount: number): Promise<void>;
}

/** UNMAP and its parameter list for one range (SBC-3 5.28). */
export function unmapOf(lba: number, blockCount: number): { cdb: Uint8Array; list: Uint8Array } {
  const cdb = Uint8Array.of(0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0);
  const list = new Uint8Array(24);
  const view = new DataView(list.buffer);
  view.setUint16(0, 22);
  view.setUint16(2, 16);
  view.setBigUint64(8, BigInt(lba));
  view.setUint32(16, blockCount);
  return { cdb, list };
}

/** A LUN of a device server in the same process: real CDBs and sense, no transport. */
export function createScsiLun(path: string, server: () => DeviceServer, lun: number, nexus: string): ScsiLun {
  const NOTHING = new Uint8Array(0);

  async function pass({ cdb, dataOut = NOTHING, dataInLength, onceAborted }: PassedRequest): Promise<PassedAnswer> {
    const expected = { expectedDataOut: dataOut.length, expectedDataIn: dataInLength };
    const abortion = onceAborted && { onceAborted };
    const reply = await server().execute({ nexus, lun: encodeLunField(lun), cdb, dataOut, ...expected, ...abortion });
    const produced = reply.producedDataIn ?? reply.dataIn?.length ?? 0;
    const wanted = reply.wantedDataOut ?? dataOut.length;
    return {
      status: reply.status,
      sense: reply.sense,
      dataIn: new Uint8Array(reply.dataIn ?? []).subarray(0, dataInLength),
      residual: dataOut.length > 0 ? wanted - dataOut.length : produced - dataInLength,
    };
  }

  const blockSizes = new Map<number, number>();

  async function send(cdb: Uint8Array, dataOut: Uint8Array = NOTHING, expectedDataIn = 0): Promise<ScsiReply> {
    const expectedDataOut = dataOut.length;
    const task = { nexus, lun: encodeLunField(lun), cdb, dataOut, expectedDataOut, expectedDataIn };
    for (let attempt = 0; ; attempt += 1) {
      const reply = await server().execute(task);
      if (reply.status === SCSI_STATUS.good) return reply;
      const sense = reply.sense ? decodeSense(reply.sense) : undefined;
      const facts = sense?.ok ? sense.value : undefined;
      if (facts?.key === 6 && attempt < 10) continue;
      throw failure(path, reply.status, facts);
    }
  }

  async function capacity() {
    const reply = await send(readCapacity16Cdb(), undefined, 32);
    const decodedCapacity = decodeCapacity16(reply.dataIn ?? new Uint8Array(0));
    if (!decodedCapacity.ok) throw new Error('bad capacity');
    blockSizes.set(lun, decodedCapacity.value.blockSize);
    return { blockSize: decodedCapacity.value.blockSize, blockCount: decodedCapacity.value.blockCount };
  }

  return {
    path,
    async identify() {
      await send(testUnitReadyCdb()).catch(() => undefined);
      const reply = await send(inquiryCdb(255, 0x80), undefined, 255);
      const serial = decodeUnitSerial(reply.dataIn ?? new Uint8Array(0));
      return { vendor: '', product: '', revision: '', worldWideName: '', serial: serial.ok ? serial.value : '' };
    },
    capacity,
    async read(lba, blockCount) {
      const blockSize = blockSizes.get(lun) ?? (await capacity()).blockSize;
      const reply = await send(readCdb(lba, blockCount), undefined, blockCount * blockSize);
      return reply.dataIn ?? new Uint8Array(0);
    },
    async write(lba, data, options) {
      const blockSize = blockSizes.get(lun) ?? (await capacity()).blockSize;
      await send(writeCdb(lba, data.length / blockSize, options?.forceUnitAccess ?? false), data);
    },
    async deallocate(lba, blockCount) {
      const { cdb, list } = unmapOf(lba, blockCount);
      await send(cdb, list);
    },
    async flush() {
      await send(synchronizeCacheCdb());
    },
    close: async () => undefined,
    passThrough: {
      execute: pass,
      async resetUnit() {
        await server().reset('logical-unit', encodeLunField(lun), nexus);
      },
    },
  };
}

function failure(
  path: string,
  status: number,
  sense: { key: number; asc: number; ascq: number } | undefined,
): LunError {
  if (status === SCSI_STATUS.reservationConflict)
    return new LunError('reservation-conflict', path, 'RESERVATION CONFLICT');
  if (status === SCSI_STATUS.busy) return new LunError('busy', path, 'BUSY');
  const words = sense
    ? `${sense.key.toString(16)}/${sense.asc.toString(16)}/${sense.ascq.toString(16)}`
    : `status ${status}`;
  if (sense?.key === 7) return new LunError('write-protected', path, words, { sense });
  if (sense?.key === 2) return new LunError('not-ready', path, words, { sense });
  return new LunError('check-condition', path, words, sense ? { sense } : {});
}
