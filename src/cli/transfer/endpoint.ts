import { LunError } from '../../lun/lun.ts';
import type { ZeroBlocks } from '../../lun/zero-blocks.ts';
import { CliError } from '../cli-error.ts';
import type { OpenLun } from '../lun-selector.ts';
import type { FileImage, FileSource } from '../services.ts';

/** One end of a copy or comparison: bytes by their place, whatever holds them. */
export interface Endpoint {
  /** As the operator named it. */
  readonly name: string;
  readonly byteLength: number;
  /** Places and lengths are multiples of this; 1 in a file. */
  readonly unit: number;
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Bytes from `offset` on that are of one kind: known to be zeros without reading them, or not. Absent: nothing is known. */
  runAt?(offset: number): Promise<{ readonly zeros: boolean; readonly length: number }>;
}

export interface Destination extends Endpoint {
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Makes them zeros without sending them; absent where that has to be written out. */
  writeZeros?(offset: number, length: number): Promise<void>;
  /** Everything written before is durable when this resolves. */
  flush(): Promise<void>;
  /** Changes whenever what was written and not flushed may have been lost, without any write or flush failing. */
  interruptions?(): number;
}

export interface LunEndpointParts {
  readonly open: OpenLun;
  readonly blockSize: number;
  readonly blockCount: number;
  readonly zero: ZeroBlocks;
  /** Of one command. */
  readonly timeoutMs: number;
  /** See `WriteOptions`. */
  readonly repeatable: boolean;
}

export function lunEndpoint(parts: LunEndpointParts): Destination {
  const { open, blockSize, blockCount, zero, timeoutMs, repeatable } = parts;
  const { lun, selector } = open;
  const options = { timeoutMs };
  const { runAt, write } = zero;
  return {
    name: selector,
    byteLength: blockSize * blockCount,
    unit: blockSize,
    read: (offset, length) => lun.read(offset / blockSize, length / blockSize, options),
    write: (offset, bytes) => lun.write(offset / blockSize, bytes, { ...options, repeatable }),
    flush: () => lun.flush(options),
    ...(lun.interruptions && { interruptions: () => lun.interruptions!() }),
    ...(runAt && {
      runAt: async (offset: number) => {
        const run = await runAt(offset / blockSize, options);
        return { zeros: run.zeros, length: run.blockCount * blockSize };
      },
    }),
    ...(write && {
      writeZeros: (offset: number, length: number) => write(offset / blockSize, length / blockSize, options),
    }),
  };
}

/** A file that is read. One that became shorter meanwhile is an error, not the end. */
export function fileEndpoint(name: string, file: FileSource): Endpoint {
  return {
    name,
    byteLength: file.byteLength,
    unit: 1,
    async read(offset, length) {
      const bytes = await inWords(name, 'read', () => file.read(offset, length));
      if (bytes.length === length) return bytes;
      throw fileError(name, 'read', `it ends at byte ${offset + bytes.length}: it became shorter meanwhile`);
    },
  };
}

/** A file that is written. `fresh`: it is all holes, so that zeros need not be written. */
export function imageEndpoint(name: string, image: FileImage, fresh: boolean): Destination {
  return {
    ...fileEndpoint(name, image),
    write: (offset, bytes) => inWords(name, 'written', () => image.write(offset, bytes)),
    flush: () => inWords(name, 'written', () => image.flush()),
    ...(fresh && { writeZeros: async () => undefined }),
  };
}

/** What the operating system says about a file is no mistake of this program. */
export async function inWords<T>(name: string, verb: 'read' | 'written', io: () => Promise<T>): Promise<T> {
  try {
    return await io();
  } catch (error) {
    if (error instanceof CliError || error instanceof LunError) throw error;
    throw fileError(name, verb, error instanceof Error ? error.message : String(error));
  }
}

function fileError(name: string, verb: 'read' | 'written', why: string): CliError {
  const full = /\bENOSPC\b|\bEDQUOT\b/.test(why);
  return new CliError('refused', {
    what: `the file cannot be ${verb}`,
    where: name,
    why,
    next: full ? 'make room, then run it again' : 'see its path, its permissions and the disk that it lies on',
  });
}
