import type { Clock } from '../../base/clock.ts';
import type { JournalVolume } from '../journal/journal-volume.ts';
import type { RemoteInterface } from '../remote-interface.ts';
import type { GroupState } from '../store/array-state.ts';
import type { Volume } from '../store/volume.ts';
import { acquisitionStep } from './acquisition.ts';
import { copyStep } from './copy-formation.ts';
import type { DifferenceMaps } from './difference-maps.ts';
import { createCopyRanges, createWorker, type FollowerContext } from './follower.ts';
import { restorationStep } from './restoration.ts';

/**
 * What an auxiliary does on its own: acquisition, restoration and copy formation, each one step at a time. Work belongs to
 * an epoch, which ends with every change of role or source; what it still brings about after that is dropped.
 */
export interface BackgroundWork {
  readonly context: FollowerContext;
  /**
   * Before a change of role or source: background work in progress comes to nothing, and no other begins until the returned
   * function is called, so that nothing it learned in the old role is written into the new one.
   */
  readonly halt: () => () => void;
  beginEpoch(): void;
  /** S1604: the next acquisition step meets the primary even where nothing is left to read. */
  readonly orderContact: () => void;
  /** Looks for background work. */
  readonly wake: () => void;
  readonly failed: (error: unknown) => void;
  readonly lastError: () => string;
  stop(): void;
}

export function createBackgroundWork(parts: {
  readonly group: string;
  readonly arraySerial: string;
  readonly clock: Clock;
  readonly journal: JournalVolume;
  readonly remote: RemoteInterface;
  /** Undefined once the group is dissolved. */
  readonly find: () => GroupState | undefined;
  readonly state: () => GroupState;
  readonly update: (change: (group: GroupState) => GroupState) => Promise<GroupState>;
  readonly volume: (lun: number) => Volume;
  readonly maps: DifferenceMaps;
  readonly log: (text: string) => void;
}): BackgroundWork {
  let epoch = 0;
  let halts = 0;
  let lastError = '';
  let contactOrdered = false;
  let met = false;

  const wake = (): void => workers.forEach((worker) => worker.kick());
  const context: FollowerContext = {
    arraySerial: parts.arraySerial,
    clock: parts.clock,
    journal: parts.journal,
    remote: parts.remote,
    state: parts.state,
    update: (workEpoch, change) => parts.update((group) => (workEpoch === epoch ? change(group) : group)),
    epoch: () => epoch,
    volume: parts.volume,
    differences: parts.maps.of,
    applied: undefined,
    batchBlocks: undefined,
    copying: createCopyRanges(),
    takeContactOrder() {
      const ordered = contactOrdered;
      contactOrdered = false;
      return ordered;
    },
    contactOrdered: () => contactOrdered,
    hasMet: () => met,
    meet() {
      met = true;
    },
    report(error) {
      lastError = error;
    },
    wake,
  };

  function failed(error: unknown): void {
    lastError = error instanceof Error ? error.message : String(error);
    parts.log(`group ${parts.group}: ${lastError}`);
    // Work that was under way when the group was dissolved fails too.
    const group = parts.find();
    if (group) parts.remote.forget(group.peerSerial, group.peerJournalLun);
  }

  const workers = [acquisitionStep, restorationStep, copyStep].map((step) =>
    createWorker(parts.clock, async () => (halts === 0 && parts.find() ? step(context) : 'idle'), failed),
  );

  return {
    context,
    halt() {
      epoch += 1;
      halts += 1;
      let halted = true;
      return () => {
        if (!halted) return;
        halted = false;
        halts -= 1;
        epoch += 1;
        wake();
      };
    },
    beginEpoch() {
      epoch += 1;
      lastError = '';
    },
    orderContact() {
      contactOrdered = true;
    },
    wake,
    failed,
    lastError: () => lastError,
    stop() {
      workers.forEach((worker) => worker.stop());
      epoch += 1;
    },
  };
}
