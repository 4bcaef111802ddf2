import { NO_TAG } from '../header.ts';
import { TASK_ATTRIBUTE, type ScsiCommand } from '../initiator-pdus.ts';

const NOTHING = new Uint8Array(0);

/** Data-Out PDUs that belong together: the unsolicited ones, or the answer to one R2T. Offsets in bytes. */
export interface DataBurst {
  readonly targetTransferTag: number;
  /** Where the burst must end (solicited) or may end at the latest (unsolicited). */
  readonly end: number;
  nextDataSn: number;
}

/** One SCSI command in a session; what the device server sees of it has the shape of `ScsiTask` in src/scsi/task.ts. */
export class TargetTask {
  readonly nexus: string;
  readonly lun: Uint8Array;
  readonly cdb: Uint8Array;
  readonly expectedDataOut: number;
  readonly expectedDataIn: number;

  readonly initiatorTaskTag: number;
  readonly immediate: boolean;
  readonly ordered: boolean;
  readonly headOfQueue: boolean;
  /** Executing and then aborted still counts as executing until the device server is done with it. */
  state: 'collecting' | 'executing' | 'ended' = 'collecting';
  /** Its turn by CmdSN has come. */
  delivered = false;
  /** Others come before it (`TaskOrder`). */
  held = false;
  aborted = false;
  /** Sense data of a fault in the data transfer: the task will not be executed. */
  fault: Uint8Array | undefined;
  buffer: Uint8Array = NOTHING;
  received = 0;
  burst: DataBurst | undefined;
  /** Data-In and R2T PDUs so far: they share one numbering. */
  dataPduCount = 0;
  /** Takes a place in the command window. */
  counted = false;
  /** Its unsolicited data found no room: it will not be executed either. */
  turnedAway = false;
  /** Bytes of the connection's room that it holds: of unsolicited data, of solicited data, of Data-In. */
  unasked = 0;
  reserved = 0;
  reservedIn = 0;

  private abortListeners: (() => void)[] | undefined;
  private settled: (() => void)[] = [];

  constructor(nexus: string, command: ScsiCommand, bidirectionalReadLength: number | undefined) {
    this.nexus = nexus;
    this.lun = command.lun;
    this.cdb = command.cdb;
    this.initiatorTaskTag = command.initiatorTaskTag;
    this.immediate = command.immediate;
    this.ordered = command.attribute === TASK_ATTRIBUTE.ordered;
    this.headOfQueue = command.attribute === TASK_ATTRIBUTE.headOfQueue;
    const length = command.expectedDataTransferLength;
    this.expectedDataOut = command.write ? length : 0;
    this.expectedDataIn = command.read ? (command.write ? (bidirectionalReadLength ?? 0) : length) : 0;
  }

  get dataOut(): Uint8Array {
    return this.buffer.length === this.received ? this.buffer : this.buffer.subarray(0, this.received);
  }

  /** Plain callbacks: an AbortSignal for each command costs an eighth of a 4 KiB READ. */
  onceAborted(listener: () => void): void {
    if (this.aborted) listener();
    else (this.abortListeners ??= []).push(listener);
  }

  /** The initiator gets no answer any more; a task that is being executed is told to stop. */
  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    for (const listener of this.abortListeners ?? []) listener();
    if (this.state !== 'executing') this.end();
  }

  /** Nothing happens on behalf of this task any more. */
  end(): void {
    this.state = 'ended';
    this.buffer = NOTHING;
    const waiting = this.settled;
    this.settled = [];
    for (const callback of waiting) callback();
  }

  onceEnded(callback: () => void): void {
    if (this.state === 'ended') callback();
    else this.settled.push(callback);
  }

  unsolicited(): boolean {
    return this.burst?.targetTransferTag === NO_TAG;
  }
}

/** Calls back when all the tasks have ended; at once where they have. */
export function onceAllEnded(tasks: readonly TargetTask[], callback: () => void): void {
  let left = tasks.length;
  if (left === 0) return callback();
  for (const task of tasks) {
    task.onceEnded(() => {
      left -= 1;
      if (left === 0) callback();
    });
  }
}
