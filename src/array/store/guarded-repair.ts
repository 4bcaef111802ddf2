import type { Storage, StorageFile } from '../../base/storage.ts';
import { GuardedFileError } from './guarded-file.ts';
import {
  encodeSectors,
  faultOf,
  isNewer,
  newestVersion,
  PIECE,
  readGuardedFile,
  SECTOR,
  type GuardedPiece,
} from './guarded-sectors.ts';

/**
 * Must be awaited before a guarded file that may have been written is opened: what a killed process has left of it in the page cache is
 * durable then, and stands twice, which the opened file takes for granted. Sectors that have rotted, or that a power cut has torn, are
 * written again. Rejects with `GuardedFileError` where that cannot be done; what is lost is left for `openGuardedFile` to refuse.
 */
export async function settleGuardedFile(storage: Storage, name: string, byteLength: number): Promise<void> {
  if (!storage.exists(name)) return;
  const file = storage.open(name);
  try {
    await file.flush();
    if (repair(file, byteLength)) await file.flush();
  } catch (error) {
    throw new GuardedFileError(`${name}: what it holds cannot be made durable: ${String(error)}`, { cause: error });
  } finally {
    file.close();
  }
}

/** Whether anything was written. */
function repair(file: StorageFile, byteLength: number): boolean {
  const { content, pieces } = readGuardedFile(file, byteLength);
  return pieces
    .map((piece, number) => repairPiece(file, piece, content.subarray(number * PIECE, (number + 1) * PIECE)))
    .includes(true);
}

/** Damaged sectors take the newest version, and where it then stands once the oldest one does; the newest is durable meanwhile. */
function repairPiece(file: StorageFile, piece: GuardedPiece, content: Uint8Array): boolean {
  const newest = newestVersion(piece.versions);
  if (newest === 0 || faultOf(piece)) return false;
  const damaged = [...piece.invalid, ...piece.unreadable];
  const others = [0, 1, 2].filter((copy) => piece.versions[copy] !== newest && !damaged.includes(copy));
  const older = others.toSorted((left, right) => (isNewer(piece.versions[left]!, piece.versions[right]!) ? 1 : -1));
  const standing = 3 - damaged.length - others.length;
  const sector = encodeSectors(content, newest, 1);
  let stands = standing;
  let failure: unknown;
  for (const copy of [...damaged, ...older]) {
    if (stands > 1 && !damaged.includes(copy)) continue;
    try {
      file.write(sector, piece.at + copy * SECTOR);
      stands += 1;
    } catch (error) {
      failure = error;
    }
  }
  if (stands < 2) throw failure;
  return stands > standing;
}
