import { isAllZero } from '../../base/bytes.ts';
import type { ArrayCore } from '../core.ts';
import { JOURNAL_BLOCK_SIZE } from '../journal/geometry.ts';
import type { JournalVolume } from '../journal/journal-volume.ts';

const PIECE_BLOCKS = (1024 * 1024) / JOURNAL_BLOCK_SIZE;

export interface FreeJournals {
  /** All journal volumes of the array, by LUN. */
  readonly journals: ReadonlyMap<number, JournalVolume>;
  /** Its `exclusive`: forming pairs, one at a time. */
  readonly core: Pick<ArrayCore, 'store' | 'exclusive'>;
}

/**
 * A volume that was in a pair has left its data in a journal. Which journals that were cannot be told any more, so every one that
 * no group uses is overwritten with zeros where it holds anything, durably. LUNs of those that are used, and so left as they are.
 *
 * `advance` resolves to false where the array stops.
 */
export async function eraseFreeJournals(
  { journals, core }: FreeJournals,
  advance: () => Promise<boolean>,
): Promise<number[] | 'stopped'> {
  const isUsed = (lun: number): boolean => core.store.state().groups.some((group) => group.localJournalLun === lun);
  const left: number[] = [];
  for (const [lun, journal] of journals) {
    const { headLba, endLba } = journal.geometry;
    let isFree = !isUsed(lun);
    for (let lba = headLba; isFree && lba < endLba; lba += PIECE_BLOCKS) {
      const blockCount = Math.min(PIECE_BLOCKS, endLba - lba);
      // One that comes into use meanwhile must keep what is stored from then on.
      isFree = await core.exclusive.run(async () => !isUsed(lun) && erase(journal, lba, blockCount));
      if (!(await advance())) return 'stopped';
    }
    if (isFree) await journal.flush();
    else left.push(lun);
  }
  return left;
}

/** Room that was never used stays so. */
function erase(journal: JournalVolume, lba: number, blockCount: number): true {
  const bytes = journal.readBlocks(lba, blockCount);
  if (!isAllZero(bytes)) journal.writeBlocks(lba, bytes.fill(0));
  return true;
}
