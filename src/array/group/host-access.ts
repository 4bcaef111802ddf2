import type { Clock } from '../../base/clock.ts';
import { randomHex, type Random } from '../../base/random.ts';
import { checkCondition, taskAborted } from '../../scsi/fault.ts';
import { currentGeneration, isActive, type GroupState, type PairState } from '../store/array-state.ts';
import type { StateStore } from '../store/state-store.ts';
import type { Volume } from '../store/volume.ts';
import { announceChange, storeAtomically, storeChange, type VolumeChange } from './change.ts';
import type { DifferenceMaps } from './difference-maps.ts';
import type { JournalStoring } from './journal-storing.ts';
import type { Suspension } from './suspension.ts';
import { startTracking } from './transitions.ts';
import type { WriteGate } from './write-gate.ts';

/** The pair was dissolved while a write waited: the volume is on its own again. */
export class PairDissolved extends Error {
  override readonly name = 'PairDissolved';
}

/** What hosts do to the volumes of a group, whatever state it is in or comes into meanwhile. */
export interface HostAccess {
  /** Byte offset and length; what a host sees now. */
  read(volume: Volume, offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  /**
   * A write or a deallocation. Rejects with `PairDissolved` where the pair ended while it waited, and with TASK ABORTED
   * where its host gave it up meanwhile: that host may have written again since, on another path.
   */
  change(
    pair: PairState,
    volume: Volume,
    change: VolumeChange,
    durable: boolean,
    isAborted?: () => boolean,
  ): Promise<void>;
  flush(volume: Volume): Promise<void>;
}

export interface HostAccessParts {
  readonly group: string;
  /** Undefined once it is dissolved. */
  readonly find: () => GroupState | undefined;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly gate: WriteGate;
  readonly storing: JournalStoring;
  readonly maps: DifferenceMaps;
  readonly suspension: Suspension;
  readonly update: (change: (group: GroupState) => GroupState) => Promise<GroupState>;
  readonly log: (text: string) => void;
}

/** A change is tried until it has taken effect; each try looks at the group anew, and waits for what is in the way. */
type Tried = 'done' | 'again';

export function createHostAccess(parts: HostAccessParts): HostAccess {
  const { store, storing, suspension, maps } = parts;

  async function attempt(slot: number, volume: Volume, change: VolumeChange, wanted: () => boolean): Promise<Tried> {
    // Acknowledged now, a write could contradict the tables that are found after the restart to come.
    if (store.hasFailed()) return new Promise<never>(() => undefined);
    const group = parts.find();
    const pair = group?.pairs.find((known) => known.slot === slot);
    if (!group || !pair) throw new PairDissolved(`slot ${slot} of group ${parts.group}`);
    if (group.role !== 'primary') {
      throw checkCondition(0x07, 0x27, 0x00, `volume ${volume.description.name} is auxiliary in group ${parts.group}`);
    }
    if (isActive(group)) return storeInJournal(group, pair, volume, change);
    if (!change.atomic) return trackDifference(group, pair, volume, change);
    return trackAtomically(group, pair, volume, change, wanted);
  }

  /** Whatever has failed because the group ended meanwhile is no failure of the write. */
  async function attemptHere(...what: Parameters<typeof attempt>): Promise<Tried> {
    try {
      return await attempt(...what);
    } catch (error) {
      if (!parts.find()) throw new PairDissolved(`group ${parts.group}`, { cause: error });
      throw error;
    }
  }

  async function storeInJournal(
    group: GroupState,
    pair: PairState,
    volume: Volume,
    change: VolumeChange,
  ): Promise<Tried> {
    if (group.journalLost) {
      await suspension.suspendPrimary('error');
      return 'again';
    }
    const pressure = storing.pressure();
    if (pressure) {
      await pressure.catch(() => suspension.suspendPrimary('error'));
      return 'again';
    }
    const generation = currentGeneration(group);
    const stamp = { generation, incarnation: store.state().incarnation, wallMs: parts.clock.wallMs() };
    try {
      if (storing.append({ slot: pair.slot, volume, change }, group.purged, stamp)) {
        maps.noteCopying(pair, change);
        return 'done';
      }
    } catch (error) {
      parts.log(`journal of group ${parts.group} failed: ${String(error)}`);
      await suspension.suspendPrimary('error');
      return 'again';
    }
    await suspension.suspendPrimary('journal-full');
    return 'again';
  }

  async function trackDifference(
    group: GroupState,
    pair: PairState,
    volume: Volume,
    change: VolumeChange,
  ): Promise<Tried> {
    if (!group.tracking) {
      await parts.update((current) => startTracking(current, randomHex(parts.random, 8)));
      return 'again';
    }
    const marked = maps.of(pair.slot).mark(change.offset, change.length);
    const announced = announceChange(volume, change);
    if (marked || announced) {
      await Promise.all([marked, announced]);
      return 'again';
    }
    const stored = storeChange(volume, change);
    if (stored) await stored;
    return 'done';
  }

  /** One record of a journal is atomic by itself; here the volume's intent log is. What was checked must hold to the end. */
  async function trackAtomically(
    group: GroupState,
    pair: PairState,
    volume: Volume,
    change: VolumeChange,
    wanted: () => boolean,
  ): Promise<Tried> {
    const marking = (): Promise<void> | undefined => maps.of(pair.slot).mark(change.offset, change.length);
    const marked = group.tracking ? marking() : undefined;
    if (!group.tracking) {
      await parts.update((current) => startTracking(current, randomHex(parts.random, 8)));
    } else if (marked) await marked;
    else {
      const permitted = () => !store.hasFailed() && parts.find() === group && wanted() && !marking();
      if (await storeAtomically(volume, change, permitted)) return 'done';
    }
    return 'again';
  }

  async function flush(volume: Volume): Promise<void> {
    const group = parts.find();
    if (group?.role === 'primary' && isActive(group)) {
      try {
        return await storing.flush();
      } catch {
        await suspension.suspendPrimary('error');
      }
    }
    await volume.flush();
  }

  return {
    read(volume, offset, length) {
      const lay = storing.overlay(volume, offset, length);
      const data = volume.read(offset, length);
      return data instanceof Promise ? data.then(lay) : lay(data);
    },
    async change(pair, volume, change, durable, isAborted) {
      for (let tried: Tried = 'again'; tried === 'again';) {
        const closed = parts.gate.wait();
        if (closed) await closed;
        else if (isAborted?.()) throw taskAborted();
        else tried = await attemptHere(pair.slot, volume, change, () => !parts.gate.isClosed() && !isAborted?.());
      }
      if (durable) await flush(volume);
    },
    flush,
  };
}
