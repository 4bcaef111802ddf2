import type { Clock } from '../../base/clock.ts';
import { createExclusive, type Exclusive } from '../../base/exclusive.ts';
import { randomHex, type Random } from '../../base/random.ts';
import type { Storage } from '../../base/storage.ts';
import type { Access, SuspendReason } from '../../interface-block/process-table.ts';
import { checkCondition } from '../../scsi/fault.ts';
import { JOURNAL_BLOCK_SIZE } from '../journal/geometry.ts';
import type { JournalVolume } from '../journal/journal-volume.ts';
import { CommandRefusal } from '../refusal.ts';
import type { RemoteInterface } from '../remote-interface.ts';
import { openChunkMap, chunkBytesFor, type ChunkMap } from '../store/chunk-map.ts';
import { currentGeneration, isActive, localLun, type GroupState, type PairState, type Position } from '../store/array-state.ts';
import { withGroup, type StateStore } from '../store/state-store.ts';
import type { Volume } from '../store/volume.ts';
import { acquisitionStep } from './acquisition.ts';
import { announceChange, applyChange, type VolumeChange } from './change.ts';
import { copyStep } from './copy-formation.ts';
import { createCopyRanges, createWorker, type FollowerContext, type Worker } from './follower.ts';
import { createJournalStoring, type JournalStoring } from './journal-storing.ts';
import { recover } from './recover.ts';
import { flushVolumes, restorationStep } from './restoration.ts';
import { startTracking, suspend } from './transitions.ts';
import { createWriteGate, type WriteGate } from './write-gate.ts';

export interface GroupParts {
  readonly name: string;
  readonly arraySerial: string;
  readonly store: StateStore;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly remote: RemoteInterface;
  readonly journal: JournalVolume;
  readonly volume: (lun: number) => Volume;
  readonly log: (text: string) => void;
}

/** The pair was dissolved while a write waited: the volume is on its own again. */
export class PairDissolved extends Error {
  override readonly name = 'PairDissolved';
}

/** A group at work on this array: what hosts read and write, and the background work of an auxiliary. */
export interface GroupRuntime {
  readonly name: string;
  readonly journal: JournalVolume;
  readonly storing: JournalStoring;
  readonly gate: WriteGate;
  /** Changes of the group's state, one at a time. */
  readonly exclusive: Exclusive;
  state(): GroupState;
  /** Place behind the last record that this side stored (primary) or acquired (auxiliary). */
  tail(): Position;
  access(pair: PairState): Access;
  /** Byte offset and length; what a host sees now. */
  read(volume: Volume, offset: number, length: number): Uint8Array;
  /** A write or a deallocation by a host. Rejects with `PairDissolved` where the pair ended while it waited. */
  change(pair: PairState, volume: Volume, change: VolumeChange, durable: boolean): Promise<void>;
  flush(volume: Volume): Promise<void>;
  differences(slot: number): ChunkMap;
  dropDifferences(slot: number): Promise<void>;
  /** Everything acknowledged is in the volumes and durable there. The gate must be closed. */
  settleVolumes(): Promise<void>;
  /** Chunks of the records that the peer may not have become differences. The gate must be closed. */
  markUnsent(): Promise<void>;
  suspendPrimary(reason: SuspendReason): Promise<void>;
  /**
   * Before a change of role or source: background work in progress comes to nothing, and no other begins until the returned
   * function is called, so that nothing it learned in the old role is written into the new one.
   */
  haltWork(): () => void;
  /** Continues behind `tail` in a new role or with a new source; after the change has become durable. */
  beginEpoch(tail: Position): void;
  /** S1604: the next acquisition step meets the primary even where nothing is left to read. */
  orderContact(): void;
  /** Looks for background work. */
  wake(): void;
  lastError(): string;
  stop(): Promise<void>;
}

function differencesName(group: string, slot: number): string {
  return `differences-${Buffer.from(group, 'utf8').toString('hex')}-${slot}`;
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
  const file = storage.open(differencesName(pair.group, pair.slot));
  const chunkBytes = chunkBytesFor(volume.byteLength);
  const map = openChunkMap(file, { volumeBytes: volume.byteLength, chunkBytes });
  await map.clearAll();
  if (!pair.noCopy) await map.union(volume.allocatedBits());
  map.close();
}

