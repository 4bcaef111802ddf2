import type { BlockFields } from '../../scsi/cdb.ts';
import { taskAborted } from '../../scsi/fault.ts';
import type { Command } from '../../scsi/opcode-table.ts';
import type { ScsiTask } from '../../scsi/task.ts';
import type { LogicalUnit, LogicalUnits } from '../logical-unit.ts';
import type { Breath } from './breath.ts';
import type { CopyResults } from './copy-results.ts';
import { incompleteData } from './faults.ts';
import type { PersistentReservations } from './persistent-reservations.ts';
import type { RangeLock } from './range-lock.ts';
import type { RemovableMedia } from './removable-media.ts';
import type { Reservations } from './reservations.ts';
import type { UnitAttentions } from './unit-attention.ts';
import { requireWritable } from './write-access.ts';

/** What all commands of the channel share. */
export interface Channel {
  readonly units: LogicalUnits;
  /** At most 8 characters. */
  readonly vendor: string;
  /** At most 4 characters. */
  readonly revision: string;
  /** iSCSI name of the target, for VPD page 83h; absent where the transport has none. */
  readonly targetName: string | undefined;
  readonly attentions: UnitAttentions;
  readonly reservations: Reservations;
  readonly persistent: PersistentReservations;
  readonly media: RemovableMedia;
  /** LUNs whose control mode page says SWP. */
  readonly softwareProtected: Set<number>;
  readonly copies: CopyResults;
  readonly breath: Breath;
  /** LUN masking. */
  visible(nexus: string, lun: number): boolean;
  lockOf(lun: number): RangeLock;
  /** The task works on the unit, too, until the function is called: `abortTasks` of the unit reaches it. */
  beginTask(lun: number, task: ScsiTask): () => void;
  isAborted(task: ScsiTask): boolean;
  /** Resolves when the tasks of those nexuses that the unit had at the time of the call have ended. */
  abortTasks(lun: number, ofNexus: (nexus: string) => boolean): Promise<void>;
}

/** A command that has passed every check which the opcode table names. */
export interface CommandContext {
  readonly channel: Channel;
  readonly task: ScsiTask;
  readonly lun: number;
  readonly unit: LogicalUnit;
  readonly command: Command;
  /** Inside the capacity and the limits; all 0 where the command has no LBA. */
  readonly fields: BlockFields;
}

export interface CommandResult {
  readonly dataIn?: Uint8Array;
  /** Bytes that it would have been with room enough, where `dataIn` is not all of them. */
  readonly producedDataIn?: number;
  /** Bytes of Data-Out that the command has use for; absent: none. */
  readonly wantedDataOut?: number;
}

export type Handler = (context: CommandContext) => CommandResult | Promise<CommandResult>;

/** Data cut to what the initiator has allocated. */
export function allocated(data: Uint8Array, allocationLength: number): CommandResult {
  return { dataIn: data.length > allocationLength ? data.subarray(0, allocationLength) : data };
}

/** The first `wanted` bytes of Data-Out, or fewer where the initiator announced fewer. */
export function receivedData(task: ScsiTask, wanted: number): Uint8Array {
  const due = Math.min(wanted, task.expectedDataOut);
  if (task.dataOut.length < due) throw incompleteData(task.dataOut.length, task.expectedDataOut);
  return task.dataOut.length === due ? task.dataOut : task.dataOut.subarray(0, due);
}

/** Between two steps of a long command: others have their turn, and an aborted task goes no further. */
export async function betweenSteps(channel: Channel, task: ScsiTask): Promise<void> {
  const pause = channel.breath.take();
  if (pause) await pause;
  throwIfAborted(channel, task);
}

/** An aborted task goes no further. */
export function throwIfAborted(channel: Channel, task: ScsiTask): void {
  if (isAborted(channel, task)) throw taskAborted();
}

/** What a unit is asked while a change of this task waits in it. */
export function isAborted(channel: Channel, task: ScsiTask): boolean {
  return task.aborted === true || channel.isAborted(task);
}

/**
 * Every write of the channel. What a host may do can have changed while the command waited for its turn or was busy
 * reading, so that the last look is taken in the turn in which the write starts.
 */
export async function writeBlocks(
  context: CommandContext,
  lba: number,
  data: Uint8Array,
  forceUnitAccess: boolean,
  options: { readonly atomic?: true } = {},
): Promise<void> {
  const { channel, task, unit } = context;
  throwIfAborted(channel, task);
  requireWritable(channel, unit);
  const origin = { nexus: task.nexus, isAborted: () => isAborted(channel, task) };
  await unit.write(lba, data, { ...options, ...origin, forceUnitAccess });
}
