import { createArray, type ArrayParts, type EmulatedArray } from '../../src/array/array.ts';
import { mayDiscover } from '../../src/array/access/visibility.ts';
import type { AccessDescription, ArrayDescription, VolumeDescription } from '../../src/array/description.ts';
import type { Clock } from '../../src/base/clock.ts';
import type { Storage } from '../../src/base/storage.ts';
import type { InitiatorCredentials } from '../../src/iscsi/initiator-chap.ts';
import type { TargetChap } from '../../src/iscsi/target/types.ts';
import { createPortal, type Portal } from '../../src/lun/iscsi-portal.ts';
import { createIscsiSession } from '../../src/lun/iscsi-session.ts';
import { createLunOpener, type PathOpener } from '../../src/lun/opener.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createRealRandom } from '../../src/lun/real-random.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';
import { encodeLunField } from '../../src/scsi/lun-field.ts';
import { decodeSense } from '../../src/scsi/sense.ts';
import { createMemoryStorage } from './memory-storage.ts';

/** An array behind a real socket, with an access description that a test may exchange at any time. */
export interface ServedArray {
  readonly array: EmulatedArray;
  readonly portal: Portal;
  /** `iscsi://host:port/iqn` */
  readonly url: string;
  access: AccessDescription | undefined;
  chap: TargetChap | undefined;
  opener(initiatorName: string, credentials?: InitiatorCredentials): PathOpener;
  /** One CDB on a session of its own; unit attentions are taken away first. `key/asc/ascq` where it is not GOOD. */
  send(
    initiatorName: string,
    lun: number,
    cdb: Uint8Array,
    data?: Uint8Array,
    isid?: Uint8Array,
  ): Promise<{ verdict: string; dataIn: Uint8Array }>;
  stop(): Promise<void>;
}

export const TARGET = 'iqn.2026-11.io.cdctl:tokyo';
const volume = (lun: number, name: string, kind: VolumeDescription['kind'], blockCount: number): VolumeDescription => ({
  lun,
  name,
  kind,
  blockSize: 512,
  blockCount,
});

export const DESCRIPTION: ArrayDescription = {
  format: 1,
  serial: 'TOKYO',
  name: 'tokyo',
  targetName: TARGET,
  listen: { host: '127.0.0.1', port: 0 },
  volumes: [
    volume(0, 'command', 'command-device', 4096),
    volume(10, 'data', 'volume', 256),
    volume(11, 'log', 'volume', 256),
    volume(20, 'journal', 'journal', 8 + 9 * 64),
  ],
  remotes: [],
  lunMap: [],
  commandDevices: [{ deviceSerial: 'TOKYO', deviceName: 'tokyo', lun: 0 }],
};

export const NOTHING: AccessDescription = {
  format: 1,
  initiators: [],
  keys: [],
  commandDevices: [],
  remotes: [],
  auditQueries: false,
};

export async function serveTestArray(
  settings: Partial<Pick<ServedArray, 'access' | 'chap'>> & {
    readonly storage?: Storage;
    readonly parts?: Partial<ArrayParts>;
    /** The portal's, where a test moves it. */
    readonly portalClock?: Clock;
  } = {},
): Promise<ServedArray> {
  const common = { transport: createTcpTransport(), clock: createRealClock(), random: createRealRandom() };
  const openers: PathOpener[] = [];
  const made = { access: settings.access, chap: settings.chap };
  const remote = createLunOpener({ ...common, initiatorName: `${TARGET}.remote` });
  const array = await createArray({
    ...common,
    description: DESCRIPTION,
    storage: settings.storage ?? createMemoryStorage(),
    opener: remote,
    version: '0.0',
    access: () => made.access,
    ...settings.parts,
  });
  const portal = await createPortal({
    ...common,
    clock: settings.portalClock ?? common.clock,
    host: '127.0.0.1',
    port: 0,
    targetName: TARGET,
    deviceServer: array.deviceServer,
    chap: () => made.chap,
    admits: (initiator) => made.access === undefined || mayDiscover(made.access, initiator),
  });
  return Object.assign(made, {
    array,
    portal,
    url: `iscsi://127.0.0.1:${portal.port}/${TARGET}`,
    opener(initiatorName: string, credentials?: InitiatorCredentials) {
      const opener = createLunOpener({
        ...common,
        initiatorName,
        ...(credentials && { credentials: () => credentials }),
      });
      openers.push(opener);
      return opener;
    },
    async send(initiatorName: string, lun: number, cdb: Uint8Array, data?: Uint8Array, isid?: Uint8Array) {
      const address = { host: '127.0.0.1', port: portal.port };
      const session = createIscsiSession({
        ...common,
        portal: address,
        target: TARGET,
        initiatorName,
        ...(isid && { isid }),
      });
      try {
        for (;;) {
          const dataIn = new Uint8Array(4096);
          const buffers = data ? { dataOut: data } : { dataIn };
          const deadlineMs = common.clock.monotonicMs() + 10_000;
          const answer = await session.execute({
            lun: encodeLunField(lun),
            cdb,
            ...buffers,
            deadlineMs,
            repeatable: true,
          });
          const sense = answer.sense ? decodeSense(answer.sense) : undefined;
          if (sense?.ok && sense.value.key === 6) continue;
          const words = sense?.ok ? [sense.value.key, sense.value.asc, sense.value.ascq] : [];
          const verdict =
            answer.status === 0
              ? 'good'
              : words.map((word) => word.toString(16)).join('/') || `status ${answer.status}`;
          return { verdict, dataIn: dataIn.subarray(0, answer.receivedLength) };
        }
      } finally {
        await session.close();
      }
    },
    async stop() {
      for (const opener of [...openers, remote]) await opener.close();
      await portal.close();
      await array.stop();
    },
  });
}
