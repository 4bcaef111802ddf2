import { sameUnit } from './same-unit.ts';
import type { TargetSession } from './session.ts';
import { onceAllEnded, type TargetTask } from './task.ts';

/**
 * Task attributes (SAM-5 8.6): on one unit an ORDERED task comes after all that were delivered before it, by whichever nexus, and before
 * all that are delivered later, except those with HEAD OF QUEUE. Until its turn a task asks for no data, so that none which it waits for
 * has to wait for its share of the room.
 */
export class TaskOrder {
  /** ORDERED tasks that have been delivered and have not ended; while 0, nothing needs comparing. */
  private ordered = 0;

  /** Whether the turn of a task that is delivered now has come in any case. */
  isTurn(task: TargetTask): boolean {
    return task.headOfQueue || (this.ordered === 0 && !task.ordered);
  }

  /** Of a task that is delivered now; calls back when its turn has come, or it has ended. */
  onceItsTurn(task: TargetTask, sessions: readonly TargetSession[], callback: () => void): void {
    const before = tasksBefore(task, sessions);
    if (task.ordered) {
      this.ordered += 1;
      task.onceEnded(() => (this.ordered -= 1));
    }
    task.held = true;
    onceAllEnded(before, () => {
      task.held = false;
      callback();
    });
  }
}

function tasksBefore(task: TargetTask, sessions: readonly TargetSession[]): TargetTask[] {
  const delivered = sessions.flatMap((session) => [...session.tasks.values()].filter((other) => other.delivered));
  return delivered.filter(
    (other) => other !== task && (task.ordered || other.ordered) && sameUnit(other.lun, task.lun),
  );
}
