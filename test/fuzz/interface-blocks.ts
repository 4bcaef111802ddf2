import type { Random } from '../../src/base/random.ts';
import {
  decodeRequestPart,
  decodeSlot,
  encodeRequestPart,
  encodeSlot,
  answered,
} from '../../src/interface-block/block.ts';
import { checksum, checkSeal, sealAt } from '../../src/interface-block/checksum.ts';
import { CONTROL_CRC_OFFSET, CONTROL_PARAMETER } from '../../src/interface-block/control-parameter.ts';
import { CONTROL_SIZE, FIRST_SLOT_OFFSET, INPUT_LIMIT, SLOT_SIZE } from '../../src/interface-block/geometry.ts';
import { decodeLabel, encodeLabel } from '../../src/interface-block/label.ts';
import { decodeReply, decodeRequest } from '../../src/interface-block/message.ts';
import { PROCESSES, processByNumber, type ProcessName } from '../../src/interface-block/process-table.ts';
import { STATUS, statusName } from '../../src/interface-block/status.ts';
import { readCdb, writeCdb } from '../../src/scsi/cdb.ts';
import { pairRequest } from '../support/array-pair.ts';
import { withArray } from './array-under-test.ts';
import { chance, ensure, oddNumber, pick, spoil, type Fuzzer } from './fuzzer.ts';

const NAMES = Object.keys(PROCESSES) as ProcessName[];

/** A block whose checksums are right, for a process that may exist, with an input parameter that may mean something. */
function anyRequest(random: Random, serial: string) {
  const name = pick(random, NAMES);
  const size = PROCESSES[name].request.header.size;
  const input = chance(random, 3) ? random.bytes(random.below(200)) : new Uint8Array(size);
  for (let change = 0; change < random.below(8) && input.length > 0; change += 1) {
    input[random.below(input.length)] = oddNumber(random, 1);
  }
  if (!chance(random, 3)) input.set(Buffer.from('oradb').subarray(0, input.length), 0);
  return {
    process: chance(random, 15) ? random.below(0x10000) : PROCESSES[name].number,
    editedDataWanted: !chance(random, 4),
    requestId: Buffer.from(random.bytes(16)).toString('hex').replace(/^0/, '1'),
    arraySerial: chance(random, 15) ? 'KY000001' : serial,
    admissionNumber: chance(random, 4) ? oddNumber(random, 4) : 0,
    page: chance(random, 8) ? random.below(5) : 0,
    host: chance(random, 4) ? '\u001b[2J\n' : 'fuzz',
    input,
  };
}

/** Whatever was changed must be found: as it was, or a violation. */
function checkSpoilt(random: Random, whole: Uint8Array, decode: (bytes: Uint8Array) => { ok: boolean }): void {
  const spoilt = spoil(random, whole);
  const result = decode(spoilt);
  if (Buffer.compare(spoilt, whole) !== 0)
    ensure(!result.ok, () => `believed: ${Buffer.from(spoilt).toString('hex').slice(0, 600)}`);
}

/** Right checksums over wrong content: whoever writes the LUN can do that. */
function reseal(random: Random, block: Uint8Array): Uint8Array {
  const forged = Uint8Array.from(block);
  for (let change = 0; change < 1 + random.below(4); change += 1) forged[random.below(256)] = random.below(256);
  sealAt(forged, CONTROL_CRC_OFFSET);
  ensure(checkSeal('fuzz', forged, CONTROL_CRC_OFFSET).ok, () => 'the forged seal does not hold');
  return forged;
}

/** A length that no input parameter has, with the checksum that goes with what is there of it. */
function checkForgedLength(random: Random, block: Uint8Array): void {
  const forged = Uint8Array.from(block);
  const control = CONTROL_PARAMETER.decode(forged);
  if (!control.ok) return;
  const inputLength = INPUT_LIMIT + pick(random, [1, 2, 4096, 2 ** 31]);
  const inputCrc = checksum(forged.subarray(CONTROL_SIZE, CONTROL_SIZE + inputLength));
  CONTROL_PARAMETER.encodeInto(forged, 0, { ...control.value, inputLength, inputCrc });
  sealAt(forged, CONTROL_CRC_OFFSET);
  ensure(!decodeRequestPart(forged).ok, () => `an input parameter of ${inputLength} bytes was believed`);
}

export const interfaceBlocks: Fuzzer = {
  name: 'interface-blocks',
  promise:
    'a spoilt block or label is never believed, a forged one is answered with a status, and none ends as internal',
  async round(random) {
    let executions = 0;
    await withArray(async ({ send, pair }) => {
      const { serial } = pair.tokyo;
      if (chance(random, 2)) await pair.tokyo.operations.createPair(pairRequest('primary', 'data'));
      if (chance(random, 2))
        await pair.osaka.operations.createPair(pairRequest('auxiliary', 'data')).catch(() => undefined);
      const label = encodeLabel({
        arraySerial: serial,
        arrayName: 'tokyo',
        blockSize: 512,
        commandNumber: 3,
        memory: 4096,
      });
      for (let turn = 0; turn < 60; turn += 1, executions += 7) {
        const request = anyRequest(random, serial);
        const block = encodeRequestPart(request);
        checkSpoilt(random, block, decodeRequestPart);
        checkForgedLength(random, block);
        checkSpoilt(
          random,
          encodeSlot(answered({ ...request, page: 0 }, STATUS.ok, random.bytes(random.below(3000)))),
          decodeSlot,
        );
        const cut = spoil(random, label).subarray(0, 512);
        const read = decodeLabel(Uint8Array.from({ length: label.length }, (_, at) => cut[at] ?? label[at]!));
        ensure(!read.ok || read.value.arraySerial === serial, () => 'a spoilt label names another array');
        for (const name of NAMES) {
          decodeRequest(name, request.input);
          decodeReply(name, request.input);
        }
        const written = chance(random, 3) ? reseal(random, block) : block;
        await submit(random.below(64), written);
        await submit(random.below(64), spoil(random, block).subarray(0, 4096));
      }

      async function submit(slot: number, bytes: Uint8Array): Promise<void> {
        const data = Uint8Array.from({ length: 4096 }, (_, at) => bytes[at] ?? 0);
        const lba = (FIRST_SLOT_OFFSET + slot * SLOT_SIZE) / 512;
        const written = await send(0, writeCdb(lba, 8), data);
        if (written.status !== 0) return;
        const decoded = decodeRequestPart(data);
        const answer = await finished(lba);
        if (!answer) return;
        const slotContent = decodeSlot(answer);
        ensure(slotContent.ok, () => 'the array shows a slot that does not check');
        if (!slotContent.value || slotContent.value.state !== 'complete') return;
        const { status, process, editedPage } = slotContent.value;
        const text = () => Buffer.from(editedPage).toString('utf8').slice(0, 200);
        ensure(
          statusName(status) !== undefined && statusName(status) !== 'internal',
          () => `status ${status} of process ${process}: ${text()}`,
        );
        ensure(decoded.ok || status !== STATUS.ok, () => 'an unsound block was carried out');
        ensure(
          status !== STATUS.ok || processByNumber(process) !== undefined,
          () => `process ${process} does not exist`,
        );
      }

      async function finished(lba: number): Promise<Uint8Array | undefined> {
        for (let tries = 0; tries < 10; tries += 1) {
          const { dataIn } = await send(0, readCdb(lba, SLOT_SIZE / 512));
          if (!dataIn || dataIn[12] !== 2) return dataIn;
        }
        return undefined;
      }
    });
    return executions;
  },
};
