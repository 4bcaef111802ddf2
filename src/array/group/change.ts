import { JOURNAL_BLOCK_SIZE } from '../journal/geometry.ts';
import type { JournalRecord } from '../journal/record.ts';
import type { Volume } from '../store/volume.ts';

/** What a host, or a journal record, does to a range of a volume; bytes. Without data the range is deallocated. */
export interface VolumeChange {
  readonly offset: number;
  readonly length: number;
  readonly data?: Uint8Array;
  /** A write that is done wholly or not at all, also where a power cut comes in between. */
  readonly atomic?: true;
}

export function writeOf(offset: number, data: Uint8Array): VolumeChange {
  return { offset, length: data.length, data };
}

/** Whether the range of a record lies in a volume: records come from the other array, or from a disk. */
export function fitsVolume(record: Pick<JournalRecord, 'lba' | 'length'>, volume: Pick<Volume, 'byteLength'>): boolean {
  return (record.lba + record.length) * JOURNAL_BLOCK_SIZE <= volume.byteLength;
}

/** Throws where the record does not fit the volume: nothing of it may be carried out. */
export function changeOf(record: JournalRecord, data: Uint8Array, volume: Pick<Volume, 'byteLength'>): VolumeChange {
  if (!fitsVolume(record, volume)) {
    throw new Error(
      `record ${record.sequence} changes ${record.length} blocks from ${record.lba}, beyond the end of the volume`,
    );
  }
  const offset = record.lba * JOURNAL_BLOCK_SIZE;
  const length = record.length * JOURNAL_BLOCK_SIZE;
  return record.kind === 'write' ? { offset, length, data } : { offset, length };
}

/** Must be awaited before `applyChange`; undefined where nothing has to be waited for. */
export function announceChange(volume: Volume, change: VolumeChange): Promise<void> | undefined {
  const conflict = volume.atomic?.conflict(change.offset, change.length);
  if (conflict) return conflict.then(() => announceChange(volume, change));
  return change.data ? volume.announce(change.offset, change.length) : undefined;
}

/** For what a journal or a difference map still knows: `flush` says whether it arrived. */
export function applyChange(volume: Volume, change: VolumeChange): void {
  if (change.data) void volume.write(change.offset, change.data);
  else void volume.deallocate(change.offset, change.length);
}

/** After a restart, before hosts may read. */
export async function redoChange(volume: Volume, change: VolumeChange): Promise<void> {
  const wait = announceChange(volume, change);
  if (wait) await wait;
  applyChange(volume, change);
}

/** For what nobody else knows: undefined, or to be awaited before the change is acknowledged. */
export function storeChange(volume: Volume, change: VolumeChange): Promise<void> | undefined {
  if (change.data) return volume.write(change.offset, change.data, true);
  return volume.deallocate(change.offset, change.length, true);
}

/**
 * For an atomic write that no journal record covers; does what `announceChange` is for by itself. False where it was not
 * `permitted` any more when the volume would have taken it.
 */
export function storeAtomically(
  volume: Volume,
  { offset, data }: VolumeChange,
  permitted: () => boolean,
): Promise<boolean> {
  if (!volume.atomic || !data) throw new Error(`${volume.description.name} has no atomic writes`);
  return volume.atomic.write(offset, data, permitted);
}

/** What a reader of `target`, which lies at `offset` of the volume, sees of a change that the volume does not have yet. */
export function overlayChange(change: VolumeChange, target: Uint8Array, offset: number): void {
  const from = Math.max(offset, change.offset);
  const to = Math.min(offset + target.length, change.offset + change.length);
  if (from >= to) return;
  if (change.data) target.set(change.data.subarray(from - change.offset, to - change.offset), from - offset);
  else target.fill(0, from - offset, to - offset);
}
