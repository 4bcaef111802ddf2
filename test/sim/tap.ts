import type { ScsiTask } from '../../src/scsi/task.ts';
import type { HoldWatch } from './checkers/hold.ts';
import type { Station, Tap } from './network.ts';
import type { World } from './world.ts';

/** Shows each command to the model of the group that it is for. What that finds must not be swallowed by the code that it watches. */
export function createTap(worldOf: () => World): Tap {
  const guarded = (
    station: Station,
    task: ScsiTask,
    watch: (holds: HoldWatch) => void,
    show: (tap: Tap, owner: Station) => void,
  ): void => {
    const world = worldOf();
    const seat = world.seatOf(station.serial, task.lun);
    if (!seat) return;
    try {
      // Behind a virtual volume it may have to wait for another array, which is not there.
      if (seat.serial === station.serial) watch(world.holds);
      show(seat.group.model.tap, { ...station, serial: seat.serial });
    } catch (error) {
      world.fail(error);
    }
  };
  return {
    arrived(station, task) {
      const held = (holds: HoldWatch): void => holds.arrived(task, station.serial);
      guarded(station, task, held, (tap, owner) => tap.arrived(owner, task));
    },
    answered(station, task, reply) {
      const answered = (holds: HoldWatch): void => holds.answered(task);
      guarded(station, task, answered, (tap, owner) => tap.answered(owner, task, reply));
    },
  };
}
