import type { ZeroBlocks } from '../../lun/zero-blocks.ts';
import { CliError, usageError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { isPath, type OpenLun } from '../lun-selector.ts';
import { fileEndpoint, inWords, lunEndpoint, type Destination, type Endpoint } from './endpoint.ts';

export type End =
  | { readonly kind: 'lun'; readonly selector: string }
  | { readonly kind: 'file'; readonly path: string };

/**
 * What a person means: `/dev/...`, `iscsi://...` and ARRAY/NAME are LUNs; a path that begins with `/`, `./` or `../`, a name without
 * a slash, and `file:PATH` are files.
 */
export function parseEnd(text: string): End {
  if (text === '-') {
    const next = 'cdctl lun read LUN --output -, cdctl lun write LUN --input -; a file of that name is ./-';
    throw usageError('- is no end of a copy or comparison', 'both ends are read or written at any place', next);
  }
  if (text.startsWith('file:')) return { kind: 'file', path: text.slice('file:'.length) };
  if (text.startsWith('/dev/') || text.startsWith('iscsi://')) return { kind: 'lun', selector: text };
  if (isPath(text) || /^\.{1,2}\//.test(text) || !text.includes('/')) return { kind: 'file', path: text };
  return { kind: 'lun', selector: text };
}

export interface OpenedLun {
  readonly end: Destination;
  readonly open: OpenLun;
}

export async function openLunEnd(context: CommandContext, open: OpenLun): Promise<OpenedLun> {
  const { timeoutMs } = context;
  const { blockSize, blockCount } = await open.lun.capacity({ timeoutMs });
  const zero: ZeroBlocks = await open.access.zeroBlocksOf(open.lun, blockSize, timeoutMs);
  // What is copied stays the same however often it is written, and the destination is nobody else's meanwhile.
  return { end: lunEndpoint({ open, blockSize, blockCount, zero, timeoutMs, repeatable: true }), open };
}

/** Opens a file to be read for the time of `use`. */
export async function withFileEnd<T>(
  context: CommandContext,
  path: string,
  use: (end: Endpoint) => Promise<T>,
): Promise<T> {
  const file = await inWords(path, 'read', () => context.services.files.open(path));
  try {
    return await use(fileEndpoint(path, file));
  } finally {
    await file.close();
  }
}

/** One unit by two paths would be copied onto itself. Throws `unsafe`. */
export async function refuseSameLun(from: OpenLun, to: OpenLun, sameName: boolean, timeoutMs: number): Promise<void> {
  const [one, other] = [await from.lun.identify({ timeoutMs }), await to.lun.identify({ timeoutMs })];
  const samePath = from.lun.path === to.lun.path;
  const sameUnit = one.worldWideName !== '' && one.worldWideName === other.worldWideName && one.serial === other.serial;
  if (!samePath && (!sameUnit || sameName)) return;
  throw new CliError('unsafe', {
    what: 'source and destination are the same LUN',
    where: to.lun.path,
    why: samePath
      ? 'both have the same path'
      : `both have the world wide name ${one.worldWideName} and serial ${one.serial}`,
    next: samePath ? 'name two LUNs' : 'name two LUNs; where two devices bear one name all the same, give --same-name',
  });
}

/** When a transfer must be through; `--timeout` is for each single command. */
export function deadlineOf(context: CommandContext, deadlineMs: number | undefined): () => boolean {
  if (deadlineMs === undefined) return () => false;
  const { clock } = context.services;
  const until = clock.monotonicMs() + deadlineMs;
  return () => clock.monotonicMs() >= until;
}

/** A file's last block, filled with zeros. */
export function padded(end: Endpoint, unit: number): Endpoint {
  const byteLength = Math.ceil(end.byteLength / unit) * unit;
  return {
    ...end,
    byteLength,
    async read(offset, length) {
      const there = Math.max(0, Math.min(length, end.byteLength - offset));
      if (there === length) return end.read(offset, length);
      const bytes = new Uint8Array(length);
      if (there > 0) bytes.set(await end.read(offset, there));
      return bytes;
    },
  };
}

export function notWholeBlocks(name: string, byteLength: number, unit: number): Error {
  return usageError(
    `${byteLength} bytes of ${name} are no whole number of blocks`,
    `a block has ${unit} bytes`,
    'give a file of whole blocks, or --pad',
  );
}
