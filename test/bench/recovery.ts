import { join } from 'node:path';
import { createArray } from '../../src/array/array.ts';
import type { ArrayDescription } from '../../src/array/description.ts';
import { createFileStorage } from '../../src/lun/file-storage.ts';
import { createLunOpener } from '../../src/lun/opener.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createRealRandom } from '../../src/lun/real-random.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';
import { operationsOf } from '../../src/host/operations.ts';
import { createArrayClient } from '../../src/host/array-client.ts';
import { pairRequest } from '../support/array-pair.ts';
import { createScsiLun } from '../support/scsi-lun.ts';
import { line, median, row } from './measure.ts';

const JOURNAL_MIB = 64;
const BLOCKS_PER_MIB = 2048;
const RECORD_BYTES = 4096;
const ROUNDS = 5;

const description: ArrayDescription = {
  format: 1,
  serial: 'TK000001',
  name: 'tokyo',
  targetName: 'iqn.2026-11.io.cdctl:tokyo',
  listen: { host: '127.0.0.1', port: 0 },
  volumes: [
    { lun: 0, name: 'command', kind: 'command-device', blockSize: 512, blockCount: 4096 },
    { lun: 10, name: 'data', kind: 'volume', blockSize: 512, blockCount: 128 * BLOCKS_PER_MIB },
    { lun: 20, name: 'journal', kind: 'journal', blockSize: 512, blockCount: JOURNAL_MIB * BLOCKS_PER_MIB },
  ],
  remotes: [{ serial: 'OS000001', name: 'osaka', portals: ['iscsi://127.0.0.1:1/iqn.none'] }],
  lunMap: [],
  commandDevices: [{ deviceSerial: 'TK000001', deviceName: 'tokyo', lun: 0 }],
};

function open(directory: string) {
  const parts = { clock: createRealClock(), random: createRealRandom() };
  const initiatorName = 'iqn.2026-11.io.cdctl:bench';
  const opener = createLunOpener({ ...parts, transport: createTcpTransport(), initiatorName });
  return createArray({ ...parts, description, storage: createFileStorage(directory), opener, version: 'bench' });
}

/** Opens an array whose journal is full of writes that were acknowledged and never purged, as after kill -9. */
export async function recoveryTime(directory: string): Promise<void> {
  const store = join(directory, 'recovery');
  const records = await fillJournal(store);
  const times: number[] = [];
  const processorTimes: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedMs = performance.now();
    const before = process.cpuUsage();
    await open(store);
    const { user, system } = process.cpuUsage(before);
    processorTimes.push((user + system) / 1000);
    times.push(performance.now() - startedMs);
  }
  line(
    `recovery after kill -9 with a journal of ${JOURNAL_MIB} MiB full of ${records} writes of ${RECORD_BYTES} bytes`,
  );
  row('until the volumes can be read, median of 5', `${median(times).toFixed(0)} ms`);
  row('processor time of it', `${median(processorTimes).toFixed(0)} ms`);
}

/** The array is left as a killed process leaves it: nothing is stopped, the page cache holds what was written. */
async function fillJournal(store: string): Promise<number> {
  const array = await open(store);
  const parts = { clock: createRealClock(), random: createRealRandom() };
  const openLun = (lun: number) => createScsiLun(`bench/${lun}`, () => array.deviceServer, lun, 'bench');
  const client = createArrayClient({
    ...parts,
    array: 'tokyo',
    serial: 'TK000001',
    paths: ['bench'],
    opener: { open: async () => openLun(0) },
    host: 'bench',
    timeoutMs: 10_000,
  });
  const request = pairRequest('primary', 'data');
  await operationsOf(client).createPair({ ...request, primaryJournalLun: 20, auxiliaryJournalLun: 20 });
  const data = openLun(10);
  const records = Math.floor((JOURNAL_MIB * BLOCKS_PER_MIB - 8) / 9) - 1;
  const block = parts.random.bytes(RECORD_BYTES);
  for (let record = 0; record < records; record += 1) {
    await data.write(((record * 7919) % (16 * BLOCKS_PER_MIB)) * 8, block);
  }
  return records;
}
