import type { Exclusive } from '../../base/exclusive.ts';
import type { SuspendReason } from '../../interface-block/process-table.ts';
import { isActive, localLun, type GroupState, type Position } from '../store/array-state.ts';
import type { Volume } from '../store/volume.ts';
import type { DifferenceMaps } from './difference-maps.ts';
import type { JournalStoring } from './journal-storing.ts';
import { flushVolumes } from './restoration.ts';
import { owing, suspend } from './transitions.ts';
import type { WriteGate } from './write-gate.ts';

/** The journal stop section (709) and what every change of role needs of it. */
export interface Suspension {
  /**
   * Everything acknowledged is in the volumes and durable there. The gate must be closed. Where the journal fails the group
   * has lost it (`journalLost`) and has to be suspended.
   */
  settleVolumes(): Promise<void>;
  /** Chunks of the records that the peer may not have become differences. The gate must be closed. */
  markUnsent(): Promise<void>;
  /** Stops storing journal on this array's own account: the ring is full, or a part has failed. */
  suspendPrimary(reason: SuspendReason): Promise<void>;
  /** The same, for whoever has the changes of the group to himself (`GroupRuntime.exclusive`). */
  stopJournal(reason: SuspendReason): Promise<void>;
}

export function createSuspension(parts: {
  readonly state: () => GroupState;
  readonly update: (change: (group: GroupState) => GroupState) => Promise<GroupState>;
  readonly tail: () => Position;
  readonly storing: JournalStoring;
  readonly maps: DifferenceMaps;
  readonly gate: WriteGate;
  readonly exclusive: Exclusive;
  readonly volume: (lun: number) => Volume;
  readonly log: (text: string) => void;
}): Suspension {
  const { state, storing } = parts;
  let underWay: Promise<void> | undefined;

  async function drain(): Promise<void> {
    try {
      await storing.drain();
    } catch {
      await loseJournal();
    }
  }

  async function settleVolumes(): Promise<void> {
    await drain();
    await flushVolumes({ volume: parts.volume }, state());
  }

  /** The slots of the volumes that could not be made durable because their backing is away. */
  async function flushReachable(): Promise<number[]> {
    const group = state();
    const lacking: number[] = [];
    for (const pair of group.pairs) {
      const volume = parts.volume(localLun(group, pair));
      await volume.flush().catch((error: unknown) => {
        if (volume.backing?.isUsable() !== false) throw error;
        lacking.push(pair.slot);
      });
    }
    return lacking;
  }

  /**
   * What volumes take without their journal the peer never gets by it: the differences, and the word that they count, are
   * durable first. A power cut between the two would leave an active group whose peer lacks writes for ever. And up to where hosts
   * were answered: pages that could not be written count as clean, so that the journal may show less by the next start.
   */
  async function loseJournal(): Promise<void> {
    const note = { journalLost: true, journalLostTo: parts.tail().sequence } as const;
    await markUnsent();
    await parts.update((group) => (group.journalLost ? group : { ...group, ...note }));
    await storing.drain({ journalLost: true });
  }

  async function markUnsent(): Promise<void> {
    const group = state();
    const from = group.role === 'primary' ? group.purged : group.restored;
    await parts.maps.markRecords(from.sequence, parts.tail().sequence);
  }

  async function stopJournal(reason: SuspendReason): Promise<void> {
    const group = state();
    if (group.role !== 'primary' || !isActive(group)) return;
    const open = parts.gate.close();
    try {
      await drain();
      const lacking = await flushReachable();
      await markUnsent();
      const after = await parts.update((current) => {
        // A stop of the array does not wait for a swap that is under way.
        if (current.role !== 'primary' || !isActive(current)) return current;
        const tail = storing.tail();
        return owing(suspend(current, reason, tail), lacking, current.purged, tail.sequence);
      });
      if (!isActive(after)) parts.log(`group ${group.name} suspended: ${reason}`);
    } finally {
      open();
    }
  }

  return {
    settleVolumes,
    markUnsent,
    stopJournal,
    suspendPrimary(reason) {
      underWay ??= parts.exclusive
        .run(() => stopJournal(reason))
        .finally(() => {
          underWay = undefined;
        });
      return underWay;
    },
  };
}
