import type { ScsiTask } from '../../scsi/task.ts';

interface Entry {
  readonly nexus: string;
  readonly task: ScsiTask;
  aborted: boolean;
  /** Called when the task has ended, whichever way. */
  readonly onEnd: (() => void)[];
}

/** The tasks that each unit is executing, a copy on every unit that it touches, so that PREEMPT AND ABORT can end those of others. */
export class RunningTasks {
  readonly #byLun = new Map<number, Set<Entry>>();
  /** While 0, no task needs looking up. */
  #aborted = 0;

  /** The function that says that the task has ended. */
  begin(lun: number, task: ScsiTask): () => void {
    const entries = this.#byLun.get(lun) ?? new Set<Entry>();
    this.#byLun.set(lun, entries);
    const entry: Entry = { nexus: task.nexus, task, aborted: false, onEnd: [] };
    entries.add(entry);
    return () => {
      entries.delete(entry);
      if (entry.aborted) this.#aborted--;
      for (const listener of entry.onEnd) listener();
    };
  }

  isAborted(task: ScsiTask): boolean {
    if (this.#aborted === 0) return false;
    for (const entries of this.#byLun.values()) {
      for (const entry of entries) if (entry.task === task && entry.aborted) return true;
    }
    return false;
  }

  /** A task stops at its next step; resolves when all have. */
  async abort(lun: number, ofNexus: (nexus: string) => boolean): Promise<void> {
    const ended: Promise<void>[] = [];
    for (const entry of this.#byLun.get(lun) ?? []) {
      if (!ofNexus(entry.nexus)) continue;
      if (!entry.aborted) this.#aborted++;
      entry.aborted = true;
      ended.push(new Promise((resolve) => entry.onEnd.push(resolve)));
    }
    await Promise.all(ended);
  }
}
