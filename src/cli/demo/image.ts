import { createHash } from 'node:crypto';
import type { Lun } from '../../lun/lun.ts';
import { CliError } from '../cli-error.ts';
import type { FileSource } from '../services.ts';

/** A file on a volume: its bytes from block 0 on, the last block filled with zeros. */

const CHUNK_BYTES = 256 * 1024;
/** Commands in flight. */
const DEPTH = 8;

export interface ImageOptions {
  readonly timeoutMs: number;
  readonly stop: AbortSignal;
  /** Bytes done so far. */
  readonly progress: (bytes: number) => void;
}

/** Writes the first `byteLength` bytes of the file and flushes; resolves with their SHA-256 as the file gave them. */
export async function writeImage(
  file: FileSource,
  byteLength: number,
  lun: Lun,
  options: ImageOptions,
): Promise<string> {
  const { blockSize } = await lun.capacity(options);
  const hash = createHash('sha256');
  const inFlight: Promise<void>[] = [];
  for (let at = 0; at < byteLength; at += CHUNK_BYTES) {
    options.stop.throwIfAborted();
    const bytes = await readExactly(file, at, Math.min(CHUNK_BYTES, byteLength - at));
    hash.update(bytes);
    if (inFlight.length >= DEPTH) await inFlight.shift();
    const written = lun.write(at / blockSize, padded(bytes, blockSize), options);
    // Awaited in its turn; until then a failure must not count as unhandled.
    written.catch(() => undefined);
    inFlight.push(written);
    options.progress(at + bytes.length);
  }
  for (const written of inFlight) await written;
  await lun.flush(options);
  return hash.digest('hex');
}

async function readExactly(file: FileSource, offset: number, length: number): Promise<Uint8Array> {
  const bytes = await file.read(offset, length);
  if (bytes.length === length) return bytes;
  throw new CliError('usage', {
    what: 'the file became shorter while it was read',
    why: `${offset + bytes.length} bytes are left of it`,
    next: 'give a file that nobody writes to',
  });
}

function padded(bytes: Uint8Array, blockSize: number): Uint8Array {
  const rest = bytes.length % blockSize;
  if (rest === 0) return bytes;
  const whole = new Uint8Array(bytes.length + blockSize - rest);
  whole.set(bytes);
  return whole;
}

/** Reads the bytes back from the volume; resolves with their SHA-256. */
export async function hashImage(byteLength: number, lun: Lun, options: ImageOptions): Promise<string> {
  const { blockSize } = await lun.capacity(options);
  const hash = createHash('sha256');
  const inFlight: Promise<Uint8Array>[] = [];
  let asked = 0;
  for (let done = 0; done < byteLength; done += CHUNK_BYTES) {
    options.stop.throwIfAborted();
    for (; asked < byteLength && inFlight.length < DEPTH; asked += CHUNK_BYTES) {
      const blocks = Math.ceil(Math.min(CHUNK_BYTES, byteLength - asked) / blockSize);
      const read = lun.read(asked / blockSize, blocks, options);
      read.catch(() => undefined);
      inFlight.push(read);
    }
    hash.update((await inFlight.shift()!).subarray(0, byteLength - done));
    options.progress(Math.min(byteLength, done + CHUNK_BYTES));
  }
  return hash.digest('hex');
}
