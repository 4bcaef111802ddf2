import type { DeviceServerParts } from './device-server.ts';
import type { Channel } from './command-context.ts';
import { Breath } from './breath.ts';
import { CopyResults } from './copy-results.ts';
import { PersistentReservations } from './persistent-reservations.ts';
import { RangeLock } from './range-lock.ts';
import { RemovableMedia } from './removable-media.ts';
import { Reservations } from './reservations.ts';
import { RunningTasks } from './running-tasks.ts';
import { UnitAttentions } from './unit-attention.ts';

/** All that the device server keeps of its units and nexuses, and what becomes of it when one of them goes. */
export interface ChannelState {
  readonly channel: Channel;
  readonly running: RunningTasks;
  nexusLost(nexus: string): void;
  unitReset(lun: number): void;
  targetReset(): void;
  /** Forgets units that are no longer there, and what hosts have at far arrays behind units that they may not see any more. */
  unitsChanged(): void;
}

export function createChannel(parts: DeviceServerParts): ChannelState {
  const attentions = new UnitAttentions();
  const reservations = new Reservations();
  const persistent = new PersistentReservations((lun, nexus, name) => attentions.establishFor(nexus, lun, name));
  const media = new RemovableMedia();
  const softwareProtected = new Set<number>();
  const copies = new CopyResults();
  const running = new RunningTasks();
  const locks = new Map<number, RangeLock>();
  const channel: Channel = {
    units: parts.units,
    vendor: parts.vendor,
    revision: parts.revision,
    targetName: parts.targetName,
    attentions,
    reservations,
    persistent,
    media,
    softwareProtected,
    copies,
    breath: new Breath(parts.clock),
    visible: parts.lunVisible ?? (() => true),
    lockOf(lun) {
      const lock = locks.get(lun) ?? new RangeLock();
      locks.set(lun, lock);
      return lock;
    },
    beginTask: (lun, task) => running.begin(lun, task),
    isAborted: (task) => running.isAborted(task),
    abortTasks: (lun, ofNexus) => running.abort(lun, ofNexus),
  };
  return {
    channel,
    running,
    nexusLost(nexus) {
      attentions.drop(nexus);
      reservations.dropNexus(nexus);
      media.dropNexus(nexus);
      copies.dropNexus(nexus);
      for (const { far } of parts.units.all()) far?.nexusLost(nexus);
    },
    unitReset(lun) {
      reservations.dropUnit(lun);
      media.resetUnit(lun);
      // Mode parameters go back to their defaults (SPC-4 5.10).
      softwareProtected.delete(lun);
      // Behind a virtual volume the far array tells everybody.
      if (!parts.units.unit(lun)?.far) attentions.establish('powerOn', { lun });
    },
    targetReset() {
      reservations.dropAll();
      media.resetAll();
      softwareProtected.clear();
      attentions.establish('powerOn');
    },
    unitsChanged() {
      for (const lun of locks.keys()) {
        if (parts.units.unit(lun)) continue;
        locks.delete(lun);
        reservations.dropUnit(lun);
        persistent.dropUnit(lun);
        media.dropUnit(lun);
        softwareProtected.delete(lun);
      }
      for (const { lun, far } of parts.units.all()) far?.maskChanged((nexus) => channel.visible(nexus, lun));
      attentions.establish('lunListChanged');
    },
  };
}
