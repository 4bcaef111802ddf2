import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createArray, type EmulatedArray } from '../../src/array/array.ts';
import type { VolumeDescription } from '../../src/array/description.ts';
import { createIscsiSession, type IscsiSession } from '../../src/lun/iscsi-session.ts';
import { createPortal, type Portal } from '../../src/lun/iscsi-portal.ts';
import { createLunOpener } from '../../src/lun/opener.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createScsiUnit, type ScsiUnit } from '../../src/lun/scsi-unit.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';
import { readCdb, reportLunsCdb, testUnitReadyCdb, writeCdb } from '../../src/scsi/cdb.ts';
import { encodeLunField } from '../../src/scsi/lun-field.ts';
import { decodeReportLuns } from '../../src/scsi/report-luns.ts';
import { createMemoryStorage } from '../support/memory-storage.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

/** The size that hosts may count on: 16 of them at once, with 256 LUNs each, over sockets. */

const HOSTS = Array.from({ length: 16 }, (_, host) => host);
const LUNS = Array.from({ length: 256 }, (_, lun) => lun);
const BLOCK = 512;
const TARGET = 'iqn.2026-11.io.cdctl:kyoto';
const TIMEOUT_MS = 25_000;

const clock = createRealClock();
const transport = createTcpTransport();
const random = createSeededRandom(16);
let array: EmulatedArray;
let portal: Portal;
let sessions: IscsiSession[];

function volume(lun: number): VolumeDescription {
  return { lun, name: `volume-${lun}`, kind: 'volume', blockSize: BLOCK, blockCount: 64 };
}

beforeAll(async () => {
  array = await createArray({
    clock,
    random,
    version: '0',
    storage: createMemoryStorage(),
    opener: createLunOpener({ transport, clock, random, initiatorName: `${TARGET}.remote` }),
    description: {
      format: 1,
      serial: 'KY000001',
      name: 'kyoto',
      targetName: TARGET,
      listen: { host: '127.0.0.1', port: 0 },
      volumes: LUNS.map(volume),
      remotes: [],
      lunMap: [],
      commandDevices: [],
    },
  });
  const { deviceServer } = array;
  portal = await createPortal({
    transport,
    host: '127.0.0.1',
    port: 0,
    targetName: TARGET,
    deviceServer,
    clock,
    random,
  });
  sessions = HOSTS.map((host) =>
    createIscsiSession({
      transport,
      clock,
      random,
      portal: { host: '127.0.0.1', port: portal.port },
      target: TARGET,
      initiatorName: `iqn.2026-11.example:host-${host}`,
    }),
  );
});

afterAll(async () => {
  await Promise.all(sessions.map((session) => session.close()));
  await portal.close();
  await array.stop();
});

function unitOf(host: number, lun: number): ScsiUnit {
  return createScsiUnit({
    path: `host ${host}, LUN ${lun}`,
    lunField: encodeLunField(lun),
    session: sessions[host]!,
    clock,
  });
}

/** One block for each host on each LUN, all of them different. */
function content(host: number, lun: number): Uint8Array {
  const block = new Uint8Array(BLOCK).fill((host * 37 + lun * 11) & 0xff);
  block.set([host, lun & 0xff, lun >> 8, 0xa5]);
  return block;
}

const deadline = (): number => clock.monotonicMs() + TIMEOUT_MS;

async function write(host: number, lun: number): Promise<void> {
  const dataOut = content(host, lun);
  const command = { what: 'WRITE', cdb: writeCdb(host, 1), dataOut, deadlineMs: deadline(), repeatable: false };
  await unitOf(host, lun).execute(command);
}

async function read(host: number, lun: number, lba: number): Promise<Uint8Array> {
  const dataIn = new Uint8Array(BLOCK);
  const command = { what: 'READ', cdb: readCdb(lba, 1), dataIn, deadlineMs: deadline(), repeatable: true };
  expect((await unitOf(host, lun).execute(command)).receivedLength).toBe(BLOCK);
  return dataIn;
}

describe('sixteen hosts with 256 LUNs', () => {
  it('write at once, and each reads what another one wrote', async () => {
    await Promise.all(HOSTS.flatMap((host) => LUNS.map((lun) => write(host, lun))));
    expect(portal.sessions()).toHaveLength(HOSTS.length);
    const wrong: string[] = [];
    const check = async (host: number, lun: number): Promise<void> => {
      const writer = (host + 5) % HOSTS.length;
      const found = await read(host, lun, writer);
      if (Buffer.compare(found, content(writer, lun)) !== 0) wrong.push(`block ${writer} of LUN ${lun}`);
    };
    await Promise.all(HOSTS.flatMap((host) => LUNS.map((lun) => check(host, lun))));
    expect(wrong).toEqual([]);
  });

  it('all hear once of a new LUN, and may use it', async () => {
    await array.management.addVolume(volume(256));
    const firstAnswers = await Promise.all(
      sessions.map((session) =>
        session.execute({
          lun: encodeLunField(7),
          cdb: testUnitReadyCdb(),
          deadlineMs: deadline(),
          repeatable: true,
        }),
      ),
    );
    for (const { status, sense } of firstAnswers) {
      expect(status).toBe(2);
      expect([sense![2]! & 0x0f, sense![12], sense![13]]).toEqual([6, 0x3f, 0x0e]);
    }
    await Promise.all(HOSTS.map((host) => write(host, 256)));
    await Promise.all(
      HOSTS.map(async (host) => {
        const dataIn = new Uint8Array(4096);
        const ask = { what: 'REPORT LUNS', cdb: reportLunsCdb(4096), dataIn, deadlineMs: deadline(), repeatable: true };
        const { receivedLength } = await unitOf(host, 0).execute(ask);
        const list = decodeReportLuns(dataIn.subarray(0, receivedLength));
        expect(list.ok && list.value.luns).toEqual([...LUNS, 256]);
        expect(Buffer.compare(await read(host, 256, host), content(host, 256))).toBe(0);
      }),
    );
  });

  it('may have a second session beside the first', async () => {
    const before = portal.sessions().map(({ nexus }) => nexus);
    const twin = createIscsiSession({
      transport,
      clock,
      random,
      portal: { host: '127.0.0.1', port: portal.port },
      target: TARGET,
      initiatorName: 'iqn.2026-11.example:host-3',
    });
    await twin.execute({ lun: encodeLunField(0), cdb: testUnitReadyCdb(), deadlineMs: deadline(), repeatable: true });
    const both = portal.sessions().filter(({ initiatorName }) => initiatorName.endsWith(':host-3'));
    expect(new Set(both.map(({ nexus }) => nexus)).size).toBe(2);
    await twin.close();
    expect(portal.sessions().map(({ nexus }) => nexus)).toEqual(before);
  });
});
