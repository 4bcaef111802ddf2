import { createHash } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { sharedTime } from '../../base/shared-time.ts';
import { createLunOpener } from '../../lun/opener.ts';
import { createTcpTransport } from '../../lun/socket.ts';
import type { LunAccess, LunSettings } from '../services.ts';

export interface LunParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: LunSettings;
}

/** LUNs of this machine: iSCSI through our own initiator, block devices where one is named. */
export function createLunAccess({ clock, random, settings }: LunParts): LunAccess {
  const { initiatorName, reservationKey } = settings;
  const opener = createLunOpener({
    transport: createTcpTransport(),
    clock,
    random,
    get initiatorName() {
      return initiatorName();
    },
    credentials: (user) => {
      const known = settings.secrets.get(user);
      return known && { name: user, ...known };
    },
    get isid() {
      return reservationKey === undefined ? undefined : portOf(initiatorName(), reservationKey);
    },
    openBlockDevice: async (path, options) => {
      const { openBlockDevice } = await import('../../lun/block-device.ts');
      return openBlockDevice({ clock, onlyReads: settings.onlyReads ?? false }, path, options);
    },
  });
  return {
    opener,
    initiatorName,
    reportLuns: (portal, timeoutMs) => opener.reportLuns(portal, { timeoutMs }),
    listTargets: (portal, timeoutMs) => opener.listTargets(portal, { timeoutMs }),
    async listDevices() {
      const [{ listDevices }, { realDeviceSystem }] = await Promise.all([
        import('../../lun/examine-device.ts'),
        import('../../lun/device-system.ts'),
      ]);
      return listDevices(realDeviceSystem);
    },
    async examine(lun, timeoutMs) {
      const time = sharedTime(clock, timeoutMs);
      if (lun.scsi) return (await import('../../lun/examine-unit.ts')).examineUnit(lun, time);
      const [{ examineDevice }, { realDeviceSystem }] = await Promise.all([
        import('../../lun/examine-device.ts'),
        import('../../lun/device-system.ts'),
      ]);
      return examineDevice(realDeviceSystem, lun.path);
    },
    readReservations: async (lun, timeoutMs) =>
      (await import('../../lun/reservations.ts')).readReservations(lun, { timeoutMs }),
    changeReservations: async (lun, change, timeoutMs) =>
      (await import('../../lun/reservations.ts')).changeReservations(lun, change, { timeoutMs }),
    zeroBlocksOf: async (lun, blockSize, timeoutMs) =>
      (await import('../../lun/zero-blocks.ts')).zeroBlocksOf(lun, blockSize, { timeoutMs }),
    close: () => opener.close(),
  };
}

/** An ISID for each key (RFC 7143 11.12.5, random format): the same key on the same host comes as the same port. */
function portOf(initiatorName: string, reservationKey: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(`${initiatorName} ${reservationKey}`).digest().subarray(0, 6));
}
