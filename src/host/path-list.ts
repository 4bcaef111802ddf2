import { LunError, type IoOptions, type Lun, type LunCapacity, type LunOpener } from '../lun/lun.ts';
import { CommandError } from './command-error.ts';
import { escapeText } from './escape-text.ts';
import { proveCommandDevice, type ProvenDevice } from './label-check.ts';

export interface PathListParts {
  readonly array: string;
  readonly serial: string;
  readonly paths: readonly string[];
  readonly opener: LunOpener;
  /** Blocks are signed: the challenge is read with each label. */
  readonly signingKey?: unknown;
}

export interface ProvenPath extends ProvenDevice {
  readonly path: string;
  /** Closes the LUN and moves on to the next path; does nothing where another call has done so already. */
  giveUp(): void;
}

/** The paths to one array's command devices, and which of them is in use. Shared by all calls of a client. */
export interface PathList {
  /**
   * Opens the path in use where it is not open, and reads its label. Rejects with `CommandError`; the next call tries
   * the next path then.
   */
  prove(options: IoOptions): Promise<ProvenPath>;
  close(): Promise<void>;
}

interface OpenPath {
  readonly lun: Promise<Lun>;
  /** Asked for once for each opening. */
  capacity: LunCapacity | undefined;
}

export function createPathList(parts: PathListParts): PathList {
  const { array, serial, paths, opener } = parts;
  const open: (OpenPath | undefined)[] = paths.map(() => undefined);
  let current = 0;

  function giveUp(at: number, entry: OpenPath): void {
    if (open[at] !== entry) return;
    open[at] = undefined;
    if (current === at) current = (at + 1) % paths.length;
    void closeQuietly(entry.lun);
  }

  return {
    async prove(options) {
      const at = current;
      const path = paths[at];
      if (path === undefined) throw new CommandError('no-path', array, `${array} has no path to a command device`);
      const entry = (open[at] ??= { lun: opener.open(path, options), capacity: undefined });
      try {
        const lun = await entry.lun;
        entry.capacity ??= await lun.capacity(options);
        const expected = { array, serial, signing: parts.signingKey !== undefined };
        const proven = await proveCommandDevice(lun, expected, options, entry.capacity);
        return { ...proven, path, giveUp: () => giveUp(at, entry) };
      } catch (error) {
        giveUp(at, entry);
        throw error instanceof LunError ? pathFailure(array, path, error) : error;
      }
    },
    async close() {
      const luns = open.splice(0, open.length, ...paths.map(() => undefined));
      await Promise.all(luns.flatMap((entry) => (entry ? [closeQuietly(entry.lun)] : [])));
    },
  };
}

/** What a LUN's failure means to a command: the path is of no use, or must not be used. */
export function pathFailure(array: string, path: string, error: LunError): CommandError {
  const kind = error.kind === 'refused-for-safety' ? 'refused-for-safety' : 'no-path';
  const message = escapeText(error.message);
  return new CommandError(kind, array, message.includes(path) ? message : `${path}: ${message}`, {
    path,
    cause: error,
  });
}

async function closeQuietly(opening: Promise<Lun>): Promise<void> {
  try {
    await (await opening).close();
  } catch {
    // It is given up because it failed; that it fails to close as well says nothing new.
  }
}
