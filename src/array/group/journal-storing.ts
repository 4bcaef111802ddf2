import type { Clock } from '../../base/clock.ts';
import { JOURNAL_BLOCK_SIZE } from '../journal/geometry.ts';
import type { JournalVolume } from '../journal/journal-volume.ts';
import type { Position } from '../store/array-state.ts';
import type { ByteRange } from '../store/unstored.ts';
import type { Volume } from '../store/volume.ts';
import { announceChange, applyChange, storeAtomically, overlayChange, type VolumeChange } from './change.ts';

/**
 * The journal storing section (707): the primary journal is the write-ahead log of its volumes. A write is acknowledged
 * when it stands in the journal; it reaches the volume only after the journal has become durable, so that after a power
 * cut no volume can hold a write that the journal, and with it the far array, never had. Until then reads see it here.
 */
export interface JournalStoring {
  /** Place behind the last record stored. */
  tail(): Position;
  /** Stores a write and returns true, or false where the ring has no room. Throws where the journal's storage fails. */
  append(write: VolumeWrite, kept: Position, stamp: RecordStamp): boolean;
  /** Lays the writes that the volume does not have at the moment of the call over what a read begun then gives. */
  overlay(volume: Volume, offset: number, length: number): (data: Uint8Array) => Uint8Array;
  /** Where data of a volume stand here that it does not have yet. */
  unstored(volume: Volume): readonly ByteRange[];
  /** Undefined, or what a writer waits for while too much is on its way to the volumes. */
  pressure(): Promise<void> | undefined;
  /** Everything appended before is durable when it resolves. */
  flush(): Promise<void>;
  /** Everything appended before has reached the volumes; with `journalLost` without waiting for the journal. */
  drain(options?: { journalLost: boolean }): Promise<void>;
  /** Continues behind `tail`, up to which everything is durable, with nothing on its way: after a restart or a change of role. */
  continueFrom(tail: Position): void;
}

export interface VolumeWrite {
  readonly slot: number;
  readonly volume: Volume;
  readonly change: VolumeChange;
}

export interface RecordStamp {
  readonly generation: string;
  readonly incarnation: number;
  readonly wallMs: number;
}

/** How long a write may wait for others before the journal is flushed on its behalf. */
const GATHER_MS = 10;
const PENDING_BYTES_LIMIT = 16 * 1024 * 1024;
const PENDING_WRITES_LIMIT = 2048;

const bytesOf = (change: VolumeChange): number => change.data?.length ?? 0;

/** What flushes of the journal have confirmed since the last `continueFrom`; nothing more once one of them has failed. */
interface Flushed {
  upTo: number;
  failed: boolean;
}

export function createJournalStoring(parts: {
  journal: JournalVolume;
  clock: Clock;
  /** Told when the journal could not be flushed; the writes on their way stay readable. */
  onJournalLost: (error: unknown) => void;
  readonly log: (text: string) => void;
}): JournalStoring {
  const { journal, clock } = parts;
  let tail: Position = { sequence: 0, offset: 0 };
  let flushed: Flushed = { upTo: 0, failed: false };
  let pending: VolumeWrite[] = [];
  let pendingBytes = 0;
  let scheduled = false;
  let draining: Promise<void> | undefined;

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    const gatherMs = pendingBytes > PENDING_BYTES_LIMIT / 4 ? 0 : GATHER_MS;
    clock.setTimer(gatherMs, () => {
      scheduled = false;
      drain().catch(parts.onJournalLost);
    });
  }

  async function flush(): Promise<void> {
    const of = flushed;
    const { sequence } = tail;
    try {
      await journal.flush();
    } catch (error) {
      of.failed = true;
      throw error;
    }
    if (!of.failed) of.upTo = Math.max(of.upTo, sequence);
  }

  /** One drain at a time; a caller that comes during one gets a further one, which covers its writes. */
  async function drain(options = { journalLost: false }): Promise<void> {
    while (draining) await draining.catch(() => undefined);
    if (pending.length === 0) return;
    draining = drainOnce(options.journalLost);
    try {
      await draining;
    } finally {
      draining = undefined;
    }
  }

  async function drainOnce(journalLost: boolean): Promise<void> {
    const batch = pending.slice();
    if (!journalLost) await flush();
    // One after the other: a deallocation may take away the room that was announced for a write behind it.
    for (const { volume, change } of batch) {
      const alone = journalLost && change.atomic === true && volume.atomic !== undefined;
      if (alone && (await appliedWhole(volume, change, parts.log))) continue;
      await applyWhereReachable(volume, change);
    }
    pending = pending.slice(batch.length);
    pendingBytes = pending.reduce((sum, { change }) => sum + bytesOf(change), 0);
  }

  return {
    tail: () => tail,
    append(write, kept, stamp) {
      const { change, slot } = write;
      if (!journal.hasRoom(kept, tail, bytesOf(change) / JOURNAL_BLOCK_SIZE)) return false;
      const lba = change.offset / JOURNAL_BLOCK_SIZE;
      const length = change.length / JOURNAL_BLOCK_SIZE;
      const { lun } = write.volume.description;
      const record = { slot, lun, lba, length, ...(change.data ? { data: change.data } : {}) };
      tail = journal.append(record, tail, { ...stamp, durable: flushed.upTo });
      pending.push(write);
      pendingBytes += bytesOf(change);
      schedule();
      return true;
    },
    overlay(volume, offset, length) {
      const end = offset + length;
      const lacking = pending.filter(
        (write) =>
          write.volume === volume && write.change.offset < end && write.change.offset + write.change.length > offset,
      );
      return (data) => {
        for (const write of lacking) overlayChange(write.change, data, offset);
        return data;
      };
    },
    unstored: (volume) =>
      pending.filter((write) => write.volume === volume && write.change.data).map((write) => write.change),
    pressure() {
      if (pendingBytes < PENDING_BYTES_LIMIT && pending.length < PENDING_WRITES_LIMIT) return undefined;
      return drain();
    },
    flush,
    drain,
    continueFrom(position) {
      tail = position;
      flushed = { upTo: position.sequence, failed: false };
      pending = [];
      pendingBytes = 0;
    },
  };
}

/**
 * False where the LUN behind the volume refuses it as one command: as plain writes it is sent until the LUN has it or is given
 * up. The journal has failed: a change that waited for a LUN that goes on refusing would keep the group from being suspended.
 */
async function appliedWhole(volume: Volume, change: VolumeChange, log: (text: string) => void): Promise<boolean> {
  if (!isReachable(volume)) return true;
  try {
    await storeAtomically(volume, change, () => true);
    return true;
  } catch (error) {
    if (!volume.backing) throw error;
    if (isReachable(volume)) {
      log(`volume ${volume.description.name}: WRITE ATOMIC is refused, written without it: ${String(error)}`);
    }
    return false;
  }
}

/** What a volume cannot take because its backing is away stays in the journal for it (`OwedRecords`). */
async function applyWhereReachable(volume: Volume, change: VolumeChange): Promise<void> {
  if (!isReachable(volume)) return;
  try {
    const announced = announceChange(volume, change);
    if (announced) await announced;
  } catch (error) {
    if (isReachable(volume)) throw error;
    return;
  }
  applyChange(volume, change);
}

const isReachable = (volume: Volume): boolean => volume.backing?.isUsable() !== false;
