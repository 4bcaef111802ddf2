import type { Lun } from '../../lun/lun.ts';
import { CliError } from '../cli-error.ts';
import type { Expected, Ledger } from './ledger.ts';
import { equalBytes, readStamp, STAMP_BYTES, stampBytes, type Region } from './stamp.ts';

/** What a comparison of the stamped blocks found. */
export interface BlockProof {
  /** Places that were compared byte for byte with the last write acknowledged for them. */
  readonly compared: number;
  /** Places that hold a later write instead, which arrived although its acknowledgement never reached the host. */
  readonly unacknowledged: number;
}

export interface ProofParts {
  readonly run: string;
  readonly ledger: Ledger;
  readonly regions: readonly Region[];
  /** Array that is examined. */
  readonly array: string;
  /** Volumes of that array, one for each region. */
  readonly luns: readonly Lun[];
  readonly timeoutMs: number;
}

/** Every acknowledged write must be there, or a later one of the same run in its place; throws `CliError` else. */
export async function proveBlocks(parts: ProofParts): Promise<BlockProof> {
  const expected = parts.ledger.expected();
  let compared = 0;
  let unacknowledged = 0;
  for (const [index, region] of parts.regions.entries()) {
    const bytes = await readRegion(parts.luns[index]!, region, parts.timeoutMs);
    for (let slot = 0; slot < region.slots; slot++) {
      const block = bytes.subarray(slot * STAMP_BYTES, (slot + 1) * STAMP_BYTES);
      const wanted = expected[index]!.get(slot);
      if (wanted && equalBytes(block, stampBytes({ run: parts.run, ...wanted }, wanted))) compared += 1;
      else if (isLater(block, parts.run, { region: index, slot, sequence: wanted?.sequence ?? 0 })) unacknowledged += 1;
      else if (wanted) throw lost(parts.array, region, wanted, block);
    }
  }
  return { compared, unacknowledged };
}

const READ_BYTES = 256 * 1024;

async function readRegion(lun: Lun, region: Region, timeoutMs: number): Promise<Uint8Array> {
  const { blockSize } = await lun.capacity({ timeoutMs });
  const bytes = new Uint8Array(region.slots * STAMP_BYTES);
  for (let at = 0; at < bytes.length; at += READ_BYTES) {
    const length = Math.min(READ_BYTES, bytes.length - at);
    bytes.set(await lun.read((region.offset + at) / blockSize, length / blockSize, { timeoutMs }), at);
  }
  return bytes;
}

function isLater(block: Uint8Array, run: string, than: Pick<Expected, 'region' | 'slot' | 'sequence'>): boolean {
  const found = readStamp(block);
  if (found?.run !== run) return false;
  return found.region === than.region && found.slot === than.slot && found.sequence > than.sequence;
}

function lost(array: string, region: Region, wanted: Expected, block: Uint8Array): CliError {
  const found = readStamp(block);
  return new CliError(
    'does-not-hold',
    {
      what: `${array} does not hold write ${wanted.sequence} of the host at ${wanted.site}`,
      where: `volume ${region.volume}, byte ${region.offset + wanted.slot * STAMP_BYTES}`,
      why: found ? `write ${found.sequence} stands in its place` : 'no whole stamped block stands in its place',
      next: 'this must never happen: keep the output and report it',
    },
    { array, wanted, found },
  );
}

/** A host of a volume that has become auxiliary must not be able to write; resolves with what it was told. */
export async function proveRefusesWrites(array: string, lun: Lun, timeoutMs: number): Promise<string> {
  const { blockSize } = await lun.capacity({ timeoutMs });
  const first = await lun.read(0, 1, { timeoutMs });
  const answer = await lun.write(0, first.slice(0, blockSize), { timeoutMs }).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (answer instanceof Error && 'kind' in answer && answer.kind === 'write-protected') return answer.message;
  throw new CliError('does-not-hold', {
    what: `${array} did not refuse a host write as write-protected`,
    where: lun.path,
    why: answer instanceof Error ? answer.message : 'the write was accepted',
    next: 'this must never happen: keep the output and report it',
  });
}
