import type { Storage } from '../../base/storage.ts';
import { JOURNAL_BLOCK_SIZE } from '../journal/geometry.ts';
import { recordIfReadable } from '../journal/journal-reader.ts';
import type { JournalVolume } from '../journal/journal-volume.ts';
import { localLun, type GroupState, type PairState } from '../store/array-state.ts';
import { chunkBytesFor, openChunkMap, type ChunkMap } from '../store/chunk-map.ts';
import { GuardedFileError, openGuardedFile } from '../store/guarded-file.ts';
import { settleGuardedFile } from '../store/guarded-repair.ts';
import { isBlank, readGuardedFile } from '../store/guarded-sectors.ts';
import type { Volume } from '../store/volume.ts';
import { fitsVolume, type VolumeChange } from './change.ts';

/** The difference maps of a group: for each pair, the chunks that the peer does not have. */
export interface DifferenceMaps {
  /** Opened when first asked for: a host may write to a pair the moment it has been added. */
  readonly of: (slot: number) => ChunkMap;
  /** At the start: what a killed process has left of the map is durable when it resolves. */
  readonly open: (slot: number) => Promise<void>;
  /**
   * The far side may form its half of a pair after it has passed over, and had purged, records of it: until it is said
   * to be copied, its map names what was stored.
   */
  noteCopying(pair: PairState, change: VolumeChange): void;
  /** Marks the chunks of the records behind `from` up to number `to`; all of them where the journal cannot be read. */
  markRecords(from: number, to: number): Promise<void>;
  /** Of a pair that is no more. A file that cannot be removed is in nobody's way: whoever forms the pair anew makes it anew. */
  readonly drop: (slot: number) => Promise<void>;
  close(): void;
}

export function differenceFileName(group: string, slot: number): string {
  return `differences-${Buffer.from(group, 'utf8').toString('hex')}-${slot}`;
}

/** Of a pair that the tables do not name any more: what follows must not depend on it. */
export async function removeDifferences(
  storage: Storage,
  group: string,
  slot: number,
  log: (text: string) => void,
): Promise<void> {
  const name = differenceFileName(group, slot);
  await storage.remove(name).catch((error: unknown) => log(`${name} could not be removed: ${String(error)}`));
}

function openMap(storage: Storage, group: string, slot: number, volume: Volume): ChunkMap {
  const file = openGuardedFile(storage.open(differenceFileName(group, slot)), mapBytesOf(volume));
  return openChunkMap(file, { volumeBytes: volume.byteLength, chunkBytes: chunkBytesFor(volume.byteLength) });
}

function mapBytesOf({ byteLength }: Volume): number {
  return Math.ceil(byteLength / chunkBytesFor(byteLength) / 8);
}

/**
 * Makes the difference map of a pair to come: every chunk that the volume has, or none where the volumes are declared
 * equal. Durable when it resolves.
 */
export async function prepareDifferences(
  storage: Storage,
  pair: { readonly group: string; readonly slot: number; readonly noCopy: boolean },
  volume: Volume,
): Promise<void> {
  // Of a pair that was dissolved half-way: nobody needs to be able to read it.
  const name = differenceFileName(pair.group, pair.slot);
  if (storage.exists(name)) await storage.remove(name);
  const map = openMap(storage, pair.group, pair.slot, volume);
  await map.clearAll();
  if (!pair.noCopy) await map.union(volume.allocatedBits());
  map.close();
}

/** All of a map is durable before the tables have its pair: an empty one in its place would leave out of a resync what differs. */
function refuseLostMap(storage: Storage, name: string, mapBytes: number): void {
  if (!storage.exists(name)) throw new GuardedFileError(`${name}: the difference map is not there`);
  const file = storage.open(name);
  try {
    const lost = readGuardedFile(file, mapBytes).pieces.find((piece) => isBlank(piece));
    if (lost) throw new GuardedFileError(`${name}: what stood at byte ${lost.at} is gone`);
  } finally {
    file.close();
  }
}

export function createDifferenceMaps(parts: {
  readonly group: string;
  readonly storage: Storage;
  readonly journal: JournalVolume;
  readonly state: () => GroupState;
  readonly volume: (lun: number) => Volume;
  readonly log: (text: string) => void;
}): DifferenceMaps {
  const { storage, state } = parts;
  const maps = new Map<number, ChunkMap>();

  const volumeOf = (pair: PairState): Volume => parts.volume(localLun(state(), pair));

  function pairIn(slot: number): PairState {
    const pair = state().pairs.find((candidate) => candidate.slot === slot);
    if (!pair) throw new Error(`group ${parts.group} has no pair in slot ${slot}`);
    return pair;
  }

  function of(slot: number): ChunkMap {
    const pair = pairIn(slot);
    const map = maps.get(slot) ?? openMap(storage, parts.group, slot, volumeOf(pair));
    maps.set(slot, map);
    return map;
  }

  /** The journal cannot be read any more: only a full copy is known to be right. */
  async function markEverything(): Promise<void> {
    for (const pair of state().pairs) await of(pair.slot).mark(0, volumeOf(pair).byteLength);
  }

  return {
    of,
    async open(slot) {
      const mapBytes = mapBytesOf(volumeOf(pairIn(slot)));
      const name = differenceFileName(parts.group, slot);
      refuseLostMap(storage, name, mapBytes);
      await settleGuardedFile(storage, name, mapBytes);
      of(slot);
    },
    noteCopying(pair, change) {
      if (pair.progress === 'copy') of(pair.slot).note(change.offset, change.length);
    },
    async markRecords(from, to) {
      for (let sequence = from + 1; sequence <= to; sequence += 1) {
        const record = recordIfReadable(parts.journal, sequence)?.record;
        if (!record) return markEverything();
        const { slot, lba, length } = record;
        const pair = state().pairs.find((candidate) => candidate.slot === slot);
        if (!pair) continue;
        if (!fitsVolume(record, volumeOf(pair))) return markEverything();
        await of(slot).mark(lba * JOURNAL_BLOCK_SIZE, length * JOURNAL_BLOCK_SIZE);
      }
    },
    async drop(slot) {
      maps.get(slot)?.close();
      maps.delete(slot);
      await removeDifferences(storage, parts.group, slot, parts.log);
    },
    close() {
      maps.forEach((map) => map.close());
    },
  };
}
