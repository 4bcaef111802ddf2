import { hostname } from 'node:os';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
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
  const opener = createLunOpener({
    transport: createTcpTransport(),
    clock,
    random,
    initiatorName: initiatorName(),
    credentials: (user) => {
      const secret = settings.secrets.get(user);
      return secret === undefined ? undefined : { name: user, secret };
    },
    openBlockDevice: async (path, options) => {
      const { openBlockDevice } = await import('../../lun/block-device.ts');
      return openBlockDevice({ clock }, path, options);
    },
  });
  return {
    opener,
    reportLuns: (portal, timeoutMs) => opener.reportLuns(portal, { timeoutMs }),
    close: () => opener.close(),
  };
}

/** RFC 7143 4.2.7.1 allows lower-case letters, digits, "-", "." and ":". */
function initiatorName(): string {
  return `iqn.2026-11.io.cdctl:host.${hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]/g, '-')}`;
}