export async function openGroupRuntime(parts: GroupParts): Promise<GroupRuntime> {
  const { store, clock, journal } = parts;
  const gate = createWriteGate(clock);
  const exclusive = createExclusive();
  const maps = new Map<number, ChunkMap>();
  let epoch = 0;
  let lastError = '';
  let contactOrdered = false;
  let halts = 0;
  let suspending: Promise<void> | undefined;

  const state = (): GroupState => {
    const group = store.group(parts.name);
    if (!group) throw new CommandRefusal('not-found', `group ${parts.name} is dissolved`);
    return group;
  };
  const storing = createJournalStoring({
    journal,
    clock,
    onJournalLost: (error) => {
      parts.log(`journal of group ${parts.name} failed: ${String(error)}`);
      suspendPrimary('error').catch(failed);
    },
  });

  function openMap(pair: PairState): ChunkMap {
    const volume = parts.volume(localLun(state(), pair));
    const file = parts.storage.open(differencesName(parts.name, pair.slot));
    const chunkBytes = chunkBytesFor(volume.byteLength);
    const map = openChunkMap(file, { volumeBytes: volume.byteLength, chunkBytes });
    maps.set(pair.slot, map);
    return map;
  }

  /** Opened when first asked for: a host may write to a pair the moment it has been added. */
  function differences(slot: number): ChunkMap {
    const pair = state().pairs.find((candidate) => candidate.slot === slot);
    if (!pair) throw new Error(`group ${parts.name} has no pair in slot ${slot}`);
    return maps.get(slot) ?? openMap(pair);
  }

  /**
   * The far side may form its half of a pair after it has passed over, and had purged, records of it: until it is said
   * to be copied, its map names what was stored.
   */
  function noteCopying(pair: PairState, change: VolumeChange): void {
    if (pair.progress === 'copy') differences(pair.slot).note(change.offset, change.length);
  }

  const tail = (): Position => (state().role === 'primary' ? storing.tail() : state().read);

  async function update(change: (group: GroupState) => GroupState): Promise<GroupState> {
    const { after } = await store.update((array) => withGroup(array, parts.name, change));
    return after.groups.find((group) => group.name === parts.name) ?? state();
  }

  const context: FollowerContext = {
    arraySerial: parts.arraySerial,
    clock,
    journal,
    remote: parts.remote,
    state,
    update: (workEpoch, change) => update((group) => (workEpoch === epoch ? change(group) : group)),
    epoch: () => epoch,
    volume: parts.volume,
    differences,
    copying: createCopyRanges(),
    takeContactOrder() {
      const ordered = contactOrdered;
      contactOrdered = false;
      return ordered;
    },
    report(error) {
      lastError = error;
    },
    wake: () => workers.forEach((worker) => worker.kick()),
  };
  const failed = (error: unknown): void => {
    lastError = error instanceof Error ? error.message : String(error);
    parts.log(`group ${parts.name}: ${lastError}`);
    // Work that was under way when the group was dissolved fails too.
    const group = store.group(parts.name);
    if (group) parts.remote.forget(group.peerSerial, group.peerJournalLun);
  };
  const workers: Worker[] = [acquisitionStep, restorationStep, copyStep].map((step) =>
    createWorker(clock, () => (halts === 0 && store.group(parts.name) ? step(context) : Promise.resolve('idle')), failed),
  );

  async function markUnsent(): Promise<void> {
    const group = state();
    const from = group.role === 'primary' ? group.purged : group.restored;
    const to = tail().sequence;
    for (let sequence = from.sequence + 1; sequence <= to; sequence += 1) {
      const stored = journal.readRecord(sequence);
      if (!stored.ok) return markEverything(group);
      const { record } = stored.value;
      const pair = group.pairs.find((candidate) => candidate.slot === record.slot);
      if (!pair) continue;
      await differences(pair.slot).mark(record.lba * JOURNAL_BLOCK_SIZE, record.length * JOURNAL_BLOCK_SIZE);
    }
  }

  /** The journal cannot be read any more: only a full copy is known to be right. */
  async function markEverything(group: GroupState): Promise<void> {
    for (const pair of group.pairs) {
      await differences(pair.slot).mark(0, parts.volume(localLun(group, pair)).byteLength);
    }
  }

  async function settleVolumes(): Promise<void> {
    try {
      await storing.drain();
    } catch {
      await storing.drain({ journalLost: true });
    }
    await flushVolumes({ volume: parts.volume }, state());
  }

  function suspendPrimary(reason: SuspendReason): Promise<void> {
    suspending ??= exclusive
      .run(async () => {
        if (state().role !== 'primary' || !isActive(state())) return;
        const open = gate.close();
        try {
          await settleVolumes();
          await markUnsent();
          await update((group) => suspend(group, reason, storing.tail()));
          parts.log(`group ${parts.name} suspended: ${reason}`);
        } finally {
          open();
        }
      })
      .finally(() => {
        suspending = undefined;
      });
    return suspending;
  }

  /** Returns false where the writer has to look at the group again. */
  async function tryChange(slot: number, volume: Volume, change: VolumeChange): Promise<boolean> {
    // Acknowledged now, a write could contradict the tables that are found after the restart to come.
    if (store.hasFailed()) return new Promise<never>(() => undefined);
    const group = store.group(parts.name);
    const pair = group?.pairs.find((known) => known.slot === slot);
    if (!group || !pair) throw new PairDissolved(`slot ${slot} of group ${parts.name}`);
    if (group.role !== 'primary') {
      throw checkCondition(0x07, 0x27, 0x00, `volume ${volume.description.name} is auxiliary in group ${parts.name}`);
    }
    if (!isActive(group)) return changeTracked(group, pair, volume, change);
    const pressure = storing.pressure();
    if (pressure) {
      await pressure.catch(() => suspendPrimary('error'));
      return false;
    }
    const stamp = {
      generation: currentGeneration(group),
      incarnation: store.state().incarnation,
      wallMs: clock.wallMs(),
    };
    try {
      if (storing.append({ slot: pair.slot, volume, change }, group.purged, stamp)) {
        noteCopying(pair, change);
        return true;
      }
    } catch (error) {
      parts.log(`journal of group ${parts.name} failed: ${String(error)}`);
      await suspendPrimary('error');
      return false;
    }
    await suspendPrimary('journal-full');
    return false;
  }

  async function changeTracked(
    group: GroupState,
    pair: PairState,
    volume: Volume,
    change: VolumeChange,
  ): Promise<boolean> {
    if (!group.tracking) {
      await update((current) => startTracking(current, randomHex(parts.random, 8)));
      return false;
    }
    const marked = differences(pair.slot).mark(change.offset, change.length);
    const announced = announceChange(volume, change);
    if (marked || announced) {
      await Promise.all([marked, announced]);
      return false;
    }
    applyChange(volume, change);
    return true;
  }

  const runtime: GroupRuntime = {
    name: parts.name,
    journal,
    storing,
    gate,
    exclusive,
    state,
    tail,
    access(pair) {
      const group = state();
      if (group.role === 'primary') return 'read-write';
      return pair.progress === 'pair' ? 'read-only' : 'none';
    },
    read(volume, offset, length) {
      const data = volume.read(offset, length);
      storing.overlay(volume, offset, data);
      return data;
    },
    async change(pair, volume, change, durable) {
      for (let done = false; !done; ) {
        const closed = gate.wait();
        if (closed) await closed;
        else done = await tryChange(pair.slot, volume, change);
      }
      if (durable) await runtime.flush(volume);
    },
    async flush(volume) {
      const group = store.group(parts.name);
      if (group?.role === 'primary' && isActive(group)) {
        try {
          return await storing.flush();
        } catch {
          await suspendPrimary('error');
        }
      }
      await volume.flush();
    },
    differences,
    async dropDifferences(slot) {
      maps.get(slot)?.close();
      maps.delete(slot);
      await parts.storage.remove(differencesName(parts.name, slot));
    },
    settleVolumes,
    markUnsent,
    suspendPrimary,
    haltWork() {
      epoch += 1;
      halts += 1;
      let halted = true;
      return () => {
        if (!halted) return;
        halted = false;
        halts -= 1;
        epoch += 1;
        context.wake();
      };
    },
    beginEpoch(position) {
      epoch += 1;
      lastError = '';
      storing.continueFrom(position);
    },
    orderContact() {
      contactOrdered = true;
    },
    wake: context.wake,
    lastError: () => lastError,
    async stop() {
      workers.forEach((worker) => worker.stop());
      epoch += 1;
      if (store.group(parts.name)?.role === 'primary') await settleVolumes().catch(failed);
      maps.forEach((map) => map.close());
    },
  };

  for (const pair of state().pairs) openMap(pair);
  await recover(runtime, context, store.state().incarnation, update);
  return runtime;
}
