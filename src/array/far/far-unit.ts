import type { Command } from '../../scsi/opcode-table.ts';
import type { ScsiReply, ScsiTask } from '../../scsi/task.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import type { FarFacts } from './far-facts.ts';

/** What a virtual volume is besides a unit: the far LUN itself, which answers hosts under their own names. */
export interface FarUnit {
  /** As last learned; undefined before the far LUN was reached for the first time. */
  facts(): FarFacts | undefined;
  /** Reaches for the far LUN if it never was; never rejects. */
  learn(): Promise<void>;
  /**
   * Sends the host's command by its own session and gives the far LUN's answer as it came. Rejects with `ScsiFault` where there
   * was none.
   */
  pass(command: PassedCommand): Promise<ScsiReply>;
  /** The unit as one host reads and writes it, for commands that this array carries out itself. */
  as(nexus: string): LogicalUnit;
  /** LOGICAL UNIT RESET in the name of this host. Rejects where the far array did not do it. */
  reset(nexus: string): Promise<void>;
  /** What the far array kept for the host ends. */
  nexusLost(nexus: string): void;
  /** The LUN mask has changed: the same, for hosts that may not see the unit any more. */
  maskChanged(maySee: (nexus: string) => boolean): void;
  /** It is no unit of this array any more: the same, for all hosts. */
  close(): void;
}

export interface PassedCommand {
  readonly command: Command;
  readonly task: ScsiTask;
  /** Bytes that come back at most. */
  readonly dataInRoom: number;
  /** FUA of a write: it is durable when it is answered. */
  readonly forceUnitAccess: boolean;
  /** SYNCHRONIZE CACHE: of the whole unit, and answered when it is done. */
  readonly wholeFlush: boolean;
  readonly isAborted: () => boolean;
}
