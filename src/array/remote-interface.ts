import { isPathLoss, LunError, type Lun, type LunOpener, type OpenOptions, type PassThrough } from '../lun/lun.ts';
import type { RemoteDescription } from './description.ts';
import { HostPorts, type HostPort } from './far/host-ports.ts';

/** The remote interface: LUNs of other arrays, reached by this array's own initiator. */
export interface RemoteInterface {
  /** Opens once and keeps it; the LUN's unit serial must name the array and the LUN. Rejects with `LunError`. */
  open(serial: string, lun: number): Promise<Lun>;
  /**
   * Opens the LUN, for whoever calls alone, in the session that belongs to this host (`far/host-ports.ts`). It fails for good once the
   * connection is lost. Rejects with `LunError`, or with `ScsiFault` where there is no room for more hosts.
   */
  openFor(nexus: string, serial: string, lun: number): Promise<Lun>;
  /** The host is gone: a new one of this name waits until what was opened for it is closed. */
  hostLost(nexus: string): void;
  /** Forgets an open LUN whose path has failed, so that the next `open` starts anew. */
  forget(serial: string, lun: number): void;
  /** Cuts or restores the link to an array: what a drill calls a lost line. */
  setLink(serial: string, state: 'up' | 'down'): void;
  linkState(serial: string): 'up' | 'down';
  close(): Promise<void>;
}

/** The unit serial number that every array of this kind gives a LUN. */
export function unitSerial(arraySerial: string, lun: number): string {
  return `${arraySerial}-${lun.toString(16).padStart(4, '0').toUpperCase()}`;
}

const OPEN_TIMEOUT_MS = 5000;

export function createRemoteInterface(opener: LunOpener, remotes: () => readonly RemoteDescription[]): RemoteInterface {
  const open = new Map<string, Promise<Lun>>();
  const down = new Set<string>();
  const ports = new HostPorts();

  const requireLink = (serial: string): void => {
    if (down.has(serial)) throw new LunError('no-path', serial, `the link to array ${serial} is down`);
  };

  async function openThroughAnyPortal(serial: string, lun: number, port?: HostPort): Promise<Lun> {
    const remote = remotes().find((candidate) => candidate.serial === serial);
    if (!remote) throw new LunError('no-path', serial, `no remote array ${serial} is registered here`);
    let failure: unknown;
    for (const portal of inOrder(remote.portals, port?.portal)) {
      // Elsewhere only where there is no session any more: a second one with the same ISID would end it.
      if (port?.portal !== undefined && portal !== port.portal && !isPathLoss(failure)) break;
      try {
        const options = port ? { initiatorPort: port.isid } : { steadfast: true };
        const opened = await openChecked(opener, `${portal}/${lun}`, unitSerial(serial, lun), options);
        if (port) port.portal = portal;
        return opened;
      } catch (error) {
        failure = error;
      }
    }
    throw failure ?? new LunError('no-path', serial, `remote array ${serial} has no portal`);
  }

  const forget = (serial: string, lun: number): void => {
    const key = unitSerial(serial, lun);
    const opened = open.get(key);
    open.delete(key);
    opened?.then((opening) => opening.close()).catch(() => undefined);
  };

  return {
    async open(serial, lun) {
      requireLink(serial);
      const key = unitSerial(serial, lun);
      let opened = open.get(key);
      if (!opened) {
        opened = openThroughAnyPortal(serial, lun);
        open.set(key, opened);
        opened.catch(() => open.delete(key));
      }
      return guarded(await opened, () => down.has(serial));
    },
    async openFor(nexus, serial, lun) {
      requireLink(serial);
      const port = await ports.take(nexus, serial);
      try {
        const opened = await openThroughAnyPortal(serial, lun, port);
        const close = (): Promise<void> => opened.close().finally(() => port.release());
        return { ...guarded(opened, () => down.has(serial)), close };
      } catch (error) {
        port.release();
        throw error;
      }
    },
    hostLost: (nexus) => ports.end(nexus),
    forget,
    setLink(serial, state) {
      if (state === 'up') down.delete(serial);
      else down.add(serial);
    },
    linkState: (serial) => (down.has(serial) ? 'down' : 'up'),
    async close() {
      const opened = [...open.values()];
      open.clear();
      await Promise.allSettled(opened.map(async (lun) => (await lun).close()));
    },
  };
}

/** The portal at which the host's session is comes first. */
function inOrder(portals: readonly string[], first: string | undefined): readonly string[] {
  return first === undefined ? portals : [first, ...portals.filter((portal) => portal !== first)];
}

async function openChecked(
  opener: LunOpener,
  path: string,
  expectedSerial: string,
  options: OpenOptions = {},
): Promise<Lun> {
  const lun = await opener.open(path, { ...options, timeoutMs: OPEN_TIMEOUT_MS });
  try {
    const identity = await lun.identify({ timeoutMs: OPEN_TIMEOUT_MS });
    if (identity.serial === expectedSerial) return lun;
    const message = `${path} is unit ${identity.serial || 'without a serial'}, expected ${expectedSerial}`;
    throw new LunError('refused-for-safety', path, message);
  } catch (error) {
    await lun.close().catch(() => undefined);
    throw error;
  }
}

/** The same LUN, failing at once while the link is cut. */
function guarded(lun: Lun, isDown: () => boolean): Lun {
  const check = (): void => {
    if (isDown()) throw new LunError('no-path', lun.path, 'the link to the array is down');
  };
  const through = async <T>(call: () => Promise<T>): Promise<T> => {
    check();
    const result = await call();
    check();
    return result;
  };
  return {
    path: lun.path,
    identify: (options) => through(() => lun.identify(options)),
    capacity: (options) => through(() => lun.capacity(options)),
    read: (lba, blockCount, options) => through(() => lun.read(lba, blockCount, options)),
    write: async (lba, data, options) => {
      check();
      await lun.write(lba, data, options);
    },
    flush: (options) => through(() => lun.flush(options)),
    close: async () => undefined,
    ...(lun.scsi && { scsi: { execute: (request) => through(() => lun.scsi!.execute(request)) } }),
    ...(lun.passThrough && { passThrough: guardedPassThrough(lun.passThrough, check, through) }),
  };
}

/** What was sent is answered, also where the link was cut meanwhile: the far unit has done it. */
function guardedPassThrough(
  way: PassThrough,
  check: () => void,
  through: <T>(call: () => Promise<T>) => Promise<T>,
): PassThrough {
  return {
    async execute(request) {
      if (request.dataInLength > 0) return through(() => way.execute(request));
      check();
      return way.execute(request);
    },
    async resetUnit(options) {
      check();
      await way.resetUnit(options);
    },
  };
}
